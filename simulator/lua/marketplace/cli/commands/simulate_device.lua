--- marketplace simulate device: plays an iPhone or iPad, to try a marketplace's server.
local core = require "marketplace.core"
local devices = require "marketplace.simulator.device"
local headers = require "marketplace.cli.support.headers"
local output = require "marketplace.cli.support.output"
local states = require "marketplace.simulator.device.state"
local text = require "marketplace.text"
local url = require "marketplace.simulator.device.url"

local simulate_device = {}

--[[ The command line ]]

local function describe_state(command)
  command:option("--state", "file that keeps what the device is and has"):default("phone.json"):argname("PATH")
end

local function describe_device(command)
  describe_state(command)
  command:option("--domain", "domain that is registered with Apple, such as market.example; to try out, also " ..
    "localhost:8443 or http://127.0.0.1:8080 (without it: the state's)"):argname("DOMAIN")
  command:option("--model", ("model, as manifests name it (without it: the state's, or %s)"):format(devices.MODEL))
    :argname("MODEL")
  command:option("--system", ("version of the system (without it: the state's, or %s)"):format(devices.SYSTEM))
    :argname("VERSION")
  command:option("--platform", "name of the system (without it: iPadOS for an iPad, or else iOS)")
    :choices { "iOS", "iPadOS" }:argname("NAME")
  command:option("--lacks", "capability that the device lacks, such as metal; may be repeated"):count("*")
    :argname("CAPABILITY")
  headers.describe(command)
  command:option("--token-key", "public key of the alternative distribution key, PEM, to verify install " ..
    "verification tokens with (without it: they are read, and not verified)"):argname("PATH")
  command:flag("--no-licences", "ask for no licences: Apple's SDK cannot read a simulated device's requests")
  command:option("--connect", "address to connect to, whatever the names lead to (without it: where they lead)")
    :argname("ADDRESS")
  command:option("--ca-file", "certificates to trust in place of the system's, PEM"):target("device_ca_file")
    :argname("PATH")
end

local function describe_apps(command)
  command:argument("apps", "id that Apple has given an app on the device (without it: all)"):args("*"):argname("APP")
end

local DESCRIBE = {}

function DESCRIBE.install(command)
  command:argument("what", "id that Apple has given an app, which the marketplace's own app asks its server for; " ..
    "or an install link, marketplace-kit://…; or the https:// URL of a page that has one"):argname("APP|LINK|URL")
  describe_device(command)
  command:option("--apple-version-id", "id that Apple has given the app's version (without it: the newest)")
    :argname("ID")
  command:flag("--redownload", "say that the account has had the app before")
  command:option("--install-url", "whom the marketplace's own app asks (without it: `install` beside the address " ..
    "for restores)"):argname("URL")
  output.describe_json(command)
end

function DESCRIBE.update(command)
  describe_apps(command)
  describe_device(command)
  output.describe_list(command)
end

DESCRIBE.restore, DESCRIBE.renew = DESCRIBE.update, DESCRIBE.update

function DESCRIBE.list(command)
  describe_state(command)
  output.describe_list(command)
end

function DESCRIBE.remove(command)
  command:argument("removed_app", "id that Apple has given an app on the device"):argname("APP")
  describe_state(command)
  output.describe_json(command)
end

local COMMANDS = {
  { "install", "install an app" },
  { "update", "ask for updates of what is installed, and take them" },
  { "restore", "ask for what is installed, as a device that is restored from a backup does" },
  { "renew", "ask for new licences of what is installed" },
  { "list", "list what is installed" },
  { "remove", "remove an app" },
}

--- Adds the actions.
---@param command table argparse's
function simulate_device.describe(command)
  command:command_target("device_action")
  for _, one in ipairs(COMMANDS) do DESCRIBE[one[1]](command:command(one[1], one[2])) end
end

--[[ Opening ]]

local function usage_problem(options)
  if options.domain and not url.of_domain(options.domain) then
    return "--domain must be a domain, such as market.example or localhost:8443"
  end
  if options.connect and not options.connect:find "^[%w.:%[%]_-]+$" then
    return "--connect must be an address, such as 127.0.0.1:8443"
  end
  if options.model and not states.is_model(options.model) then return "--model must be a model, such as iPhone16,1" end
  if options.system and not states.is_system(options.system) then return "--system must be a version, such as 18.6" end
