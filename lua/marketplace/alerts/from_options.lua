--- Alerts from the options that a dispatcher, a receiver and marketplace.nginx have.
local alerts = require "marketplace.alerts"
local conditions = require "marketplace.alerts.conditions"
local inbox_watch = require "marketplace.alerts.inbox_watch"
local tellers = require "marketplace.alerts.tellers"

local from_options = {}

local function check(given, where)
  if given.on_alert and given.alert_command then
    error(where .. ": options 'on_alert' and 'alert_command' exclude each other", 4)
  end
  local problem = given.alert_command and tellers.command_problem(given.alert_command)
  if problem then error(("%s: option 'alert_command': %s"):format(where, problem), 4) end
  if given.alert_age and not (given.alert_age > 0 and given.alert_age <= conditions.MOST_AGE) then
    error(where .. ": option 'alert_age' must be more than 0 seconds and at most a year", 4)
  end
end

--- What looks at an inbox and tells what is wrong; nil if nobody is to be told.
---@param given {inbox: marketplace.Inbox, on_alert?: function, alert_command?: string, alert_age?: number,
--- alert_state?: string, clock?: fun(): number}
---@param where string the public function's name, for messages; its caller's caller is blamed
---@param log table see marketplace.log
---@return table|nil watch see marketplace.alerts.inbox_watch
function from_options.watch(given, where, log)
  check(given, where)
  if not (given.on_alert or given.alert_command) then return nil end
  local tell = given.on_alert and tellers.of_function(given.on_alert) or tellers.of_command(given.alert_command)
  return inbox_watch.new {
    inbox = given.inbox, age = given.alert_age,
    alerts = alerts.new { tell = tell, path = given.alert_state, log = log, clock = given.clock },
  }
end

return from_options
