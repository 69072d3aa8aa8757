--- A connection of marketplace.postgres with the statements that were prepared on it. What fails raises as in
--- marketplace.reconnecting; after that the connection must be closed.
local core = require "marketplace.core"
local reconnecting = require "marketplace.reconnecting"

local checked = reconnecting.checked

local connection = {}

local Connection = {}
Connection.__index = Connection

-- Whatever the server's default: once it has a lane's lock, a statement must see what the one before committed.
local BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"

-- The statement with $1, $2 … for its parameters, as the server takes them, and their names.
local function numbered(statement)
  local names, numbers = {}, {}
  local text = statement:gsub("(:?):(%a[%w_]*)", function(colon, name)
    if colon == ":" then return nil end -- a cast
    if not numbers[name] then
      names[#names + 1] = name
      numbers[name] = "$" .. #names
    end
    return numbers[name]
  end)
  return text, names
end

local function prepared(self, statement)
  local found = self.statements[statement]
  if not found then
    local text, names = numbered(statement)
    found = { number = checked(self.session:prepare(text)), names = names }
    self.statements[statement] = found
  end
  return found
end

--- Runs a statement; its rows, each a table by column. A parameter `:name` has the value of that name.
---@param statement string
---@param values? table
---@return table[]
function Connection:run(statement, values)
  local found = prepared(self, statement)
  return checked(self.session:run(found.number, found.names, values))
end

--- Runs a statement for each item, whose values come before the common ones, in one exchange with the server.
---@param statement string
---@param items table[]
---@param common? table
---@return (table|boolean)[] by item: the first row, or false if there is none; of a statement that returns no rows,
--- whether it changed something
function Connection:each(statement, items, common)
  if #items == 0 then return {} end
  local found = prepared(self, statement)
  return checked(self.session:each(found.number, found.names, items, common))
end

--- Begins a transaction with the next statement.
function Connection:begin() checked(self.session:defer(prepared(self, BEGIN).number)) end

--- Once it returns, the server has stored what was written. If it fails, it is not known whether it has.
function Connection:commit() self:run "COMMIT" end

--- Limits what comes next.
---@param deadline number by marketplace.core's monotonic clock
function Connection:limit(deadline) self.session:limit(math.max(0, deadline - core.monotonic())) end

--- The number of the server's process, as it was given when it was connected to.
---@return integer
function Connection:process() return checked(self.session:process()) end

--- Whether the server has not ended the session meanwhile, as far as it told.
---@return boolean
function Connection:is_alive() return self.session:is_alive() end

--- The server, for messages.
---@return string
function Connection:name() return self.session:name() end

--- Raises, with a message that names the server.
---@param message string
function Connection:fail(message) reconnecting.fail(("%s: %s"):format(self:name(), message)) end

function Connection:close() self.session:close() end

--- A connection on a session of marketplace.postgres, which it owns.
---@param session table
function connection.new(session)
  return setmetatable({ session = session, statements = {} }, Connection)
end

return connection
