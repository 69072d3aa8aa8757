--- The states of notifications, as commands list them.
local states = {}

states.ALL = { "ready", "leased", "done", "dead" }

--- How many have which state, in a line.
---@param counts table<string, integer>
---@return string
function states.listed(counts)
  local words = {}
  for i, state in ipairs(states.ALL) do words[i] = ("%d %s"):format(counts[state], state) end
  return table.concat(words, ", ")
end

return states
