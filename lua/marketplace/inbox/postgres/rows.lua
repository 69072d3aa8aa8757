--- The contract's fields (marketplace.inbox.fields) as columns of the table of marketplace.inbox.postgres.schema. A
--- column has its field's name.
local indexes = require "marketplace.inbox.postgres.indexes"
local lanes = require "marketplace.inbox.postgres.lanes"
local sql = require "marketplace.inbox.sql"

local rows = {}

-- Of a field that is not simply a column of that name.
local EXPRESSION = {
  behind = "CASE WHEN " .. lanes.LIVE .. " AND NOT leads THEN (SELECT id FROM inbox leader WHERE " ..
    "lane = inbox.lane AND leads AND " .. indexes.LANE .. ") END",
}

--- The columns of a SELECT that reads these fields.
---@param names string[]
---@param other? table<string, string> expressions of some of them, in place of the usual ones
---@return string
function rows.selected(names, other)
  return sql.selected(names, EXPRESSION, other)
end

return rows
