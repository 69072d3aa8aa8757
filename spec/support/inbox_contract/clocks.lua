--- The contract of an inbox, a clock that is set: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, claim_one, finish = given.inbox, given.record, given.at, given.claim_one, given.finish

  describe("once the clock is set back,", function()
    it("what was never tried is due at once, one after another of an app too", function()
      at(5000):put(given.of_app("x", "x1", "x2", "x3"))
      at(5000):put { record "a" }
      at(1000)
      assert.same({ "x1", "x2", "x3", "a" }, given.run_all())
    end)

    it("what was stored since does not wait for it", function()
      at(5000):put(given.of_app("x", "x1"))
      at(1000):put(given.of_app("x", "x2"))
      assert.same({ "x1", "x2" }, given.run_all())
    end)

    it("a wait that was set in the future is over", function()
      at(5000):put(given.of_app("x", "x1", "x2"))
      finish(claim_one(), "ready", { wait = 600, reason = "failed" })
      at(4999)
      assert.same({ "x1", "x2" }, given.run_all())
    end)

    it("a wait that was set before goes on", function()
      at(1000):put { record "a" }
      finish(claim_one(), "ready", { wait = 600 })
      at(5000)
      at(1500)
      assert.is_nil(claim_one())
      at(1600)
      assert.equal("a", claim_one().id)
    end)

    it("a wait that an operator ended after that is over", function()
      at(1000):put { record "a" }
      finish(claim_one(), "ready", { wait = 600 })
      at(1100):run { id = "a" }
      at(1050)
      assert.equal("a", claim_one().id)
    end)

    it("a wait is over if it was set a moment in the future", function()
      at(1000.5):put { record "a" }
      finish(claim_one(), "ready", { wait = 600 })
      at(1000.25)
      assert.equal("a", claim_one().id)
    end)

    it("a lease that was set in the future is set anew, and its holder keeps it", function()
      at(5000):put(given.of_app("x", "x1", "x2"))
      local claimed = claim_one(60)
      at(1000)
      assert.equal(0, inbox:recover { 5 })
      assert.equal(1060, inbox:get("x1").at)
      assert.is_nil(claim_one())
      at(1059)
      assert.is_nil(claim_one())
      assert.is_true(finish(claimed, "done"))
      assert.same({ "x2" }, given.run_all())
    end)

    it("a lease that was set in the future ends a whole lease from then, and is not held twice at once", function()
      at(5000):put { record "a" }
      local first = claim_one(60)
      at(1000):recover { 5 }
      at(1060)
      assert.equal(1, inbox:recover { 5 })
      local second = claim_one(60)
      assert.is_false(finish(first, "done"))
      assert.is_true(finish(second, "done"))
    end)

    it("a lease that was extended in the future is set anew for as long as that", function()
      at(5000):put { record "a" }
      local claimed = claim_one(60)
      at(5030):extend({ claimed }, 45)
      at(1000):recover { 5 }
      assert.equal(1045, inbox:get("a").at)
    end)

    it("a lease that was set before ends when it did", function()
      at(1000):put { record "a" }
      claim_one(60)
      at(5000)
      at(1059)
      assert.equal(0, inbox:recover { 5 })
      at(1060)
      assert.equal(1, inbox:recover { 5 })
    end)

    it("what was received in the future was received now", function()
      at(5000):put { record "a" }
      at(1000):recover { 5 }
      assert.equal(1000, inbox:get("a").received_at)
      assert.equal(0, inbox:backlog().oldest_age)
      assert.equal(300, at(1300):backlog().oldest_age)
      at(5000):put { record "b" }
      local claimed = at(5000):claim(1, 60)[1]
      assert.equal("a", claimed.id)
      at(900):recover { 5 }
      assert.equal(900, inbox:get("a").received_at)
    end)

    it("what was received before keeps when", function()
      at(1000):put { record "a" }
      at(5000)
      finish(claim_one(), "ready", { wait = 600 })
      at(2000)
      assert.equal(1000, claim_one().received_at)
      assert.equal(1000, inbox:backlog().oldest_age)
    end)

    it("next_in tells that there is something to do", function()
      at(5000):put { record "a" }
      finish(claim_one(), "ready", { wait = 600 })
      assert.equal(0, at(1000):next_in())
      local claimed = claim_one(60)
      assert.equal(60, inbox:next_in())
      finish(claimed, "ready", { wait = 30 })
      assert.equal(30, inbox:next_in())
    end)

    it("next_in tells it of a lease, too", function()
      at(5000):put { record "a" }
      claim_one(60)
      assert.equal(0, at(1000):next_in())
      inbox:recover { 5 }
      assert.equal(60, inbox:next_in())
    end)

    it("next_in tells it of the next of an app", function()
      at(5000):put(given.of_app("x", "x1", "x2"))
      at(1000)
      finish(claim_one(), "done")
      assert.equal(0, inbox:next_in())
      assert.equal("x2", claim_one().id)
    end)

    it("what ended with its process does not wait for a time that was in the future", function()
      at(5000):put { record "a" }
      for i = 1, 2 do
        claim_one(10, { 600 })
        at(5000 + 20 * i):recover { 600 }
      end
      assert.equal(5640, inbox:get("a").at)
      at(1000)
      assert.equal(3, claim_one(10, { 600 }).attempt)
    end)

    it("no time of what is over is changed", function()
      at(5000)
      given.bring("a", "done")
      given.bring("b", "failed")
      at(1000):recover { 5 }
      assert.same({ 5000, 5000 }, given.columns("a", "received_at", "at"))
      assert.same({ 5000, 5000 }, given.columns("b", "received_at", "at"))
    end)
  end)

  describe("once the clock is set forward,", function()
    it("what waits is due, and each lease has ended", function()
      inbox:put { record "a", record "b" }
      local claimed = inbox:claim(2, 60)
      finish(claimed[1], "ready", { wait = 600 })
      at(5000)
      assert.equal(0, inbox:next_in())
      assert.same({ "b", "a" }, given.run_all())
    end)

    it("what is stored since and what is not are due, in order", function()
      inbox:put(given.of_app("x", "x1"))
      at(5000):put(given.of_app("x", "x2"))
      assert.same({ "x1", "x2" }, given.run_all())
    end)

    it("and back, nothing is lost and all are due", function()
      inbox:put(given.of_app("x", "x1"))
      at(5000):put(given.of_app("x", "x2"))
      finish(claim_one(), "ready", { wait = 600 })
      at(10):put(given.of_app("x", "x3"))
      assert.same({ "x1", "x2", "x3" }, given.run_all())
    end)
  end)
end
