--- The contract's fields (marketplace.inbox.fields) as columns of the table of marketplace.inbox.postgres.schema. A
--- column has its field's name.
local fields = require "marketplace.inbox.fields"
local lanes = require "marketplace.inbox.postgres.lanes"

local rows = {}

local KIND = fields.kind
local HEX = "hex:" -- before a body that is not JSON, and may have bytes that no text column takes

local EXPRESSION = { -- of fields that no column has
  behind = "CASE WHEN " .. lanes.LIVE .. " AND NOT leads THEN (SELECT leader.id FROM inbox leader WHERE " ..
    "leader.lane = inbox.lane AND leader.leads AND " .. lanes.live_as "leader" .. ") END",
}

local function to_hex(bytes)
  return HEX .. bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
end

--- A record's body as it is stored. A body that could be read is a JSON object, so it never begins with the mark.
---@param record table
---@return string
function rows.stored_body(record)
  return record.reason and to_hex(record.body) or record.body
end

local function original_body(stored)
  if not stored or stored:sub(1, #HEX) ~= HEX then return stored end
  return (stored:sub(#HEX + 1):gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- The columns of a SELECT that reads these fields.
---@param names string[]
---@return string
function rows.selected(names)
  local list = {}
  for i, name in ipairs(names) do list[i] = EXPRESSION[name] or name end
  return table.concat(list, ", ")
end

local function entry_of(row, names)
  local entry = {}
  for i = 1, #names do
    local name, value = names[i], row[i]
    if KIND[name] == "bytes" then value = original_body(value) end
    entry[name] = value
  end
  return entry
end

--- Makes entries of the rows of such a SELECT.
---@param list table[] changed
---@param names string[]
---@return table[] entries
function rows.entries(list, names)
  for i = 1, #list do list[i] = entry_of(list[i], names) end
  return list
end

--- Words as a list in SQL: constants of this project, which hold no quote.
---@param words string[]
---@return string
function rows.quoted(words)
  return "'" .. table.concat(words, "', '") .. "'"
end

return rows
