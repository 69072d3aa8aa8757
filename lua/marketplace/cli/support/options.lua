--- Options that several commands have in common: numbers, sizes and times.
local conditions = require "marketplace.alerts.conditions"
local retention = require "marketplace.inbox.retention"
local times = require "marketplace.cli.support.times"

local options = {}

local MOST_ATTEMPTS = 1000
local DAY = 86400

local function shown(name)
  return "--" .. name:gsub("_", "-")
end

local function is_whole(value, least, most)
  return value and value == math.floor(value) and value >= least and value <= most
end

--- What a function said of its options, in the words of the command line.
---@param message string such as "marketplace.token: option 'key_id' is missing"
---@param names? table<string, string> options of the command that have another name than the function's
---@return string
function options.in_words(message, names)
  local text = message:gsub("^[^\n]-marketplace%.[%w_.]+: ", "")
  return (text:gsub("option '([%w_]+)'", function(name) return names and names[name] or shown(name) end))
end

--- Reads how often a notification is tried.
---@param value string
---@return integer|nil
---@return string? problem what it must be
function options.attempts(value)
  local count = tonumber(value)
  if is_whole(count, 1, MOST_ATTEMPTS) then return count end
  return nil, ("must be a whole number from 1 to %d"):format(MOST_ATTEMPTS)
end

--- Reads how long the bodies of done notifications are kept.
---@param value string
---@return number|nil seconds
---@return string? problem what it must be
function options.keep(value)
  local seconds = times.seconds(value)
  if seconds and seconds <= retention.ids then return seconds end
  return nil, ("must be a length of time of at most %dd, such as 7d or 12h"):format(retention.ids / DAY)
end

--- Reads how long a notification may wait before that is an alert.
---@param value string
---@return number|nil seconds
---@return string? problem what it must be
function options.alert_age(value)
  local seconds = times.seconds(value)
  if seconds and seconds > 0 and seconds <= conditions.MOST_AGE then return seconds end
  return nil, ("must be a length of time of at most %dd, such as 15m or 1h"):format(conditions.MOST_AGE / DAY)
end

--- What is wrong with an option that one of the above reads, if anything. Converts it.
---@param parsed table parsed arguments
---@param name "attempts"|"keep"|"alert_age"
---@return string?
function options.setting_problem(parsed, name)
  if type(parsed[name]) ~= "string" then return nil end
  local problem
  parsed[name], problem = options[name](parsed[name])
  return problem and shown(name) .. " " .. problem
end

--- What is wrong with an option that must be a whole number, if anything. Converts it.
---@param parsed table parsed arguments
---@param name string such as "metrics_port"
---@param least integer
---@param most integer
---@return string?
function options.number_problem(parsed, name, least, most)
  if parsed[name] == nil then return nil end
  parsed[name] = tonumber(parsed[name])
  if is_whole(parsed[name], least, most) then return nil end
  return ("%s must be a whole number from %d to %d"):format(shown(name), least, most)
end

local UNITS = { [""] = 1, k = 1000, M = 1000 ^ 2, G = 1000 ^ 3, T = 1000 ^ 4 }
local MOST_BYTES = 2 ^ 53

--- What is wrong with an option that must be a number of bytes, if anything. Converts it.
---@param parsed table parsed arguments
---@param name string such as "max_rate"
---@return string?
function options.bytes_problem(parsed, name)
  if parsed[name] == nil then return nil end
  local count, unit = parsed[name]:match("^(%d+)([kMGT]?)$")
  local bytes = count and tonumber(count) * UNITS[unit]
  parsed[name] = bytes
  if is_whole(bytes, 1, MOST_BYTES) then return nil end
  return ("%s must be a number of bytes, such as 1500000, 500k, 20M or 1G"):format(shown(name))
end

local SHORTEST, LONGEST = 0.001, 86400

--- What is wrong with an option that must be a time to wait, if anything. Converts it to seconds.
---@param parsed table parsed arguments
---@param name string such as "timeout"
---@return string?
function options.seconds_problem(parsed, name)
  if parsed[name] == nil then return nil end
  local seconds = tonumber(parsed[name])
  parsed[name] = seconds
  if seconds and seconds >= SHORTEST and seconds <= LONGEST then return nil end
  return ("%s must be a number of seconds from %s to %d"):format(shown(name), SHORTEST, LONGEST)
end

--- What is wrong with an option that must be a point in time, if anything. Converts it to seconds since the epoch.
---@param parsed table parsed arguments
---@param name string such as "older_than"
---@param now number
---@return string?
function options.time_problem(parsed, name, now)
  if parsed[name] == nil then return nil end
  parsed[name] = times.parse(parsed[name], now)
  if parsed[name] then return nil end
  return ("%s must be how long ago (90d, 12h, 30m, 45s) or when (2026-01-31, 2026-01-31T12:00:00Z)"):format(shown(name))
end

return options
