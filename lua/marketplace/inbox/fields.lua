--- The fields of the contract (marketplace.inbox), each in one line. What the inboxes read and write, and what the
--- commands show, is derived from here: a new field needs only a line below and a new version of the SQL schemas.
---
--- Kinds: "text", "string", which may be empty as well as absent, "bytes", which need not be text, "integer", "flag",
--- "number", a count of seconds; "time", Apple's, "clock", by the inbox's own clock; "token", which each inbox makes as
--- it likes; "history", a list (marketplace.inbox.history).
---
--- Groups: `record`, what put takes; `item`, what finish takes; `claimed`, what claim returns; `summary`, what list
--- returns; `entry`, what get returns; `later`, what later returns; `app`, what apps returns; `filter`, what a filter
--- can name.
local codes = require "marketplace.inbox.codes"
local options = require "marketplace.options"

local FIELDS = {
  { "id", "text", "item claimed summary entry later app filter" }, -- first: in Redis it is part of the key
  { "key", "text", "record claimed summary entry" },
  { "token", "token", "item claimed" },
  { "state", "text", "item summary entry app filter" },
  { "code", "text", "item summary entry filter" },
  { "type", "text", "record claimed summary entry filter" },
  { "event", "text", "record claimed summary entry later app filter" },
  { "app_id", "text", "record claimed summary entry app filter" },
  { "time", "time", "record summary entry later" },
  { "received_at", "clock", "claimed summary entry app" },
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
  { "traceparent", "text", "record claimed entry" },
  { "history", "history", "entry" },
  { "body", "bytes", "record claimed entry later" },
}

--- The names of each group, in order; `kind`: by name.
local fields = {
  record = {}, item = {}, claimed = {}, summary = {}, entry = {}, later = {}, app = {}, filter = {}, kind = {},
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
---@field id? string its id, or the id of its notification, which several can have: of those, run and cancel take only
--- the one whose own id it is
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

--- What list and count take: a filter, and how far to look.
---@class marketplace.InboxPageFilter : marketplace.InboxFilter
---@field from? string the cursor that list returned: go on behind it, in the same direction
---@field examine? integer look at about so many entries at most, whether the filter selects them or not; default: at
--- all that there are (list), or 20000 (count)
local PAGE = options.extend(FILTER, { from = "string", examine = "number" })

--- What apps takes.
---@class marketplace.InboxAppsOptions
---@field limit? integer the most apps, default 1000
---@field from? string the cursor that apps returned: go on behind it
local APPS = { limit = "number", from = "string" }

local MOST_LIMIT = 2 ^ 53 -- all whole numbers up to there are written with their digits

fields.DEFAULT_APPS = 1000
fields.DEFAULT_COUNT_EXAMINE = 20000

local function check_number(where, given, name, least, level)
  local number = given[name] or least
  if number >= least and number <= MOST_LIMIT and number % 1 == 0 then return end
  error(("%s: option '%s' must be a whole number, at least %d"):format(where, name, least), level + 1)
end

--- The filter, or one that selects everything. Raises, and blames the caller of the inbox's method, if it names
--- something that is not known, as that would select everything, too.
---@param where string the method
---@param filter marketplace.InboxFilter|nil
---@param level? integer whose call is blamed, as in `error`; default 3: the caller of the method that checks
---@return marketplace.InboxFilter
function fields.checked(where, filter, level)
  filter, level = filter or {}, level or 3
  options.check(where, filter, FILTER, level + 1)
  check_number(where, filter, "limit", 0, level)
  return filter
end

--- Whether a text can be a cursor of list: what comes from outside is to be asked this first, as list raises otherwise.
---@param text string
---@return boolean
function fields.is_cursor(text)
  return #text <= 15 and text:find "^%d+$" ~= nil
end

--- The same of list and count.
---@param where string
---@param filter marketplace.InboxPageFilter|nil
---@param level? integer
---@return marketplace.InboxPageFilter
function fields.page(where, filter, level)
  filter, level = filter or {}, level or 3
  options.check(where, filter, PAGE, level + 1)
  check_number(where, filter, "limit", 0, level)
  check_number(where, filter, "examine", 1, level)
  if filter.from and not fields.is_cursor(filter.from) then
    error(where .. ": option 'from' must be a cursor that list returned", level)
  end
  return filter
end

--- The same of count: its filter is one of list.
---@param filter marketplace.InboxPageFilter|nil
---@param most integer
---@param level? integer
---@return marketplace.InboxPageFilter
function fields.counted(filter, most, level)
  level = level or 3
  filter = fields.page("inbox:count", filter, level + 1)
  if not (type(most) == "number" and most >= 0 and most < MOST_LIMIT and most % 1 == 0) then
    error("inbox:count: 'most' must be a whole number, at least 0", level)
  end
  local page = fields.copy(filter, fields.filter)
  page.newest, page.from, page.limit = filter.newest, filter.from, most + 1
  page.examine = filter.examine or fields.DEFAULT_COUNT_EXAMINE
  return page
end

--- What count returns of what it found.
---@param found table[] at most one more than `most`
---@param cursor string|nil if not all was looked at
---@param most integer
---@return integer count
---@return boolean more
function fields.count_of(found, cursor, most)
  return math.min(#found, most), #found > most or cursor ~= nil
end

--- What apps is asked.
---@param given marketplace.InboxAppsOptions|nil
---@param level? integer
---@return {limit: integer, from: string}
function fields.apps(given, level)
  given, level = given or {}, level or 3
  options.check("inbox:apps", given, APPS, level + 1)
  check_number("inbox:apps", given, "limit", 0, level)
  return { limit = given.limit or fields.DEFAULT_APPS, from = given.from or "" }
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

local OPERATED = { run = { ready = true }, cancel = { ready = true, leased = true } }

--- The filter of run or cancel. It must be there: by mistake, all that waits would be cancelled. Nil if it can select
--- none. Other bodies under the id that it names are not meant (see `meant`).
---@param method "run"|"cancel"
---@param filter marketplace.InboxFilter
---@param level? integer as of `checked`
---@return marketplace.InboxFilter|nil
function fields.operated(method, filter, level)
  level = level or 3
  if type(filter) ~= "table" then
    error(("inbox:%s: a filter is expected, not a %s"):format(method, type(filter)), level)
  end
  filter = fields.checked("inbox:" .. method, filter, level + 1)
  if filter.state and not OPERATED[method][filter.state] then return nil end
  local operated = fields.copy(filter, fields.filter)
  operated.newest, operated.limit = filter.newest, filter.limit
  if filter.id and filter.limit ~= 0 then operated.limit = nil end
  if method == "run" then operated.state = "ready" end
  return operated
end

--- Those of a list that a filter of `operated` means: the one that it names, if it names one.
---@param found table[]|string[] entries or ids
---@param filter marketplace.InboxFilter
---@return table[]|string[]
function fields.meant(found, filter)
  if not filter.id then return found end
  for _, one in ipairs(found) do
    if (type(one) == "table" and one.id or one) == filter.id then return { one } end
  end
  return {}
end

--- Whether an operator can have an entry run again that `replayed` selects.
---@param entry table with its body, if it is kept
---@return boolean
function fields.can_replay(entry)
  if entry.state == "done" then return entry.body and true or false end
  return entry.state == "dead" and REPLAYED_CODES[entry.code] == true
end

return fields
