local json = require "marketplace.json"
local marketplace = require "marketplace"
local operations = require "marketplace.operations"
local resources = require "marketplace.client.resources"

local BASE = "https://api.example"

-- A client that keeps what it is asked and answers from a list; `before` runs first, and may yield.
local function client_with(answers, before)
  local client = { base_url = BASE, asked = {} }
  function client:request(method, path, given)
    if before then before() end
    table.insert(self.asked, { method, path, given.query, given.body })
    local answer = table.remove(answers, 1)
    if not answer then return nil, "nothing more", "timeout", { sent = true } end
    return json.decode(json.encode(answer)), { status = 200, headers = {} }
  end
  return resources.attach(client)
end

local WEBHOOK = { data = { type = "webhooks", id = "1", attributes = { name = "n" } } }
local LIST = { data = json.list { { type = "webhooks", id = "1" } }, links = { self = "/x" } }

local function asks(expected, call, answer)
  local client = client_with { answer or WEBHOOK }
  local result, page = call(client)
  assert.is_truthy(result, page)
  assert.same(expected, client.asked[1])
  return result, page
end

local function refuses(expected, call)
  local client = client_with {}
  local result, message, code = call(client)
  assert.is_nil(result)
  assert.equal(expected, message)
  assert.equal("request_invalid", code)
  assert.same({}, client.asked)
end

