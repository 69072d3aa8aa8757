--- Members of JSON documents that servers send. A device decodes a document as a whole: one member of another type, and
--- all of it is of no use.
local json = require "marketplace.json"
local problem = require "marketplace.simulator.device.problem"

local members = {}

local function wrong(at, name, value, expected)
  problem.raise("unknown", "%s%s is %s, not %s", at, name, problem.shown(value), expected)
end

local function reader(is_right, expected)
  return function(object, at, name)
    local value = object[name]
    if not is_right(value) then wrong(at, name, value, expected) end
    return value
  end
end

--- A text. Each raises a problem if the member is anything else; `at` is where the object is, such as `updates[2].`.
---@type fun(object: table, at: string, name: string): string
members.text = reader(function(value) return type(value) == "string" end, "a text")

--- One of Apple's numbers, in a text.
---@type fun(object: table, at: string, name: string): string
members.id = reader(function(value) return type(value) == "string" and value:find "^[0-9]+$" end, "a number in a text")

--- A number.
---@type fun(object: table, at: string, name: string): number
members.number = reader(function(value) return type(value) == "number" end, "a number")

--- An object.
---@type fun(object: table, at: string, name: string|integer): table
members.object = reader(json.is_object, "an object")

--- A text, or nil. Raises a problem if it is anything else.
---@param object table
---@param at string
---@param name string
---@return string|nil
function members.optional_text(object, at, name)
  if object[name] == nil then return nil end
  return members.text(object, at, name)
end

--- The objects of a list, which may be missing. Raises a problem if it is anything else.
---@param object table
---@param at string
---@param name string
---@return table[]
function members.objects(object, at, name)
  local list = object[name]
  if list == nil then return {} end
  if not json.is_list(list) then wrong(at, name, list, "a list") end
  for i, entry in ipairs(list) do
    if not json.is_object(entry) then wrong(at, ("%s[%d]"):format(name, i), entry, "an object") end
  end
  return list
end

return members
