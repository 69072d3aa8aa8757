-- Every operation, sent to Prism, which holds requests against Apple's OpenAPI description.
local busted = { it = it, pending = pending }
local http = require "marketplace.http"
local marketplace = require "marketplace"
local openapi = require "support.openapi"
local prism = require "support.prism"
local resources = require "marketplace.client.resources"
local shell = require "support.shell"
local socket = require "socket"

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

local function check_answer(operation, result, page)
  assert.is_truthy(result, page)
  if operation.action == "delete" then return assert.is_true(result) end
  local one = result
  if operation.action == "list" or operation.action == "linkages" then one = result[1] end
  assert.equal(operation.resource, one.type)
  assert.is_string(one.id)
  assert.is_table(page.links)
end

describe("Apple's OpenAPI description #full", function()
  local description = openapi.load(busted)
  if not description then return end

  local server, client, last
  setup(function()
    server = prism.mock()
    client = assert(marketplace.client {
      base_url = server.url, key = shell.run "openssl ecparam -name prime256v1 -genkey -noout" .. "\n", key_id = "K1",
      issuer_id = "I1", retries = 0,
      transport = function(request, pause)
        last = assert(http.exchange(request, pause))
        return last
      end,
    })
  end)
  teardown(function() if server then server:stop() end end)

  local accepted = 0

  for _, operation in ipairs(resources.operations()) do
    it(("allows %s %s"):format(operation.method, operation.path), function()
      local all = { whole_query(description, operation), {} }
      if HAS_BODY[operation.action] then all = { whole_body(operation), least_body(operation) } end
      for _, given in ipairs(all) do
        local result, page = call(client, operation, given)
        assert.same({}, prism.violations(last.headers, "request"))
        check_answer(operation, result, page)
      end
      accepted = accepted + 1
    end)
  end

  it("allowed all 42", function()
    assert.equal(42, accepted)
  end)

  it("would not allow what is wrong, so that the tests above mean something", function()
    for expected, request in pairs {
      ["request.query.limit: Request query parameter limit must be <= 200"] =
        { "GET", "/v1/marketplaceWebhooks", { query = { limit = 201 } } },
      ["request.query.include.0: "] = { "GET", "/v1/webhooks/1", { query = { include = "apps" } } },
      ["request.body.data: Request body property data must have required property 'attributes'"] =
        { "POST", "/v1/marketplaceWebhooks", { body = { data = { type = "marketplaceWebhooks" } } } },
      ["request.body.data.type: "] = { "POST", "/v1/webhookPings", { body = { data = { type = "webhookPing",
        relationships = { webhook = { data = { type = "webhooks", id = "1" } } } } } } },
      ["request.body.data.attributes.enabled: "] =
        { "PATCH", "/v1/webhooks/1", { body = { data = { type = "webhooks", id = "1",
          attributes = { enabled = "yes" } } } } },
    } do
      local result, message = client:request(request[1], request[2], request[3])
      assert.is_nil(result)
      assert.is_string(message)
      local violations = table.concat(prism.violations(last.headers, "request"), "\n")
      assert.is_truthy(violations:find(expected, 1, true), expected .. "\n" .. violations)
    end
    assert.is_nil((client:request("GET", "/v1/nothing", {})))
  end)

  -- What a server answers with this body, seen through Prism.
  local function through_proxy(body)
    local upstream = assert(socket.bind("127.0.0.1", 0))
    upstream:settimeout(0)
    local proxy = prism.proxy(("http://127.0.0.1:%d"):format(select(2, upstream:getsockname())))
    finally(function()
      upstream:close()
      proxy:stop()
    end)
    local exchange = assert(http.start { method = "GET", url = proxy.url .. "/v1/marketplaceWebhooks",
      headers = { "Authorization: Bearer none" } })
    local answered
    while not exchange:done() do
      http.poll(0.01)
      local peer = not answered and upstream:accept()
      if peer then
        peer:settimeout(10)
        repeat local line = assert(peer:receive "*l") until line == ""
        peer:send(("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"):format(
          #body, body))
        peer:close()
        answered = true
      end
    end
    return assert(exchange:result())
  end

  it("is held against the answers of a server behind Prism too", function()
    local right = '{"data":[{"type":"marketplaceWebhooks","id":"1"}],"links":{"self":"/v1/marketplaceWebhooks"}}'
    local response = through_proxy(right)
    assert.equal(200, response.status)
    assert.equal(right, response.body)
    assert.same({}, prism.violations(response.headers, "response"))
  end)

  it("and does not allow a wrong one", function()
    local response = through_proxy '{"data":[{"type":"marketplaceWebhooks","id":1}],"links":{"self":"/"}}'
    assert.is_true(response.status >= 400)
    assert.matches("response.body.data.0.id: ", prism.violations(response.headers, "response")[1])
  end)
end)
