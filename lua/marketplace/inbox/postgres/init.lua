--- The inbox in a PostgreSQL database, schema "marketplace": for receivers and workers on several machines.
--- `marketplace.inbox` has the contract; its methods are in marketplace.inbox.postgres.put, leases, queries, operators.
local connection = require "marketplace.inbox.postgres.connection"
local leases = require "marketplace.inbox.postgres.leases"
local operators = require "marketplace.inbox.postgres.operators"
local put = require "marketplace.inbox.postgres.put"
local queries = require "marketplace.inbox.postgres.queries"
local reconnecting = require "marketplace.inbox.reconnecting"
local schema = require "marketplace.inbox.postgres.schema"

local fail = reconnecting.fail

local postgres = {}

local PAUSE_SECONDS = 0.5 -- after a failed attempt to connect

-- Whatever the server's default: once it has a lane's lock, a statement must see what the one before committed.
local BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"

local Inbox = { durable = true }
Inbox.__index = Inbox

for _, methods in ipairs { put.methods, leases.methods, queries.methods, operators.methods } do
  for name, method in pairs(methods) do Inbox[name] = method end
end

local function unavailable(message)
  return nil, message, "inbox_unavailable"
end

--- Runs work(run), in no transaction: run(statement, ...) returns a list of rows, each a list of columns.
---@param work fun(run: function): any not nil
function Inbox:read(work)
  if self.closed then return unavailable "the inbox is closed" end
  local result, message = self.connection:use(function(link)
    return work(function(...) return link:run(...) end)
  end)
  if result == nil then return unavailable(message) end
  return result
end

--- Runs work(run, now) in a transaction: rolled back if it raises.
---@param work fun(run: function, now: number): any not nil
function Inbox:transact(work)
  return self:read(function(run)
    run(BEGIN)
    local result = work(run, self.now(run))
    run "COMMIT"
    return result
  end)
end

--- Runs work(run, now) in one transaction after the other for as long as it returns true; others can write in between.
---@param work fun(run: function, now: number): boolean
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

local function configure(link, durability)
  link:run "SET client_min_messages TO warning"
  link:run "SET synchronous_commit TO on"
  link:run "SET statement_timeout TO '10s'"
  -- a process that stands still in a transaction keeps its lanes from all others
  link:run "SET idle_in_transaction_session_timeout TO '5s'"
  if durability ~= "relaxed" and link:run("SHOW fsync")[1][1] ~= "on" then
    fail "the server runs with fsync=off, and what it stores can be lost"
  end
  schema.prepare(link)
  link:run "SET search_path TO marketplace"
end

local function connect(parameters, durability)
  local link = connection.open(parameters)
  local ok, problem = pcall(configure, link, durability)
  if ok then return link end
  link:close()
  error(problem, 0)
end

local function server_time(run)
  return run "SELECT extract(epoch FROM clock_timestamp())::float8"[1][1]
end

--- Opens the inbox in a database; makes its schema if there is none. Connects, to check that it works.
---@param place {parameters: table<string, string>} libpq's words; a password is better kept in PGPASSFILE
---@param settings? marketplace.InboxOptions
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function postgres.open(place, settings)
  local clock, durability = settings and settings.clock, settings and settings.durability
  local self = setmetatable({
    closed = false, now = clock and function() return clock() end or server_time,
    connection = reconnecting.new {
      name = "postgres", pause = PAUSE_SECONDS,
      connect = function() return connect(place.parameters, durability) end,
    },
  }, Inbox)
  if settings and settings.lazy then return self end
  local ok, message, code = self:read(function() return true end)
  if not ok then return nil, message, code end
  return self
end

return postgres
