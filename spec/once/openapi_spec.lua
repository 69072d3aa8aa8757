-- What the client sends, and that it reads what it may be answered, for every operation of Apple's OpenAPI description.
local api_check = require "support.api_check"
local busted = { it = it, pending = pending }
local core = require "marketplace.core"
local json = require "marketplace.json"
local json_schema = require "support.json_schema"
local marketplace = require "marketplace"
local openapi = require "support.openapi"
local resources = require "marketplace.client.resources"

local ID = "a1/ü"

local VALUES = {
  ["string"] = "https://market.example/a?b=%C3%A4&c", ["boolean"] = true,
  ["list"] = { "ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED", "BUILD_UPLOAD_STATE_UPDATED" },
}

local FILTERS = {
  deliveryState = { "FAILED", "PENDING" }, createdDateGreaterThanOrEqualTo = "2026-01-01T00:00:00Z",
  createdDateLessThan = "2026-01-02T00:00:00-08:00", state = "COMPLETED",
}

-- Of what the description says, the attributes of a type of resource.
local function attributes_of(description, type_name)
  for _, schema in pairs(description.components.schemas) do
    local properties = schema.properties or {}
    local types = properties.type and properties.type.enum
    if types and types[1] == type_name and properties.attributes then
      local names = {}
      for name in pairs(properties.attributes.properties) do names[#names + 1] = name end
      return names
    end
  end
end

local function table_of(names, value)
  local made = {}
  for _, name in ipairs(names) do made[name] = value(name) end
  return made
end

-- Every option that the operation has.
local function whole_query(description, operation)
  local given = {}
  if operation.fields then
    given.fields = table_of(operation.fields, function(name) return attributes_of(description, name) end)
  end
  if operation.filter then given.filter = table_of(operation.filter, function(name) return FILTERS[name] end) end
  if operation.exists then given.exists = table_of(operation.exists, function() return true end) end
  given.include = operation.include
  if operation.limit or operation.limits then
    given.limit = operation.limits or {}
    given.limit[1] = operation.limit
  end
  return given
end

local function whole_body(operation)
  local given = {}
  for name, kind in pairs(operation.attributes or {}) do given[name] = VALUES[kind:match "%a+"] end
  for name in pairs(operation.relationships or {}) do given[name] = ID end
  return given
end

-- What has to be given and no more; of a change, what can be taken away.
local function least_body(operation)
  local given = {}
  for name, value in pairs(whole_body(operation)) do
    local mark = ((operation.attributes or {})[name] or operation.relationships[name]):sub(1, 1)
    if mark == "!" then given[name] = value end
    if mark == "?" then given[name] = marketplace.null end
  end
  return given
end

local HAS_BODY = { create = true, update = true }

local function call(client, operation, given)
  local methods = client[operation.resource]
  if operation.parent then given[operation.parent] = ID end
  if operation.by_id then return methods[operation.action](methods, ID, given) end
  return methods[operation.action](methods, given)
end

local function check_answer(operation, result, page, is_whole)
  assert.is_truthy(result, page)
  if operation.action == "delete" then return assert.is_true(result) end
  local one, is_list = result, operation.action == "list" or operation.action == "linkages"
  if is_list then one = result[1] end
  assert.is_table(page.links)
  if is_list and not is_whole then return assert.is_nil(one) end
  assert.equal(operation.resource, one.type)
  assert.is_string(one.id)
end

describe("Apple's OpenAPI description", function()
  local description = openapi.load(busted)
  if not description then return end

  local client, is_whole, request, response
  setup(function()
    local key = assert(core.generate_key())
    client = assert(marketplace.client {
      key = assert(key:private_pem()), key_id = "K1", issuer_id = "I1", retries = 0,
      transport = function(given)
        request, response = given, api_check.example(description, given, is_whole)
        return response
      end,
    })
  end)

  local accepted = 0

  for _, operation in ipairs(resources.operations()) do
    it(("allows %s %s, and its answers are read"):format(operation.method, operation.path), function()
      local all = { whole_query(description, operation), {} }
      if HAS_BODY[operation.action] then all = { whole_body(operation), least_body(operation) } end
      for i, given in ipairs(all) do
        is_whole = i == 1
        local result, page = call(client, operation, given)
        assert.same({}, api_check.request(description, request))
        assert.same({}, api_check.response(description, request, response))
        check_answer(operation, result, page, is_whole)
      end
      accepted = accepted + 1
    end)
  end

  it("allowed all 42", function()
    assert.equal(42, accepted)
  end)

  local function request_problems(target, body)
    local method, path = target:match "^(%u+) (.*)$"
    return api_check.request(description, {
      method = method, url = "https://a.example" .. path, body = body and json.encode(body),
      headers = { "Authorization: Bearer none", body and "Content-Type: application/json" },
    })
  end

  it("allows no other requests", function()
    local function ping(type_name)
      return { data = { type = type_name, relationships = { webhook = { data = { type = "webhooks", id = "1" } } } } }
    end
    assert.same({}, request_problems("POST /v1/webhookPings", ping "webhookPings"))
    assert.same({ "body.data.type: must be one of webhookPings" },
      request_problems("POST /v1/webhookPings", ping "webhookPing"))
    assert.same({ "query.limit: must be at most 200" }, request_problems "GET /v1/marketplaceWebhooks?limit=201")
    assert.same({ "query.limit: must be of type integer" }, request_problems "GET /v1/marketplaceWebhooks?limit=all")
    assert.same({ "query: must not have 'sort'" }, request_problems "GET /v1/marketplaceWebhooks?sort=id")
    assert.same({ "query.include[2]: must be one of app" }, request_problems "GET /v1/webhooks/1?include=app,apps")
    assert.same({ "body.data: must have 'attributes'" },
      request_problems("POST /v1/marketplaceWebhooks", { data = { type = "marketplaceWebhooks" } }))
    assert.same({ "body.data.attributes.enabled: must be of type boolean" },
      request_problems("PATCH /v1/webhooks/1",
        { data = { type = "webhooks", id = "1", attributes = { enabled = "yes" } } }))
    assert.same({ "body: must be empty" }, request_problems("DELETE /v1/webhooks/1", {}))
    assert.same({ "body: must not be nil" }, request_problems "POST /v1/webhookPings")
    assert.same({ "there is no operation GET /v1/nothing" }, request_problems "GET /v1/nothing")
    assert.same({ "headers: must have a bearer token" }, api_check.request(description,
      { method = "GET", url = "https://a.example/v1/marketplaceWebhooks", headers = { "Authorization: Basic a" } }))
  end)

  it("allows no other answers", function()
    local function problems(status, body, kind)
      return api_check.response(description, { method = "GET", url = "https://a.example/v1/marketplaceWebhooks" },
        { status = status, body = body, headers = { ["content-type"] = kind or "application/json" } })
    end
    local right = '{"data":[{"type":"marketplaceWebhooks","id":"1"}],"links":{"self":"/v1/marketplaceWebhooks"}}'
    assert.same({}, problems(200, right))
    assert.same({ "body.data[1].id: must be of type string" }, problems(200, (right:gsub('"1"', "1"))))
    assert.same({ "body.data: must be of type array" }, problems(200, '{"data":{},"links":{"self":"/"}}'))
    assert.same({ "body: must be JSON" }, problems(200, right:sub(2)))
    assert.same({ "body: must not be text/html" }, problems(200, right, "text/html"))
    assert.same({ "there is no answer 418" }, problems(418, right))
  end)
end)

describe("a schema", function()
  local function problems(value, schema)
    local components = { schemas = { word = { type = "string" } } }
    return json_schema.problems({ components = components }, json_schema.decode(value), schema, "it")
  end

  local OBJECT = { type = "object", properties = { a = { type = "string" } }, required = { "a" } }

  for _, row in ipairs {
    { "a string", "1", { type = "string" }, "it: must be of type string" },
    { "a boolean", '"true"', { type = "boolean" }, "it: must be of type boolean" },
    { "an integer", "1.5", { type = "integer" }, "it: must be of type integer" },
    { "an array", "{}", { type = "array" }, "it: must be of type array" },
    { "an array that is not null", "null", { type = "array" }, "it: must be of type array" },
    { "an object", "[]", { type = "object" }, "it: must be of type object" },
    { "a reference", "1", { ["$ref"] = "#/components/schemas/word" }, "it: must be of type string" },
    { "a choice", '"c"', { type = "string", enum = { "a", "b" } }, "it: must be one of a, b" },
    { "a maximum", "6", { type = "integer", maximum = 5 }, "it: must be at most 5" },
    { "a URI", '"a.example"', { type = "string", format = "uri" }, "it: must be a uri" },
    { "a URI reference", '"a b"', { type = "string", format = "uri-reference" }, "it: must be a uri-reference" },
    { "a time", '"2026-01-01"', { type = "string", format = "date-time" }, "it: must be a date-time" },
    { "elements", '["a",1]', { type = "array", items = { type = "string" } }, "it[2]: must be of type string" },
    { "members", '{"a":1}', OBJECT, "it.a: must be of type string" },
    { "all required members", "{}", OBJECT, "it: must have 'a'" },
    { "no unknown members", '{"a":"","b":1}', OBJECT, "it: must not have 'b'" },
    { "one kind", "1", { oneOf = { { type = "string" }, OBJECT } }, "it: must be one of 2 kinds, and is 0 of them" },
    { "one kind only", '""', { oneOf = { { type = "string" }, { type = "string" } } },
      "it: must be one of 2 kinds, and is 2 of them" },
    { "members of a kind", '{"b":1}', { type = "object", additionalProperties = { type = "string" } },
      "it.b: must be of type string" },
  } do
    it("wants " .. row[1], function() assert.same({ row[4] }, problems(row[2], row[3])) end)
  end

  it("allows what it describes", function()
    assert.same({}, problems('{"a":"[]\\"[]"}', OBJECT))
    assert.same({}, problems("[]", { type = "array", items = { type = "string" } }))
    assert.same({}, problems("5", { type = "integer", maximum = 5 }))
    assert.same({}, problems("null", { type = "string", nullable = true }))
    assert.same({}, problems('{"b":{}}', { type = "object", additionalProperties = true }))
    assert.same({}, problems('{"a":""}', { oneOf = { { type = "string" }, OBJECT } }))
  end)

  it("raises if it has what is not checked", function()
    for _, schema in ipairs { { type = "string", pattern = "a" }, { type = "string", format = "email" }, {},
      { type = "null" } } do
      assert.has_error(function() problems('"a"', schema) end)
    end
  end)
end)
