local rate = require "marketplace.packages.rate"

describe("marketplace.packages.rate", function()
  local now

  before_each(function() now = 100 end)

  local function new(all) return rate.new(all, function() return now end) end

  local function wait(all)
    local began = now
    all:wait(function(seconds)
      assert.is_true(seconds > 0 and seconds <= 1)
      now = now + seconds
    end)
    return now - began
  end

  local function exchange()
    local made = { limits = {} }
    function made:limit(bytes) self.limits[#self.limits + 1] = bytes end
    return made
  end

  it("is shared by all downloads, and shared out anew when their number changes", function()
    local all, one, other = new(1000), exchange(), exchange()
    assert.equal(1000, all:next_share())
    all:add(one)
    all:share_out()
    assert.equal(500, all:next_share())
    all:add(other)
    all:share_out()
    all:share_out()
    all:remove(other)
    all:share_out()
    assert.same({ { 1000, 500, 1000 }, { 500 } }, { one.limits, other.limits })
    all:remove(one)
    all:share_out()
    assert.equal(1000, all:next_share())
  end)

  it("is shared out anew when others began while nobody looked, as many as before", function()
    local all, others = new(1000), { exchange(), exchange() }
    local function add_both()
      for _, one in ipairs(others) do all:add(one) end
      all:share_out()
    end
    add_both()
    for _, one in ipairs(others) do
      all:remove(one)
      one.limits = {}
    end
    add_both() -- the first of them began with a share of 1000, as it was alone
    assert.same({ { 500 }, { 500 } }, { others[1].limits, others[2].limits })
  end)

  it("is never nothing, which would be no limit", function()
    local all = new(1)
    for _ = 1, 3 do all:add(exchange()) end
    assert.equal(1, all:next_share())
  end)

  it("lets no download begin before there is room, however quickly small files came", function()
    local all = new(1000)
    assert.equal(0, wait(all))
    all:count(250)
    assert.equal(0, wait(all))
    all:count(3000)
    assert.equal(3, wait(all))
    now = now + 1000 -- what was not used is lost
    all:count(1000)
    assert.equal(0.75, wait(all))
  end)

  it("need not be limited", function()
    local all, one = new(nil), exchange()
    all:add(one)
    all:share_out()
    all:count(1e12)
    assert.equal(0, wait(all))
    assert.is_nil(all:next_share())
    assert.same({}, one.limits)
  end)
end)
