--- The inbox in a Redis server: for receivers and workers on several machines. `marketplace.inbox` has the contract;
--- its methods are in marketplace.inbox.redis.leases, queries, operators.
---
--- Each call is one script on the server, or several if it is about many entries: the server does nothing else while a
--- script runs. All times are by the server's clock.
local confirmation = require "marketplace.inbox.redis.confirmation"
local connection = require "marketplace.inbox.redis.connection"
local core = require "marketplace.core"
local leases = require "marketplace.inbox.redis.leases"
local number = require("marketplace.text").number
local operators = require "marketplace.inbox.redis.operators"
local options = require "marketplace.options"
local queries = require "marketplace.inbox.redis.queries"
local reconnecting = require "marketplace.reconnecting"
local script = require "marketplace.inbox.redis.script"
local server = require "marketplace.inbox.redis.server"
local warn_once = require "marketplace.inbox.warn_once"

local redis = {}

local Inbox = { durable = true }
Inbox.__index = Inbox

for _, methods in ipairs { leases.methods, queries.methods, operators.methods } do
  for name, method in pairs(methods) do Inbox[name] = method end
end

local SURVEY_SECONDS = 600 -- after which the server is checked again, by a connection that is made anew
local PAUSE_SECONDS = 0.5  -- after a failed attempt to connect
local TIMEOUT_SECONDS = 3  -- of a call; after that, Apple should try again

--[[ Calls ]]

local function unavailable(message)
  return nil, message, "inbox_unavailable"
end

local function call(self, work)
  if self.closed then return unavailable "the inbox is closed" end
  local deadline = core.monotonic() + self.timeout
  local result, message = self.connection:use(function(link)
    link:limit(deadline)
    return work(link)
  end, deadline)
  if result == nil then return unavailable(message) end
  return result
end

local function run(self, name, arguments, try)
  return call(self, function(link)
    local time = self.clock and number(self.clock()) or ""
    return script.run(link, self.hashes, name, self.prefix, time, arguments, try)
  end)
end

--- Runs a script. What it does, and to connect first if need be, has the inbox's timeout.
---@param name string of marketplace.inbox.redis.scripts
---@param arguments? string[]
---@return any
---@return string? message
---@return string? code
function Inbox:run_script(name, arguments)
  return run(self, name, arguments, connection.try)
end

local function confirmed_by(self)
  return { on_disk = self.confirms_on_disk, replicas = self.needed.replicas, key = self.prefix .. "confirmed" }
end

--- Runs a script whose changes replicas must confirm, if the inbox waits for any: what was acknowledged to somebody. If
--- the results of callbacks are lost in a fail-over, they run again, and what was done with is kept longer.
---@param name string
---@param arguments string[]
---@return any
---@return string? message
---@return string? code
function Inbox:store(name, arguments)
  if not self.needed.replicas then return self:run_script(name, arguments) end
  return run(self, name, arguments, function(link, words)
    return confirmation.try(link, words, confirmed_by(self))
  end)
end

--- Runs a script that leases entries, which replicas must confirm if it did: a primary that was cut off from them would
--- go on to run an app's notifications that the next primary begins to run where the replicas had got to.
---@param name string
---@param arguments string[]
---@return table[]|nil rows
---@return string? message
---@return string? code
function Inbox:lease(name, arguments)
  if not self.needed.replicas then return self:run_script(name, arguments) end
  return run(self, name, arguments, function(link, words)
    local rows, refusal = link:try(words)
    if rows and #rows > 0 then confirmation.wait(link, confirmed_by(self)) end
    return rows, refusal
  end)
end

function Inbox:close()
  self.connection:close()
  self.closed = true
end

--[[ Connections ]]

-- marketplace.redis is a module of its own, which need not be installed.
local function own_engine()
  local found, module = pcall(require, "marketplace.redis")
  if not found then
    reconnecting.fail "an inbox in Redis needs marketplace.redis: luarocks install lua-marketplace-redis"
  end
  return module
end

local function authenticate(link, place, password)
  if password and password ~= "" then
    link:command(place.user and { "AUTH", place.user, password } or { "AUTH", password })
  end
  if place.db then link:command { "SELECT", ("%d"):format(place.db) } end
end

-- A connection that was used before has the right user and database already.
local function prepare(self, link)
  local is_used = link.session.is_used
  if is_used and core.monotonic() < self.survey_at then return end
  if not is_used then authenticate(link, self.target, self.password) end
  server.check(link, self.needed, self.prefix, self.warn_once)
  if self.needed.replicas then self.confirms_on_disk = confirmation.is_on_disk(link) end
  self.survey_at = core.monotonic() + SURVEY_SECONDS
end

local function connect(self, deadline)
  local link = connection.open(self.target, self.engine or own_engine(), deadline, self.timeout)
  local ok, problem = pcall(prepare, self, link)
  if ok then return link end
  link:close()
  error(problem, 0)
end

---@class marketplace.RedisInboxOptions
---@field clock? fun(): number seconds since the epoch, default the server's clock
---@field durability? "strict"|"relaxed" relaxed accepts a server that may lose what it stored; default by the URL
---@field lazy? boolean connect with the first call, default false: at once
---@field must_exist? boolean for SQLite; ignored here
---@field timeout? number seconds that a call may take, default by the URL, or else 3
---@field warn? fun(message: string) see marketplace.InboxOptions
---@field engine? table in place of marketplace.redis: marketplace.nginx.redis's, which makes connections when they are
--- needed and keeps them itself
local OPTIONS = {
  clock = "function", durability = "string", lazy = "boolean", must_exist = "boolean", timeout = "number",
  warn = "function", engine = "table",
}

local function new(place, settings)
  return setmetatable({
    target = place, prefix = ("{%s}:"):format(place.prefix or "marketplace"), hashes = {}, clock = settings.clock,
    -- read now: an nginx worker may lack variables that its master has
    password = place.password or os.getenv "REDISCLI_AUTH",
    timeout = settings.timeout or place.timeout or TIMEOUT_SECONDS, engine = settings.engine,
    needed = {
      is_relaxed = (settings.durability or place.durability) == "relaxed", replicas = place.replicas,
    },
    warn_once = warn_once(settings.warn), survey_at = 0, closed = false,
  }, Inbox)
end

--- Opens the inbox in a server.
---@param place {host?: string, port?: integer, path?: string, user?: string, password?: string, db?: integer,
--- prefix?: string, timeout?: number, durability?: string, replicas?: integer, tls?: boolean, ca?: string,
--- cert?: string, key?: string} as of marketplace.inbox.url; a password that is not given here is taken from the
--- environment, REDISCLI_AUTH
---@param settings? marketplace.RedisInboxOptions
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function redis.open(place, settings)
  settings = settings or {}
  options.check("marketplace.inbox.open", settings, OPTIONS)
  local self = new(place, settings)
  local engine = settings.engine
  self.connection = (engine and engine.pool or reconnecting.new) {
    pause = PAUSE_SECONDS,
    is_current = function(link) return core.monotonic() < self.survey_at and link:is_alive() end,
    connect = function(deadline) return connect(self, deadline) end,
  }
  if engine or settings.lazy then return self end
  local ok, message, code = call(self, function() return true end)
  if not ok then return nil, message, code end
  return self
end

return redis
