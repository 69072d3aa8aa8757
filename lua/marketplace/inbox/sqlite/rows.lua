--- The contract's fields (marketplace.inbox.fields) in SELECTs on the tables of marketplace.inbox.sqlite.schema.
local schema = require "marketplace.inbox.sqlite.schema"
local sql = require "marketplace.inbox.sql"

local rows = {}

--- The body of a row of `inbox`.
rows.BODY = "(SELECT body FROM bodies WHERE bodies.seq = inbox.seq)"

-- Of a field that is not simply a column of that name. The id of the leader for which one waits that was not placed is
-- for marketplace.inbox.sqlite.queries to find.
local EXPRESSION = {
  key = "coalesce(key, id)",
  -- its place finds it without its id, whose index is large
  token = "seq || '-' || token",
  behind = "CASE WHEN leads = 0 AND " .. schema.IN_LANE .. " THEN (SELECT leader.id FROM inbox leader WHERE " ..
    "leader.app_id = inbox.app_id AND leader.leads = 1 AND leader." .. schema.IN_LANE .. ") END",
  body = rows.BODY,
}

--- The columns of a SELECT that reads these fields.
---@param names string[]
---@param other? table<string, string> expressions of some of them, in place of the usual ones
---@return string
function rows.selected(names, other)
  return sql.selected(names, EXPRESSION, other)
end

--- The place and the number of a token, which can be anything.
---@param token any
---@return number|nil seq
---@return number|nil token
function rows.read_token(token)
  local seq, number = tostring(token):match "^(%d+)%-(%d+)$"
  return tonumber(seq), tonumber(number)
end

return rows
