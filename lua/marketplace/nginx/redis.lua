--- Connections to a Redis server over nginx's cosockets, which wait without blocking, and the pool that nginx keeps
--- them in. The bytes are hiredis's, as outside nginx.
local core = require "marketplace.core"
local reconnecting = require "marketplace.reconnecting"

local redis = {}

--[[ A session, as those of marketplace.redis ]]

local POOL_SIZE = 32        -- connections that a worker keeps
local IDLE_SECONDS = 60     -- for which it keeps an idle one
local CHUNK = 65536         -- bytes received at once

local Session = {}
Session.__index = Session

--- The deadline, from now, of all that follows.
---@param seconds number
function Session:limit(seconds)
  self.deadline = core.monotonic() + seconds
end

-- What the socket waits for next has only what is left of the time; to nginx, 0 would mean its own default.
local function limit_socket(self)
  local left = math.ceil((self.deadline - core.monotonic()) * 1000)
  if left <= 0 then return nil, "timeout" end
  self.socket:settimeouts(left, left, left)
  return true
end

-- nginx reads no /etc/hosts and no /etc/resolv.conf, and no system's store of certificates. Of the errors of OpenSSL's
-- that are verdicts on a certificate it tells the numbers.
local UNTRUSTED = "write lua_ssl_trusted_certificate FILE; in nginx's http"
local HINTS = {
  ["no resolver"] = "name the server by its address, or write resolver ADDRESS; resolver_timeout 5s; in nginx's http",
  ["18: "] = UNTRUSTED, ["19: "] = UNTRUSTED, ["20: "] = UNTRUSTED,
  ["22: "] = "write lua_ssl_verify_depth 3; in nginx's http",
}

local function failure(problem)
  if problem == "timeout" then return nil, "timeout", "timeout" end
  if problem == "closed" then return nil, "the server closed the connection", "connect_failed" end
  for part, hint in pairs(HINTS) do
    if problem:find(part, 1, true) then problem = problem .. ": " .. hint end
  end
  return nil, problem, "connect_failed"
end

--- Sends a command.
---@param words string[]
---@return true|nil
---@return string? message
---@return string? code
function Session:send(words)
  local ok, problem = limit_socket(self)
  if ok then ok, problem = self.socket:send(self.format(words)) end
  if not ok then return failure(problem) end
  return true
end

--- The answer to the first command that has none yet, as marketplace.redis gives it.
---@return any
---@return string? message
---@return string? code
function Session:receive()
  local ready, reply, message, code = self.reader:next()
  while ready == false do
    local ok, problem = limit_socket(self)
    local bytes
    if ok then bytes, problem = self.socket:receiveany(CHUNK) end
    if not bytes then return failure(problem) end
    ok, message, code = self.reader:feed(bytes)
    if not ok then return nil, message, code end
    ready, reply, message, code = self.reader:next()
  end
  if ready == nil then return nil, reply, message end
  return reply, message, code
end

--- Gives it back to nginx's pool, which drops those that the server closes.
function Session:release()
  -- bytes that nothing asked for must not be taken for the reply to the next command
  if not self.reader:is_empty() then return self:close() end
  self.socket:setkeepalive(IDLE_SECONDS * 1000, POOL_SIZE)
end

function Session:close()
  self.socket:close()
end

--[[ Connecting ]]

local function address(given)
  if given.path then return "unix:" .. given.path, nil end
  local host = given.host or "127.0.0.1"
  return host:find(":", 1, true) and "[" .. host .. "]" or host, given.port or 6379
end

-- Connections of different users or databases must not be mixed up, nor those from before a failure with those after
-- it: they may lead to a server that was the primary until then.
local function pool_name(given, generation)
  local words = {}
  for _, name in ipairs { "host", "port", "path", "user", "db" } do
    words[#words + 1] = name .. "=" .. (given[name] or "")
  end
  return ("marketplace redis %s tls=%s %d"):format(table.concat(words, " "), tostring(given.tls), generation)
end

local function connect_socket(self, given, generation)
  local ok, problem = limit_socket(self)
  if not ok then return nil, problem end
  local host, port = address(given)
  local pool = { pool = pool_name(given, generation) }
  if port then return self.socket:connect(host, port, pool) end
  return self.socket:connect(host, pool)
end

local function shake_hands(self, given)
  local ok, problem = limit_socket(self)
  if ok then ok, problem = self.socket:sslhandshake(false, given.host or "127.0.0.1", true) end
  if not ok then return nil, problem end
  -- if the server answers so fast that nginx need not wait, it closes the socket of one that it does not trust, logs
  -- why, and reports success
  if not self.socket:getreusedtimes() then return nil, "certificate verify failed: nginx's error log has the reason" end
  return true
end

-- A connection from nginx's pool, or a new one; `is_used` says which.
local function connect(given, generation)
  local found, module = pcall(require, "marketplace.redis")
  if not found then return nil, "marketplace.redis is not installed: luarocks install lua-marketplace-redis" end
  local reader, message, code = module.reader()
  if not reader then return nil, message, code end
  local self = setmetatable({ socket = ngx.socket.tcp(), reader = reader, format = module.format }, Session)
  self:limit(given.seconds)
  local ok, problem = connect_socket(self, given, generation)
  if not ok then return failure(problem) end
  self.is_used, self.generation = self.socket:getreusedtimes() > 0, generation
  if given.tls and not self.is_used then
    ok, problem = shake_hands(self, given)
    if not ok then
      self:close()
      return failure(problem)
    end
  end
  return self
end

--[[ The pool ]]

local Pool = {}
Pool.__index = Pool

--- What work(link) returns, or nil and a message if it failed.
---@param work fun(link: table): any not nil
---@param ... any for `connect`
---@return any|nil
---@return string? message
function Pool:use(work, ...)
  local started, refusal, link = core.monotonic(), self.refusals:current(), nil
  if refusal then return reconnecting.outcome(false, refusal) end
  local function attempt(...)
    link = self.connect(...)
    return work(link)
  end
  local ok, result = pcall(attempt, ...)
  if ok then
    link:release()
  else
    if link then
      link:close()
      if not link.is_sound then self.on_lost(link.session.generation) end
    end
    self.refusals:note(result, started)
  end
  return reconnecting.outcome(ok, result)
end

--- The pool is nginx's, and ends with the worker.
function Pool.close() end

--- What marketplace.inbox.redis takes in place of marketplace.redis. `connect(place)` makes sessions, with `release`
--- beside what marketplace.redis's have, and `is_used` if nginx had them in its pool. `pool(settings)` takes the place
--- of marketplace.reconnecting's new: each use takes a connection of its own, and gives it back.
---@return {connect: (fun(place: table): table|nil, string?, string?), pool: (fun(settings: table): table)}
function redis.engine()
  local generation = 1
  return {
    connect = function(place) return connect(place, generation) end,
    pool = function(given)
      return setmetatable({
        connect = reconnecting.patient(given.connect, given.pause), refusals = reconnecting.refusals(),
        on_lost = function(lost) generation = math.max(generation, lost + 1) end,
      }, Pool)
    end,
  }
end

return redis