describe("resources", function()
  it("are asked for by id or by a parent", function()
    local webhook, page = asks({ "GET", "/v1/webhooks/1", { ["fields[webhooks]"] = { "name" }, include = { "app" } } },
      function(client) return client.webhooks:get("1", { fields = { "name" }, include = "app" }) end)
    assert.equal("n", webhook.name)
    assert.same({}, page.links)
    asks({ "GET", "/v1/apps/7/alternativeDistributionKey" },
      function(client) return client.alternativeDistributionKeys:get { app = "7" } end)
    asks({ "GET", "/v1/alternativeDistributionKeys/7" },
      function(client) return client.alternativeDistributionKeys:get "7" end)
    asks({ "GET", "/v1/apps/7/relationships/alternativeDistributionKey" },
      function(client) return client.alternativeDistributionKeys:linkage { app = "7" } end)
    asks({ "GET", "/v1/apps/7/marketplaceSearchDetail" },
      function(client) return client.marketplaceSearchDetails:get { app = "7" } end)
  end)

  it("are listed, filtered and limited", function()
    local list = asks({ "GET", "/v1/apps/7/webhooks",
      { ["fields[webhooks]"] = { "name" }, ["fields[apps]"] = { "sku" }, limit = 50, include = { "app" } } },
      function(client)
        return client.webhooks:list { app = "7", limit = 50, include = { "app" },
          fields = { webhooks = { "name" }, apps = "sku" } }
      end, LIST)
    assert.equal("1", list[1].id)
    asks({ "GET", "/v1/webhooks/7/deliveries", { ["filter[deliveryState]"] = { "FAILED", "PENDING" },
      ["filter[createdDateGreaterThanOrEqualTo]"] = { "2026-01-01T00:00:00Z" }, include = { "event" } } },
      function(client)
        return client.webhookDeliveries:list { webhook = "7", include = "event",
          filter = { deliveryState = { "FAILED", "PENDING" },
            createdDateGreaterThanOrEqualTo = "2026-01-01T00:00:00Z" } }
      end, LIST)
    asks({ "GET", "/v1/alternativeDistributionPackages/7/versions",
      { limit = 20, ["limit[variants]"] = 10, ["filter[state]"] = { "COMPLETED" } } },
      function(client)
        return client.alternativeDistributionPackageVersions:list { alternativeDistributionPackage = "7",
          limit = { 20, variants = 10 }, filter = { state = "COMPLETED" } }
      end, LIST)
    asks({ "GET", "/v1/alternativeDistributionKeys", { ["exists[app]"] = "false" } },
      function(client) return client.alternativeDistributionKeys:list { exists = { app = false } } end, LIST)
    asks({ "GET", "/v1/marketplaceWebhooks" }, function(client) return client.marketplaceWebhooks:list() end, LIST)
    local client = client_with { LIST }
    assert(client.webhooks:list { app = "7", limit = 100 / 2 })
    assert.equal("50", tostring(client.asked[1][3].limit))
    asks({ "GET", "/v1/apps/7/webhooks", { limit = 200 } },
      function(other) return other.webhooks:list { app = "7", limit = 200 } end, LIST)
    asks({ "GET", "/v1/apps/7/relationships/webhooks", { limit = 1 } },
      function(other) return other.webhooks:linkages { app = "7", limit = 1 } end, LIST)
  end)

  it("are created, changed and deleted", function()
    local types = {}
    local given = { name = "n", url = "https://x", secret = "s", enabled = true, eventTypes = types, app = "7" }
    asks({ "POST", "/v1/webhooks", nil, { data = { type = "webhooks",
      attributes = { name = "n", url = "https://x", secret = "s", enabled = true, eventTypes = {} },
      relationships = { app = { data = { type = "apps", id = "7" } } } } } },
      function(client) return client.webhooks:create(given) end)
    assert.is_nil(getmetatable(types))
    local client = client_with { WEBHOOK, WEBHOOK }
    assert(client.webhooks:create(given))
    assert.matches('"eventTypes":%[%]', json.encode(client.asked[1][4]))
    asks({ "PATCH", "/v1/webhooks/1", nil, { data = { type = "webhooks", id = "1",
      attributes = { url = marketplace.null, enabled = false, eventTypes = { "NEW_OF_APPLE" } } } } }, function(other)
      return other.webhooks:update("1", { url = marketplace.null, enabled = false, eventTypes = { "NEW_OF_APPLE" } })
    end)
    asks({ "POST", "/v1/alternativeDistributionKeys", nil,
      { data = { type = "alternativeDistributionKeys", attributes = { publicKey = "k" } } } },
      function(other) return other.alternativeDistributionKeys:create { publicKey = "k" } end)
    asks({ "POST", "/v1/webhookDeliveries", nil, { data = { type = "webhookDeliveries",
      relationships = { template = { data = { type = "webhookDeliveries", id = "7" } } } } } },
      function(other) return other.webhookDeliveries:create { template = "7" } end)
    local deleted = asks({ "DELETE", "/v1/marketplaceWebhooks/1" },
      function(other) return other.marketplaceWebhooks:delete "1" end, {})
    assert.is_true(deleted)
  end)

  it("are never asked for with what would be refused", function()
    local null = marketplace.null
    local whole = { name = "n", url = "u", secret = "s", enabled = true, eventTypes = {}, app = "7" }
    local function created(change)
      local given = {}
      for name, value in pairs(whole) do given[name] = value end
      for name, value in pairs(change) do given[name] = value end
      return function(client) return client.webhooks:create(given) end
    end
    local function without(name)
      return function(client)
        local given = {}
        for other, value in pairs(whole) do given[other] = other ~= name and value or nil end
        return client.webhooks:create(given)
      end
    end
    for expected, call in pairs {
      ["webhooks:create: attribute 'url' is missing"] = without "url",
      ["webhooks:create: relationship 'app' is missing"] = without "app",
      ["webhooks:create: attribute 'enabled' is missing"] = function(client) return client.webhooks:create {} end,
      ["webhooks:create: has no attribute 'endpointUrl'"] = created { endpointUrl = "x" },
      ["webhooks:create: has no attribute '1'"] = created { 5 },
      ["webhooks:create: attribute 'name' must be a string, not a number"] = created { name = 5 },
      ["webhooks:create: attribute 'name' must be a string, not null"] = created { name = null },
      ["webhooks:create: attribute 'enabled' must be true or false, not a string"] = created { enabled = "true" },
      ["webhooks:create: attribute 'eventTypes' must be a list of strings, not a string"] =
        created { eventTypes = "A" },
      ["webhooks:create: attribute 'eventTypes' must be a list of strings, not a table of something else"] =
        created { eventTypes = { "A", 5 } },
      ["webhooks:create: relationship 'app' must be a string, not a number"] = created { app = 7 },
      ["webhooks:create: relationship 'app' is empty"] = created { app = "" },
      ["webhooks:update: no attribute is given"] = function(client) return client.webhooks:update("1", {}) end,
      ["webhooks:update: has no attribute 'app'"] = function(client)
        return client.webhooks:update("1", { app = "7" })
      end,
      ["webhooks:update: 'id' is empty"] = function(client) return client.webhooks:update("", { name = "n" }) end,
      ["marketplaceWebhooks:delete: 'id' is not an id"] = function(client)
        return client.marketplaceWebhooks:delete ".."
      end,
      ["webhooks:list: 'app' is missing"] = function(client) return client.webhooks:list() end,
      ["webhooks:list: 'app' must be a string, not a number"] = function(client)
        return client.webhooks:list { app = 7 }
      end,
      ["webhooks:list: has no option 'sort'"] = function(client)
        return client.webhooks:list { app = "7", sort = "x" }
      end,
      ["webhooks:list: has no 'filter'"] = function(client) return client.webhooks:list { app = "7", filter = {} } end,
      ["webhooks:list: 'include' has 'apps'; known: app"] = function(client)
        return client.webhooks:list { app = "7", include = "apps" }
      end,
      ["webhooks:list: 'include' must be a name, or a list of names"] = function(client)
        return client.webhooks:list { app = "7", include = {} }
      end,
      ["webhooks:list: 'limit' must be an integer from 1 to 200"] = function(client)
        return client.webhooks:list { app = "7", limit = 201 }
      end,
      ["webhooks:list: has no 'limit[x]'"] = function(client)
        return client.webhooks:list { app = "7", limit = { x = 1 } }
      end,
      ["webhooks:get: has no 'limit'"] = function(client) return client.webhooks:get("1", { limit = 1 }) end,
      ["webhooks:get: 'fields' must be a list of names, or such lists by type"] = function(client)
        return client.webhooks:get("1", { fields = {} })
      end,
      ["webhooks:get: 'fields' has 'builds'; known: apps, webhooks"] = function(client)
        return client.webhooks:get("1", { fields = { builds = { "x" } } })
      end,
      ["webhooks:get: 'fields' of 'apps' must be a list of names"] = function(client)
        return client.webhooks:get("1", { fields = { apps = { 5 } } })
      end,
      ["webhooks:linkages: has no 'fields'"] = function(client)
        return client.webhooks:linkages { app = "1", fields = { "x" } }
      end,
      ["webhookDeliveries:list: 'filter' has 'state'; known: createdDateGreaterThanOrEqualTo, createdDateLessThan, " ..
        "deliveryState"] = function(client)
        return client.webhookDeliveries:list { webhook = "7", filter = { state = "x" } }
      end,
      ["webhookDeliveries:list: 'filter' of 'deliveryState' must be a string or a list of strings"] = function(client)
        return client.webhookDeliveries:list { webhook = "7", filter = { deliveryState = 5 } }
      end,
      ["webhookDeliveries:list: 'filter' must be a table, not a string"] = function(client)
        return client.webhookDeliveries:list { webhook = "7", filter = "x" }
      end,
      ["alternativeDistributionKeys:list: 'exists' of 'app' must be true or false"] = function(client)
        return client.alternativeDistributionKeys:list { exists = { app = "yes" } }
      end,
      ["alternativeDistributionPackageVersions:get: 'limit[variants]' must be an integer from 1 to 50"] =
        function(client)
          return client.alternativeDistributionPackageVersions:get("1", { limit = { variants = 1.5 } })
        end,
    } do refuses(expected, call) end
  end)

  it("raise for what is no request at all, and blame the caller", function()
    local client = client_with {}
    for expected, call in pairs {
      ["webhooks:get: an id is expected, not a nil"] = function() local x = client.webhooks:get() return x end,
      ["webhooks:get: a table is expected, not a string"] = function()
        local x = client.webhooks:get("1", "x")
        return x
      end,
      ["marketplaceSearchDetails:get: a table is expected, not a string"] = function()
        local x = client.marketplaceSearchDetails:get "1"
        return x
      end,
      ["webhooks:list: a table is expected, not a string"] = function() local x = client.webhooks:list "7" return x end,
      ["webhooks:update: an id is expected, not a number"] = function()
        local x = client.webhooks:update(1, { name = "n" })
        return x
      end,
      ["webhooks:update: a table is expected, not a nil"] = function()
        local x = client.webhooks:update "1"
        return x
      end,
      ["webhooks:delete: an id is expected, not a table"] = function()
        local x = client.webhooks:delete { id = "1" }
        return x
      end,
      ["webhooks:each: a table is expected, not a number"] = function() local x = client.webhooks:each(7) return x end,
    } do
      local ok, message = pcall(call)
      assert.is_false(ok)
      assert.matches("^spec/resources_spec.lua:%d+: ", message)
      assert.is_truthy(message:find(expected, 1, true), message)
    end
  end)

  it("put ids into paths so that they stay ids", function()
    asks({ "GET", "/v1/webhooks/a%2F..%3Fb%20%25%C3%A4%00" },
      function(client) return client.webhooks:get "a/..?b %ä\0" end)
    asks({ "GET", "/v1/webhooks/%2525/deliveries" },
      function(client) return client.webhookDeliveries:list { webhook = "%25" } end, LIST)
  end)

  it("pass on what the client fails with, and name answers of other types", function()
    local client = client_with { LIST, WEBHOOK, { data = json.null }, {} }
    local function expect(pattern, code, result, message, got, detail)
      assert.is_nil(result)
      assert.matches(pattern, message)
      assert.equal(code, got)
      return detail
    end
    local detail = expect("^GET /v1/webhooks/1: 200; the answer's data is a list, not an object$", "answer_invalid",
      client.webhooks:get "1")
    assert.same({ status = 200, errors = {} }, detail)
    expect("the answer's data is an object, not a list$", "answer_invalid", client.webhooks:list { app = "7" })
    assert.equal(200, expect("GET /v1/apps/7/alternativeDistributionKey: 200; there is no such resource", "api_error",
      client.alternativeDistributionKeys:get { app = "7" }).status)
    expect("the answer's data is missing$", "answer_invalid", client.webhooks:get "1")
    assert.same({ sent = true }, expect("nothing more", "timeout", client.webhooks:get "1"))
    expect("nothing more", "timeout", client.webhooks:delete "1")
    local doubtful = client_with { LIST, LIST }
    assert.is_true(expect("it may have been executed all the same", "answer_invalid",
      doubtful.webhookPings:create { webhook = "1" }).may_have_run)
    detail = expect("not an object$", "answer_invalid", doubtful.webhooks:update("1", { name = "n" }))
    assert.is_true(detail.may_have_run)
  end)

  it("exist of every type, with every action, and no other", function()
    local client, expected, found = client_with {}, {}, {}
    for _, operation in ipairs(resources.operations()) do
      expected[operation.resource .. ":" .. operation.action] = true
      if operation.action == "list" then expected[operation.resource .. ":each"] = true end
    end
    for name in pairs(operations.by_resource) do
      for action, method in pairs(getmetatable(client[name])) do
        if type(method) == "function" then found[name .. ":" .. action] = true end
      end
    end
    assert.same(expected, found)
  end)
end)

