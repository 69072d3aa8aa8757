--- The contract of an inbox, what an operator ends, run and cancel: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, claim_one, finish = given.inbox, given.record, given.at, given.claim_one, given.finish

  describe("run", function()
    it("ends a wait, counts no attempt, and keeps the reason", function()
      inbox:put { record "a" }
      finish(claim_one(), "ready", { wait = 900, reason = "failed" })
      assert.is_true(at(5):run "a")
      assert.same({ "ready", 5, 1, "failed" }, given.columns("a", "state", "at", "attempt", "reason"))
      assert.equal(2, claim_one().attempt)
    end)

    it("is true of one that is ready anyway", function()
      inbox:put { record "a" }
      assert.is_true(inbox:run "a")
      assert.same({ "a" }, given.run_all())
    end)

    for _, state in ipairs { "leased", "done", "failed", "invalid" } do
      it("is false of one that is " .. state .. ", and changes nothing", function()
        given.bring("a", state)
        local before = inbox:get "a"
        assert.is_false(at(5):run "a")
        assert.same(before, inbox:get "a")
      end)
    end

    it("is false of one that is not there", function()
      inbox:put { record("a", { digest = "1" }), record("a", { digest = "2" }) }
      assert.is_false(inbox:run "b")
      assert.is_true(inbox:run "a#2")
    end)
  end)

  describe("cancel", function()
    it("of one that is ready makes it dead, with the reason", function()
      inbox:put { record "a" }
      assert.is_true(at(5):cancel("a", "not wanted"))
      assert.same({ "dead", "cancelled", "not wanted", "body of a", 5, 0 },
        given.columns("a", "state", "code", "reason", "body", "at", "attempt"))
      assert.same({}, given.run_all())
      assert.equal(1, inbox:backlog().codes.cancelled)
    end)

    it("of one that waits for another try, too", function()
      inbox:put { record "a" }
      finish(claim_one(), "ready", { wait = 50, reason = "failed" })
      assert.is_true(inbox:cancel("a", "not wanted"))
      assert.same({ "dead", "not wanted", 1 }, given.columns("a", "state", "reason", "attempt"))
      at(100)
      assert.same({}, given.run_all())
      assert.is_nil(inbox:next_in())
    end)

    it("of one that is leased takes the lease from its holder", function()
      inbox:put { record "a" }
      local claimed = claim_one()
      assert.is_true(inbox:cancel("a", "not wanted"))
      assert.same({ false }, inbox:extend({ claimed }, 60))
      for _, state in ipairs { "done", "ready", "dead" } do
        assert.is_false(finish(claimed, state, { code = "failed" }))
      end
      assert.same({ "dead", "cancelled" }, given.columns("a", "state", "code"))
      assert.equal(0, at(1000):recover { 5 })
    end)

    it("of one that is leased keeps its former holder off if it is replayed", function()
      inbox:put { record "a" }
      local first = claim_one()
      inbox:cancel("a", "not wanted")
      inbox:replay()
      assert.is_false(finish(first, "done"))
      local second = claim_one()
      assert.is_false(finish(first, "done"))
      assert.is_true(finish(second, "done"))
    end)

    it("of one that is behind the leader leaves the leader alone", function()
      inbox:put(given.of_app("x", "x1", "x2", "x3"))
      local claimed = claim_one()
      assert.is_true(inbox:cancel("x2", "not wanted"))
      assert.is_nil(inbox:get("x2").behind)
      assert.is_true(finish(claimed, "done"))
      assert.same({ "x3" }, given.run_all())
    end)

    for _, state in ipairs { "done", "failed", "invalid" } do
      it("is false of one that is " .. state .. ", and changes nothing", function()
        given.bring("a", state)
        local before = inbox:get "a"
        assert.is_false(at(5):cancel("a", "not wanted"))
        assert.same(before, inbox:get "a")
      end)
    end

    it("is false of one that is cancelled already, and of one that is not there", function()
      inbox:put { record "a" }
      inbox:cancel("a", "not wanted")
      assert.is_false(inbox:cancel("a", "another reason"))
      assert.equal("not wanted", inbox:get("a").reason)
      assert.is_false(inbox:cancel("b", "not wanted"))
    end)
  end)
end
