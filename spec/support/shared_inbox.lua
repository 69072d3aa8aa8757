--- What an inbox on a server of its own must do beyond the contract, as specs: specs(busted, given), where busted has
-- its `it`, and given {name, server(), open(settings), open_empty()}; server() has kill and start.
local assert = require "luassert"
local comma = require "support.comma"

local shared_inbox = {}

function shared_inbox.record(key, more)
  local made = { key = key, digest = "digest of " .. key, type = "T", event = "other", app_id = key, body = "{}" }
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

local record = shared_inbox.record

function shared_inbox.specs(busted, given)
  local it = busted.it

  it("is shared: what one stores another claims, and neither claims what the other has", function()
    local one, other = given.open_empty(), given.open { clock = false }
    one:put({ record "a", record "b" }, 1)
    assert.equal("a", one:claim(1, 2, 60)[1].key)
    local claimed = other:claim(10, 2, 60)
    assert.same({ 1, "b" }, { #claimed, claimed[1].key })
    assert.same({ "duplicate" }, other:put({ record "a" }, 3))
    assert.equal(one:id(), other:id())
    one:close()
    other:close()
  end)

  it("has another id when it was lost and made anew", function()
    local lost = given.open_empty()
    local id = lost:id()
    lost:close()
    local made = given.open_empty()
    assert.not_equal(id, made:id())
    made:close()
  end)

  it("times leases by the server's clock", function()
    given.open_empty():close()
    local ahead = given.open { clock = function() return os.time() + 5000 end }
    local right = given.open()
    ahead:put({ record "a" }, os.time() + 5000)
    assert.is_true(math.abs(right:get("a").received_at - os.time()) < 5)
    assert.is_true(math.abs(ahead:get("a").received_at - os.time() - 5000) < 5)
    assert.equal(1, #ahead:claim(1, os.time() + 5001, 60))
    assert.same({}, right:claim(1, os.time() + 30, 60))
    assert.equal(1, #right:claim(1, os.time() + 90, 60))
    ahead:close()
    right:close()
  end)

  it("takes times with a fraction, whatever the locale", function()
    local box = given.open_empty()
    assert.same({ "stored" }, comma.run(function() return assert(box:put({ record "a" }, 1.5)) end))
    assert.equal(1.5, box:get("a").received_at)
    assert.same({}, comma.run(function() return assert(box:claim(1, 1.25, 60)) end))
    assert.equal("a", comma.run(function() return assert(box:claim(1, 1.75, 60)) end)[1].key)
    box:close()
  end)

  it("says so while the server is gone, and then has all that it acknowledged", function()
    local box = given.open_empty()
    assert.same({ "stored" }, box:put({ record "a" }, 1))
    given.server():kill()
    local outcomes, message, code = box:put({ record "b" }, 2)
    assert.is_nil(outcomes)
    assert.matches("^" .. given.name .. ": ", message)
    assert.equal("inbox_unavailable", code)
    for _, call in ipairs {
      function() return box:claim(1, 2, 60) end, function() return box:counts() end,
      function() return box:backlog() end, function() return box:next_at() end, function() return box:list {} end,
      function() return box:get "a" end, function() return box:later("a", 1) end,
      function() return box:replay({}, 1) end, function() return box:prune(1) end,
    } do
      assert.is_nil((call()))
      assert.equal("inbox_unavailable", (select(3, call())))
    end
    given.server():start()
    -- the pause after a connection that could not be made
    local stop = os.time() + 30
    repeat outcomes = box:put({ record "b" }, 3) until outcomes or os.time() > stop
    assert.same({ "stored" }, outcomes)
    assert.same({ "duplicate" }, box:put({ record "a" }, 4))
    assert.equal(2, #box:claim(10, 5, 60))
    box:close()
  end)
end

return shared_inbox
