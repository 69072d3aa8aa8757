--- The inbox in a PostgreSQL database, schema "marketplace": for receivers and workers on several machines.
--- `marketplace.inbox` has the contract; its methods are in marketplace.inbox.postgres.put, leases, queries, operators.
local connect_to = require "marketplace.inbox.postgres.connect"
local core = require "marketplace.core"
local leases = require "marketplace.inbox.postgres.leases"
local operators = require "marketplace.inbox.postgres.operators"
local put = require "marketplace.inbox.postgres.put"
local queries = require "marketplace.inbox.postgres.queries"
local reconnecting = require "marketplace.reconnecting"
local schema = require "marketplace.inbox.postgres.schema"
local server = require "marketplace.inbox.postgres.server"
local warn_once = require "marketplace.inbox.warn_once"

local postgres = {}

local PAUSE_SECONDS = 0.5 -- after a failed attempt to connect

local TIMEOUT_SECONDS = 3 -- of a call; after that, Apple should try again

local Inbox = { durable = true }
Inbox.__index = Inbox

for _, methods in ipairs { put.methods, leases.methods, queries.methods, operators.methods } do
  for name, method in pairs(methods) do Inbox[name] = method end
end

local function unavailable(message)
  return nil, message, "inbox_unavailable"
end

--- Runs work(link), in no transaction. What it does, and to connect first if need be, has the inbox's timeout.
---@param work fun(link: table): any not nil
function Inbox:read(work)
  if self.closed then return unavailable "the inbox is closed" end
  local deadline = core.monotonic() + self.timeout
  local result, message = self.connection:use(function(link)
    link:limit(deadline)
    return work(link)
  end, deadline)
  if result == nil then return unavailable(message) end
  return result
end

local SERVER_TIME = "SELECT extract(epoch FROM clock_timestamp())::float8 AS now"

--- The time by the inbox's clock.
---@param link table
---@return number
function Inbox:now(link)
  return self.clock and self.clock() or link:run(SERVER_TIME)[1].now
end

--- Runs work(link, now) in a transaction: rolled back if it raises.
---@param work fun(link: table, now: number): any not nil
function Inbox:transact(work)
  return self:read(function(link)
    link:begin()
    local result = work(link, self:now(link))
    link:commit()
    return result
  end)
end

--- Runs work(link, now) in one transaction after the other for as long as it returns true; others can write in between.
---@param work fun(link: table, now: number): boolean
---@return true|nil
---@return string? message
---@return string? code inbox_unavailable
function Inbox:transact_in_slices(work)
  local has_more, message, code
  repeat has_more, message, code = self:transact(work) until not has_more
  return has_more ~= nil or nil, message, code
end

function Inbox:close()
  if not self.closed then self.connection:close() end
  self.closed = true
end

-- A link that an inbox can be on, of the first server that has one.
local function connect(self, deadline)
  return connect_to(self.parameters, deadline, function(link)
    server.check(link, self.needed, self.warn_once)
    self.session = server.end_former(link, self.session)
    server.configure(link, self.timeout)
    schema.prepare(link)
  end)
end

--- Opens the inbox in a database; makes its schema if there is none. Connects, to check that it works.
---@param place {parameters: table<string, string>, timeout?: number, durability?: string, replicas?: integer}
--- `parameters`: libpq's words; a password is better kept in PGPASSFILE
---@param settings? marketplace.InboxOptions
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function postgres.open(place, settings)
  settings = settings or {}
  local self = setmetatable({
    closed = false, clock = settings.clock, timeout = settings.timeout or place.timeout or TIMEOUT_SECONDS,
    needed = {
      is_relaxed = (settings.durability or place.durability) == "relaxed", replicas = place.replicas,
    },
    parameters = place.parameters, warn_once = warn_once(settings.warn),
  }, Inbox)
  -- a server that was restarted meanwhile, or that ends idle sessions, costs nothing that way
  self.connection = reconnecting.new {
    pause = PAUSE_SECONDS, connect = function(deadline) return connect(self, deadline) end,
    is_current = function(link) return link:is_alive() end,
  }
  if settings.lazy then return self end
  local ok, message, code = self:read(function() return true end)
  if not ok then return nil, message, code end
  return self
end

return postgres
