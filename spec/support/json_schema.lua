--- Values against a schema, as much of JSON Schema and OpenAPI 3.0 as Apple's description uses. What it does not know
--- of a schema raises, so that nothing passes unchecked. Stricter than JSON Schema in one thing: an object has no other
--- members than its schema names.
local core = require "marketplace.core"
local json = require "marketplace.json"
local openapi = require "support.openapi"

local json_schema = {}

local KEYWORDS = {}
for word in ([[$ref type properties required items enum oneOf additionalProperties nullable format maximum
  title description deprecated discriminator]]):gmatch "%S+" do
  KEYWORDS[word] = true
end

local EMPTY_ARRAY = "\0[]"

--- The value of a JSON text, in which an empty array can be told from an empty object.
---@param text string
---@return any value nil if it is not JSON
function json_schema.decode(text)
  -- without escaped quotation marks every second one ends a string
  local plain = text:gsub("\\.", function(escape) return escape == '\\"' and "\\u0022" or nil end)
  local marked = plain:gsub('([^"]*)("?[^"]*"?)', function(between, word)
    return between:gsub("%[%s*%]", '["\\u0000[]"]') .. word
  end)
  return (json.decode(marked))
end

local function is_array(value)
  return type(value) == "table" and value[1] ~= nil
end

local IS_TYPE = {
  string = function(value) return type(value) == "string" end,
  boolean = function(value) return type(value) == "boolean" end,
  integer = function(value) return type(value) == "number" and value == math.floor(value) end,
  array = is_array,
  object = function(value) return type(value) == "table" and not is_array(value) end,
}

local IS_FORMAT = {
  uri = function(value) return value:find "^%a[%w+.-]*:[%w%p]+$" ~= nil end,
  ["uri-reference"] = function(value) return value:find "^[%w%p]+$" ~= nil end,
  ["date-time"] = function(value) return core.parse_time(value) ~= nil end,
}

local function contains(list, wanted)
  for _, value in ipairs(list) do
    if value == wanted then return true end
  end
  return false
end

local check

local CHECKS = {}

function CHECKS.type(self, at, value, schema)
  assert(IS_TYPE[schema.type], schema.type)
  if not IS_TYPE[schema.type](value) then self:add(at, "must be of type " .. schema.type) end
end

function CHECKS.format(self, at, value, schema)
  assert(IS_FORMAT[schema.format], schema.format)
  if type(value) ~= "string" or IS_FORMAT[schema.format](value) then return end
  self:add(at, "must be a " .. schema.format)
end

function CHECKS.enum(self, at, value, schema)
  if not contains(schema.enum, value) then self:add(at, "must be one of " .. table.concat(schema.enum, ", ")) end
end

function CHECKS.maximum(self, at, value, schema)
  if type(value) == "number" and value > schema.maximum then self:add(at, "must be at most " .. schema.maximum) end
end

function CHECKS.required(self, at, value, schema)
  if not IS_TYPE.object(value) then return end
  for _, name in ipairs(schema.required) do
    if value[name] == nil then self:add(at, ("must have '%s'"):format(name)) end
  end
end

function CHECKS.items(self, at, value, schema)
  if not is_array(value) or value[1] == EMPTY_ARRAY then return end
  for i, member in ipairs(value) do check(self, ("%s[%d]"):format(at, i), member, schema.items) end
end

function CHECKS.oneOf(self, at, value, schema)
  local count = 0
  for _, one in ipairs(schema.oneOf) do
    if #json_schema.problems(self.description, value, one) == 0 then count = count + 1 end
  end
  if count ~= 1 then self:add(at, ("must be one of %d kinds, and is %d of them"):format(#schema.oneOf, count)) end
end

local function check_members(self, at, value, schema)
  if not IS_TYPE.object(value) then return end
  local others = schema.additionalProperties
  for name, member in pairs(value) do
    local kind = (schema.properties or {})[name] or type(others) == "table" and others
    if kind then
      check(self, at .. "." .. tostring(name), member, kind)
    elseif not others then
      self:add(at, ("must not have '%s'"):format(tostring(name)))
    end
  end
end

function check(self, at, value, schema)
  schema = openapi.resolve(self.description, schema)
  for word in pairs(schema) do assert(KEYWORDS[word], word) end
  if value == json.null and schema.nullable then return end
  if not schema.type and not schema.oneOf then error(at .. ": a schema without a type") end
  for word, one in pairs(CHECKS) do
    if schema[word] ~= nil then one(self, at, value, schema) end
  end
  if schema.type == "object" then check_members(self, at, value, schema) end
end

--- What is wrong with a value.
---@param description table Apple's
---@param value any as json_schema.decode gives it
---@param schema table
---@param at? string where the value is
---@return string[] problems sorted
function json_schema.problems(description, value, schema, at)
  local list = {}
  local self = { description = description }
  function self.add(_, where, what) list[#list + 1] = where .. ": " .. what end
  check(self, at or "", value, schema)
  table.sort(list)
  return list
end

local FORMATTED = {
  uri = "https://a.example/", ["uri-reference"] = "/a", ["date-time"] = "2026-01-01T00:00:00Z",
}

--- A value that a schema allows.
---@param description table
---@param schema table
---@param is_whole boolean whether it has what need not be there, too
---@return any
function json_schema.example(description, schema, is_whole)
  schema = openapi.resolve(description, schema)
  if schema.oneOf then return json_schema.example(description, schema.oneOf[1], is_whole) end
  if schema.enum then return schema.enum[1] end
  if schema.type == "boolean" then return true end
  if schema.type == "integer" then return 1 end
  if schema.type == "string" then return FORMATTED[schema.format] or "a" end
  if schema.type == "array" then
    return json.list { is_whole and json_schema.example(description, schema.items, is_whole) or nil }
  end
  local object = {}
  for name, member in pairs(schema.properties or {}) do
    if is_whole or contains(schema.required or {}, name) then
      object[name] = json_schema.example(description, member, is_whole)
    end
  end
  return object
end

return json_schema
