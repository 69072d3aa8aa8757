-- What marketplace.nginx.pool does with a connection after its use.
local core = require "marketplace.core"
local pool = require "marketplace.nginx.pool"
local reconnecting = require "marketplace.inbox.reconnecting"

describe("marketplace.nginx.pool", function()
  local events, links, now, monotonic

  before_each(function()
    events, links, now, monotonic = {}, 0, 1000, core.monotonic
    core.monotonic = function() return now end
  end)

  after_each(function() core.monotonic = monotonic end)

  local function connect()
    links = links + 1
    local link = { number = links }
    function link.release() events[#events + 1] = "released " .. link.number end
    function link.close() events[#events + 1] = "closed " .. link.number end
    return link
  end

  local function new(connect_to)
    return pool.new { name = "redis", connect = connect_to or connect, pause = 5 }
  end

  it("takes one for each use, and gives it back", function()
    local made = new()
    assert.equal(1, made:use(function(link) return link.number end))
    assert.equal(2, made:use(function(link) return link.number end))
    assert.same({ "released 1", "released 2" }, events)
  end)

  it("closes it after a failure, which is reported", function()
    local result, message = new():use(function() reconnecting.fail "timeout" end)
    assert.is_nil(result)
    assert.equal("redis: timeout", message)
    assert.same({ "closed 1" }, events)
  end)

  it("closes it after a mistake, which is raised", function()
    assert.has_error(function() new():use(function() error("a mistake", 0) end) end, "a mistake")
    assert.same({ "closed 1" }, events)
  end)

  it("tries no connection for a while after one that failed", function()
    local tries = 0
    local made = new(function()
      tries = tries + 1
      reconnecting.fail "refused"
    end)
    for _ = 1, 3 do assert.same({ nil, "redis: refused" }, { made:use(function() return true end) }) end
    assert.equal(1, tries)
    now = now + 5
    made:use(function() return true end)
    assert.equal(2, tries)
    assert.same({}, events)
  end)

  it("has nothing to close", function()
    new():close()
    assert.same({}, events)
  end)
end)
