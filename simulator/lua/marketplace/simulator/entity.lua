--- The document in a POST or PATCH, checked as App Store Connect checks it: the answer names everything that is wrong.
local json = require "marketplace.json"
local problems = require "marketplace.simulator.problems"
local schema = require "marketplace.simulator.schema"

local entity = {}

local EVENT_TYPES = {}
for _, name in ipairs(schema.EVENT_TYPES) do EVENT_TYPES[name] = true end

local function is_list(value)
  if type(value) ~= "table" then return false end
  for key in pairs(value) do
    if type(key) ~= "number" then return false end
  end
  return true
end

-- If a value is not of the kind: the end of the error's code, and its detail.
local KINDS = {
  string = function(value)
    if type(value) ~= "string" then return "TYPE", "must be a string" end
    if value == "" then return "INVALID", "must not be empty" end
  end,
  url = function(value)
    if type(value) ~= "string" then return "TYPE", "must be a string" end
    if not value:find "^https?://[^%s/?#]+%S*$" then return "INVALID", "must be a URL" end
  end,
  boolean = function(value)
    if type(value) ~= "boolean" then return "TYPE", "must be a boolean" end
  end,
  list = function(value)
    if not is_list(value) then return "TYPE", "must be an array" end
    for _, name in ipairs(value) do
      if type(name) ~= "string" then return "TYPE", "must be an array of strings" end
      if not EVENT_TYPES[name] then return "INVALID", ("has '%s', which is no event type"):format(name) end
    end
  end,
}

local function split(kind)
  return kind:match "%w+", kind:sub(1, 1) == "!"
end

local function sorted(...)
  local names, seen = {}, {}
  for _, set in ipairs { ... } do
    for name in pairs(set) do
      if not seen[name] then names[#names + 1] = tostring(name) end
      seen[name] = true
    end
  end
  table.sort(names)
  return names
end

--[[ Attributes ]]

local function attribute_problem(name, value, kind)
  local function problem(ending, detail)
    return problems.new(409, "ENTITY_ERROR.ATTRIBUTE." .. ending, detail, { pointer = "/data/attributes/" .. name })
  end
  if not kind then
    return problem("UNKNOWN", ("The attribute '%s' is not allowed in this request"):format(name))
  end
  local plain, required = split(kind)
  if value == nil then
    if not required then return nil end
    return problem("REQUIRED", ("You must provide a value for the attribute '%s' with this request"):format(name))
  end
  local ending, detail = KINDS[plain](value)
  return ending and problem(ending, ("The attribute '%s' %s"):format(name, detail))
end

local function check_attributes(given, known, found)
  for _, name in ipairs(sorted(given, known)) do
    found[#found + 1] = attribute_problem(name, given[name], known[name])
  end
end

--[[ Relationships ]]

local function linkage_problem(sim, value, type_name)
  local data = type(value) == "table" and value.data
  if type(data) ~= "table" or type(data.id) ~= "string" then return "must have data with a type and an id", "" end
  if data.type ~= type_name then return ("must be of type '%s'"):format(type_name), "/data/type" end
  if not sim:exists(type_name, data.id) then
    return ("names '%s', and there is no resource of type '%s' with this id"):format(data.id, type_name), "/data/id"
  end
end

local function relationship_problem(sim, name, value, kind)
  local function problem(ending, detail, pointer)
    return problems.new(409, "ENTITY_ERROR.RELATIONSHIP." .. ending, detail,
      { pointer = "/data/relationships/" .. name .. (pointer or "") })
  end
  if not kind then
    return problem("UNKNOWN", ("The relationship '%s' is not allowed in this request"):format(name))
  end
  local type_name, required = split(kind)
  if value == nil then
    if not required then return nil end
    return problem("REQUIRED", ("You must provide a value for the relationship '%s' with this request"):format(name))
  end
  local detail, pointer = linkage_problem(sim, value, type_name)
  return detail and problem("INVALID", ("The relationship '%s' %s"):format(name, detail), pointer)
end

local function check_relationships(sim, given, known, found)
  for _, name in ipairs(sorted(given, known)) do
    found[#found + 1] = relationship_problem(sim, name, given[name], known[name])
  end
end

--[[ The document ]]

local function member(data, name, found)
  local value = data[name]
  if value == nil then return {} end
  if type(value) == "table" then return value end
  found[#found + 1] = problems.new(409, "ENTITY_ERROR", ("'%s' must be an object"):format(name),
    { pointer = "/data/" .. name })
  return {}
end

local MEMBERS = { type = true, id = true, attributes = true, relationships = true }

local function check_members(data, type_name, id, found)
  local function wrong(name, detail)
    found[#found + 1] = problems.new(409, "ENTITY_ERROR", detail, { pointer = "/data/" .. name })
  end
  if data.type ~= type_name then wrong("type", ("The type must be '%s'"):format(type_name)) end
  if data.id ~= id then
    wrong("id", id and "The id must be the one in the path" or "An id is not allowed in this request")
  end
  for _, name in ipairs(sorted(data)) do
    if not MEMBERS[name] then wrong(name, ("'%s' is not allowed here"):format(name)) end
  end
end

local function read(body)
  local whole = body ~= "" and json.decode(body)
  if type(whole) ~= "table" then
    return nil, problems.new(422, "ENTITY_UNPROCESSABLE", "The request entity is not a valid JSON document")
  end
  if type(whole.data) ~= "table" then
    return nil, problems.new(409, "ENTITY_ERROR", "The request entity must have 'data', an object",
      { pointer = "/data" })
  end
  return whole.data
end

local function ids_of(relationships)
  local ids = {}
  for name, value in pairs(relationships) do ids[name] = value.data.id end
  return ids
end

--- Reads the document that creates or updates a resource.
---@param sim table knows which resources exist
---@param type_name string
---@param how "create"|"update"
---@param body string
---@param id? string of the resource to update
---@return {attributes: table, refs: table}|nil values refs: name of a relationship to id
---@return table[]? problems
function entity.read(sim, type_name, how, body, id)
  local data, problem = read(body)
  if not data then return nil, { problem } end
  local known, found = schema.BODIES[how][type_name], {}
  check_members(data, type_name, id, found)
  local attributes, relationships = member(data, "attributes", found), member(data, "relationships", found)
  check_attributes(attributes, known.attributes, found)
  check_relationships(sim, relationships, known.relationships, found)
  if #found > 0 then return nil, found end
  return { attributes = attributes, refs = ids_of(relationships) }
end

return entity
