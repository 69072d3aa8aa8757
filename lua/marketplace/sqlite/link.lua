--- An open file of marketplace.sqlite with the statements that were prepared on it. What fails raises as in
--- marketplace.reconnecting; after that the link must be closed.
local checked = require("marketplace.reconnecting").checked

local link = {}

local Link = {}
Link.__index = Link

local function prepared(self, statement)
  local number = self.statements[statement]
  if not number then
    number = checked(self.database:prepare(statement))
    self.statements[statement], self.count = number, self.count + 1
  end
  return number
end

--- Runs a statement; its rows, each a table by column. A parameter `:name` has the value of that name.
---@param statement string
---@param values? table
---@return table[]
function Link:run(statement, values)
  return checked(self.database:run(prepared(self, statement), values))
end

--- Runs a statement for each item, whose values come before the common ones.
---@param statement string
---@param items table[]
---@param common? table
---@return (table|boolean)[] by item: the first row, or false if there is none; of a statement that returns no rows,
--- whether it changed something
function Link:each(statement, items, common)
  if #items == 0 then return {} end
  return checked(self.database:each(prepared(self, statement), items, common))
end

function Link:begin() checked(self.database:begin()) end

--- Once it returns, what was written is on the disk, in the file that is there.
function Link:commit() checked(self.database:commit()) end

--- Limits what comes next.
---@param seconds number
function Link:limit(seconds) self.database:limit(seconds) end

function Link:close() self.database:close() end

--- A link on an open database, which it owns.
---@param database table of marketplace.sqlite
function link.new(database)
  return setmetatable({ database = database, statements = {}, count = 0 }, Link)
end

return link
