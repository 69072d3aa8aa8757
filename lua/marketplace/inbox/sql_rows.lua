--- The contract's fields (marketplace.inbox.fields) as the columns of the table of marketplace.inbox.sql_schema.
local fields = require "marketplace.inbox.fields"

local sql_rows = {}

local KIND = fields.kind
local COLUMN = { time = "event_time", at = "due" } -- by field; all others have their field's name
local HEX = "hex:" -- before a body that is not JSON, and may have bytes that no text column takes

local function to_hex(bytes)
  return HEX .. bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
end

--- A record's body as it is stored. A body that could be read is a JSON object, so it never begins with the mark.
---@param record table
---@return string
function sql_rows.stored_body(record)
  return record.reason and to_hex(record.body) or record.body
end

local function original_body(stored)
  if not stored or stored:sub(1, #HEX) ~= HEX then return stored end
  return (stored:sub(#HEX + 1):gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- The names of the columns of these fields.
---@param names string[]
---@return string[]
function sql_rows.columns(names)
  local list = {}
  for i, name in ipairs(names) do list[i] = COLUMN[name] or name end
  return list
end

--- The columns of a SELECT that reads these fields.
---@param names string[]
---@return string
function sql_rows.selected(names)
  local list = sql_rows.columns(names)
  for i, name in ipairs(names) do
    if KIND[name] == "clock" or KIND[name] == "time" then list[i] = ("CAST(%s AS float8)"):format(list[i]) end
  end
  return table.concat(list, ", ")
end

local function entry_of(row, names, offset)
  local entry = {}
  for i = 1, #names do
    local name, value = names[i], row[i]
    local kind = KIND[name]
    if kind == "clock" then
      value = value + offset
    elseif kind == "bytes" then
      value = original_body(value)
    end
    entry[name] = value
  end
  return entry
end

--- Makes entries of the rows of such a SELECT.
---@param rows table[] changed
---@param names string[]
---@param offset number how many seconds the caller's clock is ahead of the database's
---@return table[] entries
function sql_rows.entries(rows, names, offset)
  for i = 1, #rows do rows[i] = entry_of(rows[i], names, offset) end
  return rows
end

return sql_rows
