-- What marketplace.nginx.redis asks of nginx's cosockets, which are imitated here.
local redis = require "marketplace.nginx.redis"

describe("marketplace.nginx.redis", function()
  local asked

  before_each(function()
    asked = {}
    local socket = { getreusedtimes = function() return 0 end }
    for _, method in ipairs { "settimeouts", "connect" } do
      socket[method] = function(_, ...)
        asked[method] = { ... }
        return true
      end
    end
    rawset(_G, "ngx", { socket = { tcp = function() return socket end } })
  end)

  after_each(function() rawset(_G, "ngx", nil) end)

  it("waits five seconds for a connection, and ten or as long as it is told for an answer", function()
    redis.connect {}
    assert.same({ 5000, 10000, 10000 }, asked.settimeouts)
    redis.connect { timeout = 0.25 }
    assert.same({ 5000, 250, 250 }, asked.settimeouts)
    redis.connect { timeout = 60 }
    assert.same({ 5000, 60000, 60000 }, asked.settimeouts)
  end)

  it("connects to 127.0.0.1:6379, to another address, or to a socket", function()
    redis.connect {}
    assert.same({ "127.0.0.1", 6379 }, { asked.connect[1], asked.connect[2] })
    redis.connect { host = "10.0.0.5", port = 7000 }
    assert.same({ "10.0.0.5", 7000 }, { asked.connect[1], asked.connect[2] })
    redis.connect { path = "/run/redis" }
    assert.equal("unix:/run/redis", asked.connect[1])
  end)

  it("shares connections with none of another server, user or database", function()
    local pools = {}
    for _, place in ipairs {
      {}, { host = "10.0.0.5" }, { port = 7000 }, { user = "other" }, { db = 1 }, { path = "/run/redis" },
    } do
      redis.connect(place)
      local options = asked.connect[place.path and 2 or 3]
      assert.is_nil(pools[options.pool], options.pool)
      pools[options.pool] = true
    end
    redis.connect { db = 1, timeout = 3, prefix = "other" }
    assert.is_true(pools[asked.connect[3].pool])
  end)
end)
