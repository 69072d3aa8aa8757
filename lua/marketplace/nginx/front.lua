--- An inbox in front of another: its `put` is its own, all else the other's. `marketplace.inbox` has the contract.
local front = {}

--- The contract's methods, but for close.
front.METHODS = {
  "put", "claim", "finish", "extend", "counts", "backlog", "next_at", "later", "list", "get", "replay", "prune",
}

---@param inbox table
---@param put fun(records: table[], now: number): table|nil, string?, string?
---@return table inbox
function front.new(inbox, put)
  local made = { durable = inbox.durable, place = inbox.place }
  for _, method in ipairs(front.METHODS) do
    made[method] = function(_, ...) return inbox[method](inbox, ...) end
  end
  function made.put(_, records, now) return put(records, now) end
  function made.close() return inbox:close() end
  return made
end

return front
