--- The contract's fields (marketplace.inbox.fields) as columns of the table of marketplace.inbox.postgres.schema. A
--- column has its field's name.
local history = require "marketplace.inbox.history"
local indexes = require "marketplace.inbox.postgres.indexes"
local lanes = require "marketplace.inbox.postgres.lanes"
local sql = require "marketplace.inbox.sql"

local rows = {}

-- Of a field that is not simply a column of that name.
local EXPRESSION = {
  behind = "CASE WHEN " .. lanes.LIVE .. " AND NOT leads THEN (SELECT id FROM inbox leader WHERE " ..
    "lane = inbox.lane AND leads AND " .. indexes.LANE .. ") END",
  history = "history::text",
}

--- The columns of a SELECT that reads these fields.
---@param names string[]
---@param other? table<string, string> expressions of some of them, in place of the usual ones
---@return string
function rows.selected(names, other)
  return sql.selected(names, EXPRESSION, other)
end

-- An expression of a history with one more item, which are expressions, too; `reason` may be absent.
local function with_item(former, at, what, reason)
  return ("(CASE WHEN jsonb_array_length(%s) >= %d THEN %s - 0 ELSE coalesce(%s, '[]') END || " ..
    "jsonb_build_object('at', %s::float8, 'what', %s::text, 'attempt', attempt%s))"):format(former, history.MOST,
    former, former, at, what, reason and (", 'reason', %s::text"):format(reason) or "")
end

--- An assignment of an UPDATE that adds an item to the entry's history, as marketplace.inbox.history says it. The time
--- is `:now`; the attempt is that before the UPDATE.
---@param what string an expression
---@param reason? string an expression
---@return string
function rows.adding(what, reason)
  return "history = " .. with_item("history", ":now", what, reason)
end

--- The same of a done one that is replayed: when it was done would be known from nothing else then.
rows.ADDING_DONE_AND_REPLAYED = "history = " .. with_item(with_item("history", "at", "'done'"), ":now", "'replayed'")

return rows
