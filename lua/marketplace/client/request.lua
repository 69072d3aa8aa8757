--- Makes the request for an operation, and checks its parameters against App Store Connect's description, so that what
--- would be refused anyway is not sent.
local jsonapi = require "marketplace.client.jsonapi"
local json = require "marketplace.json"
local url = require "marketplace.client.url"

local request = {}

-- All of these return nil and a message if something is wrong.

local function sorted(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return table.concat(names, ", ")
end

local function shown(name)
  return ("'%s'"):format(tostring(name))
end

-- A resource's id, fit for a path.
local function encoded_id(id, what)
  if type(id) ~= "string" then return nil, ("%s must be a string, not a %s"):format(what, type(id)) end
  if id == "" then return nil, what .. " is empty" end
  -- servers take these for steps in the path, encoded or not
  if id == "." or id == ".." then return nil, what .. " is not an id" end
  return url.encode(id)
end

local function list_of_strings(value)
  if type(value) ~= "table" then return nil end
  local list, count = json.list {}, 0
  for _ in pairs(value) do count = count + 1 end
  for i = 1, count do
    if type(value[i]) ~= "string" then return nil end
    list[i] = value[i]
  end
  return list
end

local function names_or_name(value)
  if type(value) == "string" then return { value } end
  local list = list_of_strings(value)
  return list and #list > 0 and list or nil
end

local function all_known(list, known)
  for _, name in ipairs(list) do
    if not known[name] then return nil, name end
  end
  return true
end

--[[ Queries ]]

local QUERY = {}

function QUERY.fields(operation, value, query)
  if not operation.fields then return nil, "has no 'fields'" end
  local own = names_or_name(value)
  if own then
    query[("fields[%s]"):format(operation.fields[1])] = own
    return true
  end
  if type(value) ~= "table" or next(value) == nil then
    return nil, "'fields' must be a list of names, or such lists by type"
  end
  for name, names in pairs(value) do
    if not operation.known_fields[name] then
      return nil, ("'fields' has %s; known: %s"):format(shown(name), sorted(operation.known_fields))
    end
    local list = names_or_name(names)
    if not list then return nil, ("'fields' of '%s' must be a list of names"):format(name) end
    query[("fields[%s]"):format(name)] = list
  end
  return true
end

function QUERY.include(operation, value, query)
  if not operation.include then return nil, "has no 'include'" end
  local list = names_or_name(value)
  if not list then return nil, "'include' must be a name, or a list of names" end
  local known, unknown = all_known(list, operation.known_include)
  if not known then
    return nil, ("'include' has %s; known: %s"):format(shown(unknown), sorted(operation.known_include))
  end
  query.include = list
  return true
end

local function check_limit(query, name, value, most)
  if type(value) ~= "number" or value ~= math.floor(value) or value < 1 or value > most then
    return nil, ("'%s' must be an integer from 1 to %d"):format(name, most)
  end
  -- without a fraction in its text, as 50.0 has one
  query[name] = tonumber(("%d"):format(value))
  return true
end

function QUERY.limit(operation, value, query)
  if type(value) ~= "table" then value = { value } end
  for name, number in pairs(value) do
    local key, most
    if name == 1 then
      key, most = "limit", operation.limit
    else
      key, most = ("limit[%s]"):format(tostring(name)), operation.known_limits[name]
    end
    if not most then return nil, ("has no '%s'"):format(key) end
    local ok, problem = check_limit(query, key, number, most)
    if not ok then return nil, problem end
  end
  return true
end

-- filter and exists: a table with known names, each value of which is converted.
local function query_table(option, known_as, convert, expected)
  return function(operation, value, query)
    if not operation[option] then return nil, ("has no '%s'"):format(option) end
    if type(value) ~= "table" then return nil, ("'%s' must be a table, not a %s"):format(option, type(value)) end
    for name, one in pairs(value) do
      if not operation[known_as][name] then
        return nil, ("'%s' has %s; known: %s"):format(option, shown(name), sorted(operation[known_as]))
      end
      local made = convert(one)
      if made == nil then return nil, ("'%s' of '%s' must be %s"):format(option, name, expected) end
      query[("%s[%s]"):format(option, name)] = made
    end
    return true
  end
end

QUERY.filter = query_table("filter", "known_filter", names_or_name, "a string or a list of strings")
QUERY.exists = query_table("exists", "known_exists", function(value)
  return type(value) == "boolean" and tostring(value) or nil
end, "true or false")

local function build_query(operation, given)
  local query = {}
  for name, value in pairs(given) do
    if name ~= operation.parent then
      if not QUERY[name] then return nil, "has no option " .. shown(name) end
      local ok, problem = QUERY[name](operation, value, query)
      if not ok then return nil, problem end
    end
  end
  return next(query) ~= nil and query or nil
end

--[[ Bodies ]]

local CONVERT = {
  string = function(value) return type(value) == "string" and value or nil end,
  boolean = function(value) if type(value) == "boolean" then return value end end,
  list = list_of_strings,
}
local WRONG = { table = "a table of something else" }
local EXPECTED = { string = "a string", boolean = "true or false", list = "a list of strings" }

local function convert_attribute(name, kind, value)
  local mark, type_name = kind:match "^([!?]?)(%a+)$"
  if mark == "?" and value == json.null then return value end
  local made = CONVERT[type_name](value)
  if made == nil then
    return nil, ("attribute '%s' must be %s, not %s"):format(name, EXPECTED[type_name],
      value == json.null and "null" or WRONG[type(value)] or "a " .. type(value))
  end
  return made
end

local function convert_relationship(name, kind, id)
  local ok, problem = encoded_id(id, ("relationship '%s'"):format(name))
  if not ok then return nil, problem end
  return { type = kind:gsub("^!", ""), id = id }
end

local function missing(given, known, what)
  local names = {}
  for name, kind in pairs(known) do
    if kind:sub(1, 1) == "!" and given[name] == nil then names[#names + 1] = name end
  end
  table.sort(names)
  if names[1] then return ("%s '%s' is missing"):format(what, names[1]) end
end

local function build_body(operation, given, id)
  local attributes, relationships = {}, {}
  for name, value in pairs(given) do
    local attribute, relationship = operation.known_attributes[name], operation.known_relationships[name]
    local problem
    if attribute then
      attributes[name], problem = convert_attribute(name, attribute, value)
    elseif relationship then
      relationships[name], problem = convert_relationship(name, relationship, value)
    else
      problem = "has no attribute " .. shown(name)
    end
    if problem then return nil, problem end
  end
  local problem = missing(given, operation.known_attributes, "attribute")
    or missing(given, operation.known_relationships, "relationship")
  if not problem and next(given) == nil then problem = "no attribute is given" end
  if problem then return nil, problem end
  return jsonapi.request(operation.resource, id, attributes, relationships)
end

--[[ Both ]]

local HAS_BODY = { POST = true, PATCH = true }

local function build_path(operation, id, given)
  local holder = operation.by_id and "id" or operation.parent
  if not holder then return operation.path end
  local value = id
  if operation.parent then value = given[holder] end
  if value == nil then return nil, ("'%s' is missing"):format(holder) end
  local encoded, problem = encoded_id(value, ("'%s'"):format(holder))
  if not encoded then return nil, problem end
  return operation.before_id .. encoded .. operation.after_id
end

--- The path and what goes with it.
---@param operation table of marketplace.operations
---@param id? string the resource's own, if the path holds it
---@param given table the parent and the options of the query, or attributes and relationships
---@return string|nil path
---@return {query?: table, body?: table}|string options of client:request, or what is wrong
function request.prepare(operation, id, given)
  local path, problem = build_path(operation, id, given)
  if not path then return nil, problem end
  local options, build = {}, build_query
  local part = "query"
  if HAS_BODY[operation.method] then part, build = "body", build_body end
  options[part], problem = build(operation, given, id)
  if problem then return nil, problem end
  return path, options
end

return request
