--- The contract of an inbox, what is finished: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, claim_one, finish = given.inbox, given.record, given.at, given.claim_one, given.finish

  describe("finish", function()
    it("as done keeps the id, the body and the scope, and drops the reason", function()
      inbox:put { record "a" }
      finish(claim_one(), "ready", { reason = "failed once" })
      assert.is_true(finish(at(2):claim(1, 60)[1], "done", { scope = "p1\np2", reason = "why should it" }))
      assert.same({ "done", false, 2, 2, "p1\np2", "body of a" },
        given.columns("a", "state", "reason", "at", "attempt", "scope", "body"))
      assert.same({ "duplicate" }, inbox:put { record "a" })
      assert.same({}, given.run_all())
      assert.same({ ready = 0, leased = 0, done = 1, dead = 0 }, inbox:counts())
    end)

    it("as done tells an empty scope from none", function()
      inbox:put { record "a", record "b" }
      local claimed = inbox:claim(2, 60)
      finish(claimed[1], "done", { scope = "" })
      finish(claimed[2], "done")
      assert.same({ "" }, { inbox:get("a").scope, inbox:get("b").scope })
    end)

    it("as ready is at once to be claimed again, if there is no wait", function()
      inbox:put { record "a" }
      assert.is_true(finish(claim_one(), "ready"))
      assert.equal(2, claim_one().attempt)
    end)

    it("as ready waits, from now", function()
      inbox:put { record "a" }
      local claimed = claim_one()
      at(20)
      finish(claimed, "ready", { wait = 30, reason = "failed" })
      assert.same({ "ready", "failed", 50, 1 }, given.columns("a", "state", "reason", "at", "attempt"))
      at(49)
      assert.is_nil(claim_one())
      at(50)
      assert.equal(2, claim_one().attempt)
    end)

    it("as ready keeps why the last attempt failed, while it is leased too, and no longer", function()
      inbox:put { record "a" }
      finish(claim_one(), "ready", { reason = "failed once" })
      local second = claim_one()
      assert.same({ "leased", "failed once", 61 }, given.columns("a", "state", "reason", "at"))
      finish(second, "ready")
      assert.same({ "ready", false }, given.columns("a", "state", "reason"))
    end)

    it("as ready and uncounted does not count the attempt", function()
      inbox:put { record "a" }
      finish(claim_one(), "ready", { uncounted = true })
      assert.equal(0, inbox:get("a").attempt)
      finish(claim_one(), "ready")
      finish(claim_one(), "ready", { wait = 5, uncounted = true })
      assert.equal(1, inbox:get("a").attempt)
    end)

    it("as unbegun is ready at once, and keeps why the last attempt failed", function()
      inbox:put { record "a" }
      finish(claim_one(), "ready", { reason = "failed once" })
      local second = at(5):claim(1, 60)[1]
      assert.is_true(finish(second, "unbegun", { wait = 30, reason = "none" }))
      assert.same({ "ready", "failed once", 5, 1 }, given.columns("a", "state", "reason", "at", "attempt"))
      assert.is_false(finish(second, "unbegun"))
    end)

    for state, is_alone in pairs { unbegun = true, ready = false } do
      it(("as %s %s that it is to be claimed alone"):format(state, is_alone and "keeps" or "forgets"), function()
        inbox:put { record "a", record "b", record "c" }
        inbox:claim(1, 10)
        at(11)
        local lost = given.claim(3)
        assert.same({ "a" }, given.ids(lost))
        assert.is_true(finish(lost[1], state, { uncounted = state == "ready" or nil }))
        assert.equal(1, inbox:get("a").attempt)
        assert.same(is_alone and { "a" } or { "a", "b", "c" }, given.ids(given.claim(3)))
      end)
    end

    it("as dead keeps the body, the code and the reason", function()
      inbox:put { record "a" }
      local claimed = claim_one()
      at(7)
      assert.is_true(finish(claimed, "dead", { code = "no_callback", reason = "nothing takes it" }))
      assert.same({ "dead", "no_callback", "nothing takes it", "body of a", 7, 1 },
        given.columns("a", "state", "code", "reason", "body", "at", "attempt"))
      assert.same({}, given.run_all())
    end)

    it("tells of each whether it was held", function()
      inbox:put { record "a", record "b", record "c" }
      local claimed = inbox:claim(2, 60)
      local function done(id, token) return { id = id, token = token, state = "done" } end
      assert.same({ true, false, true, false, false }, inbox:finish {
        done("a", claimed[1].token), done("a", claimed[1].token), done("b", claimed[2].token),
        done("never was", claimed[1].token), done("c", claimed[1].token),
      })
      assert.same({ ready = 1, leased = 0, done = 2, dead = 0 }, inbox:counts())
    end)

    it("takes items of several states at once", function()
      inbox:put { record "a", record "b", record "c" }
      local claimed = inbox:claim(3, 60)
      claimed[1].state = "done"
      claimed[2].state, claimed[2].code, claimed[2].reason = "dead", "failed", "gave up"
      claimed[3].state, claimed[3].wait, claimed[3].reason = "ready", 5, "failed"
      assert.same({ true, true, true }, inbox:finish(claimed))
      assert.same({ ready = 1, leased = 0, done = 1, dead = 1 }, inbox:counts())
      assert.same({ "dead", "failed", "gave up", 1 }, given.columns("b", "state", "code", "reason", "at"))
      assert.same({ "ready", "failed", 6 }, given.columns("c", "state", "reason", "at"))
    end)

    it("takes a lease that ended, until recover has released it", function()
      inbox:put { record "a", record "b" }
      local claimed = inbox:claim(2, 10)
      at(500)
      assert.is_true(finish(claimed[1], "done"))
      assert.equal(1, inbox:recover { 5 })
      assert.is_false(finish(claimed[2], "done"))
      assert.equal("ready", inbox:get("b").state)
    end)

    it("fences off a holder whose lease another one has now", function()
      inbox:put { record "a" }
      local first = claim_one(60)
      at(61)
      local second = claim_one()
      for _, state in ipairs { "done", "ready", "dead" } do
        assert.is_false(finish(first, state, { code = "failed" }))
      end
      assert.same({ false }, inbox:extend({ first }, 60))
      assert.is_true(finish(second, "done"))
      assert.is_false(finish(second, "done"))
    end)

    it("raises, and changes nothing, if an item has no state or code that there is", function()
      inbox:put { record "a", record "b" }
      local claimed = inbox:claim(2, 60)
      claimed[1].state = "done"
      for _, case in ipairs {
        { "dead", nil, "item 2 is dead, with the unknown code 'nil'" },
        { "dead", "tired", "item 2 is dead, with the unknown code 'tired'" },
        { "leased", nil, "item 2 has the unknown state 'leased'" }, { nil, nil, "item 2 has the unknown state 'nil'" },
      } do
        claimed[2].state, claimed[2].code = case[1], case[2]
        local ok, problem = pcall(function() inbox:finish(claimed) end)
        assert.same({ false, true }, { ok, problem:find("inbox:finish: " .. case[3], 1, true) ~= nil })
        assert.same({ ready = 0, leased = 2, done = 0, dead = 0 }, inbox:counts())
      end
    end)

    it("of nothing does nothing", function()
      assert.same({}, inbox:finish {})
    end)
  end)
end