end

local function open(options, lines)
  local token_key, message
  if options.token_key then
    token_key, message = core.read_file(options.token_key)
    if not token_key then return nil, "the token key cannot be read: " .. message end
  end
  return devices.open {
    state = options.state, domain = options.domain, model = options.model, system = options.system,
    platform = options.platform, lacks = options.lacks, headers = lines, token_key = token_key,
    licences = not options.no_licences, ca_file = options.device_ca_file, connect_to = options.connect,
  }
end

-- Opens the device, has it do something, and closes it. Gives the report, or nil, an exit status and a message.
local function with_device(options, work)
  local lines, unread, status = headers.read(options)
  if not lines then return nil, status or 1, unread end
  local problem = usage_problem(options)
  if problem then return nil, 2, problem end
  local device, message = open(options, lines)
  if not device then return nil, 1, message end
  local report, reason, name, detail = work(device)
  device:close()
  for _, warning in ipairs((report or detail).warnings) do output.warn(warning) end
  if report then return report end
  if name == "no_domain" then return nil, 2, "--domain DOMAIN is missing, and the device's state has none" end
  return nil, 1, ("%s: %s"):format(name, reason)
end

--[[ Results ]]

local COLUMNS = {
  { "APP", "app" },
  { "OUTCOME", "outcome" },
  { "VERSION", "short_version" },
  { "APPLE VERSION", "apple_version_id" },
  { "FILE", "asset" },
  { "ERROR", "error" },
  { "REASON", "reason" },
}

local function line_of(app)
  local name = app.app and "app " .. app.app or "the app"
  if app.reason then
    return ("%s: %s: %s"):format(name, app.outcome, app.error and app.error .. ": " .. app.reason or app.reason)
  end
  if not app.asset then return ("%s: %s"):format(name, app.outcome) end
  return ("%s: %s %s (%s) by %s, %s"):format(name, app.outcome, app.short_version, app.apple_version_id, app.asset,
    text.bytes(app.bytes))
end

local function write_one(options, report)
  local app = report.apps[1]
  output.write(options.json, line_of(app), app)
  return report.ok and 0 or 1
end

local function write_list(options, report)
  output.list(options, COLUMNS, report.apps)
  return report.ok and 0 or 1
end

--[[ Actions ]]

local ACTIONS = {}

local function install_options(options)
  local what = options.what
  if what:find "^marketplace%-kit:" then return { link = what } end
  if what:find "^https?:" then return { page = what } end
  if not what:find "^%d+$" then return nil end
  return {
    app = what, version = options.apple_version_id, redownload = options.redownload, install_url = options.install_url,
  }
end

function ACTIONS.install(options)
  local given = install_options(options)
  if not given then
    return 2, "name an app by Apple's id, or give an install link, or a page's https:// URL"
  end
  local report, status, message = with_device(options, function(device) return device:install(given) end)
  if not report then return status, message end
  return write_one(options, report)
end

local function asker(name)
  return function(options)
    local apps = #options.apps > 0 and options.apps or nil
    local report, status, message = with_device(options, function(device)
      return device[name](device, { apps = apps })
    end)
    if not report then return status, message end
    return write_list(options, report)
  end
end

ACTIONS.update, ACTIONS.restore, ACTIONS.renew = asker "update", asker "restore", asker "renew"

function ACTIONS.remove(options)
  local report, status, message = with_device(options, function(device) return device:remove(options.removed_app) end)
  if not report then return status, message end
  return write_one(options, report)
end

local INSTALLED = {
  { "APP", "app" },
  { "VERSION", "short_version" },
  { "BUILD", "build" },
  { "APPLE VERSION", "apple_version_id" },
  { "REVISION", "revision" },
  { "BUNDLE", "bundle_id" },
}

function ACTIONS.list(options)
  local device, message = devices.open { state = options.state, read_only = true }
  if not device then return 1, message end
  output.list(options, INSTALLED, device:apps())
  return 0
end

--- Runs the action that the options name.
---@param options table parsed arguments
---@return integer status for os.exit
---@return string? message
function simulate_device.run(options)
  return ACTIONS[options.device_action](options)
end

return simulate_device
