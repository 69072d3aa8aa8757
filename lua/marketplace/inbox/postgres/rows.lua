--- The contract's fields (marketplace.inbox.fields) as columns of the table of marketplace.inbox.postgres.schema. A
--- column has its field's name.
local lanes = require "marketplace.inbox.postgres.lanes"

local rows = {}

-- Of a field that is not simply a column of that name.
local EXPRESSION = {
  behind = "CASE WHEN " .. lanes.LIVE .. " AND NOT leads THEN (SELECT leader.id FROM inbox leader WHERE " ..
    "leader.lane = inbox.lane AND leader.leads AND " .. lanes.live_as "leader" .. ") END",
}

--- The columns of a SELECT that reads these fields.
---@param names string[]
---@param other? table<string, string> expressions of some of them, in place of the usual ones
---@return string
function rows.selected(names, other)
  local list = {}
  for i, name in ipairs(names) do
    local expression = other and other[name] or EXPRESSION[name]
    list[i] = expression and expression .. " AS " .. name or name
  end
  return table.concat(list, ", ")
end

--- Words as a list in SQL: constants of this project, which hold no quote.
---@param words string[]
---@return string
function rows.quoted(words)
  return "'" .. table.concat(words, "', '") .. "'"
end

return rows
