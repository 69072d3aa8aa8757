--- Answers what devices ask of a marketplace's server: whom to ask, updates, restores, tokens for installs, and
--- licences. It does no I/O of its own: a server, nginx or a test hands it requests. Only for licences it asks a
--- program of the operator's. The packages' store knows the answers; their files are not looked at.
local address = require "marketplace.device.address"
local answerer = require "marketplace.device.answerer"
local core = require "marketplace.core"
local counts = require "marketplace.device.counts"
local ids = require "marketplace.packages.ids"
local licence_job = require "marketplace.device.licence_job"
local licensing = require "marketplace.device.licensing"
local log = require "marketplace.log"
local options = require "marketplace.options"
local outage = require "marketplace.outage"
local requests = require "marketplace.device.request"
local responses = require "marketplace.responses"
local runtime = require "marketplace.runtime"
local scheduler = require "marketplace.client.scheduler"
local share_url = require "marketplace.device.share_url"
local sidecar = require "marketplace.device.sidecar"
local token = require "marketplace.token"
local well_known = require "marketplace.device.well_known"

local device = {}

local WHERE = "marketplace.device"
local USUAL_BODY, MOST_BODY = 262144, 1048576 -- bytes
local ENDPOINTS = { "updates", "restore", "install" }
local LICENCE_ENDPOINTS = { "license", "license/renewal" } -- if there are licences

---@class marketplace.Device
---@field max_body integer bytes of a body that are read
---@field name string
local Device = {}
Device.__index = Device
Device.name = "device"

--[[ Answers ]]

local function unavailable(self, reason)
  self.outage:failed {
    level = "error", message = "devices not answered", at = core.now(), status = 503, reason = tostring(reason),
  }
  return responses.refusal "unavailable"
end

--[[ Who asks ]]

local function check_known(account, territory)
  if type(account) ~= "string" or account == "" then
    error("authenticate must return an account, a string, or nil or false, and returned a " .. type(account), 0)
  end
  if territory ~= nil and not ids.is_territory(territory) then
    error("authenticate returned a territory that is no ISO 3166 alpha-3 code, such as \"DEU\"", 0)
  end
end

-- The answer to somebody who is not known, or nil, the account and its territory.
local function identify(self, asked)
  local account, territory = self.authenticate(asked)
  if account == nil then return responses.plain(401, "sign in", "www-authenticate", "Bearer") end
  if account == false then return responses.plain(403, "sign in again") end
  check_known(account, territory)
  return nil, account, territory
end

-- A licence of what was taken down while the sidecar made it is not given; who asks again is told that the app is gone.
local function finish(self, job, began)
  local answer = self.sidecar:finish(job, began)
  if answer.status ~= 200 then return answer end
  local is_current, message = licence_job.is_current(job, self.packages)
  if is_current == nil then return unavailable(self, message) end
  return is_current and answer or responses.refusal "unavailable"
end

local function answer_endpoint(self, endpoint, asked, began)
  local fault = requests.fault(asked, self.max_body)
  if fault then return responses.refusal(fault) end
  local refusal, account, territory = identify(self, asked)
  if refusal then return refusal end
  local answer, message = self.answerer:answer(endpoint, asked.body, account, territory)
  if not answer then return unavailable(self, message) end
  if answer.job then
    self.outage:worked(core.now())
    return finish(self, answer.job, began)
  end
  self.counts:add_tokens(answer.tokens or 0)
  -- for a question that is wrong nothing was looked up
  if answer.status ~= 400 then self.outage:worked(core.now()) end
  return answer
end

local function answer_file(file, asked)
  return responses.not_get(asked.method) or
    { status = 200, headers = { ["content-type"] = file.type }, body = file.body }
end

local function answer_of(self, asked, began)
  local file, endpoint = self.files[asked.path], self.endpoints[asked.path]
  if file then return answer_file(file, asked) end
  if not endpoint then return responses.plain(404, "nothing is here") end
  local ok, answer = scheduler.protected(answer_endpoint, self, endpoint, asked, began)
  return ok and answer or unavailable(self, answer)
end

-- As the metrics show it.
local function endpoint_name(self, path)
  local file = self.files[path]
  return file and file.name or self.endpoints[path] or "other"
end

--- Answers a request. One for a licence waits for the sidecar, as marketplace.client waits for an answer.
---@param request table {method=, path=, headers=, body=, remote=}: path: with its query, if it has one; header names in
--- any case, a repeated header as a list; remote: whatever `authenticate` is to know of the sender
---@return integer status
---@return table headers
---@return string body
function Device:handle(request)
  local asked, began = requests.of(request, "device:handle"), core.monotonic()
  local answer = answer_of(self, asked, began)
  if self.sidecar then self.sidecar:turn() end
  self.counts:answer(endpoint_name(self, asked.path), answer.status, core.monotonic() - began)
  return answer.status, answer.headers, answer.body
