--- An inbox in front of another: some methods are its own, the rest is the other's. `marketplace.inbox` has
--- the contract.
local front = {}

--- The contract's methods, but for close.
front.METHODS = {
  "put", "claim", "finish", "extend", "counts", "backlog", "next_at", "later", "list", "get", "replay", "prune",
  "id",
}

---@param inbox table
---@param own table<string, function> its own methods
---@return table inbox
function front.new(inbox, own)
  local made = { durable = inbox.durable, place = inbox.place }
  for _, method in ipairs(front.METHODS) do
    made[method] = function(_, ...) return inbox[method](inbox, ...) end
  end
  for method, call in pairs(own) do made[method] = call end
  function made.close() return inbox:close() end
  return made
end

return front
