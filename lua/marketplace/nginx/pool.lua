--- Connections of which nginx keeps a pool: each use takes one that nobody else has, and gives it back. In place of
--- marketplace.inbox.reconnecting, which keeps one for all.
local reconnecting = require "marketplace.inbox.reconnecting"

local connections = {}

local Connections = {}
Connections.__index = Connections

--- What work(link) returns, or nil and a message where it failed.
---@param work fun(link: table): any not nil
---@return any|nil
---@return string? message
function Connections:use(work)
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
function Connections.close() end

--- Connections.
---@param given {name: string, connect: (fun(): table), pause: number} name: for messages; connect: gives a connection
--- with release() and close(), and raises as marketplace.inbox.reconnecting; pause: seconds after a failed connect in
--- which none is tried
function connections.new(given)
  return setmetatable({ name = given.name, connect = reconnecting.patient(given.connect, given.pause) }, Connections)
end

return connections
