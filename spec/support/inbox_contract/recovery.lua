--- The contract of an inbox, leases that ended without a result: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, claim_one, finish = given.inbox, given.record, given.at, given.claim_one, given.finish

  -- Claims the only one that can be claimed, and lets its lease end.
  local function lose(time, waits)
    local claimed = claim_one(10, waits)
    at(time)
    assert.equal(1, inbox:recover(waits or { 5 }))
    return claimed
  end

  describe("recover", function()
    it("tells how many leases ended, and is done with them", function()
      inbox:put { record "a", record "b", record "c" }
      inbox:claim(2, 10)
      at(5):claim(1, 10)
      assert.equal(0, at(10.5):recover { 5 })
      assert.equal(2, at(11):recover { 5 })
      assert.equal(0, at(11):recover { 5 })
      assert.equal(1, at(15):recover { 5 })
    end)

    it("of nothing does nothing", function()
      assert.equal(0, inbox:recover { 5 })
      inbox:put { record "a" }
      assert.equal(0, inbox:recover { 5 })
    end)

    it("makes what was held ready at once the first time, and keeps its reason", function()
      inbox:put { record "a" }
      finish(claim_one(), "ready", { reason = "failed once" })
      lose(20)
      assert.same({ "ready", 20, "failed once", false }, given.columns("a", "state", "at", "reason", "code"))
      assert.equal(3, claim_one().attempt)
    end)

    it("has it wait from then on, as its attempts say", function()
      local waits = { 7, 50, 100 }
      inbox:put { record "a" }
      lose(20, waits)
      assert.equal(20, inbox:get("a").at)
      lose(40, waits)
      assert.same({ "ready", 90, 2 }, given.columns("a", "state", "at", "attempt"))
      at(90)
      lose(120, waits)
      assert.same({ 220, 3 }, given.columns("a", "at", "attempt"))
      at(220)
      lose(300, waits)
      assert.same({ 400, 4 }, given.columns("a", "at", "attempt"))
    end)

    it("counts the attempt of one that was claimed alone", function()
      inbox:put { record "a" }
      lose(20)
      assert.equal(1, inbox:get("a").attempt)
      assert.equal(2, claim_one().attempt)
    end)

    it("does not count the attempt of those that were claimed together", function()
      inbox:put { record "a", record "b" }
      assert.equal(2, #inbox:claim(2, 10))
      assert.equal(2, at(11):recover { 5 })
      assert.same({ 0, 0 }, { inbox:get("a").attempt, inbox:get("b").attempt })
      assert.equal(1, claim_one().attempt)
    end)

    it("does not count it either if the others were finished meanwhile", function()
      inbox:put { record "a", record "b" }
      finish(inbox:claim(2, 10)[1], "done")
      at(11):recover { 5 }
      assert.equal(0, inbox:get("b").attempt)
    end)

    it("takes the wait of the attempts that counted", function()
      local waits = { 7, 50 }
      inbox:put { record "a", record "b" }
      inbox:claim(2, 10)
      at(20):recover(waits)
      finish(claim_one(), "done")
      assert.equal(0, inbox:get("b").attempt)
      lose(40, waits)
      assert.same({ 47, 1 }, given.columns("b", "at", "attempt"))
    end)
  end)

  describe("after recover", function()
    it("each is claimed alone, before all others", function()
      inbox:put { record "a", record "b" }
      inbox:claim(2, 10)
      at(2):put { record "c", record "d" }
      at(20)
      local claims = {}
      for i = 1, 3 do claims[i] = given.sorted(given.ids(given.claim(10))) end
      table.sort(claims, function(one, other) return one[1] < other[1] end)
      assert.same({ { "a" }, { "b" }, { "c", "d" } }, claims)
    end)

    it("they are claimed in the order in which they were stored", function()
      inbox:put { record "c", record "a", record "b" }
      inbox:claim(3, 10)
      at(20)
      assert.same({ "c", "a", "b" }, given.run_all())
    end)

    it("others are claimed together while it waits", function()
      inbox:put { record "a" }
      lose(20)
      lose(40)
      inbox:put { record "b", record "c" }
      assert.same({ "b", "c" }, given.ids(inbox:claim(10, 60)))
      assert.same({ "a" }, given.ids(at(45):claim(10, 60)))
    end)

    it("nothing is claimed for a limit of 0", function()
      inbox:put { record "a" }
      lose(20)
      assert.same({}, inbox:claim(0, 60))
    end)

    for state, more in pairs { ready = { wait = 1 }, dead = { code = "failed" } } do
      it("one that is finished as " .. state .. " is as one that was never lost", function()
        inbox:put { record "a" }
        lose(20)
        finish(claim_one(), state, more)
        if state == "dead" then inbox:replay() end
        at(21):put { record "b" }
        assert.same({ "a", "b" }, given.ids(inbox:claim(10, 10)))
        assert.equal(2, at(40):recover { 5 })
        assert.equal(40, inbox:get("a").at)
      end)
    end

    it("an extension does not make it one of many again", function()
      inbox:put { record "a" }
      lose(20)
      local claimed = claim_one(10)
      inbox:extend({ claimed }, 20)
      assert.equal(1, at(40):recover { 5 })
      assert.same({ 45, 2 }, given.columns("a", "at", "attempt"))
    end)

    it("a wait that an operator ends is still claimed alone", function()
      inbox:put { record "a" }
      lose(20)
      lose(40)
      inbox:run { id = "a" }
      inbox:put { record "b" }
      assert.same({ "a" }, given.ids(inbox:claim(10, 60)))
    end)

    it("one of an app keeps its place", function()
      inbox:put(given.of_app("x", "x1", "x2"))
      lose(20)
      lose(40)
      assert.is_nil(claim_one())
      assert.equal("x1", inbox:get("x2").behind)
      at(45)
      assert.same({ "x1", "x2" }, given.run_all())
    end)

    it("one that was replayed is as one that was never tried", function()
      inbox:put { record "a" }
      lose(20)
      lose(40)
      inbox:cancel({ id = "a" }, "not wanted")
      inbox:replay()
      at(41):put { record "b" }
      assert.same({ "a", "b" }, given.ids(inbox:claim(10, 60)))
      assert.equal(1, inbox:get("a").attempt)
    end)
  end)
end
