--- The fields of the contract (marketplace.inbox), each in one line. What the inboxes read and write, and what the
--- commands show, is derived from here: a new field needs only a line below and a new version of the SQL schema.
---
--- Kinds: "text", "string", which may be empty as well as absent, "bytes", which need not be text, "integer", "flag";
--- "time", Apple's, "clock", by the clock that times the leases; "token", which each inbox makes as it likes.
---
--- Groups: `record`, what put takes; `item`, what finish takes; `claimed`, what claim returns; `summary`, what list
--- returns; `entry`, what get returns; `later`, what later returns; `filter`, what a filter can name.
local FIELDS = {
  { "identity", "text", "item claimed summary entry" }, -- first: in Redis it is part of the key
  { "key", "text", "record claimed summary entry later filter" },
  { "token", "token", "item claimed" },
  { "state", "text", "item summary entry filter" },
  { "type", "text", "record claimed summary entry filter" },
  { "event", "text", "record claimed summary entry later filter" },
  { "app_id", "text", "record claimed summary entry filter" },
  { "time", "time", "record summary entry later" },
  { "received_at", "clock", "claimed summary entry" },
  { "received_before", "clock", "filter" },
  { "received_since", "clock", "filter" },
  { "at", "clock", "item summary entry" },
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
  key = function(entry, key) return entry.key == key or entry.identity == key end,
  received_before = function(entry, time) return entry.received_at < time end,
  received_since = function(entry, time) return entry.received_at >= time end,
}

--- Whether a filter selects an entry.
---@param entry table
---@param filter table
---@return boolean
function fields.matches(entry, filter)
  for _, name in ipairs(fields.filter) do
    local wanted, test = filter[name], TESTS[name]
    if wanted and not (test and test(entry, wanted) or not test and entry[name] == wanted) then return false end
  end
  return true
end

local FILTER_TYPES = { limit = "number" }
for _, name in ipairs(fields.filter) do
  FILTER_TYPES[name] = fields.kind[name] == "clock" and "number" or "string"
end

--- The filter, or one that selects everything. Raises, and blames the caller of the inbox's method, if it names
--- something that is not known, as that would select everything, too.
---@param where string the method
---@param filter table|nil
---@return table
function fields.checked(where, filter)
  for name, value in pairs(filter or {}) do
    local expected = FILTER_TYPES[name]
    if not expected then
      error(("%s: unknown filter '%s'; known: %s, limit"):format(where, tostring(name),
        table.concat(fields.filter, ", ")), 3)
    end
    if type(value) ~= expected then
      error(("%s: filter '%s' must be a %s, not a %s"):format(where, name, expected, type(value)), 3)
    end
  end
  return filter or {}
end

--- A filter that selects only the dead entries of another; nil if the other selects none.
---@param filter table
---@return table|nil
function fields.dead(filter)
  if filter.state and filter.state ~= "dead" then return nil end
  local dead = fields.copy(filter, fields.filter)
  dead.state, dead.limit = "dead", filter.limit
  return dead
end

return fields
