local core = require "marketplace.core"
local dry_run = require "marketplace.cli.support.dry_run"
local json = require "marketplace.json"
local output = require "marketplace.cli.support.output"

describe("marketplace.cli.support.dry_run", function()
  local raw, written, sent, send

  before_each(function()
    raw, written, sent = output.raw, {}, {}
    output.raw = function(bytes) written[#written + 1] = bytes end
    send = dry_run.transport(false, function(...)
      sent[#sent + 1] = { ... }
      return { status = 200 }, "message"
    end)
  end)

  after_each(function() output.raw = raw end)

  local function request(method, document)
    return { method = method, url = "https://api.example/v1/webhooks", body = document and json.encode(document) }
  end

  it("sends requests that read, as they are", function()
    local read = request "GET"
    assert.same({ { status = 200 }, "message" }, { send(read, "more") })
    assert.same({ { read, "more" } }, sent)
    assert.same({}, written)
  end)

  it("shows the others and answers them as App Store Connect would", function()
    local answers = {
      send(request("POST", { data = { type = "webhooks" } })),
      send(request("PATCH", { data = { type = "webhooks", id = "w1" } })),
      send(request "DELETE"),
      send(request "PATCH"),
    }
    assert.same({ 201, 200, 204, 200 },
      { answers[1].status, answers[2].status, answers[3].status, answers[4].status })
    assert.same({ data = { type = "webhooks", id = "(new)" } }, json.decode(answers[1].body))
    assert.same({ data = { type = "webhooks", id = "w1" } }, json.decode(answers[2].body))
    assert.equal("", answers[3].body)
    assert.same({ data = { id = "(new)" } }, json.decode(answers[4].body))
    for _, answer in ipairs(answers) do assert.same({}, answer.headers) end
    assert.same({}, sent)
    assert.matches("^POST https://api%.example/v1/webhooks\n{.*\"type\":\"webhooks\".*}\n$", written[1])
    assert.equal("DELETE https://api.example/v1/webhooks\n", written[3])
  end)

  it("shows no secret", function()
    send(request("POST", { data = { type = "webhooks", attributes = { secret = "hunter2", name = "n" } } }))
    assert.is_nil(written[1]:find("hunter2", 1, true))
    assert.is_truthy(written[1]:find('"secret":"(hidden)"', 1, true))
    send(request("POST", { data = { type = "webhooks", attributes = { name = "n" } } }))
    assert.is_nil(written[2]:find("hidden", 1, true))
    send(request("POST", { data = { type = "webhooks", attributes = "none" } }))
    assert.equal(3, #written)
  end)

  it("shows JSON if it is asked to", function()
    dry_run.transport(true, core.now)(request("PATCH", { data = { id = "w1" } }))
    assert.same({ method = "PATCH", url = "https://api.example/v1/webhooks", body = { data = { id = "w1" } } },
      json.decode(written[1]))
  end)
end)
