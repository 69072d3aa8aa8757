--- What the inboxes in a SQL database share: the contract of marketplace.inbox in statements that SQLite and PostgreSQL
--- both understand. marketplace.inbox.postgres.schema has the tables; the methods are in ....postgres.put, leases,
--- queries, operators.
---
--- A database (marketplace.inbox.sqlite, marketplace.inbox.postgres) has
---   database.connection           -> as of marketplace.inbox.reconnecting; its links have run(statement, ...), which
---                                    returns a list of rows, each a list of columns, and their tables are in place
---   database.begin                -> the statement that begins a transaction that writes
---   database.now(run)             -> the time by the inbox's clock
---   database.number(n)            -> a number as a parameter, without loss of precision
---   database.lock_lanes(run, lanes), database.lock_lanes_of(run, items)
---                                 -> keeps others from these lanes until the transaction ends
---   database.skip_locked          -> ends a SELECT that must skip what others have locked
---   database.let_others(seconds)  -> lets those write that had to wait for a transaction that took so long
local core = require "marketplace.core"
local leases = require "marketplace.inbox.postgres.leases"
local operators = require "marketplace.inbox.postgres.operators"
local put = require "marketplace.inbox.postgres.put"
local queries = require "marketplace.inbox.postgres.queries"

local sql = {}

local Inbox = { durable = true }
Inbox.__index = Inbox

for _, methods in ipairs { put.methods, leases.methods, queries.methods, operators.methods } do
  for name, method in pairs(methods) do Inbox[name] = method end
end

local function unavailable(message)
  return nil, message, "inbox_unavailable"
end

--- Runs work(run, now) in a transaction that writes: rolled back if it raises. The time is read once the transaction
--- has begun, which may have to wait for others.
---@param work fun(run: function, now: number): any not nil
function Inbox:transact(work)
  if self.closed then return unavailable "the inbox is closed" end
  local result, message = self.database.connection:use(function(link)
    local function run(...) return link:run(...) end
    run(self.database.begin)
    local result = work(run, self.database.now(run))
    run "COMMIT"
    return result
  end)
  if result == nil then return unavailable(message) end
  return result
end

--- Runs work(run, now) in one transaction after the other for as long as it returns true; others can write in between.
---@param work fun(run: function, now: number): boolean
---@return true|nil
---@return string? message
---@return string? code inbox_unavailable
function Inbox:transact_in_slices(work)
  while true do
    local started = core.monotonic()
    local has_more, message, code = self:transact(work)
    if not has_more then return has_more ~= nil or nil, message, code end
    self.database.let_others(core.monotonic() - started)
  end
end

--- Runs work(run), which writes nothing.
---@param work fun(run: function): any not nil
function Inbox:read(work)
  if self.closed then return unavailable "the inbox is closed" end
  local result, message = self.database.connection:use(function(link)
    return work(function(...) return link:run(...) end)
  end)
  if result == nil then return unavailable(message) end
  return result
end

function Inbox:close()
  if not self.closed then self.database.connection:close() end
  self.closed = true
end

--- Opens the inbox in a database; connects, to check that it works.
---@param database table
---@return table|nil inbox
---@return string? message
---@return string? code inbox_unavailable
function sql.open(database)
  local ok, message = database.connection:use(function() return true end)
  if not ok then return unavailable(message) end
  return setmetatable({
    database = database, closed = false, lease_statements = leases.statements(database),
    forget_statements = operators.statements(database),
  }, Inbox)
end

return sql
