--- A connection to a Redis server. What fails raises as in marketplace.reconnecting, and names the server; after
--- that the connection must be closed.
---
--- It is on a session, of marketplace.redis or of marketplace.nginx.redis, with `limit(seconds)`, `send(words)`,
--- `receive()`, `is_alive()` and `close()`: see csrc/lua/redis.c.
local core = require "marketplace.core"
local fail = require("marketplace.reconnecting").fail
local text = require "marketplace.text"

local connection = {}

local Connection = {}
Connection.__index = Connection

local function shown(place)
  if place.path then return place.path end
  local host = place.host or "127.0.0.1"
  local form = host:find(":", 1, true) and "[%s]:%d" or "%s:%d"
  return form:format(host, place.port or 6379)
end

-- A limit that ran out is told as it was set, not as what was left of it.
local function words_of(self, message, code)
  if code ~= "timeout" then return message end
  return ("no answer within %s s"):format((("%.6g"):format(self.timeout):gsub(",", ".")))
end

--- Raises, with a message that names the server.
---@param message string
---@param code? string see marketplace.reconnecting
function Connection:fail(message, code)
  fail(("%s: %s"):format(self.name, message), code)
end

--- Raises with what the server said. `is_sound`: that is no reason to take other connections to it for useless, too.
---@param refusal string
function Connection:refuse(refusal)
  -- said by one that is no primary any more, or ceases to be one
  self.is_sound = not (refusal:find "^READONLY" or refusal:find "^UNBLOCKED")
  self:fail(refusal)
end

--- Limits what comes next.
---@param deadline number by marketplace.core's monotonic clock
function Connection:limit(deadline)
  self.deadline = deadline
  self.session:limit(math.max(0, deadline - core.monotonic()))
end

--- Sends a command, of strings.
---@param words string[]
function Connection:send(words)
  local ok, message, code = self.session:send(words)
  if not ok then self:fail(words_of(self, message, code), code) end
end

--- The answer to the first command that has none yet: a string, an integer, a list, or nil for nothing.
---@return any
---@return string? refusal why the server refused it, in its words; the connection can be used all the same
function Connection:receive()
  local reply, message, code = self.session:receive()
  if message and code ~= "redis_error" then self:fail(words_of(self, message, code), code) end
  return reply, message
end

--- Sends a command, and returns what `receive` does.
---@param words string[]
---@return any
---@return string? refusal
function Connection:try(words)
  self:send(words)
  return self:receive()
end

--- Sends a command that the server must not refuse.
---@param words string[]
---@return any
function Connection:command(words)
  local reply, refusal = self:try(words)
  if refusal then self:refuse(refusal) end
  return reply
end

--- Whether the server is not known to have closed it.
---@return boolean
function Connection:is_alive() return self.session:is_alive() end

--- Gives it back to nginx's pool.
function Connection:release() self.session:release() end

function Connection:close() self.session:close() end

connection.try = Connection.try

--- Connects.
---@param place table as of marketplace.inbox.url
---@param engine {connect: fun(place: table): table} marketplace.redis or marketplace.nginx.redis
---@param deadline number by marketplace.core's monotonic clock
---@param timeout number seconds that a call may take, for messages
---@return table connection
function connection.open(place, engine, deadline, timeout)
  local self = setmetatable({
    name = "Redis at " .. text.safe(shown(place)), timeout = timeout, is_sound = false,
  }, Connection)
  local message, code
  self.session, message, code = engine.connect {
    host = place.host, port = place.port, path = place.path, tls = place.tls, ca = place.ca, cert = place.cert,
    key = place.key, user = place.user, db = place.db, seconds = math.max(0, deadline - core.monotonic()),
  }
  if not self.session then fail(("cannot connect to %s: %s"):format(self.name, words_of(self, message, code)), code) end
  self:limit(deadline)
  return self
end

return connection
