--- A stand-in for an iPhone or iPad, to try a marketplace's server: it reads `/.well-known/marketplace-kit`, asks for
--- updates and restores, follows install links, fetches packages as a device does, and says what a device would show.
---
--- It knows what a device knows: the registered domain, and what it has installed. Apps are compared with their
--- manifests and thrown away; whether Apple has signed them, only a real device can tell.
---
---   local devices = require "marketplace.simulator.device"
---   local device = assert(devices.open { domain = "market.example", headers = { "Authorization: Bearer …" } })
---   local report = assert(device:install { app = "6740067890" })
---   print(report.ok, report.apps[1].outcome)       -- installed
---   report = assert(device:update())               -- each of report.apps: updated, current, unavailable or failed
---   device:close()
local core = require "marketplace.core"
local install = require "marketplace.simulator.device.install"
local licence = require "marketplace.simulator.device.licence"
local options = require "marketplace.options"
local problem = require "marketplace.simulator.device.problem"
local questions = require "marketplace.simulator.device.questions"
local reports = require "marketplace.simulator.device.report"
local states = require "marketplace.simulator.device.state"
local url = require "marketplace.simulator.device.url"
local web = require "marketplace.simulator.device.web"

local device = {}

local WHERE = "marketplace.simulator.device"

--- The model of a device of which nothing else is said.
device.MODEL = states.MODEL

--- The version of its system.
device.SYSTEM = states.SYSTEM

---@class marketplace.SimulatedDevice
local SimulatedDevice = {}
SimulatedDevice.__index = SimulatedDevice

local function run(self, work, given)
  if self.is_read_only then error(WHERE .. ": it was opened to be looked at", 0) end
  self.report, self.configuration, self.licence_keys = reports.new(), nil, {}
  local _, reason, name = problem.caught(work, self, given)
  if name then return nil, reason, name, { warnings = self.report.warnings } end
  return self.report
end

local function run_online(self, work, given)
  if self.host then return run(self, work, given) end
  return nil, "which domain is registered with Apple is not known: name it", "no_domain", { warnings = {} }
end

--- What is installed.
---@return table[] apps {app=, apple_version_id=, short_version=, build=, revision=, bundle_id=, package=, variant=,
--- nonce= of its token, licence= its id, if it is known}
function SimulatedDevice:apps()
  return self.state:list()
end

---@class marketplace.SimulatedDeviceAppsOptions
---@field apps? string[] Apple's ids of apps that are on the device, default all
local APPS = { apps = "table" }

--- Asks for updates, as the system does once a day, and takes what is offered.
---@param given? marketplace.SimulatedDeviceAppsOptions
---@return marketplace.SimulatedDeviceReport|nil report
---@return string? message if nobody could be asked
---@return string? code a name of MarketplaceKitError, such as networkError; or sign_in, request_failed, no_domain,
--- file_failed
---@return table? detail {warnings=}
function SimulatedDevice:update(given)
  given = given or {}
  options.check(WHERE .. ": update", given, APPS)
  return run_online(self, questions.update, given.apps)
end

--- Asks for the very versions that are on the device, as one does that is restored from a backup, and fetches them.
---@param given? marketplace.SimulatedDeviceAppsOptions
---@return marketplace.SimulatedDeviceReport|nil report
---@return string? message
---@return string? code as of update
---@return table? detail
function SimulatedDevice:restore(given)
  given = given or {}
  options.check(WHERE .. ": restore", given, APPS)
  return run_online(self, questions.restore, given.apps)
end

--- Asks for licences in place of those of the apps, as the system does for those that end soon. An app whose licence is
--- not renewed does not start any more.
---@param given? marketplace.SimulatedDeviceAppsOptions
---@return marketplace.SimulatedDeviceReport|nil report
---@return string? message
---@return string? code as of update
---@return table? detail
function SimulatedDevice:renew(given)
  given = given or {}
  options.check(WHERE .. ": renew", given, APPS)
  return run_online(self, licence.renew, given.apps)
end

---@class marketplace.SimulatedDeviceInstallOptions
---@field link? string `marketplace-kit://install?…`
---@field page? string URL of a page that has such a link, as a person sees it
---@field app? string Apple's id of an app, which the marketplace's own app asks its server for; one of these three
---@field version? string with `app`: Apple's id of the app's version, default the newest
---@field redownload? boolean with `app`: the account has had the app before
---@field install_url? string with `app`: whom the marketplace's app asks, default `install` beside the address for
--- restores
local INSTALL = {
  link = "string", page = "string", app = "string", version = "string", redownload = "boolean", install_url = "string",
}

