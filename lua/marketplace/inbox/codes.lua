--- The codes of dead entries: marketplace.inbox says what each means.
local codes = {}

--- All of them, in the order in which they are shown.
codes.ALL = { "failed", "cancelled", "invalid", "too_old", "no_callback" }

--- Those that another delivery makes ready again.
codes.REARMED = { "failed", "no_callback" }

--- Those that an operator can make ready again: all but what no callback could be given.
codes.REPLAYED = { "failed", "cancelled", "too_old", "no_callback" }

--- A list of codes as a set.
---@param list string[]
---@return table<string, true>
function codes.set(list)
  local set = {}
  for _, code in ipairs(list) do set[code] = true end
  return set
end

--- Counts by code, all 0 at first.
---@return table<string, integer>
function codes.counts()
  local counts = {}
  for _, code in ipairs(codes.ALL) do counts[code] = 0 end
  return counts
end

return codes
