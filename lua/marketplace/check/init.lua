--- Looks at a marketplace from the outside, as a device does, and at what App Store Connect has of it: what is well,
--- what is not and what to do about it, and what was not looked at and why. It changes nothing; all that it causes is a
--- ping of App Store Connect's. It ends in time. In a task (marketplace.client.scheduler) it waits as the client does,
--- and elsewhere it blocks.
local app_store_connect = require "marketplace.check.app_store_connect"
local core = require "marketplace.core"
local deliveries = require "marketplace.check.deliveries"
local endpoints = require "marketplace.check.endpoints"
local findings = require "marketplace.check.findings"
local http = require "marketplace.http"
local licences = require "marketplace.check.licences"
local options = require "marketplace.options"
local outside = require "marketplace.check.outside"
local packages = require "marketplace.check.packages"
local receiver = require "marketplace.check.receiver"
local scheduler = require "marketplace.client.scheduler"
local tokens = require "marketplace.check.tokens"
local webhooks = require "marketplace.check.webhooks"
local well_known = require "marketplace.check.well_known"

local check = {}

local WHERE = "marketplace.check"
local TIMEOUT, WITHIN, PING_SECONDS = 10, 120, 30
local SAMPLE = 50
local LEAST_SECRET = 8 -- bytes of a header's word that are hidden

--- How many packages can be looked at: a device asks for at most 1000 apps.
check.MOST_SAMPLE = 900

---@class marketplace.CheckOptions
---@field domain? string that is registered with Apple, default the host of the device's base_url
---@field device? table options of marketplace.device, as the server has them
---@field packages? marketplace.Packages|string those that are served, or their folder; default those of `device`
---@field client? marketplace.Client asks App Store Connect
---@field apps? string[] ids of the marketplace's apps, whose webhooks are looked at
---@field webhook_url? string where notifications are to be posted to, default where the webhooks lead
---@field headers? string[] "Name: value" lines that a device sends that has signed in; no finding shows them
---@field connect_to? string "host:port" to connect to in place of where names lead, but for App Store Connect
---@field ca_file? string path of PEM certificates to trust, default the system's
---@field ping? boolean ask App Store Connect for a ping of each webhook, default true
---@field ping_seconds? number for which a ping is waited for, default 30
---@field sample? integer of the packages that are current, how many are looked at, default 50, at most 900
---@field timeout? number seconds for each request, default 10
---@field within? number seconds for all of it, default 120; what is left then is skipped
---@field on_finding? fun(finding: marketplace.CheckFinding) is told of each at once
---@field transport? fun(request: table, pause?: function): table|nil, string?, string?, table? default http.exchange
---@field clock? fun(): number seconds since the epoch, default the machine's
---@field sleep? fun(seconds: number) waits for a ping, default one that blocks
local OPTIONS = {
  domain = "string", device = "table", packages = "table|string", client = "table", apps = "table",
  webhook_url = "string", headers = "table", connect_to = "string", ca_file = "string", ping = "boolean",
  ping_seconds = "number", sample = "number", timeout = "number", within = "number", on_finding = "function",
  transport = "function", clock = "function", sleep = "function",
}

--[[ Options ]]

local function number_problem(given)
  for _, name in ipairs { "timeout", "within", "ping_seconds" } do
    if given[name] and not (given[name] > 0 and given[name] <= 86400) then
      return ("option '%s' must be more than 0 and at most 86400 seconds"):format(name)
    end
  end
  local sample = given.sample
  if sample and not (sample >= 1 and sample <= check.MOST_SAMPLE and sample % 1 == 0) then
    return ("option 'sample' must be a whole number from 1 to %d"):format(check.MOST_SAMPLE)
  end
end

local function is_connect(address)
  for _, host in ipairs { "[%w._-]+", "%[[%x:.]+%]" } do
    if address:find("^" .. host .. "$") or address:find("^" .. host .. ":%d+$") then return true end
  end
  return false
end

local function text_problem(given)
  if given.domain and not given.domain:find "^%w[%w.-]*$" then
    return "option 'domain' must be a host name, such as market.example"
  end
  if given.webhook_url and not given.webhook_url:find "^https?://[^%s%c]+$" then
    return "option 'webhook_url' must be an http or https URL"
  end
  if given.connect_to and not is_connect(given.connect_to) then
    return "option 'connect_to' must be host:port, such as 192.0.2.1:443"
  end
end

local function list_problem(given)
  for _, line in ipairs(given.headers or {}) do
    if type(line) ~= "string" or not line:find "^[^%s%c:]+:[^%c]*$" then
      return "option 'headers' must be a list of lines \"Name: value\""
    end
  end
  for _, app in ipairs(given.apps or {}) do
    if type(app) ~= "string" or not app:find "%S" then return "option 'apps' must be a list of ids" end
  end
end

