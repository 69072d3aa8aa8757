--- The transactions of an object that keeps rows in a SQLite file: a mixin.
---
--- The object has `connection` (marketplace.reconnecting), `timeout` (seconds of a call), `clock`, `closed`, a method
--- `unavailable(message)`, which returns nil, the message and a code, and perhaps a function `after_commit`.
local transactions = {}

local methods = {}
transactions.methods = methods

local function use(self, work)
  if self.closed then return self:unavailable "it is closed" end
  local result, message = self.connection:use(function(link)
    link:limit(self.timeout)
    return work(link)
  end)
  if result == nil then return self:unavailable(message) end
  return result
end

--- Runs work(link), which writes nothing, and reads one state: what others write meanwhile it does not see.
---@param work fun(link: table): any not nil
function methods:read(work)
  return use(self, function(link)
    link:run "BEGIN"
    local result = work(link)
    link:run "COMMIT"
    return result
  end)
end

--- Runs work(link, now) in a transaction that writes: rolled back if it raises.
---@param work fun(link: table, now: number): any not nil
function methods:transact(work)
  return use(self, function(link)
    link:begin()
    local result = work(link, self.clock())
    link:commit()
    if self.after_commit then self.after_commit() end
    return result
  end)
end

return transactions
