--- How the inbox in PostgreSQL inserts records. A statement costs the server about as much as a row does: so of many
--- records, several go into a statement.
local fields = require "marketplace.inbox.fields"
local indexes = require "marketplace.inbox.postgres.indexes"
local SEPARATOR = require("marketplace.inbox.postgres.lanes").SEPARATOR

local ROWS = 8 -- of a statement that inserts several; marketplace.postgres takes up to 128 parameters

local COLUMNS = { "id", "lane", "state", "code" } -- a record has a value for each
for _, name in ipairs(fields.record) do COLUMNS[#COLUMNS + 1] = name end

local VALUE = { reason = "CASE WHEN :code = 'too_old' THEN :too_old_reason ELSE :reason END" } -- others: the record's

local COMMON = { now = true, too_old_reason = true } -- parameters of all rows

-- A row, with a number behind the names of the parameters that are its own.
local function row_statement(number)
  local values = {}
  for i, name in ipairs(COLUMNS) do values[i] = VALUE[name] or ":" .. name end
  local row = "(:now, :now, :now, " .. table.concat(values, ", ") .. ", :state = 'ready' AND NOT EXISTS " ..
    "(SELECT 1 FROM inbox WHERE lane = :lane AND " .. indexes.LANE .. "))"
  return (row:gsub(":(%a[%w_]*)", function(name) return not COMMON[name] and ":" .. name .. number or nil end))
end

local function insert_statement(rows)
  return ("INSERT INTO inbox (received_at, at, set_at, %s, leads) VALUES %s ON CONFLICT (id) DO NOTHING"):format(
    table.concat(COLUMNS, ", "), table.concat(rows, ", "))
end

local INSERT = insert_statement { row_statement "" }

local NUMBERED, PARAMETERS = {}, {} -- by row; a row's parameters are in the order of its columns
for i = 1, ROWS do
  NUMBERED[i], PARAMETERS[i] = row_statement(i), {}
  for j, name in ipairs(COLUMNS) do PARAMETERS[i][j] = name .. i end
end
local INSERT_SEVERAL = "WITH new AS (" .. insert_statement(NUMBERED) .. " RETURNING id) " ..
  "SELECT string_agg(id, '" .. SEPARATOR .. "') AS ids FROM new"

-- The rows of a statement do not see each other: of two in a lane, each would lead.
local function can_share_statements(records)
  local ids, named = {}, {}
  for _, record in ipairs(records) do
    if ids[record.id] or named[record.lane] then return false end
    ids[record.id], named[record.lane] = true, true
  end
  return true
end

local function values_of(records, first)
  local values = {}
  for i = 1, ROWS do
    local record = records[first + i - 1]
    for j, name in ipairs(COLUMNS) do values[PARAMETERS[i][j]] = record[name] end
  end
  return values
end

-- Inserts as many as fill statements; how many that are.
local function insert_several(link, records, common, new)
  if not can_share_statements(records) then return 0 end
  local items, ids = {}, {}
  for first = 1, #records - ROWS + 1, ROWS do items[#items + 1] = values_of(records, first) end
  for _, row in ipairs(link:each(INSERT_SEVERAL, items, common)) do
    for id in (row.ids or ""):gmatch("[^" .. SEPARATOR .. "]+") do ids[id] = true end
  end
  for i = 1, #items * ROWS do new[records[i]] = ids[records[i].id] end
  return #items * ROWS
end

--- Inserts records in their order; the set of those that were not there already.
---@param link table see marketplace.inbox.postgres.connection
---@param records table[] with id, lane, state and code
---@param common {now: number, too_old_reason: string}
---@return table<table, boolean>
return function(link, records, common)
  local rest, new = {}, {}
  for i = insert_several(link, records, common, new) + 1, #records do rest[#rest + 1] = records[i] end
  for i, is_new in ipairs(link:each(INSERT, rest, common)) do
    if is_new then new[rest[i]] = true end
  end
  return new
end
