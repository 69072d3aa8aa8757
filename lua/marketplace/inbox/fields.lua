--- The fields of the contract (marketplace.inbox), each in one line. What the inboxes read and write, and what the
--- commands show, is derived from here: a new field needs only a line below and a new version of the SQL schemas.
---
--- Kinds: "text", "string", which may be empty as well as absent, "bytes", which need not be text, "integer", "flag",
--- "number", a count of seconds; "time", Apple's, "clock", by the inbox's own clock; "token", which each inbox makes as
--- it likes.
---
--- Groups: `record`, what put takes; `item`, what finish takes; `claimed`, what claim returns; `summary`, what list
--- returns; `entry`, what get returns; `later`, what later returns; `filter`, what a filter can name.
local codes = require "marketplace.inbox.codes"
local options = require "marketplace.options"

local FIELDS = {
  { "id", "text", "item claimed summary entry later filter" }, -- first: in Redis it is part of the key
  { "key", "text", "record claimed summary entry" },
  { "token", "token", "item claimed" },
  { "state", "text", "item summary entry filter" },
  { "code", "text", "item summary entry filter" },
  { "type", "text", "record claimed summary entry filter" },
  { "event", "text", "record claimed summary entry later filter" },
  { "app_id", "text", "record claimed summary entry filter" },
  { "time", "time", "record summary entry later" },
  { "received_at", "clock", "claimed summary entry" },
  { "received_before", "clock", "filter" },
  { "received_since", "clock", "filter" },
  { "at", "clock", "summary entry" },
  { "behind", "text", "summary entry" },
  { "wait", "number", "item" },
  { "attempt", "integer", "claimed summary entry" },
  { "uncounted", "flag", "item" },
  { "reason", "text", "record item summary entry" },
  { "digest", "text", "record summary entry" },
  { "verified_by", "text", "record summary entry filter" },
  { "scope", "string", "item entry later" },
  { "body", "bytes", "record claimed entry later" },
}

--- The names of each group, in order; `kind`: by name.
local fields = {
  record = {}, item = {}, claimed = {}, summary = {}, entry = {}, later = {}, filter = {}, kind = {},
}

for _, field in ipairs(FIELDS) do
  local name, kind, groups = field[1], field[2], field[3]
  fields.kind[name] = kind
  for group in groups:gmatch "%a+" do table.insert(fields[group], name) end
end

--- A copy of a table that has only these fields.
---@param given table false stands for an absent one
---@param names string[]
---@return table
function fields.copy(given, names)
  local copy = {}
  for i = 1, #names do
    local name = names[i]
    copy[name] = given[name] or nil
  end
  return copy
end

local TESTS = { -- of filters that are not simply a field's value
  id = function(entry, id) return entry.id == id or entry.key == id end,
  received_before = function(entry, time) return entry.received_at < time end,
  received_since = function(entry, time) return entry.received_at >= time end,
}

--- Whether a filter selects an entry.
---@param entry table
---@param filter marketplace.InboxFilter
---@return boolean
function fields.matches(entry, filter)
  for _, name in ipairs(fields.filter) do
    local wanted, test = filter[name], TESTS[name]
    if wanted and not (test and test(entry, wanted) or not test and entry[name] == wanted) then return false end
  end
  return true
end

--- What entries must have, all of it. Empty: all entries.
---@class marketplace.InboxFilter
---@field id? string its id, or the id of its notification, which several can have
---@field state? "ready"|"leased"|"done"|"dead"
---@field code? string of a dead one
---@field type? string Apple's name
---@field event? string
---@field app_id? string
---@field received_before? number seconds since the epoch
---@field received_since? number seconds since the epoch
---@field verified_by? string the fingerprint of the secret that signed it
---@field newest? boolean the newest first: with a limit, these are the ones that are selected
---@field limit? integer the most entries
local FILTER = {
  id = "string", state = "string", code = "string", type = "string", event = "string", app_id = "string",
  received_before = "number", received_since = "number", verified_by = "string", newest = "boolean", limit = "number",
}

local MOST_LIMIT = 2 ^ 53 -- all whole numbers up to there are written with their digits

--- The filter, or one that selects everything. Raises, and blames the caller of the inbox's method, if it names
--- something that is not known, as that would select everything, too.
---@param where string the method
---@param filter marketplace.InboxFilter|nil
---@param level? integer whose call is blamed, as in `error`; default 3: the caller of the method that checks
---@return marketplace.InboxFilter
function fields.checked(where, filter, level)
  filter, level = filter or {}, level or 3
  options.check(where, filter, FILTER, level + 1)
  local limit = filter.limit or 0
  if not (limit >= 0 and limit <= MOST_LIMIT and limit % 1 == 0) then
    error(where .. ": option 'limit' must be a whole number, at least 0", level)
  end
  return filter
end

local FINISHED = { done = true, ready = true, dead = true, unbegun = true }
local CODES = codes.set(codes.ALL)

--- The items that finish takes. Raises as `checked` does, before any of them is written.
---@param items table[]
---@param level? integer as of `checked`
---@return table[]
function fields.finished(items, level)
  for i, item in ipairs(items) do
    if not FINISHED[item.state] then
      error(("inbox:finish: item %d has the unknown state '%s'"):format(i, tostring(item.state)), level or 3)
    end
    if item.state == "dead" and not CODES[item.code] then
      error(("inbox:finish: item %d is dead, with the unknown code '%s'"):format(i, tostring(item.code)), level or 3)
    end
  end
  return items
end

local REPLAYED = { dead = true, done = true }
local REPLAYED_CODES = codes.set(codes.REPLAYED)

--- The filter of replay, with its state: dead, unless it names done ones and says which. Nil if it can select none.
---@param filter marketplace.InboxFilter|nil
---@param level? integer as of `checked`
---@return marketplace.InboxFilter|nil
function fields.replayed(filter, level)
  level = level or 3
  filter = fields.checked("inbox:replay", filter, level + 1)
  local replayed = { newest = filter.newest, limit = filter.limit }
  local named = 0
  for _, name in ipairs(fields.filter) do
    replayed[name] = filter[name]
    if filter[name] ~= nil then named = named + 1 end
  end
  if filter.state == "done" and named == 1 then
    error("inbox:replay: of done notifications the filter must say which: name an id, an app, an event or a time",
      level)
  end
  replayed.state = filter.state or "dead"
  return REPLAYED[replayed.state] and replayed or nil
end

--- Whether an operator can have an entry run again that `replayed` selects.
---@param entry table with its body, if it is kept
---@return boolean
function fields.can_replay(entry)
  if entry.state == "done" then return entry.body and true or false end
  return entry.state == "dead" and REPLAYED_CODES[entry.code] == true
end

return fields
