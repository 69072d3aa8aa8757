--- JSON documents (RFC 8259), to App Store Connect and from it, to programs and from files of our own.
---
--- Encoding is done here: numbers keep their digits, members stand in order, an empty list stays one. Decoding is done
--- by the core's reader.
local core = require "marketplace.core"

local json = {}

--- JSON null; equal to cjson.null and marketplace.null.
json.null = core.null

local MAX_DEPTH = 64 -- App Store Connect's documents have about ten levels
local MAX_EXACT = 2 ^ 53 -- beyond it a double does not hold every integer

local Array = {}

--- Marks a table as an array, as an empty one would be an object.
---@generic T: table
---@param list T
---@return T list the same table, with a metatable
function json.list(list)
  return setmetatable(list, Array)
end

--- Whether a value is an array, also an empty one, that json.decode or json.list gave.
---@param value any
---@return boolean
function json.is_list(value)
  return type(value) == "table" and getmetatable(value) == Array
end

--- Whether a value that json.decode gave is an object.
---@param value any
---@return boolean
function json.is_object(value)
  return type(value) == "table" and getmetatable(value) ~= Array
end

--[[ Encoding ]]

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t" }

local function escape(byte)
  return ESCAPES[byte] or ("\\u%04x"):format(byte:byte())
end

-- Bytes above 127 are left as they are, valid UTF-8 or not.
local function encode_string(value)
  return '"' .. value:gsub('[%z\1-\31\127"\\]', escape) .. '"'
end

local function encode_number(value)
  if value ~= value or value == math.huge or value == -math.huge then
    error("marketplace.json: " .. tostring(value) .. " is not a number in JSON", 0)
  end
  if value == math.floor(value) and value >= -MAX_EXACT and value <= MAX_EXACT then return ("%.0f"):format(value) end
  -- an integer of Lua 5.3 and later
  local text = tostring(value)
  if text:find "^%-?%d+$" then return text end
  for _, format in ipairs { "%.15g", "%.16g", "%.17g" } do
    text = format:format(value)
    if tonumber(text) == value then break end
  end
  -- the decimal point is the locale's
  return (text:gsub(",", "."))
end

local encode_value

local function encode_array(list, depth)
  local count = 0
  for key in pairs(list) do
    if type(key) ~= "number" then
      error(("marketplace.json: a list also has a member '%s'"):format(tostring(key)), 0)
    end
    count = count + 1
  end
  if count ~= #list then error("marketplace.json: a list has holes", 0) end
  local parts = {}
  for i = 1, count do parts[i] = encode_value(list[i], depth) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function encode_object(object, depth)
  local names = {}
  for name in pairs(object) do
    if type(name) ~= "string" then
      error(("marketplace.json: a member of an object is named by a %s"):format(type(name)), 0)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  for i, name in ipairs(names) do
    names[i] = encode_string(name) .. ":" .. encode_value(object[name], depth)
  end
  return "{" .. table.concat(names, ",") .. "}"
end

local function encode_table(value, depth)
  if depth >= MAX_DEPTH then error(("marketplace.json: more than %d levels"):format(MAX_DEPTH), 0) end
  if #value > 0 or getmetatable(value) == Array then return encode_array(value, depth + 1) end
  return encode_object(value, depth + 1)
end

function encode_value(value, depth)
  local kind = type(value)
  if kind == "string" then return encode_string(value) end
  if kind == "number" then return encode_number(value) end
  if kind == "boolean" then return tostring(value) end
  if value == json.null then return "null" end
  if kind == "table" then return encode_table(value, depth) end
  error("marketplace.json: a " .. kind .. " cannot be encoded", 0)
end

--- JSON on one line, with the members of objects sorted by name. A table that json.list made, or that has an element 1,
--- is an array; any other is an object. Raises for what JSON does not have: NaN and infinity, functions,
--- lists with holes or named members, names that are not strings, and more than 64 levels (and so for a table that
--- holds itself).
---@param value table|string|number|boolean|userdata userdata: json.null only
---@return string
function json.encode(value)
  return encode_value(value, 0)
end

--[[ Decoding ]]

--- The value of a JSON text of up to 64 levels and 16 MiB. Null is json.null; numbers written without a fraction and an
--- exponent are integers if Lua has them, and they fit. Arrays are arrays again when they are encoded, also empty ones.
--- Of members with one name the last counts. Strings that are not valid UTF-8 are returned as they came.
---@param text string
---@return any value nil if the text is not JSON
---@return string? message holds nothing of the text
function json.decode(text)
  if type(text) ~= "string" then
    error("marketplace.json.decode: a string is expected, not a " .. type(text), 2)
  end
  return core.decode_json(text, Array)
end

return json
