--- Alerts of a command: what is run for them, and where is remembered which were told.
local alerts = require "marketplace.alerts"
local check = require "marketplace.cli.support.options"
local config = require "marketplace.cli.support.config"
local core = require "marketplace.core"
local inbox_url = require "marketplace.inbox.url"
local log = require "marketplace.log"
local output = require "marketplace.cli.support.output"
local tellers = require "marketplace.alerts.tellers"

local command_alerts = {}

local DEFAULT_STATE = "marketplace.alerts.json"
local PATIENCE_SECONDS = 40 -- of a command that is about to end: longer than an alert's may take

--- Adds the options.
---@param command table argparse's
---@param beside string beside what the state is by itself
function command_alerts.describe(command, beside)
  command:option("--alert-command", "run this for each alert, when it begins and when it ends: a program, or a " ..
    "shell's words (without it: `alert_command` in the config file, or else no alerts)"):argname("COMMAND")
  command:option("--alert-state", ("file that remembers which alerts were told (without it: `alert_state` in the " ..
    "config file, or else beside %s)"):format(beside)):argname("PATH")
end

--- Adds the option of the age.
---@param command table argparse's
function command_alerts.describe_age(command)
  command:option("--alert-age", "alert if a notification has waited for so long (without it: `alert_age` in the " ..
    "config file, or else 15m)"):argname("AGE")
end

-- Where the inbox is no file, as the state of `reconcile`.
local function beside_inbox(url)
  local parsed = url and inbox_url.parse(url)
  return parsed and parsed.kind == "sqlite" and parsed.path .. "-alerts" or DEFAULT_STATE
end

--- Adds what the config file says to the parsed arguments.
---@param parsed table with `inbox`, if the state is to be beside it
---@param path? string of the state by itself, if not beside the inbox
---@return string? problem with the config file
function command_alerts.resolve(parsed, path)
  local settings, message = config.read(parsed)
  if not settings then return message end
  for _, name in ipairs { "alert_command", "alert_state", "alert_age" } do
    if parsed[name] == nil then parsed[name] = settings[name] end
  end
  parsed.alert_state = parsed.alert_state or path or beside_inbox(parsed.inbox)
end

--- What is wrong with the options, if anything. Converts the age.
---@param parsed table resolved
---@return string?
function command_alerts.usage_problem(parsed)
  local problem = check.setting_problem(parsed, "alert_age")
  if problem or not parsed.alert_command then return problem end
  problem = tellers.command_problem(parsed.alert_command)
  return problem and "--alert-command: " .. problem or nil
end

--- The alerts; nil if nobody is to be told.
---@param parsed table resolved
---@param target table see marketplace.log
---@return marketplace.Alerts|nil
function command_alerts.open(parsed, target)
  if not parsed.alert_command then return nil end
  return alerts.new { tell = tellers.of_command(parsed.alert_command), path = parsed.alert_state, log = target }
end

local function complain(entry)
  if entry.level ~= "info" then output.note(log.words(entry)) end
end

-- It looks once, so that nothing can last.
local function look_once(list)
  for _, one in ipairs(list) do one.patience, one.settle = nil, nil end
end

--- Tells what a command has seen that is about to end, and waits until it is told.
---@param parsed table resolved
---@param list marketplace.alerts.Observation[]
---@param complete? {name: string, scope: string} see marketplace.Alerts.observe
function command_alerts.tell(parsed, list, complete)
  local open = command_alerts.open(parsed, { write = complain })
  if not open then return end
  look_once(list)
  while not open:observe(list, complete) do core.sleep(0.05) end
  open:finish(PATIENCE_SECONDS)
  open:close(0)
end

return command_alerts
