--- A connection to a SQL database through LuaDBI, with the statements that were prepared on it.
---
--- What fails raises as in marketplace.inbox.reconnecting; after that the connection must be closed: LuaDBI's
--- statements do not recover from it.
local fail = require("marketplace.inbox.reconnecting").fail

local connection = {}

local Connection = {}
Connection.__index = Connection

-- LuaDBI names its own function that failed, which does not help the reader.
local function told(message)
  return (tostring(message):gsub("^Execute failed ", ""):gsub("^.-Fetch failed ", ""):gsub("^Error [%a ]-: ", "")
    :gsub("^ERROR:%s*", ""):gsub("%s+$", ""):gsub("%s*\n%s*", "; "))
end

local function prepare(self, statement)
  local prepared, message = self.dbi:prepare(statement)
  if not prepared then fail(told(message)) end
  self.statements[statement] = prepared
  return prepared
end

local function fetch_all(prepared)
  local rows = {}
  local row = prepared:fetch()
  while row do
    rows[#rows + 1] = row
    row = prepared:fetch()
  end
  return rows
end

--- Runs a statement; its rows, each a list of columns.
---@param statement string with ? for each parameter
---@return table[]
function Connection:run(statement, ...)
  local prepared = self.statements[statement] or prepare(self, statement)
  local called, ok, message = pcall(prepared.execute, prepared, ...)
  if not called then fail(told(ok)) end
  if not ok then fail(told(message)) end
  -- all but the first row are read only now: damage behind it shows here
  local fetched, rows = pcall(fetch_all, prepared)
  if not fetched then fail(told(rows)) end
  return rows
end

function Connection:close()
  -- SQLite keeps the file open while there are statements
  for _, prepared in pairs(self.statements) do pcall(prepared.close, prepared) end
  self.statements = {}
  pcall(self.dbi.close, self.dbi)
end

--- Connects. Raises if LuaDBI or its driver is not installed.
---@param driver "SQLite3"|"PostgreSQL"
---@param rock string what LuaRocks calls the driver
---@return table connection
function connection.open(driver, rock, ...)
  local found, dbi = pcall(require, "DBI")
  if not found or not pcall(require, "dbd." .. driver:lower()) then
    fail(("%s needs LuaDBI: luarocks install %s (Debian: lua-dbi-%s)"):format(driver, rock, driver:lower()))
  end
  local called, opened, message = pcall(dbi.Connect, driver, ...)
  if not called then fail(told(opened)) end
  if not opened then fail(told(message)) end
  opened:autocommit(true)
  return setmetatable({ dbi = opened, statements = {} }, Connection)
end

return connection