--- What is wrong with the options, whose types are right, if anything.
---@param given marketplace.CheckOptions
---@return string?
function check.problem(given)
  local problem = number_problem(given) or text_problem(given) or list_problem(given)
  if problem then return problem end
  for _, name in ipairs { "domain", "device", "packages", "client", "webhook_url" } do
    if given[name] then return nil end
  end
  return "one of the options 'domain', 'device', 'packages', 'client' and 'webhook_url' is needed"
end

--[[ What is known ]]

local IS_NO_SECRET = {
  accept = true, ["accept-language"] = true, ["content-type"] = true, host = true, origin = true, ["user-agent"] = true,
}

-- Each word whole, and what it has of names and values, as in cookies: a server may say any of them again.
local function add_secrets(secrets, value)
  for _, form in ipairs { "%S+", "[^%s;,=\"]+" } do
    for word in value:gmatch(form) do
      if #word >= LEAST_SECRET then secrets[#secrets + 1] = word end
    end
  end
end

local function secrets_of(headers)
  local secrets = {}
  for _, line in ipairs(headers) do
    local name, value = line:match "^([^:]*):(.*)$"
    if not IS_NO_SECRET[name:lower()] then add_secrets(secrets, value) end
  end
  return secrets
end

local function https_url(value)
  return type(value) == "string" and value:find "^https://" and value:gsub("/+$", "") or nil
end

local function packages_url_of(device)
  local base = https_url(device.base_url)
  return https_url(device.packages_url) or base and base .. "/packages" or nil
end

local function domain_of(given, device)
  local domain = given.domain or https_url(device.base_url) and outside.host(device.base_url)
  return domain and domain:lower():gsub("%.$", "") or nil
end

local function new_run(given)
  local device, headers = given.device or {}, given.headers or {}
  local clock = given.clock or core.now
  local run = {
    domain = domain_of(given, device), device = given.device, packages_url = packages_url_of(device),
    client = given.client, apps = given.apps or {}, webhook_url = given.webhook_url, headers = headers,
    connect_to = given.connect_to, ca_file = given.ca_file, ping = given.ping ~= false,
    ping_seconds = given.ping_seconds or PING_SECONDS, sample = given.sample or SAMPLE,
    timeout = given.timeout or TIMEOUT, within = given.within or WITHIN, clock = clock,
    monotonic = given.clock or core.monotonic, sleep = given.sleep or core.sleep,
    transport = given.transport or http.exchange, findings = findings.new(given.on_finding, secrets_of(headers)),
    judged = {}, clocks = {}, dead = {}, timeouts = {}, tokens = {}, bases = {}, offset = nil,
  }
  local stop = run.monotonic() + run.within
  function run.left() return stop - run.monotonic() end
  -- by App Store Connect's clock, if it is known
  function run.now() return clock() + (run.offset or 0) end
  return run
end

local STORE = "/state/store.db"

-- A folder that is not there is not made. What was opened here is closed here.
local function open_packages(run, given)
  local wanted = given.packages or run.device and run.device.packages
  if type(wanted) == "table" then
    run.packages = wanted
  elseif type(wanted) == "string" then
    run.has_no_packages = not core.file_id(wanted .. STORE)
    if run.has_no_packages then
      return run.findings:add("error", "packages", wanted, "there are no packages in this folder",
        "name the folder that marketplace packages work fetches into")
    end
    local problem
    run.packages, problem = require("marketplace.packages").new { folder = wanted }
    run.opened = run.packages
    if not run.packages then
      run.has_no_packages = true
      run.findings:add("error", "packages", wanted, problem, "look at the folder of packages")
    end
  end
end

--[[ All of it ]]

local function look_as_a_device(run)
  local document
  if run.domain then document = well_known.run(run) end
  endpoints.run(run, document)
  licences.run(run, document)
  tokens.run(run)
end

local function look(run)
  packages.read(run)
  app_store_connect.run(run)
  if not run.domain then
    run.findings:add("skipped", "domain", "devices", "no domain was named, so nothing was asked as a device does",
      "name the registered domain with --domain")
  end
  if run.domain or run.device then look_as_a_device(run) end
  packages.run(run)
  webhooks.run(run)
  receiver.run(run)
  deliveries.run(run) -- of the ping, too: it may be the first that arrives again
end

--- Looks at everything that the options tell of.
---@param given marketplace.CheckOptions
---@return marketplace.CheckFinding[] findings in the order in which they were made
---@return {ok: integer, warning: integer, error: integer, skipped: integer} counts
function check.run(given)
  options.check(WHERE, given, OPTIONS)
  local wrong = check.problem(given)
  if wrong then error(("%s: %s"):format(WHERE, wrong), 2) end
  local run = new_run(given)
  open_packages(run, given)
  local ok, problem = scheduler.protected(look, run)
  if run.opened then run.opened:close() end
  if not ok then error(problem, 0) end
  local counts = { ok = 0, warning = 0, error = 0, skipped = 0 }
  for _, finding in ipairs(run.findings.list) do counts[finding.level] = counts[finding.level] + 1 end
  return run.findings.list, counts
end

return check