end

--- Counts a request that its carrier refused, as its body was too large or did not come.
---@param path string without a query
---@param status integer
---@param count? integer how many, default one
function Device:refused(path, status, count)
  self.counts:refused(endpoint_name(self, path), status, count or 1)
end

--- Whether requests for a path are the device's to answer: for a program that answers others, too.
---@param path string with a query or without
---@return boolean
function Device:answers(path)
  path = path:match "^[^?]*"
  return self.files[path] ~= nil or self.endpoints[path] ~= nil
end

--- All paths that it answers.
---@return string[]
function Device:paths()
  local paths = {}
  for path in pairs(self.files) do paths[#paths + 1] = path end
  for path in pairs(self.endpoints) do paths[#paths + 1] = path end
  table.sort(paths)
  return paths
end

--- What it has answered, as text for Prometheus.
---@return string
function Device:metrics()
  return self.counts:text()
end

--- Closes the packages, if it has opened them.
function Device:close()
  if self.sidecar then self.sidecar:close() end
  if self.owns_packages then self.packages:close() end
end

---@class marketplace.DeviceInstallOptions
---@field app string Apple's id of the app
---@field version? string Apple's id of the app's version, default the newest that can be had
---@field platform? string of the device, such as "iOS"; default any
---@field system? string version of its system; default any
---@field territory? string of the account, ISO 3166 alpha-3
---@field redownload? boolean the account has had the app before; default false
---@field account? string for the link
---@field token? string for the link: what the device exchanges for an access token, if downloads are restricted
local INSTALL = {
  app = "!string", version = "string", platform = "string", system = "string", territory = "string",
  redownload = "boolean", account = "string", token = "string",
}

--- A token and a link for one install, for a page of the marketplace. The caller knows who asks.
---@param given marketplace.DeviceInstallOptions
---@return table|nil install {appleItemId=, appleVersionId=, shortVersionString=, bundleVersion=,
--- alternativeDistributionPackage=, installVerificationToken=, appShareURL=, link=}
---@return string? message
---@return string? code not_found, unfit, store_unavailable, crypto_failed
function Device:install(given)
  options.check("device:install", given, INSTALL)
  if given.territory and not ids.is_territory(given.territory) then
    error("device:install: option 'territory' must be an ISO 3166 alpha-3 code, such as \"DEU\"", 2)
  end
  local document, message, code = self.answerer:install(given)
  if document then self.counts:add_tokens(1) end
  return document, message, code
end

--[[ Options ]]

---@class marketplace.DeviceOptions
---@field packages marketplace.Packages|string whose versions devices are to have; or the path of their folder, which is
--- opened
---@field token marketplace.InstallIssuerOptions signs install verification tokens: {key_id=, marketplace_id=, key_file=
--- or key=, lifetime=, back_dated=}, as of marketplace.token
---@field base_url string https:// URL below which devices reach this: `updates`, `restore` and `install`
---@field authenticate fun(request: table): string|boolean|nil, string? is given {method=, path=, query=, headers=,
--- body=, remote=} with the names of headers in lower case; returns the account and, if it is known, its territory
--- (ISO 3166 alpha-3); or nil if nobody has signed in (401), or false if the person has to do so again (403)
---@field packages_url? string https:// URL of the packages' folder `public`, default base_url .. "/packages"
---@field polling_interval? integer hours between two questions for updates, 1 to 720, default 24; devices take less
--- than 24 as 24
---@field license? table<string, string> Apple's names of licence URLs (dynamicLicenseURL, licenseRenewalURL,
--- licenseResolutionURL, signingCertificateURL, encryptionCertificateURL) and what they are
---@field licensing? marketplace.DeviceLicensingOptions has licences made by a program of the operator's, and adds their
--- addresses to `license`, which overrides single ones; default no licences
---@field overrides? table<string, table> by Apple's id of an app, what is different for it: {restore=,
--- updates={url=, pollingInterval=}, license=}
---@field update_dtype? "download"|"redownload" of tokens for updates, which Apple does not document; default "download"
---@field share_url? string https:// URL of a version's page, for the system to share, with {appleItemId},
--- {appleVersionId} and {bundleId} for what they are called; default none
---@field max_body? integer bytes, default 262144, at most 1048576
---@field log? fun(entry: table)|table see marketplace.log; default what someone should look at, on standard error
---@field clock? fun(): number seconds since the epoch, for tokens; default the machine's
local OPTIONS = {
  packages = "!table|string", token = "!table", base_url = "!string", authenticate = "!function",
  packages_url = "string", polling_interval = "number", license = "table", licensing = "table",
  overrides = "table", update_dtype = "string",
  share_url = "string", max_body = "number", log = "function|table", clock = "function",
}

