--- The contract of an inbox, what it forgets: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it, before_each = busted.describe, busted.it, busted.before_each
  local inbox, record, at = given.inbox, given.record, given.at

  local function with_bodies()
    local ids = {}
    for _, entry in ipairs(inbox:list { state = "done" }) do
      if inbox:get(entry.id).body then ids[#ids + 1] = entry.id end
    end
    return ids
  end

  describe("forget", function()
    -- Four that were done at 10, 20, 30 and 40; the third came first.
    before_each(function()
      at(1):put { record "c" }
      local claimed = inbox:claim(1, 600)[1]
      for i, key in ipairs { "a", "b" } do
        at(i * 10)
        given.bring(key, "done")
      end
      at(30)
      given.finish(claimed, "done")
      at(40)
      given.bring("d", "done")
      at(50)
    end)

    it("drops the bodies of what was done before a time", function()
      assert.same({ bodies = 2, ids = 0 }, inbox:forget({ bodies = 30, ids = 0 }, 100))
      assert.same({ "c", "d" }, with_bodies())
      assert.same({ bodies = 0, ids = 0 }, inbox:forget({ bodies = 30, ids = 0 }, 100))
      assert.same({ bodies = 1, ids = 0 }, inbox:forget({ bodies = 30.5, ids = 0 }, 100))
      assert.equal(4, inbox:counts().done)
      assert.same({ "duplicate" }, inbox:put { record("a", { time = 40 }) })
    end)

    it("deletes what was done before a time", function()
      assert.same({ bodies = 0, ids = 2 }, inbox:forget({ bodies = 0, ids = 30 }, 100))
      assert.same({ "c", "d" }, given.ids(inbox:list()))
      assert.same({ bodies = 0, ids = 0 }, inbox:forget({ bodies = 0, ids = 30 }, 100))
      assert.same({ "stored", "duplicate" }, inbox:put { record("a", { time = 40 }), record("c", { time = 40 }) })
    end)

    it("does both, what is older first in the one and then in the other", function()
      inbox:forget({ bodies = 20, ids = 0 }, 100)
      assert.same({ bodies = 2, ids = 1 }, inbox:forget({ bodies = 40, ids = 20 }, 100))
      assert.same({ "c", "b", "d" }, given.ids(inbox:list()))
      assert.same({ "d" }, with_bodies())
    end)

    it("does no more at once than its limit", function()
      for _, ids in ipairs { 1, 1, 0 } do
        assert.same({ bodies = 0, ids = ids }, inbox:forget({ bodies = 0, ids = 30 }, 1))
      end
      for _, bodies in ipairs { 1, 1, 0 } do
        assert.same({ bodies = bodies, ids = 0 }, inbox:forget({ bodies = 100, ids = 0 }, 1))
      end
      assert.same({ bodies = 0, ids = 0 }, inbox:forget({ bodies = 100, ids = 100 }, 0))
      assert.same({ bodies = 0, ids = 2 }, inbox:forget({ bodies = 100, ids = 100 }, 5))
    end)

    it("keeps what was done while the clock was behind for as long as what was done at its event's time", function()
      at(50):put { record("e", { time = 70 }) }
      given.finish(inbox:claim(1, 600)[1], "done")
      assert.equal(70, inbox:get("e").at)
      at(200)
      assert.same({ bodies = 0, ids = 4 }, inbox:forget({ bodies = 70, ids = 70 }, 100))
      assert.same({ bodies = 0, ids = 1 }, inbox:forget({ bodies = 0, ids = 70.5 }, 100))
    end)

    it("leaves nothing of what it deletes", function()
      assert.equal(4, inbox:forget({ bodies = 100, ids = 100 }, 100).ids)
      assert.same({}, inbox:list())
      assert.is_nil(inbox:get "a")
      assert.same({}, inbox:later("app of a", 0))
      assert.same({ ready = 0, leased = 0, done = 0, dead = 0 }, inbox:counts())
      assert.same({}, inbox:oldest_done())
    end)

    it("knows when it was done last", function()
      inbox:replay { state = "done", id = "a" }
      at(100)
      given.run_all()
      assert.same({ bodies = 0, ids = 1 }, inbox:forget({ bodies = 0, ids = 30 }, 100))
      assert.same({ "c", "a", "d" }, given.ids(inbox:list()))
    end)
  end)

  it("forget touches nothing that is not done", function()
    given.bring("f", "failed")
    given.bring("n", "no_callback")
    given.bring("c", "cancelled")
    given.bring("i", "invalid")
    given.bring("l", "leased")
    given.bring("r", "ready")
    local before = inbox:list()
    assert.same({ bodies = 0, ids = 0 }, at(50):forget({ bodies = 50, ids = 50 }, 100))
    assert.same(before, inbox:list())
    for _, entry in ipairs(before) do assert.is_string(inbox:get(entry.id).body) end
  end)

  describe("oldest_done", function()
    it("is empty if nothing is done", function()
      given.bring("a", "failed")
      given.bring("b", "ready")
      assert.same({}, inbox:oldest_done())
    end)

    it("tells when the first was done of those that have a body, and of all", function()
      for i, key in ipairs { "a", "b", "c" } do
        at(i * 10)
        given.bring(key, "done")
      end
      at(50)
      assert.same({ body = 10, id = 10 }, inbox:oldest_done())
      inbox:forget({ bodies = 20, ids = 0 }, 10)
      assert.same({ body = 20, id = 10 }, inbox:oldest_done())
      inbox:forget({ bodies = 0, ids = 20 }, 10)
      assert.same({ body = 20, id = 20 }, inbox:oldest_done())
      inbox:forget({ bodies = 100, ids = 0 }, 10)
      assert.same({ id = 20 }, inbox:oldest_done())
    end)

    it("knows nothing of what is ready again", function()
      given.bring("a", "done")
      inbox:replay { state = "done", id = "a" }
      assert.same({}, inbox:oldest_done())
    end)
  end)
end
