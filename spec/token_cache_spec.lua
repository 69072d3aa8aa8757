local token_cache = require "marketplace.client.token_cache"

local NOW = 1780000000
local LIFETIME, RENEWED_BEFORE = 1170, 120
local DATES = { -- by the seconds that the server's clock is ahead
  [-2] = "Thu, 28 May 2026 20:26:38 GMT", [-1] = "Thu, 28 May 2026 20:26:39 GMT",
  [1] = "Thu, 28 May 2026 20:26:41 GMT", [2] = "Thu, 28 May 2026 20:26:42 GMT",
}

describe("marketplace.client.token_cache", function()
  local now, made, cache

  before_each(function()
    now, made = NOW, {}
    cache = token_cache.new(function(at)
      made[#made + 1] = at
      return "token " .. #made, at + LIFETIME
    end, function() return now end)
  end)

  it("keeps a token until two minutes before it expires", function()
    assert.equal("token 1", cache:token())
    now = NOW + LIFETIME - RENEWED_BEFORE - 1
    assert.equal("token 1", cache:token())
    now = now + 1
    assert.equal("token 2", cache:token())
    assert.same({ NOW, now }, made)
  end)

  it("makes a new one if the clock was set back", function()
    assert.equal("token 1", cache:token())
    assert.equal("token 1", cache:token())
    now = NOW - 1
    assert.equal("token 2", cache:token())
  end)

  it("makes a new one by the server's clock, if that is two seconds off, once one is refused", function()
    for ahead, date in pairs(DATES) do
      cache:refused(cache:token(), date)
      cache:token()
      assert.equal(math.abs(ahead) < 2 and NOW or NOW + ahead, made[#made], date)
    end
    for _, date in ipairs { "soon", "" } do
      cache:refused(cache:token(), date)
      cache:token()
      assert.equal(NOW, made[#made])
    end
    cache:refused(cache:token(), { DATES[2], DATES[2] })
    cache:token()
    assert.equal(NOW, made[#made])
  end)

  it("keeps the newer one that another call made meanwhile", function()
    local refused = cache:token()
    cache:refused(refused, nil)
    assert.equal("token 2", cache:token())
    cache:refused(refused, nil)
    assert.equal("token 2", cache:token())
  end)

  it("passes on why no token can be made", function()
    cache = token_cache.new(function() return nil, "no key", "crypto_failed" end, function() return NOW end)
    assert.same({ nil, "no key", "crypto_failed" }, { cache:token() })
  end)
end)
