--- Connections that nginx keeps in a pool: each use takes one of its own, and gives it back. This replaces
--- marketplace.inbox.reconnecting, which keeps one connection for all.
local reconnecting = require "marketplace.inbox.reconnecting"

local pool = {}

local Pool = {}
Pool.__index = Pool

--- What work(link) returns, or nil and a message if it failed.
---@param work fun(link: table): any not nil
---@return any|nil
---@return string? message
function Pool:use(work)
  local link
  local ok, result = pcall(function()
    link = self.connect()
    return work(link)
  end)
  if link then
    if ok then link:release() else link:close() end
  end
  return reconnecting.outcome(self.name, ok, result)
end

--- The pool is nginx's, and ends with the worker.
function Pool.close() end

--- A pool.
---@param given {name: string, connect: (fun(): table), pause: number} name: for messages; connect: returns a
--- connection with release() and close(), and raises as marketplace.inbox.reconnecting; pause: seconds
--- after a failed connect in which none is tried
function pool.new(given)
  return setmetatable({ name = given.name, connect = reconnecting.patient(given.connect, given.pause) }, Pool)
end

return pool
