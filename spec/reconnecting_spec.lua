local core = require "marketplace.core"
local reconnecting = require "marketplace.reconnecting"

describe("marketplace.reconnecting", function()
  local connection, made, closed, refuses, takes, now, monotonic

  before_each(function()
    made, closed, refuses, takes, now, monotonic = 0, 0, nil, 0, 100, core.monotonic
    core.monotonic = function() return now end
    connection = reconnecting.new {
      pause = 0.5,
      connect = function()
        now = now + takes
        if refuses then reconnecting.fail(refuses) end
        made = made + 1
        return { number = made, close = function() closed = closed + 1 end }
      end,
    }
  end)

  after_each(function() core.monotonic = monotonic end)

  local function number() return connection:use(function(link) return link.number end) end

  it("connects once, and again after a failure", function()
    assert.same({ 1, 1 }, { number(), number() })
    local result, message = connection:use(function() reconnecting.fail "gone" end)
    assert.is_nil(result)
    assert.equal("gone", message)
    assert.equal(1, closed)
    assert.equal(2, number())
  end)

  it("lets mistakes of the program through, and closes the connection that they left in an unknown state", function()
    number()
    local ok, problem = pcall(connection.use, connection, function() error("a mistake", 0) end)
    assert.same({ false, "a mistake" }, { ok, problem })
    assert.equal(1, closed)
    assert.equal(2, number())
  end)

  it("tries no more for a while after it was refused, longer if that took longer", function()
    refuses = "not now"
    assert.same({ nil, "not now" }, { number() })
    refuses, now = nil, now + 0.4
    assert.same({ nil, "not now" }, { number() })
    now = now + 0.2
    assert.equal(1, number())
    connection:close()
    refuses, takes = "too slow", 5
    assert.is_nil((number()))
    refuses, takes, now = nil, 0, now + 4.9
    assert.same({ nil, "too slow" }, { number() })
    now = now + 0.2
    assert.equal(2, number())
  end)

  it("refuses at once for as long as one took that waited in vain", function()
    local uses = 0
    local function use(seconds, code)
      return connection:use(function()
        uses, now = uses + 1, now + seconds
        if code then reconnecting.fail("no answer", code) end
        return true
      end)
    end
    assert.is_nil((use(3, "timeout")))
    now = now + 2.9
    assert.same({ nil, "no answer" }, { use(0) })
    now = now + 0.2
    assert.is_true(use(0))
    assert.is_nil((use(3, "connect_failed")))
    assert.is_true(use(0))
    assert.equal(4, uses)
  end)

  it("does not refuse for as long as its own process stood still", function()
    local day = 86400
    assert.is_nil((connection:use(function()
      now = now + day
      reconnecting.fail("no answer", "timeout")
    end)))
    now = now + 31
    assert.equal(2, number())
    connection:close()
    refuses, takes = "too slow", day
    assert.is_nil((number()))
    refuses, takes, now = nil, 0, now + 31
    assert.equal(3, number())
  end)

  it("passes what it is told on to what connects", function()
    local given
    local other = reconnecting.new { connect = function(...)
      given = { ... }
      return { close = function() end }
    end }
    other:use(function() return true end, 77)
    assert.same({ 77 }, given)
  end)

  it("connects anew if the connection leads elsewhere", function()
    local is_current = true
    connection.is_current = function() return is_current end
    assert.equal(1, number())
    is_current = false
    assert.equal(2, number())
    assert.equal(1, closed)
  end)
end)