describe("each", function()
  local function page(ids, next_url, self_url)
    local data = json.list {}
    for id in ids:gmatch "%d+" do data[#data + 1] = { type = "webhooks", id = id } end
    return { data = data, links = { self = self_url or "https://elsewhere.example/v1", next = next_url } }
  end

  local function walk(answers, before)
    local client, ids = client_with(answers, before), {}
    local iterator, state = client.webhooks:each { app = "7", limit = 2 }
    local webhook, at = iterator(state)
    while webhook do
      assert.is_table(at.links)
      ids[#ids + 1] = webhook.id
      webhook, at = iterator(state)
    end
    return table.concat(ids, " "), state.problem, client.asked
  end

  it("gives what all pages hold, empty ones among them", function()
    local ids, problem, asked = walk { page("1 2", BASE .. "/v1/b?cursor=x"), page("", "/v1/c?cursor=y"), page "3" }
    assert.equal("1 2 3", ids)
    assert.is_nil(problem)
    assert.same({ { "GET", "/v1/apps/7/webhooks", { limit = 2 } }, { "GET", BASE .. "/v1/b?cursor=x" },
      { "GET", "/v1/c?cursor=y" } }, asked)
    assert.equal("", (walk { page "" }))
    assert.equal("1", (walk { { data = page("1").data } })) -- no links at all
    local circle = {}
    for i = 1, 200 do circle[i] = page("", "/v1/b?cursor=" .. i) end
    local _, endless, many = walk(circle)
    assert.matches("the answer's links.next is set on 101 empty pages in a row$", endless.message)
    assert.equal(101, #many)
    assert.matches("^GET /v1/apps/7/webhooks: 200; ", endless.message)
  end)

  it("asks for one page after the last full one only if the answer names it", function()
    local ids, _, asked = walk { page("1 2", "/v1/b"), page "3 4" }
    assert.same({ "1 2 3 4", 2 }, { ids, #asked })
    ids, _, asked = walk { page("1 2", "/v1/b"), page("3 4", "/v1/c"), page "" }
    assert.same({ "1 2 3 4", 3 }, { ids, #asked })
  end)

  it("counts empty pages from the last that was not", function()
    local pages = {}
    for i = 1, 201 do pages[i] = page(i == 101 and "1" or "", "/v1/b?cursor=" .. i) end
    pages[202] = page "2"
    local ids, problem = walk(pages)
    assert.same({ "1 2" }, { ids, problem })
  end)

  it("is of all of a kind that has no parent", function()
    local client = client_with { LIST }
    local iterator, state = client.marketplaceWebhooks:each()
    assert.equal("1", iterator(state).id)
    assert.is_nil(iterator(state))
    assert.same({ "GET", "/v1/marketplaceWebhooks" }, client.asked[1])
  end)

  it("works in for", function()
    local client, ids = client_with { page("1", "/v1/b"), page "2" }, {}
    local iterator, state = client.webhooks:each { app = "7" }
    for webhook, at in iterator, state do ids[#ids + 1] = webhook.id .. (at.next or "") end
    assert.same({ "1/v1/b", "2" }, ids)
    for _ in client.webhooks:each { app = "7" } do error "there is nothing more" end
  end)

  it("goes to no other host", function()
    for _, url in ipairs { "https://elsewhere.example/v1/b", "http://api.example/v1/b", BASE .. ":444/v1/b",
      "https://api.example@elsewhere.example/", "//elsewhere.example/v1", "/\\elsewhere.example/v1", "v1/b", "",
      "https://api.example.elsewhere.example/", "/v1/\r\nb" } do
      local ids, problem, asked = walk { page("1", url), page "2" }
      assert.equal("1", ids)
      assert.equal("answer_invalid", problem.code)
      assert.matches("the answer's links.next is not on the configured host$", problem.message)
      assert.equal(200, problem.detail.status)
      assert.equal(1, #asked)
    end
  end)

  it("goes to no page twice", function()
    local ids, problem = walk { page("1", "/v1/b"), page("2", "/v1/c"), page("3", "/v1/b"), page "4" }
    assert.equal("1 2 3", ids)
    assert.matches("the answer's links.next is a page that was read before$", problem.message)
    ids, problem = walk { page("1", BASE .. "/v1/a", BASE .. "/v1/a"), page "2" }
    assert.equal("1", ids)
    assert.equal("answer_invalid", problem.code)
  end)

  it("says why it ended early", function()
    local ids, problem = walk { page("1", "/v1/b") }
    assert.equal("1", ids)
    assert.same({ message = "nothing more", code = "timeout", detail = { sent = true } }, problem)
    local client = client_with {}
    local iterator, state = client.webhooks:each {}
    assert.is_nil(iterator(state))
    assert.is_nil(iterator(state))
    assert.same({ message = "webhooks:list: 'app' is missing", code = "request_invalid" }, state.problem)
  end)
end)

describe("a client that yields", function()
  it("can, below every method and in every Lua", function()
    local steps = 0
    local client = client_with({ WEBHOOK, LIST, WEBHOOK, {}, { data = json.list { { type = "a", id = "1" } },
      links = { self = "/a", next = "/b" } }, LIST }, coroutine.yield)
    local run = coroutine.create(function()
      assert(client.webhooks:get "1")
      assert(client.webhooks:list { app = "7" })
      assert(client.webhooks:update("1", { name = "n" }))
      assert(client.webhooks:delete "1")
      local iterator, state = client.webhooks:each { app = "7" }
      local count = 0
      while iterator(state) do count = count + 1 end
      assert(not state.problem)
      return count
    end)
    local ok, result
    repeat
      ok, result = coroutine.resume(run)
      assert.is_true(ok, result)
      steps = steps + 1
    until coroutine.status(run) == "dead"
    assert.equal(2, result)
    assert.equal(7, steps)
  end)
end)