--- Installs an app.
---@param given marketplace.SimulatedDeviceInstallOptions
---@return marketplace.SimulatedDeviceReport|nil report of one app
---@return string? message
---@return string? code as of update
---@return table? detail
function SimulatedDevice:install(given)
  options.check(WHERE .. ": install", given, INSTALL)
  local ways = (given.link and 1 or 0) + (given.page and 1 or 0) + (given.app and 1 or 0)
  if ways ~= 1 then error(WHERE .. ": install: one of 'link', 'page' and 'app' is needed", 2) end
  return run_online(self, install.run, given)
end

local function remove(self, id)
  self.state:remove(id)
  self.report:add { app = id, outcome = "removed" }
end

--- Removes an app from the device.
---@param app string Apple's id of it
---@return marketplace.SimulatedDeviceReport|nil report
---@return string? message
---@return string? code appNotInstalled, file_failed
function SimulatedDevice:remove(app)
  return run(self, remove, app)
end

--- Has another process use the state.
function SimulatedDevice:close()
  self.state:close()
end

--[[ Opening ]]

---@class marketplace.SimulatedDeviceOptions
---@field domain? string the domain that is registered with Apple, such as "market.example"; to try out, also
--- "localhost:8443" or "http://127.0.0.1:8080"; default the state's
---@field state? string path of a file that keeps what is installed; default: it is forgotten
---@field model? string such as "iPhone16,1" or "iPad14,6-A", default the state's, or device.MODEL
---@field system? string its version, default the state's, or device.SYSTEM
---@field platform? "iOS"|"iPadOS" default by the model
---@field lacks? string[] capabilities that the device lacks, such as "metal"; default none
---@field headers? string[] "Name: value" lines that the marketplace's extension adds to questions
---@field token_key? string PEM, the public key of the alternative distribution key, to verify install verification
--- tokens with; default: what is signed is not verified
---@field licences? boolean ask for licences if the well-known file says where, default true. Apple's SDK can read none
--- of a simulated device's requests; the simulator's sidecar can
---@field ca_file? string path of PEM certificates to trust in place of the system's
---@field connect_to? string "host:port" to connect to, whatever the addresses say
---@field transport? fun(request: table): table|nil, string?, string?, table? in place of marketplace.http's exchange
---@field clock? fun(): number seconds since the epoch, default the machine's
---@field read_only? boolean only look at the state: leave the lock to others
local OPTIONS = {
  domain = "string", state = "string", model = "string", system = "string", platform = "string", lacks = "table",
  headers = "table", token_key = "string", licences = "boolean", ca_file = "string", connect_to = "string",
  transport = "function", clock = "function", read_only = "boolean",
}

local function check(given)
  if given.domain and not url.of_domain(given.domain) then
    error("option 'domain' must be a domain, such as \"market.example\"", 0)
  end
  if given.model and not states.is_model(given.model) then
    error("option 'model' must be a model such as \"iPhone16,1\"", 0)
  end
  if given.system and not states.is_system(given.system) then
    error("option 'system' must be a version such as \"18.6\"", 0)
  end
  if given.platform and given.platform ~= "iOS" and given.platform ~= "iPadOS" then
    error("option 'platform' must be \"iOS\" or \"iPadOS\"", 0)
  end
end

local function made_of(given, state)
  local held = state.held
  held.domain, held.model = given.domain or held.domain, given.model or held.model or states.MODEL
  held.system = given.system or held.system or states.SYSTEM
  local self = setmetatable({
    state = state, is_read_only = given.read_only, id = held.id, model = held.model, system = held.system,
    skips_licences = given.licences == false, lacks = given.lacks or {},
    platform = given.platform or (held.model:find "^iPad" and "iPadOS" or "iOS"), internet = web.new(given),
    clock = given.clock or core.now, report = nil,
  }, SimulatedDevice)
  self.warn = function(message) self.report:warn(message) end
  if held.domain then self.origin, self.host = url.of_domain(held.domain) end
  return self
end

--- A device. One process at a time has the state's file.
---@param given marketplace.SimulatedDeviceOptions
---@return marketplace.SimulatedDevice|nil
---@return string? message
---@return string? code key_invalid, locked, state_invalid, file_failed
function device.open(given)
  options.check(WHERE, given, OPTIONS)
  local ok, wrong = pcall(check, given)
  if not ok then error(("%s: %s"):format(WHERE, wrong), 2) end
  local key, message, code
  if given.token_key then
    key, message, code = core.public_key(given.token_key)
    if not key then return nil, message, code end
  end
  local state
  state, message, code = states.open(given.state, given.read_only)
  if not state then return nil, message, code end
  local self = made_of(given, state)
  self.token_key = key
  return self
end

return device
