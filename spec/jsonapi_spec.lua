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
    for _, body in ipairs { "", "<html>", '{"data":', "[1]", "null", "5", '"x"', "false" } do
      local got, message, code, detail = decode(200, body)
      assert.is_nil(got)
      assert.matches("^GET /v1/x: 200, answered with ", message)
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

  it("makes lists of them, and tells about the page", function()
    local list, page = jsonapi.list(json.decode [[{
      "data": [
        {"type": "v", "id": "1", "relationships": {"variants": {"data": [
          {"type": "a", "id": "1"}, {"type": "a", "id": "gone"}, {"type": "a", "id": "2"}]}}},
        {"type": "v", "id": "2", "relationships": {"variants": {"data": []}}},
        {"type": "v", "id": "3", "relationships": {"variants": {"data": [{"type": "a", "id": "gone"}]}}},
        {"type": "v", "id": "4", "attributes": null, "relationships": null, "links": null}],
      "included": [{"type": "a", "id": "2"}, {"type": "a", "id": "1"}],
      "links": {"self": "/a", "next": "/b"}, "meta": {"paging": {"total": 9, "limit": 4}}}]])
    assert.equal("1 2", list[1].variants[1].id .. " " .. list[1].variants[2].id)
    assert.equal(2, #list[1].variants)
    assert.same({}, list[2].variants)
    assert.is_nil(list[3].variants)
    assert.same({ type = "v", id = "4" }, list[4])
    assert.same({ "/b", 9, 4 }, { page.next, page.total, page.limit })
    assert.same({}, (jsonapi.list { data = {} }))
  end)

  it("tells a resource that is not there from an answer that is none", function()
    local resource, page = jsonapi.resource { data = json.null }
    assert.is_false(resource)
    assert.is_table(page)
    for _, text in ipairs {
      "{}", '{"data":[]}', '{"data":[{"type":"a","id":"1"}]}', '{"data":5}', '{"data":false}', '{"data":{"type":"a"}}',
      '{"data":{"type":"a","id":1}}', '{"data":{"type":"a","id":"1","attributes":[1]}}',
      '{"data":{"type":"a","id":"1","relationships":"x"}}', '{"data":{"type":"a","id":"1","relationships":{"x":5}}}',
      '{"data":{"type":"a","id":"1","relationships":{"x":{"data":5}}}}', '{"data":{"type":"a","id":"1","links":5}}',
      '{"data":{"type":"a","id":"1","relationships":{"x":{"data":[{"type":"a"}]}}}}',
      '{"data":{"type":"a","id":"1"},"included":{"a":1}}', '{"data":{"type":"a","id":"1"},"included":[5]}',
      '{"data":{"type":"a","id":"1"},"links":[1]}', '{"data":{"type":"a","id":"1"},"meta":5}',
    } do
      local got, problem = jsonapi.resource(json.decode(text))
      assert.is_nil(got, text)
      assert.is_string(problem, text)
    end
    for _, text in ipairs {
      "{}", '{"data":null}', '{"data":{"type":"a","id":"1"}}', '{"data":[5]}', '{"data":[],"links":{"next":5}}',
      '{"data":[],"meta":{"paging":{"total":"5"}}}', '{"data":[],"meta":{"paging":5}}', '{"data":[null]}',
    } do
      local got, problem = jsonapi.list(json.decode(text))
      assert.is_nil(got, text)
      assert.is_string(problem, text)
    end
  end)
end)
