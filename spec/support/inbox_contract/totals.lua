--- The contract of an inbox, counts and what is next: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, claim_one, finish = given.inbox, given.record, given.at, given.claim_one, given.finish

  local function codes(more)
    local expected = { failed = 0, cancelled = 0, invalid = 0, too_old = 0, no_callback = 0 }
    for name, count in pairs(more or {}) do expected[name] = count end
    return expected
  end

  describe("counts", function()
    it("tells how many there are of each state", function()
      assert.same({ ready = 0, leased = 0, done = 0, dead = 0 }, inbox:counts())
      given.bring("a", "done")
      given.bring("b", "done")
      given.bring("c", "failed")
      given.bring("d", "leased")
      inbox:put(given.of_app("x", "x1", "x2", "x3"))
      assert.same({ ready = 3, leased = 1, done = 2, dead = 1 }, inbox:counts())
    end)
  end)

  describe("backlog", function()
    it("tells what is left to do, and since when", function()
      assert.same({ ready = 0, leased = 0, dead = 0, codes = codes() }, inbox:backlog())
      at(5):put { record("c", { reason = "not JSON" }) }
      at(10):put { record "a" }
      at(20):put { record "b" }
      at(30)
      local first = claim_one()
      assert.same({ ready = 1, leased = 1, dead = 1, codes = codes { invalid = 1 }, oldest_age = 20 }, inbox:backlog())
      finish(first, "done")
      assert.same({ ready = 1, leased = 0, dead = 1, codes = codes { invalid = 1 }, oldest_age = 10 }, inbox:backlog())
      given.run_all()
      assert.same({ ready = 0, leased = 0, dead = 1, codes = codes { invalid = 1 } }, inbox:backlog())
    end)

    it("tells how many dead ones have each code", function()
      for code, count in pairs { failed = 3, cancelled = 2, invalid = 1, no_callback = 4 } do
        for i = 1, count do given.bring(code .. i, code) end
      end
      assert.same(codes { failed = 3, cancelled = 2, invalid = 1, no_callback = 4 }, inbox:backlog().codes)
      inbox:replay { code = "failed" }
      assert.same(codes { cancelled = 2, invalid = 1, no_callback = 4 }, inbox:backlog().codes)
    end)

    it("tells the age since receipt, whatever waits", function()
      at(10):put { record "a" }
      at(15)
      finish(claim_one(), "ready", { wait = 900 })
      assert.equal(10, at(20):backlog().oldest_age)
    end)

    it("tells it of one that waits behind another", function()
      at(10):put(given.of_app("x", "x1", "x2"))
      at(15)
      finish(claim_one(), "done")
      claim_one()
      at(20):put(given.of_app("x", "x3"))
      assert.equal(15, at(25):backlog().oldest_age)
    end)

    it("tells it of one that was dead and is ready again", function()
      at(10)
      given.bring("a1", "failed", { app_id = "a" })
      at(20):put { record("a2", { app_id = "a" }) }
      assert.equal(10, at(30):backlog().oldest_age)
      assert.same({ "a1" }, inbox:replay())
      assert.equal(20, inbox:backlog().oldest_age)
    end)
  end)

  describe("next_in", function()
    it("tells in how many seconds there is something to claim", function()
      assert.is_nil(inbox:next_in())
      at(5):put { record "a" }
      assert.equal(0, inbox:next_in())
      assert.equal(0, at(7):next_in())
      finish(claim_one(), "ready", { wait = 30 })
      assert.equal(30, inbox:next_in())
      assert.equal(29.5, at(7.5):next_in())
      assert.equal(0, at(100):next_in())
    end)

    it("tells in how many seconds a lease ends", function()
      inbox:put { record "a" }
      local claimed = claim_one(10)
      assert.equal(10, inbox:next_in())
      assert.equal(4, at(7):next_in())
      inbox:extend({ claimed }, 20)
      assert.equal(20, inbox:next_in())
      assert.equal(0, at(100):next_in())
    end)

    it("tells of the first of all", function()
      inbox:put { record "a", record "b", record "c" }
      local claimed = inbox:claim(3, 50)
      finish(claimed[1], "ready", { wait = 70 })
      assert.equal(50, inbox:next_in())
      finish(claimed[2], "ready", { wait = 30 })
      assert.equal(30, inbox:next_in())
      inbox:put { record "d" }
      assert.equal(0, inbox:next_in())
    end)

    it("tells nothing of what waits behind another", function()
      inbox:put(given.of_app("x", "x1", "x2"))
      finish(claim_one(), "ready", { wait = 30 })
      assert.equal(30, inbox:next_in())
      inbox:run { id = "x2" }
      assert.equal(30, inbox:next_in())
    end)

    it("tells of what is to be claimed alone", function()
      inbox:put { record "a" }
      claim_one(10)
      at(11):recover { 5 }
      assert.equal(0, inbox:next_in())
      claim_one(10)
      at(30):recover { 5, 40 }
      assert.equal(40, inbox:next_in())
    end)

    it("tells nothing of what is over", function()
      given.bring("a", "done")
      given.bring("b", "failed")
      assert.is_nil(inbox:next_in())
    end)
  end)
end
