local core = require "marketplace.core"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local openapi = require "support.openapi"
local operation_walk = require "support.operation_walk"
local schema = require "marketplace.simulator.schema"
local simulation = require "support.simulation"
local simulator = require "marketplace.simulator"

local entity, APP, OTHER_APP = simulation.entity, simulation.APP, simulation.OTHER_APP

local function codes(document)
  local list = {}
  for i, problem in ipairs(document.errors) do
    local source = problem.source or {}
    list[i] = problem.code .. " " .. (source.pointer or source.parameter or "-")
  end
  return list
end

describe("marketplace.simulator", function()
  local s

  before_each(function() s = simulation.new() end)

  describe("a token", function()
    local function status_with(authorization, target)
      local _, response = s:call(target or "GET /v1/marketplaceWebhooks", nil, { authorization = authorization })
      return response.status, response
    end

    local function signed(header, claims, key)
      local private = assert(core.private_key(key or simulation.PRIVATE))
      local all_claims = { iss = simulation.ISSUER, aud = "appstoreconnect-v1", iat = s.now, exp = s.now + 600 }
      for name, value in pairs(claims or {}) do
        all_claims[name] = value ~= json.null and value or nil
      end
      local all = { alg = "ES256", typ = "JWT", kid = simulation.KEY_ID }
      for name, value in pairs(header or {}) do all[name] = value ~= json.null and value or nil end
      local text = core.base64url(json.encode(all)) .. "." .. core.base64url(json.encode(all_claims))
      return "Bearer " .. text .. "." .. core.base64url(assert(private:sign(text)))
    end

    it("of a team's key, and of an individual's, is good", function()
      assert.equal(200, (status_with(signed())))
      assert.equal(200, (status_with(signed(nil, { iss = json.null, sub = "user" }))))
      assert.equal(200, (status_with("Bearer " .. s:token())))
      assert.equal(200, (status_with("Bearer " .. s:token { individual = true })))
    end)

    it("is refused as Apple refuses it, and the log says why", function()
      local other = assert(core.generate_key()):private_pem()
      local at = s.now
      local good = signed()
      local head, claims, signature = good:match "^([^.]*)%.([^.]*)%.([^.]*)$"
      local cases = {
        { false, "no Authorization header" }, { "Basic abc", "not a bearer token" }, { "Bearer abc", "three parts" },
        { signed(nil, nil, other), "signature is not from this key" },
        { head .. "." .. claims .. "." .. ("A"):rep(#signature), "signature is not from this key" },
        { head .. "." .. claims:sub(1, -2) .. "." .. signature, "not base64url" },
        { head .. "." .. claims .. "." .. signature .. "=", "three parts" },
        { "Bearer " .. ("a"):rep(16384), "three parts" }, { "Bearer " .. ("a"):rep(16385), "too long" },
        { head .. "." .. core.base64url "[1" .. "." .. signature, "not a JSON object" },
        { head .. "." .. core.base64url "[1]" .. "." .. signature, "not a JSON object" },
        { signed({ kid = "OTHER" }), "no key with this kid" }, { signed({ kid = json.null }), "kid is missing" },
        { signed({ alg = "none" }), "alg is not ES256" }, { signed({ typ = "JWS" }), "typ is not JWT" },
        { signed(nil, { aud = "appstoreconnect-v2" }), "aud is not" },
        { signed(nil, { aud = json.null }), "aud is not" },
        { signed(nil, { iss = "other" }), "iss is not" }, { signed(nil, { iss = json.null }), "sub is not" },
        { signed(nil, { sub = "user" }), "not both" },
        { signed(nil, { exp = at - 3 }), "has expired" }, { signed(nil, { iat = at, exp = at + 1201 }), "20 minutes" },
        { signed(nil, { iat = at + 3 }), "in the future" }, { signed(nil, { exp = json.null }), "not a number" },
        { signed(nil, { iat = json.null }), "not a number" }, { signed(nil, { iat = "x" }), "not a number" },
        { signed(nil, { iat = at, exp = at - 1 }), "not after iat" },
        { signed(nil, { iat = at, exp = at }), "not after iat" },
        { signed(nil, { iat = at - 100, exp = at - 2 }), "has expired" },
      }
      for _, case in ipairs(cases) do
        local status, response = status_with(case[1])
        assert.equal(401, status, case[2])
        assert.same({ "NOT_AUTHORIZED -" }, codes(json.decode(response.body)))
        local entry = s.logged[#s.logged - 1]
        assert.same({ "warning", "token refused", 401 }, { entry.level, entry.message, entry.status })
        assert.matches(case[2], entry.reason, 1, true)
      end
      assert.equal(0, s.sim:requests("GET", "/v1/marketplaceWebhooks").executed)
    end)

    it("may be of a clock that differs by two seconds, or by what the option says", function()
      assert.equal(200, (status_with(signed(nil, { iat = s.now + 2 }))))
      assert.equal(200, (status_with(signed(nil, { iat = s.now - 1201, exp = s.now - 1 }))))
      s = simulation.new { skew = 30 }
      assert.equal(200, (status_with(signed(nil, { iat = s.now + 30 }))))
      assert.equal(401, (status_with(signed(nil, { iat = s.now + 31 }))))
    end)

    it("may live for 20 minutes", function()
      assert.equal(200, (status_with(signed(nil, { iat = s.now, exp = s.now + 1200 }))))
    end)

    it("with a scope is good for its requests only", function()
      local function with(scope) return "Bearer " .. s:token { scope = scope } end
      local list = "GET /v1/marketplaceWebhooks"
      assert.equal(200, (status_with(with { "GET /v1/apps", list })))
      assert.equal(200, (status_with(with { list }, list .. "?limit=5")))
      assert.equal(200, (status_with(with { list .. "?limit=5" }, list .. "?fields%5BmarketplaceWebhooks%5D=&limit=5")))
      assert.equal(401, (status_with(with { list .. "?limit=5" })))
      assert.equal(401, (status_with(with { list .. "?limit=5" }, list .. "?limit=50")))
      assert.equal(401, (status_with(with { "GET /v1/apps" })))
      assert.equal(401, (status_with(with { "POST /v1/marketplaceWebhooks" })))
      assert.equal(401, (status_with(with { "GET /v1/marketplaceWebhooks/1" })))
      assert.equal(401, (status_with(signed(nil, { scope = "GET /v1/marketplaceWebhooks" }))))
      assert.equal(401, (status_with(signed(nil, { scope = { 5 } }))))
    end)

    it("never appears in the log", function()
      s:call "GET /v1/marketplaceWebhooks"
      s:call("GET /v1/marketplaceWebhooks", nil, { authorization = "Bearer secret.secret.secret" })
      for _, entry in ipairs(s.logged) do
        for _, value in pairs(entry) do assert.is_nil(tostring(value):find("secret.secret", 1, true)) end
      end
    end)
  end)

  describe("operations", function()
    local function walk()
      return operation_walk.run {
        base = "https://api.appstoreconnect.apple.com", app = APP, url = "https://a.example/",
        call = function(status, target, body) return s:expect(status, target, body) end,
        event = function(name, given) s.sim:event(name, given) end,
        settle = function() s.sim:tick() end,
      }
    end

    it("are 42, and all of them answer", function()
      local known = {}
      for name in pairs(schema.OPERATIONS) do known[name:gsub(" ", " /v1/")] = true end
      assert.same(known, walk())
      local count = 0
      for _ in pairs(known) do count = count + 1 end
      assert.equal(42, count)
    end)

    it("know what can be included", function()
      for name, operation in pairs(schema.OPERATIONS) do
        for _, word in ipairs(operation.include or {}) do
          local related = (schema.RELATED[operation.resource] or {})[word]
          local other = related and related.type or (schema.TO_ONE[operation.resource] or {})[word]
          assert.is_truthy(schema.FIELDS[other], name .. " " .. word)
        end
      end
    end)

    local description = openapi.load { it = it, pending = pending }

    if description then
      it("know the fields and the values of filters that Apple's description has", function()
        local known, ours = {}, {}
        openapi.each(description, function(method, path, operation)
          for _, parameter in ipairs(operation.parameters or {}) do
            local items, group = openapi.resolve(description, parameter.schema.items or {}), parameter.name:match "^%a+"
            local where = ("%s %s %s"):format(method, path:gsub("{%w+}", "{id}"), parameter.name)
            if group == "fields" or group == "filter" then known[where] = items.enum or "time" end
          end
        end)
        for name, operation in pairs(schema.OPERATIONS) do
          local function add(group, list, values)
            for _, word in ipairs(list or {}) do
              ours[("%s %s[%s]"):format((name:gsub(" ", " /v1/")), group, word)] = values[word]
            end
          end
          add("fields", operation.fields, schema.FIELDS)
          add("filter", operation.filter, schema.FILTERS)
        end
        assert.same(known, ours)
      end)

      it("know the types of events and of related resources that Apple's description has", function()
        local function enum(schema_name, ...)
          local found = description.components.schemas[schema_name]
          for _, name in ipairs { ... } do
            found = openapi.resolve(description, (found.properties or found)[name] or found[name])
          end
          return found.enum
        end
        assert.same(enum("WebhookCreateRequest", "data", "attributes", "eventTypes", "items"), schema.EVENT_TYPES)
        for type_name, relationships in pairs(schema.TO_ONE) do
          local name = type_name:gsub("^%l", string.upper):gsub("ies$", "y"):gsub("s$", "")
          for word, other in pairs(relationships) do
            assert.same({ other }, enum(name, "relationships", word, "data", "type"), name)
          end
        end
      end)
    end

    it("never give a secret out", function()
      s:marketplace_webhook()
      s:webhook()
      for _, target in ipairs { "GET /v1/marketplaceWebhooks", "GET /v1/apps/" .. APP .. "/webhooks",
        "GET /simulator" } do
        local _, response = s:expect(200, target)
        assert.is_nil(response.body:find("secret\"", 1, true))
      end
    end)

    it("answer with the rate limit and a request id", function()
      for i, target in ipairs { "GET /v1/marketplaceWebhooks", "GET /v1/nothing" } do
        local _, response = s:call(target)
        assert.equal(("user-hour-lim:3500;user-hour-rem:%d;"):format(3500 - i), response.headers["x-rate-limit"])
        assert.equal(36, #response.headers["x-request-id"])
        assert.is_nil(response.headers.date)
      end
    end)

    it("are dated by the clock if that is asked for", function()
      s = simulation.new { date_header = true }
      local _, response = s:call "GET /v1/marketplaceWebhooks"
      assert.equal("Thu, 28 May 2026 20:26:40 GMT", response.headers.date)
      assert.equal(simulation.NOW, core.http_date(response.headers.date))
    end)
  end)

  describe("a request that is wrong", function()
    local function refused(status, expected, target, body, headers)
      local document = s:expect(status, target, body, headers)
      assert.same(expected, codes(document))
      for _, problem in ipairs(document.errors) do
        assert.equal(tostring(status), problem.status)
        assert.is_truthy(problem.title and problem.detail and problem.id)
      end
    end

    it("names its parameter", function()
      local list = "GET /v1/apps/" .. APP .. "/webhooks?"
      for query, code in pairs {
        ["limit=0"] = "PARAMETER_ERROR.INVALID limit", ["limit=201"] = "PARAMETER_ERROR.INVALID limit",
        ["limit=x"] = "PARAMETER_ERROR.INVALID limit", ["foo=1"] = "PARAMETER_ERROR.ILLEGAL foo",
        ["include=deliveries"] = "PARAMETER_ERROR.INVALID include",
        ["fields%5Bwebhooks%5D=name,secret"] = "PARAMETER_ERROR.INVALID fields[webhooks]",
        ["fields[builds]=x"] = "PARAMETER_ERROR.ILLEGAL fields[builds]",
        ["limit[deliveries]=5"] = "PARAMETER_ERROR.ILLEGAL limit[deliveries]",
        ["filter[state]=A"] = "PARAMETER_ERROR.ILLEGAL filter[state]",
        ["exists[app]=true"] = "PARAMETER_ERROR.ILLEGAL exists[app]",
        ["cursor=%21"] = "PARAMETER_ERROR.INVALID cursor", ["sort=name"] = "PARAMETER_ERROR.ILLEGAL sort",
        ["limit=5&limit=6"] = "PARAMETER_ERROR.INVALID limit",
      } do
        refused(400, { code }, list .. query)
      end
      refused(400, { "PARAMETER_ERROR.ILLEGAL a", "PARAMETER_ERROR.ILLEGAL b" }, list .. "b=1&a=2")
      refused(400, { "PARAMETER_ERROR.ILLEGAL limit" }, "GET /v1/webhooks/1?limit=5")
      refused(400, { "PARAMETER_ERROR.ILLEGAL include" }, "GET /v1/marketplaceWebhooks?include=app")
      refused(400, { "PARAMETER_ERROR.INVALID limit[variants]" },
        "GET /v1/alternativeDistributionPackageVersions/1?limit[variants]=51")
      refused(400, { "PARAMETER_ERROR.INVALID exists[app]" }, "GET /v1/alternativeDistributionKeys?exists[app]=yes")
      refused(400, { "PARAMETER_ERROR.INVALID filter[createdDateGreaterThanOrEqualTo]",
        "PARAMETER_ERROR.INVALID filter[deliveryState]" },
        "GET /v1/webhooks/1/deliveries?filter[deliveryState]=LOST&filter[createdDateGreaterThanOrEqualTo]=yesterday")
    end)

    it("names its attributes and relationships, all that are wrong", function()
      refused(409, {
        "ENTITY_ERROR.ATTRIBUTE.REQUIRED /data/attributes/enabled",
        "ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/eventTypes",
        "ENTITY_ERROR.ATTRIBUTE.TYPE /data/attributes/name", "ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/secret",
        "ENTITY_ERROR.ATTRIBUTE.UNKNOWN /data/attributes/secrets",
        "ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/url",
        "ENTITY_ERROR.RELATIONSHIP.REQUIRED /data/relationships/app",
        "ENTITY_ERROR.RELATIONSHIP.UNKNOWN /data/relationships/build",
      }, "POST /v1/webhooks", entity("webhooks", {
        eventTypes = { "NONE" }, name = 5, secret = "", secrets = "x", url = "a.example",
      }, { build = { "builds", "1" } }))
      local id = s:webhook()
      refused(409, {
        "ENTITY_ERROR.ATTRIBUTE.TYPE /data/attributes/enabled",
        "ENTITY_ERROR.ATTRIBUTE.TYPE /data/attributes/eventTypes", "ENTITY_ERROR.ATTRIBUTE.TYPE /data/attributes/url",
      }, "PATCH /v1/webhooks/" .. id,
        entity("webhooks", { enabled = "true", eventTypes = "X", url = json.null }, nil, id))
      refused(409, { "ENTITY_ERROR.RELATIONSHIP.UNKNOWN /data/relationships/app" }, "PATCH /v1/webhooks/" .. id,
        entity("webhooks", nil, { app = { "apps", APP } }, id))
    end)

    it("needs no relationship that may be left out", function()
      s:expect(201, "POST /v1/alternativeDistributionKeys", entity("alternativeDistributionKeys", { publicKey = "k" }))
    end)

    it("has types of events in an array", function()
      local id = s:webhook()
      for types, code in pairs {
        [{ a = "BUILD_UPLOAD_STATE_UPDATED" }] = "TYPE", [{ 5 }] = "TYPE", [{ "BUILD" }] = "INVALID",
      } do
        refused(409, { ("ENTITY_ERROR.ATTRIBUTE.%s /data/attributes/eventTypes"):format(code) },
          "PATCH /v1/webhooks/" .. id, entity("webhooks", { eventTypes = types }, nil, id))
      end
    end)

    it("names what a relationship leads to", function()
      local function create(target)
        return entity("marketplaceSearchDetails", { catalogUrl = "https://a.example" }, { app = target })
      end
      refused(409, { "ENTITY_ERROR.RELATIONSHIP.INVALID /data/relationships/app/data/id" },
        "POST /v1/marketplaceSearchDetails", create { "apps", "1" })
      refused(409, { "ENTITY_ERROR.RELATIONSHIP.INVALID /data/relationships/app/data/type" },
        "POST /v1/marketplaceSearchDetails", create { "app", APP })
      refused(409, { "ENTITY_ERROR.RELATIONSHIP.INVALID /data/relationships/app" },
        "POST /v1/marketplaceSearchDetails", create { "apps" })
    end)

    it("says what its document lacks", function()
      refused(422, { "ENTITY_UNPROCESSABLE -" }, "POST /v1/webhooks", "{")
      refused(422, { "ENTITY_UNPROCESSABLE -" }, "POST /v1/webhooks", "")
      refused(422, { "ENTITY_UNPROCESSABLE -" }, "POST /v1/webhooks", '{"data":"\255"}')
      refused(409, { "ENTITY_ERROR /data" }, "POST /v1/webhooks", '{"date":{}}')
      refused(409, { "ENTITY_ERROR /data/type", "ENTITY_ERROR /data/id", "ENTITY_ERROR /data/more" },
        "POST /v1/webhookPings", ('{"data":{"type":"x","id":"1","more":1,"relationships":{"webhook":{"data":' ..
          '{"type":"webhooks","id":"%s"}}}}}'):format(s:webhook()))
      local id = s:webhook()
      refused(409, { "ENTITY_ERROR /data/id" }, "PATCH /v1/webhooks/" .. id, entity("webhooks", nil, nil, "other"))
      refused(409, { "ENTITY_ERROR /data/attributes" }, "PATCH /v1/webhooks/" .. id,
        ('{"data":{"type":"webhooks","id":"%s","attributes":"x"}}'):format(id))
      local others = { "application/x-www-form-urlencoded", "application/jsonp", { "application/json", "a/b" } }
      for _, kind in ipairs(others) do
        refused(415, { "UNSUPPORTED_MEDIA_TYPE -" }, "POST /v1/webhooks", "{}", { ["content-type"] = kind })
      end
      for _, kind in ipairs { "Application/JSON", "application/json;charset=utf-8", "application/vnd.api+json ;a=b" } do
        refused(422, { "ENTITY_UNPROCESSABLE -" }, "POST /v1/webhooks", "{", { ["content-type"] = kind })
      end
    end)

    it("is explained in words", function()
      local function detail(target, body)
        return (s:call(target, body)).errors[1].detail
      end
      local id = s:webhook()
      local path = "PATCH /v1/webhooks/" .. id
      for expected, problem in pairs {
        ["The type must be 'webhooks'"] = detail(path, entity("x", nil, nil, id)),
        ["The id must be the one in the path"] = detail(path, entity("webhooks", nil, nil, "other")),
        ["An id is not allowed in this request"] = detail("POST /v1/webhooks", entity("webhooks", nil, nil, "a")),
        ["'more' is not allowed here"] = detail(path, { data = { type = "webhooks", id = id, more = 1 } }),
        ["'attributes' must be an object"] = detail(path, { data = { type = "webhooks", id = id, attributes = 1 } }),
        ["There is no resource of type 'webhooks' with id 'nothing'"] = detail "GET /v1/webhooks/nothing",
        ["The resource of type 'apps' with id '" .. APP .. "' has no 'marketplaceSearchDetails'"] =
          detail("GET /v1/apps/" .. APP .. "/marketplaceSearchDetail"),
        ["'x' is not a valid limit. It must be between 1 and 200"] = detail "GET /v1/marketplaceWebhooks?limit=x",
        ["'limit' is given more than once"] = detail "GET /v1/marketplaceWebhooks?limit=1&limit=2",
        ["The parameter 'x' can not be used with this request"] = detail "GET /v1/marketplaceWebhooks?x=1",
        ["'x' is not a valid cursor"] = detail "GET /v1/marketplaceWebhooks?cursor=x",
        ["'x' is not a valid field name"] = detail "GET /v1/marketplaceWebhooks?fields[marketplaceWebhooks]=x",
        ["'x' is not a valid relationship name"] = detail(("GET /v1/webhooks/%s?include=x"):format(id)),
        ["'x' is not a valid date"] =
          detail(("GET /v1/webhooks/%s/deliveries?filter[createdDateLessThan]=x"):format(id)),
        ["'x' is not a valid value"] = detail(("GET /v1/webhooks/%s/deliveries?filter[deliveryState]=x"):format(id)),
      } do
        assert.equal(expected, problem)
      end
    end)

    it("finds nothing, or what is not allowed", function()
      refused(404, { "NOT_FOUND -" }, "GET /v1/webhooks/nothing")
      refused(404, { "NOT_FOUND -" }, "PATCH /v1/webhooks/nothing", entity("webhooks", nil, nil, "nothing"))
      refused(404, { "NOT_FOUND -" }, "DELETE /v1/webhooks/nothing")
      refused(404, { "NOT_FOUND -" }, "GET /v1/apps/1/webhooks")
      refused(404, { "NOT_FOUND -" }, "GET /v1/apps/" .. APP .. "/marketplaceSearchDetail")
      refused(404, { "NOT_FOUND -" }, "GET /v1/appStoreVersions/1/relationships/alternativeDistributionPackage")
      refused(404, { "NOT_FOUND -" }, "GET /v1/builds")
      refused(404, { "NOT_FOUND -" }, "GET /v1/webhooks/1/deliveries/2")
      refused(404, { "NOT_FOUND -" }, "GET /")
      refused(403, { "FORBIDDEN_ERROR -" }, "GET /v1/webhooks")
      refused(403, { "FORBIDDEN_ERROR -" }, "GET /v1/marketplaceWebhooks/1")
      refused(403, { "FORBIDDEN_ERROR -" }, "DELETE /v1/alternativeDistributionPackages/1")
      refused(405, { "METHOD_NOT_ALLOWED -" }, "PUT /v1/webhooks")
    end)

    it("names the operations that there are in place of one that is not", function()
      for target, allowed in pairs {
        ["GET /v1/webhooks"] = "'GET_COLLECTION'. Allowed operations are: CREATE, DELETE, GET_INSTANCE, UPDATE",
        ["GET /v1/marketplaceWebhooks/1"] =
          "'GET_INSTANCE'. Allowed operations are: CREATE, DELETE, GET_COLLECTION, UPDATE",
        ["DELETE /v1/webhookPings/1"] = "'DELETE'. Allowed operations are: CREATE",
      } do
        assert.matches(allowed, s:expect(403, target).errors[1].detail, 1, true)
      end
    end)

    it("meets the limits of an account", function()
      s:marketplace_webhook()
      refused(409, { "STATE_ERROR -" }, "POST /v1/marketplaceWebhooks",
        entity("marketplaceWebhooks", { endpointUrl = "https://b.example", secret = "s" }))
      for _ = 1, 10 do s:webhook() end
      refused(409, { "STATE_ERROR -" }, "POST /v1/webhooks", entity("webhooks", {
        name = "n", url = "https://a.example", secret = "s", enabled = true, eventTypes = json.list {},
      }, { app = { "apps", APP } }))
      s:webhook { app = OTHER_APP }
      local again = entity("alternativeDistributionPackages", nil, { appStoreVersion = { "appStoreVersions", "7" } })
      s:expect(201, "POST /v1/alternativeDistributionPackages", again)
      refused(409, { "STATE_ERROR -" }, "POST /v1/alternativeDistributionPackages", again)
      local key = entity("alternativeDistributionKeys", { publicKey = "k" }, { app = { "apps", APP } })
      s:expect(201, "POST /v1/alternativeDistributionKeys", key)
      refused(409, { "STATE_ERROR -" }, "POST /v1/alternativeDistributionKeys", key)
    end)
  end)

  describe("an answer", function()
    it("has the fields that are asked for, and what is to be included", function()
      local id = s:webhook()
      local document = s:expect(200, "GET /v1/webhooks/" .. id ..
        "?fields[webhooks]=name,app&fields[apps]=name&include=app")
      assert.same({ name = "a webhook" }, document.data.attributes)
      assert.same({ app = { data = { type = "apps", id = APP } } }, document.data.relationships)
      assert.equal(1, #document.included)
      assert.same({ name = "App " .. APP }, document.included[1].attributes)
      document = s:expect(200, "GET /v1/webhooks/" .. id)
      assert.is_nil(document.included)
      assert.is_nil(document.data.relationships.app)
      assert.equal(("https://api.appstoreconnect.apple.com/v1/webhooks/%s/deliveries"):format(id),
        document.data.relationships.deliveries.links.related)
    end)

    it("includes as many of several as the limit says", function()
      local event = s.sim:event("version_available", { variants = 12 })
      local path = "GET /v1/alternativeDistributionPackageVersions/" .. event.package_version_id
      local document = s:expect(200, path .. "?include=variants,alternativeDistributionPackage")
      assert.equal(10, #document.data.relationships.variants.data)
      assert.same({ total = 12, limit = 10 }, document.data.relationships.variants.meta.paging)
      assert.equal(11, #document.included)
      document = s:expect(200, path .. "?include=variants&limit[variants]=50")
      assert.equal(12, #document.included)
    end)

    it("comes in pages", function()
      local ids = {}
      for i = 1, 5 do ids[i] = s:webhook { name = "n" .. i } end
      local target, found, pages = ("GET /v1/apps/%s/webhooks?fields[webhooks]=name&limit=2"):format(APP), {}, 0
      while target do
        local document = s:expect(200, target)
        pages = pages + 1
        assert.equal(5, document.meta.paging.total)
        assert.equal(2, document.meta.paging.limit)
        assert.equal(document.links.next ~= nil, document.meta.paging.nextCursor ~= nil)
        assert.is_nil(document.links.first:find("cursor", 1, true))
        for _, record in ipairs(document.data) do found[#found + 1] = record.id end
        if pages == 1 then s:expect(204, "DELETE /v1/webhooks/" .. ids[2]); s:webhook { name = "late" } end
        target = document.links.next and "GET " .. document.links.next:match "^https://[^/]+(/.*)$"
      end
      assert.equal(3, pages)
      assert.same(ids, { found[1], found[2], found[3], found[4], found[5] })
      assert.equal(6, #found)
    end)

    it("filters deliveries by their date and state, the newest first", function()
      local id = s:webhook()
      local dates = {}
      for i = 1, 4 do
        s.respond = function() return { status = i % 2 == 0 and 500 or 200, body = "" } end
        s.sim:event "app_unavailable"
        s.sim:tick()
        dates[i] = s.sim:deliveries()[i].attributes.createdDate
        s.now = s.now + 60.5
      end
      local function listed(filter)
        local document = s:expect(200, ("GET /v1/webhooks/%s/deliveries?%s"):format(id, filter))
        local found = {}
        for i, record in ipairs(document.data) do found[i] = record.attributes.createdDate end
        return found
      end
      assert.same({ dates[4], dates[3], dates[2], dates[1] }, listed "")
      assert.same({ dates[4], dates[3] }, listed("filter[createdDateGreaterThanOrEqualTo]=" .. dates[3]))
      assert.same({ dates[2], dates[1] }, listed("filter[createdDateLessThan]=" .. dates[3]))
      assert.same({ dates[4], dates[2] }, listed "filter[deliveryState]=FAILED")
      local first = ("GET /v1/webhooks/%s/deliveries?filter[deliveryState]=FAILED&limit=1"):format(id)
      local links = s:expect(200, first).links
      assert.matches("?filter%5BdeliveryState%5D=FAILED&limit=1", links.self, 1, true)
      assert.matches("?filter%5BdeliveryState%5D=FAILED&limit=1&cursor=", links.next, 1, true)
      assert.same({ dates[4], dates[3], dates[2], dates[1] }, listed "filter[deliveryState]=FAILED,SUCCEEDED")
    end)

    it("reaches back ten days if deliveries are strict", function()
      s = simulation.new { strict_deliveries = true }
      local path = ("GET /v1/webhooks/%s/deliveries?filter[createdDateGreaterThanOrEqualTo]="):format(s:webhook())
      s:expect(200, path .. core.format_time(s.now - 10 * 86400))
      local document = s:expect(400, path .. core.format_time(s.now - 10 * 86400 - 1))
      assert.equal("Deliveries can be listed for at most 10 days", document.errors[1].detail)
    end)

    it("wants its one filter if deliveries are strict", function()
      s = simulation.new { strict_deliveries = true }
      local path = ("GET /v1/webhooks/%s/deliveries"):format(s:webhook())
      s:expect(400, path)
      s:expect(400, path .. "?filter[createdDateGreaterThanOrEqualTo]=2026-05-01T00:00:00Z")
      s:expect(400, path .. "?filter[deliveryState]=FAILED")
      s:expect(400, path ..
        "?filter[createdDateGreaterThanOrEqualTo]=2026-05-25T00:00:00Z&filter[deliveryState]=FAILED")
      s:expect(200, path .. "?filter[createdDateGreaterThanOrEqualTo]=2026-05-25T00:00:00Z")
    end)
  end)

  describe("an event", function()
    local function notification(i)
      local request = s.sent[i]
      local header = request.headers[2]:match "^x%-apple%-signature: (.*)$"
      return marketplace.parse(request.body), header, request
    end

    it("reaches the webhooks of both generations, signed", function()
      s:marketplace_webhook()
      local id = s:webhook()
      local event = s.sim:event("version_available", { app = "555" })
      assert.equal(2, #event.deliveries)
      s.sim:tick()
      assert.equal(2, #s.sent)
      local first, header, request = notification(1)
      assert.equal("https://one.example/", request.url)
      assert.equal(1, marketplace.verify("first secret", request.body, header))
      assert.same({ "version_available", "555", APP, 1 },
        { first.event, first.app_id, first.marketplace_app_id, first.generation })
      assert.same({ event.package_id, event.package_version_id }, { first.package_id, first.package_version_id })
      local second
      second, header, request = notification(2)
      assert.equal(1, marketplace.verify("a secret", request.body, header))
      assert.equal(event.package_version_id, second.package_version_id)
      assert.not_equal(first.id, second.id)

      local document = s:expect(200, ("GET /v1/webhooks/%s/deliveries?include=event"):format(id))
      assert.equal(1, #document.data)
      assert.same({
        createdDate = "2026-05-28T20:26:40.000Z", sentDate = "2026-05-28T20:26:40.000Z", deliveryState = "SUCCEEDED",
        redelivery = false, request = { url = "https://a.example/notifications" },
        response = { httpStatusCode = 200, body = "" },
      }, document.data[1].attributes)
      assert.equal(request.body, document.included[1].attributes.payload)
      assert.equal("ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED", document.included[1].attributes.eventType)
      assert.equal(document.included[1].id, document.data[1].relationships.event.data.id)
    end)

    it("reaches nobody who is disabled, not subscribed, or of another app", function()
      s:webhook { enabled = false }
      s:webhook { eventTypes = { "BUILD_UPLOAD_STATE_UPDATED" } }
      s:webhook { eventTypes = json.list {} }
      s:webhook { app = OTHER_APP }
      assert.equal(0, #s.sim:event("app_unavailable").deliveries)
      assert.equal(1, #s.sim:event("app_unavailable", { app = OTHER_APP }).deliveries)
      assert.equal(1, #s.sim:event("app_unavailable", { app = APP, marketplace_app = OTHER_APP }).deliveries)
    end)

    it("is any that is documented, of either generation", function()
      s:marketplace_webhook()
      s:webhook()
      for _, name in ipairs { "version_available", "versions_unavailable", "app_unavailable", "versions_restored",
        "app_restored", "AppUnavailable", "alternativeDistributionPackageAvailableUpdated" } do
        s.sim:event(name, { territories = { "JPN" }, id = "id-" .. name, time = 1779000000 })
      end
      s.sim:tick()
      local events = {}
      for i = 1, #s.sent do
        local n = notification(i)
        assert.equal(1779000000, n.time)
        events[#events + 1] = n.event .. n.generation
      end
      table.sort(events)
      assert.same({ "app_restored2", "app_unavailable1", "app_unavailable1", "app_unavailable2", "version_available1",
        "version_available2", "versions_restored2", "versions_unavailable1", "versions_unavailable2",
        "versions_unavailable2" }, events)
      assert.has_error(function() s.sim:event "nothing" end)
      assert.has_error(function() s.sim:event("ping") end)
      assert.has_error(function() s.sim:event("app_restored", { generation = 1 }) end)
      assert.has_error(function() s.sim:event("app_restored", { apps = "1" }) end)
      assert.has_error(function() s.sim:event("version_available", { variants = 1001 }) end)
      assert.equal(1, #s.sim:event("app_unavailable", { generation = 1 }).deliveries)
    end)

    it("names the package that came before", function()
      local made = s.sim:event("version_available", { app = "5" })
      assert.equal(made.package_id, s.sim:event("versions_unavailable", { app = "5" }).package_id)
      assert.equal("p", s.sim:event("versions_unavailable", { app = "5", package = "p" }).package_id)
      assert.is_nil(s.sim:event("app_unavailable", { app = "5" }).package_id)
    end)
  end)

  describe("a ping", function()
    it("reaches its webhook, whatever it is subscribed to", function()
      local id = s:webhook { eventTypes = json.list {} }
      s:webhook()
      s:expect(201, "POST /v1/webhookPings", entity("webhookPings", nil, { webhook = { "webhooks", id } }))
      s.sim:tick()
      assert.equal(1, #s.sent)
      assert.equal("ping", marketplace.parse(s.sent[1].body).event)
      local document = s:expect(200, ("GET /v1/webhooks/%s/deliveries?include=event"):format(id))
      assert.is_true(document.included[1].attributes.ping)
      assert.is_nil(document.included[1].attributes.eventType)
    end)

    it("does not reach one that is disabled", function()
      s:expect(409, "POST /v1/webhookPings",
        entity("webhookPings", nil, { webhook = { "webhooks", s:webhook { enabled = false } } }))
    end)
  end)

  describe("a delivery", function()
    local function only_delivery(id)
      return s:expect(200, ("GET /v1/webhooks/%s/deliveries"):format(id)).data[1].attributes
    end

    it("is pending until it is answered", function()
      local id = s:webhook()
      s.respond = function() return "later" end
      s.sim:event "app_unavailable"
      assert.equal("PENDING", only_delivery(id).deliveryState)
      assert.is_nil(only_delivery(id).sentDate)
      s.sim:tick()
      assert.equal("PENDING", only_delivery(id).deliveryState)
      assert.is_string(only_delivery(id).sentDate)
      s:answer { status = 204 }
      assert.equal("SUCCEEDED", only_delivery(id).deliveryState)
    end)

    it("fails with a status or a message", function()
      local id = s:webhook()
      s.respond = function() return { status = 503, body = ("x"):rep(5000) .. "\255" } end
      s.sim:event "app_unavailable"
      s.sim:tick()
      local attributes = only_delivery(id)
      assert.equal("FAILED", attributes.deliveryState)
      assert.equal("The server answered 503", attributes.errorMessage)
      assert.equal(503, attributes.response.httpStatusCode)
      assert.equal(2048, #attributes.response.body)
      s.respond = function() return nil, "no connection" end
      s.sim:event "app_unavailable"
      s.sim:tick()
      attributes = only_delivery(id)
      assert.same({ "FAILED", "no connection" }, { attributes.deliveryState, attributes.errorMessage })
      assert.is_nil(attributes.response)
    end)

    it("is done by any status from 200 to 299", function()
      local id = s:webhook()
      for status, expected in pairs { [199] = "FAILED", [200] = "SUCCEEDED", [299] = "SUCCEEDED", [300] = "FAILED" } do
        s.respond = function() return { status = status, body = "" } end
        s.sim:event "app_unavailable"
        s.sim:tick()
        assert.equal(expected, only_delivery(id).deliveryState)
      end
    end)

    it("is logged with the notification and the answer", function()
      s:webhook()
      local answers = { { status = 200 }, { status = 500 }, nil }
      local expected = {
        { level = "info", message = "delivered", status = 200 },
        { level = "warning", message = "not delivered", status = 500, reason = "The server answered 500" },
        { level = "warning", message = "not delivered", reason = "no connection" },
      }
      for i = 1, 3 do
        s.respond = function() return answers[i], "no connection" end
        s.sim:event("app_unavailable", { id = "one", app = "55" })
        s.sim:tick()
        local entry = expected[i]
        entry.at, entry.id, entry.event, entry.app_id = s.now, "one", "app_unavailable", "55"
        entry.type = "alternativeDistributionTerritoryAvailabilityUpdated"
        entry.url = "https://a.example/notifications"
        assert.same(entry, s.logged[#s.logged])
      end
    end)

    it("has ten seconds, and is as App Store Connect's are", function()
      s:webhook()
      s.sim:event "app_unavailable"
      s.sim:tick()
      local request = s.sent[1]
      assert.same({ "POST", "https://a.example/notifications", 10 }, { request.method, request.url, request.timeout })
      assert.same({ "content-type: application/json",
        "x-apple-signature: " .. marketplace.sign("a secret", request.body) }, request.headers)
    end)

    it("is repeated on request, with the same bytes", function()
      local id = s:webhook()
      s.sim:event "app_unavailable"
      s.sim:tick()
      local template = s.sim:deliveries()[1].id
      local document = s:expect(201, "POST /v1/webhookDeliveries",
        entity("webhookDeliveries", nil, { template = { "webhookDeliveries", template } }))
      assert.is_true(document.data.attributes.redelivery)
      assert.not_equal(template, document.data.id)
      s.sim:tick()
      assert.equal(2, #s.sent)
      assert.equal(s.sent[1].body, s.sent[2].body)
      assert.is_true(only_delivery(id).redelivery)
      s:expect(200, "PATCH /v1/webhooks/" .. id, entity("webhooks", { enabled = false }, nil, id))
      s:expect(409, "POST /v1/webhookDeliveries",
        entity("webhookDeliveries", nil, { template = { "webhookDeliveries", template } }))
    end)

    it("of generation 1 is repeated by the simulator only", function()
      s:marketplace_webhook()
      s.sim:event "app_unavailable"
      s.sim:tick()
      local template = s.sim:deliveries()[1].id
      s:expect(409, "POST /v1/webhookDeliveries",
        entity("webhookDeliveries", nil, { template = { "webhookDeliveries", template } }))
      assert.is_string(s.sim:redeliver(template))
      assert.is_nil(s.sim:redeliver "nothing")
      s.sim:tick()
      assert.equal(s.sent[1].body, s.sent[2].body)
    end)

    it("is repeated by itself if that is asked for", function()
      s = simulation.new { retry_after = { 10, 60 } }
      local id = s:webhook()
      s.respond = function() return { status = 500 } end
      s.sim:event "app_unavailable"
      s.sim:tick()
      assert.equal(simulation.NOW + 10, s.sim:next_at())
      local sent_at = { 0 }
      for _ = 1, 200 do
        local before = #s.sent
        s.sim:tick()
        if #s.sent > before then sent_at[#sent_at + 1] = s.now - simulation.NOW end
        s.now = s.now + 1
      end
      assert.same({ 0, 10, 70 }, sent_at)
      assert.equal(3, #s:expect(200, ("GET /v1/webhooks/%s/deliveries"):format(id)).data)
      assert.is_nil(s.sim:next_at())
    end)

    it("follows the one before, of the same webhook", function()
      s:webhook()
      s:webhook { url = "https://b.example/" }
      s.respond = function() return "later" end
      s.sim:event("app_unavailable", { id = "one" })
      s.sim:event("app_unavailable", { id = "two" })
      s.sim:tick()
      s.sim:tick()
      assert.equal(2, #s.sent)
      s:answer { status = 200 }
      s.sim:tick()
      assert.equal(3, #s.sent)
      assert.equal("two", marketplace.parse(s.sent[3].body).id)
    end)

    it("is signed with the secret of the time it is sent, and not sent once its webhook is gone", function()
      local id = s:webhook()
      s.sim:event "app_unavailable"
      s:expect(200, "PATCH /v1/webhooks/" .. id, entity("webhooks", { secret = "new" }, nil, id))
      s.sim:tick()
      assert.equal(1, marketplace.verify("new", s.sent[1].body, s.sent[1].headers[2]:match ": (.*)$"))
      s.sim:event "app_unavailable"
      s:expect(204, "DELETE /v1/webhooks/" .. id)
      s.sim:tick()
      assert.equal(1, #s.sent)
    end)

    it("is not sent once its webhook is disabled", function()
      local id = s:webhook()
      s.sim:event "app_unavailable"
      s:expect(200, "PATCH /v1/webhooks/" .. id, entity("webhooks", { enabled = false }, nil, id))
      s.sim:tick()
      assert.equal(0, #s.sent)
      assert.same({ "FAILED", "The webhook is disabled" },
        { only_delivery(id).deliveryState, only_delivery(id).errorMessage })
    end)

    it("comes twice at once on request", function()
      s:webhook()
      s.sim:fault { kind = "duplicate" }
      s.sim:event "app_unavailable"
      s.sim:tick()
      assert.equal(2, #s.sent)
      assert.same(s.sent[1], s.sent[2])
    end)

    it("comes twice, or after the next one, on request", function()
      s:webhook()
      s.sim:fault { kind = "duplicate" }
      s.sim:event("app_unavailable", { id = "one" })
      s.sim:fault { kind = "out_of_order" }
      s.sim:event("app_unavailable", { id = "two" })
      s.sim:tick()
      assert.equal(2, #s.sent)
      s.sim:event("app_unavailable", { id = "three" })
      s.sim:tick()
      local ids = {}
      for i, request in ipairs(s.sent) do ids[i] = marketplace.parse(request.body).id end
      assert.same({ "one", "one", "three", "two" }, ids)
    end)
  end)

  describe("the rate limit", function()
    it("is a rolling hour's, and counts no refusals", function()
      s = simulation.new { rate_limit = 3 }
      for i = 1, 3 do
        local _, response = s:expect(200, "GET /v1/marketplaceWebhooks")
        assert.equal(("user-hour-lim:3;user-hour-rem:%d;"):format(3 - i), response.headers["x-rate-limit"])
        s.now = s.now + 600
      end
      for _ = 1, 2 do
        local document, response = s:expect(429, "GET /v1/marketplaceWebhooks")
        assert.same({ "RATE_LIMIT_EXCEEDED -" }, codes(document))
        assert.equal("1800", response.headers["retry-after"])
        assert.equal("user-hour-lim:3;user-hour-rem:0;", response.headers["x-rate-limit"])
      end
      s.now = s.now + 1799
      s:expect(429, "GET /v1/marketplaceWebhooks")
      s.now = s.now + 1
      s:expect(200, "GET /v1/marketplaceWebhooks")
      s:expect(429, "GET /v1/marketplaceWebhooks")
    end)

    it("is a key's own", function()
      local keys = { [simulation.KEY_ID] = simulation.PUBLIC, B = simulation.PUBLIC }
      s = simulation.new { rate_limit = 1, keys = keys }
      s:expect(200, "GET /v1/marketplaceWebhooks")
      s:expect(200, "GET /v1/marketplaceWebhooks", nil, { authorization = "Bearer " .. s:token { key_id = "B" } })
      s:expect(429, "GET /v1/marketplaceWebhooks")
    end)
  end)

  describe("a fault", function()
    local function list() return s:call "GET /v1/marketplaceWebhooks" end

    local function create()
      return s:call("POST /v1/marketplaceWebhooks",
        entity("marketplaceWebhooks", { endpointUrl = "https://a.example", secret = "s" }))
    end

    local function executed() return s.sim:requests("POST", "/v1/marketplaceWebhooks").executed end

    it("answers in place of the effect", function()
      for kind, status in pairs { ["429"] = 429, ["429_date"] = 429, ["401"] = 401, ["403"] = 403, ["500"] = 500,
        ["502_html"] = 502, ["503_html"] = 503, cut_before = 444 } do
        s.sim:fault { kind = kind }
        local document, response = create()
        assert.equal(status, response.status, kind)
        assert.equal(0, executed(), kind)
        if kind:find "html" then assert.equal("text/html", response.headers["content-type"]) end
        if kind == "429" then assert.equal("1", response.headers["retry-after"]) end
        if kind == "429_date" then assert.equal(s.now + 1, core.http_date(response.headers["retry-after"])) end
        if kind == "403" then
          assert.same({ "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED -" }, codes(document))
        end
      end
      assert.equal(8, s.sim:requests("POST", "/v1/marketplaceWebhooks").arrived)
      assert.equal(201, (select(2, create())).status)
    end)

    it("answers after the effect", function()
      local count = 0
      for _, kind in ipairs { "500_after", "502_html_after", "empty", "incomplete", "wrong_type", "corrupt", "slow",
        "cut_after" } do
        s.sim:fault { kind = kind, method = "post" }
        local document, response = create()
        count = count + 1
        assert.equal(count, executed(), kind)
        if kind == "500_after" then assert.equal(500, response.status) end
        if kind == "502_html_after" then assert.equal(502, response.status) end
        if kind == "empty" then assert.equal("", response.body) end
        if kind == "incomplete" then assert.is_nil(document) end
        if kind == "wrong_type" then assert.equal("a string", document.data) end
        if kind == "slow" then assert.equal(5, response.delay) end
        if kind == "cut_after" then assert.equal(444, response.status) end
        local id = list().data[1].id
        s:expect(204, "DELETE /v1/marketplaceWebhooks/" .. id)
      end
    end)

    it("leads a page's reader astray", function()
      for kind, expected in pairs {
        foreign_next = "https://api-appstoreconnect.itunes.apple.com/v1/marketplaceWebhooks",
        endless_next = "https://api.appstoreconnect.apple.com/v1/marketplaceWebhooks",
      } do
        s.sim:fault { kind = kind }
        assert.equal(expected, list().links.next)
      end
    end)

    it("meets the requests that it names, as often as it says", function()
      s.sim:fault { kind = "500", method = "GET", path = "/v1/marketplaceWebhooks", times = 2, skip = 1 }
      assert.equal(201, (select(2, create())).status)
      local statuses = {}
      for i = 1, 4 do statuses[i] = (select(2, list())).status end
      assert.same({ 200, 500, 500, 200 }, statuses)
      s.sim:fault { kind = "500", path = "/v1/webhooks" }
      assert.equal(200, (select(2, list())).status)
      s.sim:fault { kind = "500", times = 0 }
      assert.equal(200, (select(2, list())).status)
      s.sim.faults:clear()
      local ok, message = pcall(function() s.sim:fault { kind = "none" } end)
      assert.is_false(ok)
      assert.matches("'kind' must be one of 401, 403, 429, .*, file_403, .*, wrong_type$", message)
      assert.has_error(function() s.sim:fault { kind = "500", times = -1 } end)
      assert.has_error(function() s.sim:fault { kind = "500", method = 5 } end)
    end)

    it("meets files too if its path says so", function()
      local event = s.sim:event("version_available", { size = 100 })
      local url = s:expect(200, "GET /v1/alternativeDistributionPackageVersions/" .. event.package_version_id)
        .data.attributes.url
      local path, query = url:match "^https://[^/]+([^?]*)%?(.*)$"
      local request = { method = "GET", path = path, query = query }
      local whole = s.sim:handle(request).body
      s.sim:fault { kind = "corrupt", path = "/simulator/files/" }
      local corrupt = s.sim:handle(request).body
      assert.equal(#whole, #corrupt)
      assert.not_equal(whole, corrupt)
      assert.equal(whole, s.sim:handle(request).body)
    end)
  end)

  describe("control", function()
    it("makes things happen, and tells what happened", function()
      local id = s:webhook()
      local event = s:expect(201, "POST /simulator/events", { event = "version_available", app = "5" })
      assert.equal(1, #event.deliveries)
      assert.equal("5", event.app_id)
      s.sim:tick()
      s:expect(201, "POST /simulator/redeliver", { delivery = event.deliveries[1] })
      s:expect(404, "POST /simulator/redeliver", { delivery = "nothing" })
      s:expect(201, "POST /simulator/faults", { kind = "500", times = 5 })
      local state = s:expect(200, "GET /simulator")
      assert.same({ id, "a webhook" }, { state.webhooks[1].id, state.webhooks[1].name })
      assert.same({ 2, 2, 1 }, { #state.apps, #state.deliveries, state.waiting })
      assert.equal("500", state.faults[1].kind)
      s:expect(204, "DELETE /simulator/faults")
      local _, answer = s:expect(200, "GET /v1/webhooks/" .. id)
      local rows = s:expect(200, "GET /simulator/requests").requests
      assert.same({ "POST", "/v1/webhooks", 1, 1 },
        { rows[1].method, rows[1].path, rows[1].arrived, rows[1].executed })
      assert.same({ method = "GET", path = "/v1/webhooks/" .. id, arrived = 1, executed = 1, bytes = #answer.body },
        rows[2])
    end)

    it("shows the newest hundred deliveries", function()
      s:webhook()
      for i = 1, 101 do s.sim:event("app_unavailable", { id = "n" .. i }) end
      local shown, all = s:expect(200, "GET /simulator").deliveries, s.sim:deliveries()
      assert.same({ 100, all[2].id, all[101].id }, { #shown, shown[1].id, shown[100].id })
    end)

    it("says what it does not understand", function()
      local problem = s:expect(422, "POST /simulator/events", { event = "app_unavailable", more = 1 }).errors[1]
      assert.equal("ENTITY_UNPROCESSABLE", problem.code)
      assert.matches("^event: unknown option 'more'", problem.detail)
      s:expect(422, "POST /simulator/events", "{")
      s:expect(422, "POST /simulator/events", { event = "nothing" })
      s:expect(422, "POST /simulator/events", { event = "app_unavailable", more = 1 })
      s:expect(422, "POST /simulator/events", { event = "app_unavailable", app = 'a"b' })
      s:expect(422, "POST /simulator/faults", { kind = "none" })
      s:expect(422, "POST /simulator/events", { event = "app_unavailable" }, { ["content-type"] = "text/plain" })
      s:expect(404, "GET /simulator/nothing")
    end)

    it("is for the same machine only", function()
      for remote, status in pairs { ["127.0.0.1"] = 200, ["::1"] = 200, ["::ffff:127.0.0.1"] = 200,
        ["192.0.2.1"] = 403, ["::ffff:192.0.2.1"] = 403 } do
        assert.equal(status, s.sim:handle { method = "GET", path = "/simulator", remote = remote }.status)
      end
    end)
  end)

  describe("the transport", function()
    local function client_of(more)
      local settings = {
        key_id = simulation.KEY_ID, issuer_id = simulation.ISSUER, key = simulation.PRIVATE,
        clock = function() return s.now end, sleep = function(seconds) s.now = s.now + seconds end,
        transport = s.sim:transport(function(seconds) s.now = s.now + seconds end), log = function() end,
      }
      for name, value in pairs(more or {}) do settings[name] = value end
      return require("marketplace.client").new(settings)
    end

    it("carries a client's requests", function()
      local client = client_of()
      local hook = assert(client.webhooks:create { name = "n", url = "https://a.example", secret = "s", enabled = true,
        eventTypes = { "BUILD_UPLOAD_STATE_UPDATED" }, app = APP })
      for _ = 1, 4 do s:webhook() end
      local found = {}
      for resource in client.webhooks:each { app = APP, limit = 2 } do found[#found + 1] = resource.id end
      assert.equal(5, #found)
      assert.equal(hook.id, found[1])
      assert.is_true(client.webhooks:delete(hook.id))
    end)

    it("hands the body to the request's sink if the answer is no error", function()
      local transport, got = s.sim:transport(), {}
      local function get(path)
        return transport {
          method = "GET", url = "https://a.example" .. path, headers = { "Authorization: Bearer " .. s:token() },
          sink = function(bytes) got[#got + 1] = bytes end,
        }
      end
      assert.same({ 200, "" }, { get("/v1/marketplaceWebhooks").status, get("/v1/marketplaceWebhooks").body })
      assert.equal(2, #got)
      assert.same({}, json.decode(got[1]).data)
      assert.not_equal("", get("/v1/nothing").body)
      assert.equal(2, #got)
    end)

    it("makes failures of cut and late answers", function()
      local transport = s.sim:transport(function(seconds) s.now = s.now + seconds end)
      local function get(kind, timeout)
        s.sim:fault { kind = kind }
        return transport {
          method = "GET", url = "https://a.example/v1/marketplaceWebhooks?limit=5", timeout = timeout,
          headers = { "Authorization: Bearer " .. s:token() },
        }
      end
      for _, kind in ipairs { "cut_before", "cut_after" } do
        local response, _, code, detail = get(kind)
        assert.same({ "http_failed", true }, { code, detail.sent })
        assert.is_nil(response)
      end
      assert.equal("timeout", (select(3, get("slow", 2))))
      assert.equal(simulation.NOW + 2, s.now)
      assert.equal(200, get("slow", 10).status)
      assert.equal(simulation.NOW + 7, s.now)
    end)
  end)

  it("makes a key if it is given none", function()
    local sim = simulator.new {}
    local given = sim:credentials()
    given.transport = sim:transport()
    local client = require("marketplace.client").new(given)
    assert.same({}, client.webhooks:list { app = simulator.APP })
    assert.is_nil(s.sim:credentials())
  end)

  it("raises for options that are wrong", function()
    local function fails(given, pattern)
      local ok, problem = pcall(simulation.new, given)
      assert.is_false(ok)
      assert.matches(pattern, problem)
    end
    fails({ keys = { A = "no key" } }, "key 'A'")
    fails({ apps = {} }, "must not be empty")
    fails({ apps = { "a b" } }, "list of ids")
    fails({ clocks = function() end }, "unknown option 'clocks'")
    fails({ rate_limit = "many" }, "'rate_limit' must be a number")
  end)

  it("blames the line that calls it", function()
    local calls = {
      function() simulator.new { apps = {} } end, function() simulator.new { apps = { "a b" } } end,
      function() simulator.new { clocks = 1 } end, function() simulator.new { keys = { A = "no key" } } end,
      function() s.sim:event(5) end, function() s.sim.faults:add { kind = "none" } end,
      function() s.sim.faults:add { kind = "500", skip = -1 } end,
      function() s.sim:event("app_unavailable", { sise = 1 }) end,
    }
    for i, call in ipairs(calls) do
      local ok, problem = pcall(call)
      assert.is_false(ok)
      assert.matches("^spec/simulator_spec.lua:%d+: ", problem, nil, nil, i)
    end
  end)

  it("forgets the oldest of what it keeps", function()
    local records = require("marketplace.simulator.store").new()
    for i = 1, 5 do records:add { type = "apps", id = tostring(i) } end
    records:add { type = "webhooks", id = "w" }
    records:bound("apps", 5)
    assert.equal(5, #records:list "apps")
    records:bound("apps", 3)
    local left = {}
    for i, record in ipairs(records:list "apps") do left[i] = record.id end
    assert.same({ "3", "4", "5" }, left)
    assert.is_nil(records:get("apps", "2"))
    assert.equal("3", records:get("apps", "3").id)
    assert.equal("w", records:get("webhooks", "w").id)
  end)

  it("knows nothing of requests that never came", function()
    assert.same({ method = "GET", path = "/v1/never", arrived = 0, executed = 0, bytes = 0 },
      s.sim:requests("GET", "/v1/never"))
  end)
end)
