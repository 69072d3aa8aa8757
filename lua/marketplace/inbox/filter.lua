--- What an inbox's list does in Lua, where no database does it: which entries match, in what order, how many.
local fields = require "marketplace.inbox.fields"

local filter = {}

local TESTS = {
  key = function(entry, key) return entry.key == key or entry.identity == key end,
  received_before = function(entry, time) return entry.received_at < time end,
  received_since = function(entry, time) return entry.received_at >= time end,
}

--- Whether an entry is one of those that a filter of the contract asks for.
---@param entry table
---@param wanted table
---@return boolean
function filter.matches(entry, wanted)
  for name, value in pairs(wanted) do
    if TESTS[name] then
      if not TESTS[name](entry, value) then return false end
    elseif fields.kind[name] and entry[name] ~= value then
      return false
    end
  end
  return true
end

local function oldest_first(a, b)
  if a.received_at ~= b.received_at then return a.received_at < b.received_at end
  return a.identity < b.identity
end

--- Puts entries in order, the oldest first, and drops those over the limit.
---@param entries table[] changed
---@param limit integer|nil
---@return table[] entries
function filter.arrange(entries, limit)
  table.sort(entries, oldest_first)
  for i = #entries, (limit or #entries) + 1, -1 do entries[i] = nil end
  return entries
end

return filter
