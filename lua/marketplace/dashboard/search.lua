--- What an operator looks for in an inbox: the fields of a form, which are those of an address, as a filter and in
--- words.
local codes = require "marketplace.inbox.codes"
local core = require "marketplace.core"
local log = require "marketplace.log"
local text = require "marketplace.text"
local times = require "marketplace.cli.support.times"

local search = {}

search.STATES = { "ready", "leased", "done", "dead" }

search.EVENTS = {
  "version_available", "versions_unavailable", "app_unavailable", "versions_restored", "app_restored", "ping", "other",
  "forward",
}

-- The name in the address, the filter's, and what people call it.
local FIELDS = {
  { "state", "state", "State" }, { "code", "code", "Code" }, { "event", "event", "Event" }, { "app", "app_id", "App" },
  { "type", "type", "Type" }, { "id", "id", "Id" }, { "secret", "verified_by", "Signed with" },
  { "since", "received_since", "Received since" }, { "before", "received_before", "Received before" },
}
local IS_TIME = { since = true, before = true }
local CHOICES = { state = search.STATES, code = codes.ALL, event = search.EVENTS }
local NO_TIME = "is neither a length of time, such as 45s, 30m, 12h or 7d, nor a date, such as 2026-01-31 or " ..
  "2026-01-31T12:00:00Z"

local function is_among(list, value)
  for _, one in ipairs(list) do
    if one == value then return true end
  end
  return false
end

--- Whether an engine can look for a value: databases take no text that is not UTF-8, or that has a zero byte.
---@param value string
---@return boolean
function search.is_text(value)
  return core.is_utf8(value) and not value:find "%z"
end

-- A value as the filter has it, or nil and what is wrong with it.
local function value_of(name, given, now)
  if not search.is_text(given) then return nil, "is no text" end
  if IS_TIME[name] then
    local time = times.parse(given, now)
    return time, not time and NO_TIME or nil
  end
  if CHOICES[name] and not is_among(CHOICES[name], given) then return nil, "is not known" end
  return given
end

---@class marketplace.dashboard.Search
---@field given table<string, string> what was written into the fields, by name
---@field filter marketplace.InboxFilter
---@field problems table<string, string> what is wrong, by the field's name
---@field oldest boolean the oldest first

--- Reads the fields.
---@param query table<string, string>
---@param now number
---@return marketplace.dashboard.Search
function search.read(query, now)
  local found = { given = {}, filter = {}, problems = {}, oldest = query.order == "oldest" }
  for _, field in ipairs(FIELDS) do
    local name, given = field[1], text.trim(query[field[1]] or "")
    if given ~= "" then
      found.given[name] = given
      found.filter[field[2]], found.problems[name] = value_of(name, given, now)
    end
  end
  if found.filter.code then
    if found.filter.state and found.filter.state ~= "dead" then found.problems.code = "is of dead notifications" end
    found.filter.state = "dead"
  end
  return found
end

--- The filter as fields of an address, with times that stay as they are.
---@param filter marketplace.InboxFilter
---@return table<string, string>
function search.query(filter)
  local query = {}
  for _, field in ipairs(FIELDS) do
    local value = filter[field[2]]
    query[field[1]] = value and IS_TIME[field[1]] and log.timestamp(value) or value
  end
  return query
end

--- The filter in words.
---@param filter marketplace.InboxFilter
---@return table[] each {name, value}
function search.words(filter)
  local list, query = {}, search.query(filter)
  for _, field in ipairs(FIELDS) do
    if query[field[1]] then list[#list + 1] = { field[3], query[field[1]] } end
  end
  return list
end

--- Whether a filter says more than a state and a time until which something was received.
---@param filter marketplace.InboxFilter
---@return boolean
function search.is_narrow(filter)
  for _, field in ipairs(FIELDS) do
    local name = field[2]
    if filter[name] and name ~= "state" and name ~= "received_before" then return true end
  end
  return false
end

return search
