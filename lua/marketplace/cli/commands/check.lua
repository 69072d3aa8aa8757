--- marketplace check: looks at a marketplace from the outside, and says what is wrong and what to do about it.
local alerts = require "marketplace.cli.support.alerts"
local chosen = require "marketplace.cli.support.packages"
local conditions = require "marketplace.alerts.conditions"
local core = require "marketplace.core"
local credentials = require "marketplace.cli.support.credentials"
local chosen_inbox = require "marketplace.cli.support.inbox"
local headers = require "marketplace.cli.support.headers"
local in_words = require("marketplace.cli.support.options").in_words
local number_problem = require("marketplace.cli.support.options").number_problem
local output = require "marketplace.cli.support.output"
local seconds_problem = require("marketplace.cli.support.options").seconds_problem

local command_check = {}

local TIMEOUT = 10 -- seconds

function command_check.describe(command)
  command:option("--domain", "domain that is registered with Apple (without it: the host of the device's base_url)")
    :argname("DOMAIN")
  command:option("--device-config", "file with the options of marketplace.device, as the server has them")
    :argname("FILE")
  command:option("--packages", "folder of the packages that are served (without it: that of the device's options, " ..
    "or MARKETPLACE_PACKAGES, or `packages` in the config file, or packages in the current folder if there is one)")
    :argname("DIR")
  command:option("--app", "app of the marketplace, whose webhooks are looked at; may be repeated"):count("*")
    :argname("ID")
  command:option("--webhook-url", "URL that notifications are to be posted to (without it: where the webhooks lead)")
    :argname("URL")
  headers.describe(command)
  command:option("--connect", "host:port to connect to in place of where the marketplace's names lead")
    :argname("ADDRESS")
  command:option("--ca-file", "certificates to trust at the marketplace's servers in place of the system's, PEM (at " ..
    "App Store Connect: `ca_file` in the config file)"):argname("PATH")
  command:flag("--no-ping", "do not ask App Store Connect for a ping of each webhook")
  command:option("--sample", "look at no more than this many of the packages"):default("50"):argname("N")
  command:option("--within", "look at nothing more after this many seconds"):default("120"):argname("SECONDS")
  alerts.describe(command, "the inbox that the settings name")
  output.describe_json(command)
  credentials.describe_api(command, TIMEOUT)
end

--[[ What is given ]]

local function device_of(parsed)
  if not parsed.device_config then return nil end
  local given, message = require("marketplace.device.config").load(parsed.device_config)
  if not given then return nil, message end
  message = require("marketplace.device").problem(given)
  if message then return nil, ("%s: %s"):format(parsed.device_config, message) end
  return given
end

-- The folder that is named, or the default if it is there.
local function packages_of(parsed, device)
  if not parsed.packages and device and device.packages then return nil end
  local named = { folder = parsed.packages, config = parsed.config }
  local problem = chosen.resolve(named)
  if problem then return nil, problem end
  if named.folder_source == "the default" and not core.file_id(named.folder) then return nil end
  return named.folder
end

-- Without any setting of a key App Store Connect is not asked.
local function client_of(parsed)
  local settings, message = credentials.settings(parsed)
  if not settings then return nil, 1, message end
  if not (settings.key_file or settings.key_id or settings.issuer_id or settings.individual) then return nil end
  local own = {}
  for name, value in pairs(parsed) do own[name] = value end
  own.ca_file = nil
  return credentials.client(own)
end

local function rock_problem(given)
  if not given.packages and not (given.device and given.device.packages) then return nil end
  return chosen.rock_problem()
end

local SHOWN = { headers = "--header", apps = "--app", connect_to = "--connect" }

local NOTHING = "nothing is named to look at: give --domain, --device-config, --packages, --webhook-url, or a key " ..
  "of App Store Connect's API"

local function usage_problem(check, given)
  if not (given.domain or given.device or given.packages or given.client or given.webhook_url) then return NOTHING end
  local problem = check.problem(given)
  return problem and in_words(problem, SHOWN)
end

local function given_of(parsed)
  local given = {
    domain = parsed.domain, apps = parsed.app, webhook_url = parsed.webhook_url, connect_to = parsed.connect,
    ca_file = parsed.ca_file, ping = not parsed.no_ping, sample = parsed.sample, timeout = parsed.timeout,
    within = parsed.within,
  }
  local status, message
  given.headers, message, status = headers.read(parsed)
  if not given.headers then return nil, status or 1, message end
  given.device, message = device_of(parsed)
  if message then return nil, 1, message end
  given.packages, message = packages_of(parsed, given.device)
  if message then return nil, 1, message end
  given.client, status, message = client_of(parsed)
  if message then return nil, status, message end
  return given
end

--[[ What is found ]]

local function line_of(finding)
  local line = ("%-7s  %s: %s"):format(finding.level, finding.about, finding.message)
  return finding.action and ("%s. To do: %s"):format(line, finding.action) or line
end

local function write(parsed)
  return function(finding) output.write(parsed.json, line_of(finding), finding) end
end

local function many(count, word)
  return ("%d %s%s"):format(count, word, count == 1 and "" or "s")
end

local function summary(counts)
  return ("%d ok, %s, %s, %d not looked at"):format(counts.ok, many(counts.warning, "warning"),
    many(counts.error, "error"), counts.skipped)
end

--[[ Alerts ]]

local function scope_of(parsed, given)
  local words = { parsed.domain or parsed.device_config or parsed.packages or parsed.webhook_url or "the marketplace" }
  for _, app in ipairs(given.apps) do words[#words + 1] = "app " .. app end
  return table.concat(words, ", ")
end

local function observations(found, counts, scope)
  local list, first = {}, nil
  for _, finding in ipairs(found) do
    if finding.level == "error" then first = first or ("%s: %s"):format(finding.about, finding.message) end
    if finding.webhook then
      list[#list + 1] = conditions.webhook_disabled(finding.webhook, finding.is_enabled, scope)
    elseif finding.expires_at then
      list[#list + 1] = conditions.certificate_expiring(finding.about, finding.expires_at, core.now(),
        "renew it, and have the server load the new one")
    end
  end
  list[#list + 1] = conditions.check_failed(scope, counts.error, first)
  return list
end

-- Beside the inbox of the other commands, so that what two of them see is told once.
local function resolve_alerts(parsed)
  local named = { config = parsed.config }
  local problem = chosen_inbox.resolve(named)
  if problem then return problem end
  parsed.inbox = named.inbox
  return alerts.resolve(parsed)
end

function command_check.run(parsed)
  local check = require "marketplace.check"
  parsed.timeout = parsed.timeout or tostring(TIMEOUT)
  local unreadable = resolve_alerts(parsed)
  if unreadable then return 1, unreadable end
  local usage = seconds_problem(parsed, "timeout") or seconds_problem(parsed, "within") or
    number_problem(parsed, "sample", 1, check.MOST_SAMPLE)
    or alerts.usage_problem(parsed)
  if usage then return 2, usage end
  local given, status, message = given_of(parsed)
  if not given then return status, message end
  local problem = usage_problem(check, given)
  if problem then return 2, problem end
  problem = rock_problem(given)
  if problem then return 1, problem end
  given.on_finding = write(parsed)
  local found, counts = check.run(given)
  if not parsed.json then output.write(false, summary(counts)) end
  alerts.tell(parsed, observations(found, counts, scope_of(parsed, given)))
  return counts.error == 0 and 0 or 1
end

return command_check
