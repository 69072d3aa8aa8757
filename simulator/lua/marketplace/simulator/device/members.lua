--- Members of JSON documents that servers send. A device decodes a document as a whole: one member of another type, and
--- all of it is of no use.
local json = require "marketplace.json"
local problem = require "marketplace.simulator.device.problem"

local members = {}

local function wrong(at, name, value, expected)
  problem.raise("unknown", "%s%s is %s, not %s", at, name, problem.shown(value), expected)
end

--- A text. Raises a problem if it is none.
---@param object table
---@param at string where the object is, such as `updates[2].`
---@param name string
---@return string
function members.text(object, at, name)
  local value = object[name]
  if type(value) ~= "string" then wrong(at, name, value, "a text") end
  return value
end

--- A text, or nil. Raises a problem if it is anything else.
---@param object table
---@param at string
---@param name string
---@return string|nil
function members.optional_text(object, at, name)
  if object[name] == nil then return nil end
  return members.text(object, at, name)
end

--- One of Apple's numbers, in a text. Raises a problem if it is none.
---@param object table
---@param at string
---@param name string
---@return string
function members.id(object, at, name)
  local value = object[name]
  if type(value) ~= "string" or not value:find "^[0-9]+$" then wrong(at, name, value, "a number in a text") end
  return value
end

--- A number. Raises a problem if it is none.
---@param object table
---@param at string
---@param name string
---@return number
function members.number(object, at, name)
  local value = object[name]
  if type(value) ~= "number" then wrong(at, name, value, "a number") end
  return value
end

--- An object. Raises a problem if it is none.
---@param object table
---@param at string
---@param name string|integer
---@return table
function members.object(object, at, name)
  local value = object[name]
  if not json.is_object(value) then wrong(at, name, value, "an object") end
  return value
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
