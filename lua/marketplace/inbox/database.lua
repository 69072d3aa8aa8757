--- A SQL database: transactions on a connection that is made again when it fails, and a schema with versions.
local reconnecting = require "marketplace.inbox.reconnecting"

local database = {}

local Database = {}
Database.__index = Database

--- Runs work(run) in a transaction.
---@param work fun(run: function): any not nil
---@return any|nil
---@return string? message
function Database:transaction(work)
  return self.connection:use(function(link)
    link:run(self.begin)
    local result = work(function(...) return link:run(...) end)
    link:run "COMMIT"
    return result
  end)
end

--- Runs work(run) where nothing is written.
function Database:reading(work)
  return self.connection:use(function(link)
    return work(function(...) return link:run(...) end)
  end)
end

--- Connects for the first time, to see that it works.
function Database:open()
  return self.connection:use(function() return true end)
end

function Database:close()
  self.connection:close()
end

--- A database.
---@param given table
--- connection: as of marketplace.inbox.reconnecting; its links have run(statement, ...), and their schema in place;
--- begin: the statement that begins a transaction that writes;
--- number, lock_lanes, lock_lanes_of, skip_locked, offset: see marketplace.inbox.sql
function database.new(given)
  return setmetatable(given, Database)
end

--- Brings a schema up to date: runs the steps that are missing.
---@param run function
---@param steps (string|fun(run: function))[][] what makes each version, from 1
---@param version integer the one that is there
---@return integer version that is there now
function database.migrate(run, steps, version)
  if version > #steps then
    reconnecting.fail(("its schema has version %d, and this program knows %d: a newer one made it"):format(
      version, #steps))
  end
  for step = version + 1, #steps do
    for _, action in ipairs(steps[step]) do
      if type(action) == "function" then action(run) else run(action) end
    end
  end
  return #steps
end

return database
