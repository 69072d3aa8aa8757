--- A SQL database that is connected when it is first needed and again after every failure.
local connection = require "marketplace.inbox.connection"

local database = {}

local Database = {}
Database.__index = Database

local function disconnect(self)
  if self.link then self.link:close() end
  self.link = nil
end

local function link_of(self)
  if self.link and not self.is_current() then disconnect(self) end
  if not self.link then self.link = self.connect() end
  return self.link
end

-- A failure closes the connection, which also ends what was begun on it.
local function guarded(self, work)
  local result, message = connection.attempt(work)
  if result == nil then
    disconnect(self)
    return nil, self.name .. ": " .. tostring(message)
  end
  return result
end

--- Runs work(run) in a transaction.
---@param work fun(run: function): any not nil
---@return any|nil
---@return string? message
function Database:transaction(work)
  return guarded(self, function()
    local link = link_of(self)
    link:run(self.begin)
    local ok, result = pcall(work, function(...) return link:run(...) end)
    if not ok then
      disconnect(self)
      error(result, 0)
    end
    link:run "COMMIT"
    return result
  end)
end

--- Runs work(run) where nothing is written.
function Database:reading(work)
  return guarded(self, function()
    local link = link_of(self)
    return work(function(...) return link:run(...) end)
  end)
end

function Database:close()
  disconnect(self)
end

--- Connects for the first time, to see that it works.
function Database:open()
  return guarded(self, function() return link_of(self) ~= nil end)
end

--- A database.
---@param given table
--- name: for messages; connect: function giving a connection, its schema in place; begin: the statement that begins a
--- transaction that writes; is_current: function, whether the connection still leads to what it was made for;
--- number, lock_lanes, lock_lanes_of, skip_locked, offset: see marketplace.inbox.sql
function database.new(given)
  return setmetatable(given, Database)
end

--- Brings a schema up to date: runs the steps that are missing.
---@param run function
---@param steps string[][] the statements of each version, from 1
---@param version integer the one that is there
---@return integer version that is there now
function database.migrate(run, steps, version)
  if version > #steps then
    connection.fail(("its schema has version %d, and this program knows %d: a newer one made it"):format(
      version, #steps))
  end
  for step = version + 1, #steps do
    for _, statement in ipairs(steps[step]) do run(statement) end
  end
  return #steps
end

return database
