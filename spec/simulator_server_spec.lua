-- How marketplace.simulator.server carries requests, and how long it waits, on a clock that the specs move.
local core = require "marketplace.core"

describe("marketplace.simulator.server", function()
  local real, server, http, sim, sender, opened, now

  before_each(function()
    now = 1000
    real = { http_server = package.loaded["marketplace.http_server"], monotonic = core.monotonic, now = core.now }
    core.monotonic, core.now = function() return now end, function() return now + 5000 end
    http = { requests = {}, waits = {}, answered = {}, host = "127.0.0.1" }
    function http:poll(wait)
      self.waits[#self.waits + 1] = wait
      local requests = self.requests
      self.requests = {}
      return requests
    end
    function http:answer(requests, responses)
      for i, request in ipairs(requests) do self.answered[request.name] = responses[i] end
    end
    function http:address() return self.host, 8080 end
    function http:close() self.is_closed = true end
    package.loaded["marketplace.http_server"] = { open = function(given)
      opened = given
      return http
    end }
    sim = { ticks = 0 }
    function sim.handle(_, request) return { status = 200, delay = request.delay } end
    function sim:tick() self.ticks = self.ticks + 1 end
    function sim:next_at() return self.due end
    function sim:set_base_url(url) self.url = url end
    sender = { polls = {}, is_busy = function(self) return self.busy end }
    function sender:poll(seconds) self.polls[#self.polls + 1] = seconds end
    function sender:close() self.is_closed = true end
    server = require("marketplace.simulator.server").open { sim = sim, sender = sender, host = "h", port = 1 }
  end)

  after_each(function()
    package.loaded["marketplace.http_server"] = real.http_server
    core.monotonic, core.now = real.monotonic, real.now
  end)

  local function step(...)
    http.requests = { ... }
    server:step()
    return http.waits[#http.waits]
  end

  it("answers requests, and those that arrived with a fault by its status", function()
    step({ name = "a" }, { name = "b", fault = "too_large" }, { name = "c", fault = "timeout" },
      { name = "d", fault = "overloaded" })
    local statuses = {}
    for name, response in pairs(http.answered) do statuses[name] = response.status end
    assert.same({ a = 200, b = 413, c = 408, d = 503 }, statuses)
    assert.same({ 1, { 0.005 } }, { sim.ticks, sender.polls })
  end)

  it("answers late what is to be late, and others meanwhile", function()
    step({ name = "late", delay = 0.5 }, { name = "later", delay = 0.75 }, { name = "quick" })
    assert.is_nil(http.answered.late)
    assert.equal(200, http.answered.quick.status)
    assert.equal(0.5, step())
    now = now + 0.5
    assert.equal(0, step())
    assert.equal(200, http.answered.late.status)
    assert.is_nil(http.answered.later)
    assert.equal(0.25, step())
    now = now + 1
    step()
    assert.equal(200, http.answered.later.status)
    assert.equal(1, step())
  end)

  it("waits until the next delivery is due, a second at most, and not at all while it sends", function()
    assert.equal(1, step())
    sim.due = core.now() + 0.25
    assert.equal(0.25, step())
    sim.due = core.now() + 10
    assert.equal(1, step())
    sim.due = core.now() - 10
    assert.equal(0, step())
    sim.due, sender.busy = nil, true
    assert.equal(0, step())
  end)

  it("tells the simulator its URL", function()
    assert.same({ "h", 1 }, { opened.host, opened.port })
    assert.equal("http://127.0.0.1:8080", sim.url)
    http.host = "::1"
    assert.equal("http://[::1]:8080", server:url())
    require("marketplace.simulator.server").open { sim = sim, sender = sender, tls_cert = "cert", tls_key = "key" }
    assert.same({ "cert", "key", "https://[::1]:8080" }, { opened.tls_cert, opened.tls_key, sim.url })
  end)

  it("closes what it has opened when it is told to stop", function()
    local stop_asked, steps = core.stop_asked, 0
    core.stop_asked = function()
      steps = steps + 1
      return steps > 3
    end
    server:run()
    core.stop_asked = stop_asked
    assert.equal(3, sim.ticks)
    assert.same({ true, true }, { http.is_closed, sender.is_closed })
  end)
end)
