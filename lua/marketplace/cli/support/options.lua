--- Options that several commands have in common: numbers and times.
local times = require "marketplace.cli.support.times"

local options = {}

local function shown(name)
  return "--" .. name:gsub("_", "-")
end

local function is_whole(value, least, most)
  return value and value == math.floor(value) and value >= least and value <= most
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
