--- The fields of the contract (marketplace.inbox), each in one line. What the inboxes read and write, and what the
--- commands show, follows from here: for a new field SQL needs a new version of its schema besides, and no more.
---
--- Kinds: "text", "string", which may be empty as well as absent, "bytes", which need not be text, "integer", "flag";
--- "time", Apple's, "clock", by the clock that times the leases; "token", which each inbox makes as it likes.
---
--- Groups: `record`, what put is given; `item`, what finish is given; `claimed`, what claim gives; `summary`, what list
--- gives; `entry`, what get gives; `later`, what later gives; `filter`, what a filter can ask for.
local FIELDS = {
  { "identity", "text", "item claimed summary entry" }, -- first: Redis has it as a key
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

--- The fields of a group, and nothing else that the table has.
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

local TESTS = { -- of filters that ask for no field's value
  key = function(entry, key) return entry.key == key or entry.identity == key end,
  received_before = function(entry, time) return entry.received_at < time end,
  received_since = function(entry, time) return entry.received_at >= time end,
}

--- Whether an entry is one of those that a filter asks for.
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

--- A filter for the dead ones of those that another asks for; nil if it asks for no dead ones.
---@param filter table
---@return table|nil
function fields.dead(filter)
  if filter.state and filter.state ~= "dead" then return nil end
  local dead = fields.copy(filter, fields.filter)
  dead.state, dead.limit = "dead", filter.limit
  return dead
end

return fields
