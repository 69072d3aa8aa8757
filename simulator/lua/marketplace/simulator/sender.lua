--- Sends the simulator's notifications over HTTP, several at a time, without blocking.
local http = require "marketplace.http"

local sender = {}

local Sender = {}
Sender.__index = Sender

--- Starts a request. `poll` calls `done`, unless the request cannot start: then it is called at once.
---@param request table
---@param done fun(response: table|nil, message: string?)
function Sender:send(request, done)
  local exchange, message = http.start {
    method = request.method, url = request.url, headers = request.headers, body = request.body,
    timeout = request.timeout, connect_timeout = request.timeout, ca_file = self.ca_file, plain = true,
  }
  if not exchange then return done(nil, message) end
  self.running[#self.running + 1] = { exchange = exchange, done = done }
end

--- Moves the requests under way forward, and reports those that ended.
---@param seconds number the longest to wait, if there are any
function Sender:poll(seconds)
  if #self.running == 0 then return end
  http.poll(seconds)
  local left, ended = {}, {}
  for _, entry in ipairs(self.running) do
    local list = entry.exchange:done() and ended or left
    list[#list + 1] = entry
  end
  self.running = left
  for _, entry in ipairs(ended) do entry.done(entry.exchange:result()) end
end

--- Whether any requests are under way.
---@return boolean
function Sender:is_busy()
  return #self.running > 0
end

--- Drops all requests that are under way.
function Sender:close()
  for _, entry in ipairs(self.running) do entry.exchange:close() end
  self.running = {}
end

--- Makes a sender.
---@param ca_file? string PEM certificates to trust in place of the system's
---@return table
function sender.new(ca_file)
  return setmetatable({ running = {}, ca_file = ca_file }, Sender)
end

return sender
