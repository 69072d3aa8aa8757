--- Connections to a Redis server over nginx's cosockets, which wait without blocking, and the pool that nginx keeps
--- them in. The bytes are hiredis's, as outside nginx.
local reconnecting = require "marketplace.inbox.reconnecting"

local fail = reconnecting.fail

local redis = {}

--[[ A connection ]]

local CONNECT_SECONDS = 5
local COMMAND_SECONDS = 10
local POOL_SIZE = 32        -- connections that a worker keeps
local IDLE_SECONDS = 60     -- for which it keeps an idle one
local CHUNK = 65536         -- bytes received at once

local Link = {}
Link.__index = Link

local function receive(self)
  local ready, reply, message, code = self.reader:next()
  while ready == false do
    local bytes, problem = self.socket:receiveany(CHUNK)
    if not bytes then fail(problem == "closed" and "the server closed the connection" or problem) end
    local taken
    taken, message = self.reader:feed(bytes)
    if not taken then fail(message) end
    ready, reply, message, code = self.reader:next()
  end
  if ready == nil then fail(reply) end
  return reply, message, code
end

--- Sends a command and waits for its answer. Raises, as marketplace.inbox.reconnecting, if none came: it is
--- not known then whether the command ran.
---@param words string[]
---@return any reply as marketplace.redis returns it
---@return string? message an error of the server's
---@return string? code
function Link:command(words)
  local sent, problem = self.socket:send(self.format(words))
  if not sent then fail(problem) end
  return receive(self)
end

--- Gives it back to nginx's pool.
function Link:release()
  -- bytes that nothing asked for must not be taken for the reply to the next command
  if not self.reader:is_empty() then return self:close() end
  self.socket:setkeepalive(IDLE_SECONDS * 1000, POOL_SIZE)
end

function Link:close()
  self.socket:close()
end

local function protocol()
  local found, module = pcall(require, "marketplace.redis")
  if not found then fail "marketplace.redis is not installed: luarocks install lua-marketplace-redis" end
  return module
end

local function address(given)
  if given.path then return "unix:" .. given.path, nil end
  local host = given.host or "127.0.0.1"
  return host:find(":", 1, true) and "[" .. host .. "]" or host, given.port or 6379
end

-- Connections of different users or databases must not be mixed up.
local function pool_name(given)
  local words = {}
  for _, name in ipairs { "host", "port", "path", "user", "db" } do
    words[#words + 1] = name .. "=" .. (given[name] or "")
  end
  return "marketplace redis " .. table.concat(words, " ")
end

local function connect_to(socket, given)
  local host, port = address(given)
  local pool = { pool = pool_name(given) }
  if port then return socket:connect(host, port, pool) end
  return socket:connect(host, pool)
end

-- nginx reads no /etc/hosts and no /etc/resolv.conf.
local function explain(problem)
  if not problem:find("no resolver", 1, true) then return problem end
  return problem .. ": name the server by its address, or write resolver ADDRESS; resolver_timeout 5s; in nginx's http"
end

--- A connection from nginx's pool, or a new one; `reused` says which.
---@param given {host?: string, port?: integer, path?: string, user?: string, db?: integer, timeout?: number}
---@return table link
function redis.connect(given)
  local module = protocol()
  local reader, message = module.reader()
  if not reader then fail(message) end
  local socket = ngx.socket.tcp()
  local wait = (given.timeout or COMMAND_SECONDS) * 1000
  socket:settimeouts(CONNECT_SECONDS * 1000, wait, wait)
  local connected, problem = connect_to(socket, given)
  if not connected then fail(explain(problem)) end
  return setmetatable({
    socket = socket, reader = reader, format = module.format, reused = socket:getreusedtimes() > 0,
  }, Link)
end

--[[ The pool ]]

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

--- A pool: each use takes a connection of its own, and gives it back. This replaces marketplace.inbox.reconnecting,
--- which keeps one connection for all.
---@param given {name: string, connect: (fun(): table), pause: number} name: for messages; connect: returns a
--- connection with release() and close(), and raises as marketplace.inbox.reconnecting; pause: seconds
--- after a failed connect in which none is tried
function redis.pool(given)
  return setmetatable({ name = given.name, connect = reconnecting.patient(given.connect, given.pause) }, Pool)
end

return redis
