local jsonapi = require "marketplace.client.jsonapi"
local json = require "marketplace.json"

local REQUEST = { method = "GET", path = "/v1/x" }

local function decode(status, body)
  return jsonapi.decode(REQUEST, { status = status, headers = {}, body = body })
end

describe("marketplace.client.jsonapi", function()
  it("makes the bodies of requests", function()
    assert.same({ data = { type = "webhooks", id = "1", attributes = { enabled = false } } },
      jsonapi.request("webhooks", "1", { enabled = false }, {}))
    assert.same({ data = { type = "webhookPings", relationships = { webhook = { data = { type = "w", id = "1" } } } } },
      jsonapi.request("webhookPings", nil, {}, { webhook = { type = "w", id = "1" } }))
  end)

  it("knows what of a body is secret", function()
    assert.same({ "s" }, jsonapi.secrets(jsonapi.request("webhooks", nil, { secret = "s" }, {})))
    for _, body in ipairs { {}, { data = 1 }, { data = {} }, { data = { attributes = { secret = json.null } } } } do
      assert.same({}, jsonapi.secrets(body))
    end
    assert.same({}, jsonapi.secrets(nil))
  end)

  it("decodes answers, and none that is not one", function()
    assert.same({ data = { 1 } }, decode(200, '{"data":[1]}'))
    assert.same({}, decode(204, ""))
    assert.same({ data = {} }, decode(299, '{"data":{}}'))
    assert.equal("answer_invalid", (select(3, decode(300, '{"data":{}}'))))
    assert.equal("answer_invalid", (select(3, decode(199, '{"data":{}}'))))
    for _, body in ipairs { "", "<html>", '{"data":', "[1]", "null", "5", '"x"', "false" } do
      local got, message, code, detail = decode(200, body)
      assert.is_nil(got)
      assert.matches("^GET /v1/x: 200; the answer is ", message)
      assert.equal("answer_invalid", code)
      assert.same({ status = 200, errors = {} }, detail)
    end
    assert.equal("api_error", (select(3, decode(404, '{"errors":[{"code":"NOT_FOUND"}]}'))))
    assert.equal("answer_invalid", (select(3, decode(302, ""))))
  end)

  it("makes flat resources of answers", function()
    local resource, page = jsonapi.resource(json.decode [[{
      "data": {"type": "webhooks", "id": "1",
        "attributes": {"name": "n", "url": null, "response": {"body": null, "list": [null, 1]}},
        "relationships": {"app": {"data": {"type": "apps", "id": "2"}}, "other": {"data": {"type": "x", "id": "3"}},
          "none": {"data": null}, "deliveries": {"links": {"self": "/s"}}},
        "links": {"self": "/v1/webhooks/1"}},
      "included": [{"type": "apps", "id": "2", "attributes": {"sku": "s"},
        "relationships": {"webhooks": {"data": [{"type": "webhooks", "id": "1"}]}}}],
      "links": {"self": "/v1", "next": null}}]])
    assert.equal("webhooks 1 n", ("%s %s %s"):format(resource.type, resource.id, resource.name))
    assert.is_nil(resource.url)
    assert.same({ list = { json.null, 1 } }, resource.response)
    assert.equal("/v1/webhooks/1", resource.links.self)
    assert.equal("/s", resource.relationships.deliveries.links.self)
    assert.equal("s", resource.app.sku)
    assert.is_nil(resource.other)
    assert.is_nil(resource.none)
    -- what names its owner in turn makes no circle
    assert.is_nil(resource.app.webhooks)
    assert.same({ "/v1", nil, nil }, { page.links.self, page.next, page.total })
    assert.equal(resource.app, page.included[1])
    assert.is_string(json.encode(resource))
  end)

  it("makes lists of them, and describes the page", function()
    local list, page = jsonapi.list(json.decode [[{
      "data": [
        {"type": "v", "id": "1", "relationships": {"variants": {"data": [
          {"type": "a", "id": "1"}, {"type": "a", "id": "gone"}, {"type": "a", "id": "2"}]}}},
        {"type": "v", "id": "2", "relationships": {"variants": {"data": []}}},
        {"type": "v", "id": "3", "relationships": {"variants": {"data": [{"type": "a", "id": "gone"}]}}},
        {"type": "v", "id": "4", "attributes": null, "relationships": null, "links": null},
        {"type": "v", "id": "5", "relationships": {"variants": {"data": [{"type": "a", "id": "2"}]}}}],
      "included": [{"type": "a", "id": "2"}, {"type": "a", "id": "1"}],
      "links": {"self": "/a", "next": "/b"}, "meta": {"paging": {"total": 9, "limit": 4}}}]])
    assert.equal("1 2", list[1].variants[1].id .. " " .. list[1].variants[2].id)
    assert.equal(2, #list[1].variants)
    assert.same({}, list[2].variants)
    assert.equal("2", list[5].variants[1].id)
    assert.is_nil(list[3].variants)
    assert.same({ type = "v", id = "4" }, list[4])
    assert.same({ "/b", 9, 4 }, { page.next, page.total, page.limit })
    assert.same({}, (jsonapi.list { data = {} }))
  end)

  it("takes an empty list for no attributes", function()
    local resource = jsonapi.resource(json.decode '{"data":{"type":"a","id":"1","attributes":[]}}')
    assert.equal('{"id":"1","type":"a"}', json.encode(resource))
  end)

  it("gives false if there is no such resource", function()
    local resource, page = jsonapi.resource { data = json.null }
    assert.is_false(resource)
    assert.is_table(page)
  end)

  local function expect_problem(read, expected, text)
    local got, problem = read(json.decode(text))
    assert.is_nil(got, text)
    assert.equal(expected, problem)
  end

  it("names the member of a resource that is wrong, and what is there", function()
    for text, expected in pairs {
      ['{}'] = "data is missing", ['{"data":[{"type":"a","id":"1"}]}'] = "data is a list, not an object",
      ['{"data":5}'] = "data is a number, not an object", ['{"data":false}'] = "data is a boolean, not an object",
      ['{"data":{"type":"a"}}'] = "data.id is missing", ['{"data":{"id":"1"}}'] = "data.type is missing",
      ['{"data":{"type":"a","id":1}}'] = "data.id is a number, not a string",
      ['{"data":{"type":null,"id":"1"}}'] = "data.type is null, not a string",
      ['{"data":{"type":"a","id":"1","attributes":[1]}}'] = "data.attributes is a list, not an object",
      ['{"data":{"type":"a","id":"1","links":5}}'] = "data.links is a number, not an object",
      ['{"data":{"type":"a","id":"1","relationships":"x"}}'] = "data.relationships is a string, not an object",
      ['{"data":{"type":"a","id":"1","relationships":{"x":5}}}'] =
        "data.relationships.x is a number, not an object",
      ['{"data":{"type":"a","id":"1","relationships":{"x":{"data":5}}}}'] =
        "data.relationships.x.data is a number, not an object",
      ['{"data":{"type":"a","id":"1","relationships":{"x":{"data":[{"type":"a","id":"2"},{"type":"a"}]}}}}'] =
        "data.relationships.x.data[1].id is missing",
      ['{"data":{"type":"a","id":"1"},"included":{"a":1}}'] = "included is an object, not a list",
      ['{"data":{"type":"a","id":"1"},"included":[{"type":"a","id":"2"},5]}'] =
        "included[1] is a number, not an object",
      ['{"data":{"type":"a","id":"1"},"links":[1]}'] = "links is a list, not an object",
      ['{"data":{"type":"a","id":"1"},"meta":5}'] = "meta is a number, not an object",
    } do expect_problem(jsonapi.resource, expected, text) end
    expect_problem(jsonapi.resource, "data.type is missing", '{"data":[]}') -- which cjson gives as an object
  end)

  it("names the member of a list that is wrong, and what is there", function()
    for text, expected in pairs {
      ["{}"] = "data is missing", ['{"data":null}'] = "data is null, not a list",
      ['{"data":{"type":"a","id":"1"}}'] = "data is an object, not a list",
      ['{"data":[{"type":"a","id":"1"},5]}'] = "data[1] is a number, not an object",
      ['{"data":[null]}'] = "data[0] is null, not an object",
      ['{"data":[{"type":"a","id":"1","relationships":{"x":"y"}}]}'] =
        "data[0].relationships.x is a string, not an object",
      ['{"data":[],"links":{"next":5}}'] = "links.next is a number, not a string",
      ['{"data":[],"meta":{"paging":{"total":"5"}}}'] = "meta.paging.total is a string, not a number",
      ['{"data":[],"meta":{"paging":{"limit":"5"}}}'] = "meta.paging.limit is a string, not a number",
      ['{"data":[],"meta":{"paging":5}}'] = "meta.paging is a number, not an object",
    } do expect_problem(jsonapi.list, expected, text) end
  end)
end)
