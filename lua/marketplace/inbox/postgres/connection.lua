--- A connection to PostgreSQL through LuaDBI, with the statements that were prepared on it.
---
--- What fails raises as in marketplace.inbox.reconnecting; after that the connection must be closed: LuaDBI's
--- statements do not recover from it.
local fail = require("marketplace.inbox.reconnecting").fail

local connection = {}

local Connection = {}
Connection.__index = Connection

local LIMITS = { connect_timeout = "5", tcp_user_timeout = "10000" }

-- libpq's connection string. A dead peer must be noticed; limits that the URL sets come first.
local function words_of(parameters)
  local words = {}
  for name, value in pairs(LIMITS) do
    if not parameters[name] then words[#words + 1] = name .. "=" .. value end
  end
  for name, value in pairs(parameters) do
    words[#words + 1] = ("%s='%s'"):format(name, (value:gsub("['\\]", "\\%0")))
  end
  return table.concat(words, " ")
end

-- LuaDBI names its own function that failed, which does not help the reader.
local function told(message)
  return (tostring(message):gsub("^Error [%a ]-: ", ""):gsub("^ERROR:%s*", ""):gsub("%s+$", "")
    :gsub("%s*\n%s*", "; "))
end

local function prepare(self, statement)
  local prepared, message = self.dbi:prepare(statement)
  if not prepared then fail(told(message)) end
  self.statements[statement] = prepared
  return prepared
end

--- Runs a statement; its rows, each a list of columns. LuaDBI has three limits: it returns a bigint's lowest 32 bits
--- only, so that one must be read as a float8; a string ends at its first zero byte; and it writes numbers with 14
--- digits, so that those with a fraction are given as text.number writes them.
---@param statement string with $1, $2 … for its parameters
---@return table[]
function Connection:run(statement, ...)
  local prepared = self.statements[statement] or prepare(self, statement)
  local called, ok, message = pcall(prepared.execute, prepared, ...)
  if not called then fail(told(ok)) end
  if not ok then fail(told(message)) end
  local rows = {}
  for row in prepared:rows() do rows[#rows + 1] = row end
  return rows
end

function Connection:close()
  -- a statement that is collected later would look into its connection, which may be freed by then
  for _, prepared in pairs(self.statements) do prepared:close() end
  self.dbi:close()
end

--- Connects. Raises if LuaDBI or its driver is not installed.
---@param parameters table<string, string> libpq's
---@return table connection
function connection.open(parameters)
  local found, dbi = pcall(require, "DBI")
  if not found or not pcall(require, "dbd.postgresql") then
    fail "PostgreSQL needs LuaDBI: luarocks install luadbi-postgresql (Debian: lua-dbi-postgresql)"
  end
  local opened, message = dbi.Connect("PostgreSQL", words_of(parameters))
  if not opened then fail(told(message)) end
  opened:autocommit(true)
  return setmetatable({ dbi = opened, statements = {} }, Connection)
end

return connection
