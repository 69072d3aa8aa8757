local calls = require "marketplace.packages.calls"

describe("marketplace.packages.calls", function()
  local now, client

  before_each(function() now, client = 1000, { rate_limit = {} } end)

  local function pause(seconds)
    assert.is_true(seconds > 0 and seconds <= 5)
    now = now + seconds
  end

  local function new(most) return calls.new(client, most, function() return now end) end

  it("allows as many as there is need for, if nothing is said", function()
    local all = new()
    for _ = 1, 10000 do all:wait(pause) end
    assert.equal(1000, now)
  end)

  it("allows so many in any hour", function()
    local all, times = new(3), {}
    for i = 1, 7 do
      all:wait(pause)
      times[i] = now - 1000
      now = now + 1
    end
    assert.same({ 0, 1, 2, 3600, 3601, 3602, 7200 }, times)
  end)

  it("leaves a tenth of what App Store Connect grants to others, and looks again each minute", function()
    local all = new()
    client.rate_limit = { limit = 3600, remaining = 359 }
    all:wait(pause) -- what an old answer says may be long past
    assert.equal(1000, now)
    all:wait(pause)
    assert.equal(1060, now)
    client.rate_limit.remaining = 360
    all:wait(pause)
    assert.equal(1060, now)
  end)
end)