local function check_base(given, name)
  if given[name] and not address.is_base(given[name]) then
    error(("option '%s' must be an https:// URL without a query"):format(name), 0)
  end
end

local function check(given)
  check_base(given, "base_url")
  if not address.is_plain_base(given.base_url) then error("option 'base_url' " .. address.PLAIN, 0) end
  check_base(given, "packages_url")
  if type(given.packages) == "table" and type(given.packages.served) ~= "function" then
    error("option 'packages' must be a folder, or what marketplace.packages returned: use " ..
      "assert(marketplace.packages{...})", 0)
  end
  if given.share_url then share_url.check(given.share_url) end
  if given.licensing then licensing.check(given.licensing, given.license) end
  local dtype, max_body = given.update_dtype or "download", given.max_body or USUAL_BODY
  if dtype ~= "download" and dtype ~= "redownload" then
    error("option 'update_dtype' must be \"download\" or \"redownload\"", 0)
  end
  if not (max_body >= 1 and max_body <= MOST_BODY and max_body % 1 == 0) then
    error(("option 'max_body' must be from 1 to %d bytes"):format(MOST_BODY), 0)
  end
end

local function endpoint_names(self)
  local names = {}
  for _, path in ipairs(self:paths()) do names[#names + 1] = endpoint_name(self, path) end
  return names
end

local function add_endpoints(self, base, names)
  for _, name in ipairs(names) do self.endpoints[address.path(("%s/%s"):format(base, name))] = name end
end

local function add_well_known(self, given)
  self.files[well_known.PATH] = {
    name = "well_known", type = "application/json", body = well_known.document(given),
  }
end

local function made_of(given)
  check(given)
  local base, target = address.base(given.base_url), log.target(given.log)
  local self = setmetatable({
    packages = given.packages, authenticate = given.authenticate, max_body = given.max_body or USUAL_BODY,
    endpoints = {}, files = {}, outage = outage.new(target, "devices answered again"),
  }, Device)
  add_endpoints(self, base, ENDPOINTS)
  if given.licensing then add_endpoints(self, base, LICENCE_ENDPOINTS) end
  add_well_known(self, given)
  return self
end

local function open_licensing(self, given)
  if not given.licensing then return {} end
  local opened, message, code = licensing.open(given.licensing)
  if not opened then return nil, ("%s: %s"):format(WHERE, message), code end
  for name, file in pairs(opened.files) do
    file.name = name
    self.files[address.path(("%s/%s"):format(address.base(given.base_url), name))] = file
  end
  self.sidecar = sidecar.new({
    socket = given.licensing.socket, timeout = licensing.timeout(given.licensing),
  }, self.outage.log)
  return opened
end

-- Once nothing else can fail.
local function open_packages(self, given)
  if type(given) ~= "string" then return true end
  local opened, message, code = require("marketplace.packages").new { folder = given, log = self.outage.log }
  self.packages, self.owns_packages = opened, opened ~= nil
  return opened, message, code
end

-- In nginx, answers are made in threads.
local function answerer_of(self, given, issue, envelope_key)
  local of = runtime.yielding_sleep and require "marketplace.nginx.device" or answerer
  return of.new {
    packages = self.packages, issue = issue, token = given.token, clock = given.clock or core.now,
    packages_url = address.base(given.packages_url or address.base(given.base_url) .. "/packages"),
    update_dtype = given.update_dtype or "download", share_url = given.share_url, licensing = given.licensing,
    envelope_key = envelope_key,
  }
end

--- What `new` would raise for these options, without a place; nil if nothing.
---@param given any
---@return string?
function device.problem(given)
  local ok, problem = pcall(options.check, WHERE, given, OPTIONS, 0)
  if not ok then return problem end
  ok, problem = pcall(made_of, given)
  if not ok then return ("%s: %s"):format(WHERE, tostring(problem)) end
  return token.install_problem(given.token, WHERE .. ": token")
end

--- Answers to devices.
---@param given marketplace.DeviceOptions
---@return marketplace.Device|nil device
---@return string? message
---@return string? code key_invalid, certificate_invalid, not_installed, file_failed, store_unavailable
function device.new(given)
  options.check(WHERE, given, OPTIONS)
  local ok, self = pcall(made_of, given)
  if not ok then error(("%s: %s"):format(WHERE, self), 2) end
  local issue, message, code = token.install_issuer(given.token, WHERE .. ": token")
  if not issue then return nil, message, code end
  local licences
  licences, message, code = open_licensing(self, given)
  if not licences then return nil, message, code end
  self.counts = counts.new(endpoint_names(self))
  local opened
  opened, message, code = open_packages(self, given.packages)
  if not opened then return nil, message, code end
  self.answerer, message, code = answerer_of(self, given, issue, licences.key)
  if not self.answerer then return nil, message, code end
  return self
end

return device
