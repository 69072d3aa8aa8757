local busted = { it = it, pending = pending }
local openapi = require "support.openapi"
local operations = require "marketplace.operations"

local function key_of(operation)
  return operation.method .. " " .. operation.path:gsub("{%w+}", "{id}")
end

local function set_of(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

-- The names of query parameters, each with its limit, its choices (where they are relationships) or true.
local function offered_query(operation)
  local query = {}
  for _, type_name in ipairs(operation.fields or {}) do query[("fields[%s]"):format(type_name)] = true end
  for _, name in ipairs(operation.filter or {}) do query[("filter[%s]"):format(name)] = true end
  for _, name in ipairs(operation.exists or {}) do query[("exists[%s]"):format(name)] = true end
  for name, most in pairs(operation.limits or {}) do query[("limit[%s]"):format(name)] = most end
  query.include = operation.include and set_of(operation.include)
  query.limit = operation.limit
  return query
end

local function described_query(described)
  local query = {}
  for _, parameter in ipairs(described.parameters or {}) do
    local schema = parameter.schema
    query[parameter.name] = schema.maximum or true
    if parameter.name == "include" then query.include = set_of(schema.items.enum) end
  end
  return query
end

local function data_schema(description, described)
  local body = described.requestBody
  if not body then return { properties = {} } end
  return openapi.resolve(description, body.content["application/json"].schema).properties.data
end

local TYPES = { string = "string", boolean = "boolean", array = "list" }

local function described_attributes(data)
  local schema = data.properties.attributes
  if not schema then return nil end
  local required, attributes = set_of(schema.required), {}
  for name, property in pairs(schema.properties) do
    attributes[name] = (required[name] and "!" or property.nullable and "?" or "") .. TYPES[property.type]
  end
  return attributes
end

local function described_relationships(data)
  local schema = data.properties.relationships
  if not schema then return nil end
  local required, relationships = set_of(schema.required), {}
  for name, property in pairs(schema.properties) do
    relationships[name] = (required[name] and "!" or "") .. property.properties.data.properties.type.enum[1]
  end
  return relationships
end

local MANY = { list = true, linkages = true }

-- Whether the answer's data is a list.
local function answers_list(description, described)
  local answer = described.responses["200"] or described.responses["201"]
  if not answer then return false end
  return openapi.resolve(description, answer.content["application/json"].schema).properties.data.type == "array"
end

describe("marketplace.operations", function()
  it("lists 42, each a copy", function()
    local list = operations.list()
    assert.equal(42, #list)
    list[1].path = nil
    assert.is_string(operations.list()[1].path)
  end)

  local description = openapi.load(busted)
  if not description then return end

  local described = {}
  openapi.each(description, function(method, path, operation) described[method .. " " .. path] = operation end)

  it("has the methods and paths of Apple's description, and no other", function()
    local expected, found = {}, {}
    for name in pairs(described) do expected[name] = true end
    for _, operation in ipairs(operations.list()) do found[key_of(operation)] = true end
    assert.same(expected, found)
  end)

  for _, operation in ipairs(operations.list()) do
    local name = key_of(operation)
    it("has of " .. name .. " what the description has", function()
      local apple = described[name]
      assert.same(described_query(apple), offered_query(operation))
      local data = data_schema(description, apple)
      assert.same(described_attributes(data), operation.attributes)
      assert.same(described_relationships(data), operation.relationships)
      if data.properties.type then assert.equal(operation.resource, data.properties.type.enum[1]) end
      assert.equal(set_of(data.required).id or false, operation.action == "update")
      assert.equal(answers_list(description, apple), MANY[operation.action] or false)
    end)
  end
end)

describe("a description", function()
  it("that is not there is pending, and fails on CI", function()
    local getenv, path = os.getenv, openapi.PATH
    local told, made = nil, nil
    local other = { pending = function(name) told = name end, it = function(_, body) made = body end }
    openapi.PATH = "/nowhere/at/all"
    os.getenv = function() end -- luacheck: ignore
    assert.is_nil(openapi.load(other))
    os.getenv = function() return "1" end -- luacheck: ignore
    assert.is_nil(openapi.load(other))
    os.getenv, openapi.PATH = getenv, path -- luacheck: ignore
    assert.matches("OpenAPI description is not there: /nowhere/at/all", told)
    assert.is_false((pcall(made)))
  end)
end)
