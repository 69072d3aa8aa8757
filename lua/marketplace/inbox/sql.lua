--- What the inboxes in SQL databases (SQLite, PostgreSQL) share: parts of statements, made from the contract's fields.
local fields = require "marketplace.inbox.fields"

local sql = {}

--- Words as a list in SQL: constants of this project, which hold no quote.
---@param words string[]
---@return string
function sql.quoted(words)
  return "'" .. table.concat(words, "', '") .. "'"
end

--- The columns of a SELECT that reads these fields.
---@param names string[]
---@param expressions table<string, string> of fields that are not simply a column of that name
---@param other? table<string, string> expressions of some of them, in place of the usual ones
---@return string
function sql.selected(names, expressions, other)
  local list = {}
  for i, name in ipairs(names) do
    local expression = other and other[name] or expressions[name]
    list[i] = expression and expression .. " AS " .. name or name
  end
  return table.concat(list, ", ")
end

local function clause_of(clauses, name, value)
  local clause = clauses[name]
  if type(clause) == "table" then clause = clause[value] end
  return clause or ("%s = :%s"):format(name, name)
end

--- What is behind the columns of a SELECT from `inbox`, but for its limit. The filter has its parameters.
---@param filter marketplace.InboxFilter
---@param clauses table<string, string|table<string, string>> of filters that are not simply a column's value; a table
--- has one for each value
---@param conditions (string|nil)[] further ones
---@param order string by which it is sorted, if the oldest are to come first
---@param from? string what it reads, default "inbox"
---@return string
function sql.where(filter, clauses, conditions, order, from)
  local list = {}
  for _, condition in pairs(conditions) do list[#list + 1] = condition end
  for _, name in ipairs(fields.filter) do
    if filter[name] then list[#list + 1] = clause_of(clauses, name, filter[name]) end
  end
  return " FROM " .. (from or "inbox") .. (#list > 0 and " WHERE " .. table.concat(list, " AND ") or "") ..
    " ORDER BY " .. order .. (filter.newest and " DESC" or "")
end

--- A condition that `seq` is behind the parameter `:from`, as a page's direction has it.
---@param filter marketplace.InboxFilter
---@return string
function sql.behind(filter)
  return filter.newest and "seq < :from" or "seq > :from"
end

return sql
