-- The answers that servers and nginx give alike.
local responses = require "marketplace.responses"

describe("marketplace.responses", function()
  local function render() return "a 1\n" end

  it("tell the metrics to GET and HEAD, and to nothing else", function()
    local told = {
      status = 200, headers = { ["content-type"] = "text/plain; version=0.0.4; charset=utf-8" }, body = "a 1\n",
    }
    assert.same(told, responses.metrics("GET", render))
    assert.same(told, responses.metrics("HEAD", render))
    local refused = responses.metrics("POST", render)
    assert.same({ 405, "GET, HEAD" }, { refused.status, refused.headers.allow })
  end)

  it("say nothing of what keeps the metrics from being shown", function()
    local failed = responses.metrics("GET", function() error "a secret" end)
    assert.same({ 500, "the metrics cannot be shown\n" }, { failed.status, failed.body })
  end)

  it("tell whether notifications are taken", function()
    assert.equal(200, responses.health("GET", false).status)
    assert.same({ 503, "stopping\n" }, { responses.health("GET", true).status, responses.health("GET", true).body })
    assert.equal(405, responses.health("POST", true).status)
  end)

  it("tell whether the inbox stores, and ask it only if that matters", function()
    local function told(method, is_stopping, works)
      local asked = false
      local answer = responses.readiness(method, is_stopping, function()
        asked = true
        return works
      end)
      return { answer.status, answer.body, asked }
    end
    assert.same({ 200, "ok\n", true }, told("GET", false, true))
    assert.same({ 503, "inbox unavailable\n", true }, told("HEAD", false, false))
    assert.same({ 503, "stopping\n", false }, told("GET", true, true))
    assert.same({ 405, "only GET is answered here\n", false }, told("POST", false, true))
  end)
end)
