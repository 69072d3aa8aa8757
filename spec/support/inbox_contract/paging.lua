--- The contract of an inbox, more than an engine takes at once: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, at = given.inbox, given.at

  local function put_dead(count)
    local records = given.many(count)
    for _, one in ipairs(records) do one.type = false end
    assert(inbox:put(records))
    repeat
      local claimed = inbox:claim(1000, 60)
      for _, one in ipairs(claimed) do one.state, one.code, one.reason = "dead", "failed", "gave up" end
      inbox:finish(claimed)
    until #claimed == 0
  end

  describe("more than a thousand", function()
    it("are claimed a thousand at a time", function()
      inbox:put(given.many(1001))
      assert.equal(1000, #inbox:claim(5000, 60))
      assert.same({ "k1001" }, given.ids(inbox:claim(5000, 60)))
    end)

    for _, count in ipairs { 500, 501, 1000, 1001 } do
      it(("are listed in order, if they are %d"):format(count), function()
        inbox:put(given.many(count))
        local listed = inbox:list { state = "ready" }
        assert.equal(count, #listed)
        for i, entry in ipairs(listed) do assert.equal("k" .. i, entry.id) end
        local newest = inbox:list { newest = true, limit = count - 1 }
        assert.equal(count - 1, #newest)
        for i, entry in ipairs(newest) do assert.equal("k" .. count + 1 - i, entry.id) end
      end)

      it(("are replayed, if they are %d"):format(count), function()
        put_dead(count)
        local ids = inbox:replay { newest = true, limit = count - 1 }
        assert.equal(count - 1, #ids)
        assert.equal("dead", inbox:get("k1").state)
        assert.same({ "k1" }, inbox:replay())
        assert.same({ ready = count, leased = 0, done = 0, dead = 0 }, inbox:counts())
      end)
    end

    it("are recovered at once", function()
      inbox:put(given.many(1500))
      inbox:claim(1000, 10)
      inbox:claim(1000, 10)
      assert.equal(1500, at(11):recover { 5 })
      assert.same({ ready = 1500, leased = 0, done = 0, dead = 0 }, inbox:counts())
    end)

    it("of one app are led by one", function()
      local records = given.many(1100)
      for _, one in ipairs(records) do one.app_id = "x" end
      inbox:put(records)
      assert.equal("k1", inbox:get("k1100").behind)
      for i = 1, 3 do
        local claimed = given.claim(10)
        assert.same({ "k" .. i }, given.ids(claimed))
        given.finish(claimed[1], "done")
      end
      assert.equal("k4", inbox:get("k1100").behind)
    end)

    it("are finished, and forgotten in slices", function()
      inbox:put(given.many(2001))
      repeat
        local claimed = inbox:claim(1000, 60)
        for _, one in ipairs(claimed) do one.state = "done" end
        for _, is_held in ipairs(inbox:finish(claimed)) do assert.is_true(is_held) end
      until #claimed == 0
      assert.equal(2001, #inbox:list { state = "done" })
      assert.same({ bodies = 1200, ids = 0 }, at(10):forget({ bodies = 5, ids = 0 }, 1200))
      assert.same({ bodies = 801, ids = 0 }, inbox:forget({ bodies = 5, ids = 0 }, 1200))
      assert.same({ bodies = 0, ids = 1200 }, inbox:forget({ bodies = 5, ids = 5 }, 1200))
      assert.same({ bodies = 0, ids = 801 }, inbox:forget({ bodies = 5, ids = 5 }, 1200))
      assert.same({ ready = 0, leased = 0, done = 0, dead = 0 }, inbox:counts())
    end)
  end)
end
