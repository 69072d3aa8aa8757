--- Fields as the Redis inbox's scripts take and return them.
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
local text = require "marketplace.text"

local values = {}

local number, to_number = text.number, text.to_number

local KIND = fields.kind

local WRITE = {
  time = number,
  number = number,
  string = function(value) return "=" .. value end,
  flag = function() return "1" end,
  token = tostring,
}

--- Adds a table's fields to a script's arguments; an empty argument stands for an absent one.
---@param arguments string[]
---@param given table
---@param names string[]
function values.add_fields(arguments, given, names)
  local n = #arguments
  for i = 1, #names do
    local name = names[i]
    local value, write = given[name], WRITE[KIND[name]]
    arguments[n + i] = value and (write and write(value) or value) or ""
  end
end

local function integer(written) return tonumber(written) end

local function items(written) return written and history.read("[" .. written:gsub("\n", ",") .. "]") end

local READ = { clock = to_number, time = to_number, integer = integer, history = items }

--- An entry with these fields.
---@param row (string|false)[]
---@param names string[]
---@return table
function values.entry_of(row, names)
  local entry = {}
  for i = 1, #names do
    local name, value = names[i], row[i]
    local read = READ[KIND[name]]
    entry[name] = read and read(value) or value
  end
  return entry
end

--- Entries, in place of their rows.
---@param rows table[]
---@param names string[]
---@return table[]
function values.entries_of(rows, names)
  for i = 1, #rows do rows[i] = values.entry_of(rows[i], names) end
  return rows
end

return values
