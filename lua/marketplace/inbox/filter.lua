--- What an inbox's list does in Lua, where no database does it: which entries match, in what order, how many.
local filter = {}

--- Whether an entry is one of those that a filter of the contract asks for.
---@param entry table
---@param wanted table
---@return boolean
function filter.matches(entry, wanted)
  return (not wanted.key or entry.key == wanted.key or entry.identity == wanted.key)
    and (not wanted.state or entry.state == wanted.state)
    and (not wanted.app_id or entry.app_id == wanted.app_id)
    and (not wanted.type or entry.type == wanted.type)
    and (not wanted.event or entry.event == wanted.event)
    and (not wanted.verified_by or entry.verified_by == wanted.verified_by)
    and (not wanted.received_before or entry.received_at < wanted.received_before)
    and (not wanted.received_since or entry.received_at >= wanted.received_since)
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
