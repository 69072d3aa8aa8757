--- The options by which list, replay, run and cancel select notifications.
local check = require "marketplace.cli.support.options"

local filters = {}

local AGO = "90d, 12h, 30m or 45s ago, or a date"

--- Adds the options.
---@param command table argparse's
---@param verb string "list": what the command does with what is selected
---@param codes? string[] the codes that it can select; nil: it selects no dead ones
function filters.describe(command, verb, codes)
  local only = verb .. " only those "
  if codes then command:option("--code", only .. "that are dead with this code"):choices(codes):argname("CODE") end
  command:option("--app", only .. "of this app"):argname("ID")
  command:option("--type", only .. "of this type, by Apple's name"):argname("TYPE")
  command:option("--event", only .. "of this event"):argname("EVENT")
  command:option("--since", only .. "received since: " .. AGO):argname("AGE")
  command:option("--before", only .. "received before: " .. AGO):argname("AGE")
  command:option("--verified-by", only .. "signed with the secret that has this fingerprint"):argname("FINGERPRINT")
end

--- What is wrong with the options, if anything. Converts times and numbers.
---@param options table parsed arguments
---@param now number
---@return string?
function filters.problem(options, now)
  if options.code and options.state and options.state ~= "dead" then
    return ("--code is of dead notifications, and --state says %s"):format(options.state)
  end
  return check.time_problem(options, "since", now) or check.time_problem(options, "before", now)
    or check.number_problem(options, "limit", 1, 1000000)
end

--- Whether an option selects, other than by state.
---@param options table parsed arguments
---@return boolean
function filters.is_given(options)
  return (options.code or options.app or options.type or options.event or options.since or options.before
    or options.verified_by) ~= nil
end

--- The filter that the options are.
---@param options table parsed arguments
---@return marketplace.InboxFilter
function filters.of(options)
  return {
    id = options.id, state = options.state, code = options.code, app_id = options.app, type = options.type,
    event = options.event, received_since = options.since, received_before = options.before,
    verified_by = options.verified_by, limit = options.limit,
  }
end

return filters
