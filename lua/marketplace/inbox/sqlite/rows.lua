--- The contract's fields (marketplace.inbox.fields) in SELECTs on the tables of marketplace.inbox.sqlite.schema.
local history = require "marketplace.inbox.history"
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

-- An expression of a history with one more item, which are expressions, too; `reason` may be absent.
local function with_item(former, at, what, reason)
  local shorter = ("CASE WHEN json_array_length(%s) >= %d THEN json_remove(%s, '$[0]') ELSE coalesce(%s, '[]') END")
    :format(former, history.MOST, former, former)
  return ("json_insert(%s, '$[#]', json_object('at', %s, 'what', %s, 'attempt', attempt%s))"):format(shorter, at, what,
    reason and ", 'reason', " .. reason or "")
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
rows.ADDING_DONE_AND_REPLAYED = "history = " ..
  with_item("(" .. with_item("history", "at", "'done'") .. ")", ":now", "'replayed'")

--- The place and the number of a token, which can be anything.
---@param token any
---@return number|nil seq
---@return number|nil token
function rows.read_token(token)
  local seq, number = tostring(token):match "^(%d+)%-(%d+)$"
  return tonumber(seq), tonumber(number)
end

return rows
