--- The contract of an inbox, what is claimed and finished: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, claim_one, finish = given.inbox, given.record, given.claim_one, given.finish

  describe("claim", function()
    it("gives the oldest first with what the dispatcher needs", function()
      inbox:put({ record "a" }, 1)
      inbox:put({ record "b" }, 2)
      local claimed = inbox:claim(10, 3, 60)
      assert.equal(2, #claimed)
      local a = claimed[1]
      assert.same({ "a", "a", 1, "body of a", "AppUnavailable", "app_unavailable", "app of a" },
        { a.key, a.identity, a.attempt, a.body, a.type, a.event, a.app_id })
      assert.equal("b", claimed[2].key)
    end)

    it("gives no more than the limit", function()
      inbox:put({ record "a", record "b", record "c" }, 1)
      assert.equal(2, #inbox:claim(2, 1, 60))
      assert.equal(1, #inbox:claim(2, 1, 60))
      assert.equal(0, #inbox:claim(2, 1, 60))
    end)

    it("gives a lost lease again, counts the attempt, and fences the first holder off", function()
      inbox:put({ record "a" }, 1)
      local first = claim_one(10, 60)
      assert.is_nil(claim_one(69.9))
      local second = claim_one(70)
      assert.equal(2, second.attempt)
      assert.not_equal(first.token, second.token)
      assert.is_false(finish(first, "done", 71))
      assert.is_false(inbox:extend({ first }, 71, 60)[1])
      assert.is_true(finish(second, "done", 71))
      assert.is_false(finish(second, "done", 72))
    end)

    it("gives what ended with its lease alone, and first: it may be what ended its process", function()
      inbox:put({ record "a", record "b" }, 1)
      assert.equal(2, #inbox:claim(2, 1, 10))
      inbox:put({ record "c" }, 2)
      local again = {}
      for i = 1, 3 do
        local claimed = inbox:claim(10, 20, 60)
        assert.equal(1, #claimed)
        again[i] = claimed[1].key
      end
      table.sort(again)
      assert.same({ "a", "b", "c" }, again)
      assert.same({}, inbox:claim(10, 20, 60))
    end)

    it("gives one notification of an app at a time, in order, and apps side by side", function()
      inbox:put({ record("a1", { app_id = "a" }), record("a2", { app_id = "a" }), record("b1", { app_id = "b" }) }, 1)
      local claimed = inbox:claim(10, 1, 60)
      assert.same({ "a1", "b1" }, { claimed[1].key, claimed[2].key })
      assert.is_true(finish(claimed[1], "done", 2))
      assert.equal("a2", claim_one(2).key)
    end)

    it("holds back the rest of an app while its first waits for another try", function()
      inbox:put({ record("a1", { app_id = "a" }), record("a2", { app_id = "a" }) }, 1)
      finish(claim_one(1), "ready", 1, { at = 100, reason = "failed" })
      assert.is_nil(claim_one(99))
      local again = claim_one(100)
      assert.equal("a1", again.key)
      assert.equal(2, again.attempt)
    end)

    it("does not order what has no app", function()
      inbox:put({ record("a", { app_id = false }), record("b", { app_id = false }) }, 1)
      assert.equal(2, #inbox:claim(10, 1, 60))
    end)
  end)

  describe("finish", function()
    it("as done drops the body, keeps the key", function()
      inbox:put({ record "a" }, 1)
      assert.is_true(finish(claim_one(1), "done", 2))
      assert.same({ "duplicate" }, inbox:put({ record "a" }, 3))
      assert.is_nil(claim_one(4))
      assert.is_nil(inbox:get("a").body)
      assert.equal("done", inbox:get("a").state)
      assert.same({ ready = 0, leased = 0, done = 1, dead = 0 }, inbox:counts())
    end)

    it("as ready waits until its time; uncounted, the attempt does not count", function()
      inbox:put({ record "a" }, 1)
      finish(claim_one(1), "ready", 1, { at = 50, uncounted = true })
      assert.is_nil(claim_one(49))
      assert.equal(1, claim_one(50).attempt)
    end)

    it("as dead keeps body and reason, and lets the app's next one go on", function()
      inbox:put({ record("a1", { app_id = "a" }), record("a2", { app_id = "a" }) }, 1)
      finish(claim_one(1), "dead", 2, { reason = "gave up" })
      assert.equal("gave up", inbox:get("a1").reason)
      assert.equal("body of a1", inbox:get("a1").body)
      assert.equal("a2", claim_one(3).key)
    end)

    it("of a dead one's duplicate begins anew", function()
      inbox:put({ record "a" }, 1)
      claim_one(1, 1)
      finish(claim_one(5), "dead", 5, { reason = "gave up" })
      assert.same({ "rearmed" }, inbox:put({ record "a" }, 6))
      assert.equal(1, claim_one(6).attempt)
    end)

    it("of a dead one that is ready again has it run in its old place, behind the one that leads", function()
      local function of_app(key) return record(key, { app_id = "a" }) end
      for i = 1, 6 do inbox:put({ of_app("a" .. i) }, i) end
      for _, state in ipairs { "dead", "dead", "done", "dead" } do
        finish(claim_one(10), state, 10, { reason = state == "dead" and "gave up" or nil })
      end
      local leader = claim_one(11)
      assert.equal("a5", leader.key)
      inbox:put({ of_app "a7" }, 12)
      assert.same({ "rearmed" }, inbox:put({ of_app "a4" }, 13))
      assert.same({ "rearmed" }, inbox:put({ of_app "a1" }, 14))
      assert.equal(1, inbox:replay({ key = "a2" }, 15))
      assert.is_nil(claim_one(15))
      finish(leader, "done", 16)
      local order = {}
      for i = 1, 5 do
        order[i] = claim_one(17)
        finish(order[i], "done", 17)
        order[i] = order[i].key
      end
      assert.same({ "a1", "a2", "a4", "a6", "a7" }, order)
      assert.is_nil(claim_one(18))
    end)

    it("takes many, and an unknown one is not held", function()
      inbox:put({ record "a", record "b" }, 1)
      local claimed = inbox:claim(2, 1, 60)
      for _, one in ipairs(claimed) do one.state = "done" end
      claimed[3] = { identity = "never was", token = 1, state = "done" }
      assert.same({ true, true, false }, inbox:finish(claimed, 2))
    end)
  end)

  it("extend lengthens a lease", function()
    inbox:put({ record "a" }, 1)
    local claimed = claim_one(1, 10)
    assert.same({ true }, inbox:extend({ claimed }, 9, 10))
    assert.is_nil(claim_one(18))
    assert.is_true(finish(claimed, "done", 18))
  end)

  describe("of what wakes at the same time", function()
    it("claim gives first what was stored first", function()
      inbox:put({ record "c", record "a", record "b" }, 1)
      assert.same({ "c", "a" }, given.keys(inbox:claim(2, 1, 60)))
      assert.same({ "b" }, given.keys(inbox:claim(2, 1, 60)))
    end)

    it("claim gives first what was stored first, also of lost leases", function()
      inbox:put({ record "c", record "a", record "b" }, 1)
      inbox:claim(3, 1, 10)
      local keys = {}
      for i = 1, 3 do keys[i] = claim_one(11).key end
      assert.same({ "c", "a", "b" }, keys)
    end)

    it("one that is ready again takes its old place", function()
      local function of_app(key) return record(key, { app_id = "a" }) end
      inbox:put({ of_app "z", of_app "y", of_app "x", of_app "w" }, 1)
      finish(claim_one(1), "dead", 1, { reason = "gave up" })
      finish(claim_one(1), "dead", 1, { reason = "gave up" })
      local leader = claim_one(1)
      assert.equal("x", leader.key)
      assert.equal(2, inbox:replay({}, 1))
      finish(leader, "done", 1)
      local keys = {}
      for i = 1, 3 do
        local claimed = claim_one(1)
        keys[i] = claimed.key
        finish(claimed, "done", 1)
      end
      assert.same({ "z", "y", "w" }, keys)
    end)
  end)

  it("claim takes those that wake first, and gives them in the order in which they were stored", function()
    inbox:put({ record "a", record "b" }, 1)
    local claimed = inbox:claim(2, 1, 60)
    finish(claimed[1], "ready", 2, { at = 5 })
    finish(claimed[2], "ready", 2, { at = 4 })
    inbox:put({ record "c" }, 3)
    assert.same({ "b", "c" }, given.keys(inbox:claim(2, 10, 60)))
    assert.same({ "a" }, given.keys(inbox:claim(2, 10, 60)))
  end)

  it("claim gives at most 1000 at once, and nothing for a limit of 0", function()
    inbox:put(given.many(1001), 1)
    assert.same({}, inbox:claim(0, 1, 60))
    assert.equal(1000, #inbox:claim(5000, 1, 60))
    assert.same({ "k1001" }, given.keys(inbox:claim(5000, 1, 60)))
  end)

  it("finish and extend take a lease that ended, until another takes it", function()
    inbox:put({ record "a", record "b" }, 1)
    local claimed = inbox:claim(2, 1, 10)
    assert.same({ true }, inbox:extend({ claimed[1] }, 20, 10))
    assert.is_true(finish(claimed[2], "done", 20))
    assert.equal(30, inbox:next_at())
  end)

  it("finish and extend of nothing do nothing", function()
    assert.same({}, inbox:finish({}, 1))
    assert.same({}, inbox:extend({}, 1, 60))
  end)

  it("finish keeps why the last attempt failed, and not for long", function()
    inbox:put({ record "a" }, 1)
    finish(claim_one(1), "ready", 2, { at = 3, reason = "failed once" })
    assert.same({ "ready", "failed once", 3 }, given.columns("a", "state", "reason", "at"))
    local second = claim_one(3)
    assert.same({ "leased", "failed once", 63 }, given.columns("a", "state", "reason", "at"))
    finish(second, "ready", 4, { at = 5 })
    assert.same({ "ready", nil, 5 }, given.columns("a", "state", "reason", "at"))
    finish(claim_one(5), "ready", 6, { at = 7, reason = "failed again" })
    finish(claim_one(7), "done", 8, { reason = "why should it" })
    assert.same({ "done", nil, 8, 4 }, given.columns("a", "state", "reason", "at", "attempt"))
    assert.is_nil(inbox:list({})[1].reason)
  end)

  it("finish as done keeps the scope, also an empty one", function()
    inbox:put({ record "a", record "b", record "c" }, 1)
    local claimed = inbox:claim(3, 1, 60)
    finish(claimed[1], "done", 2, { scope = "p1\np2" })
    finish(claimed[2], "done", 2, { scope = "" })
    finish(claimed[3], "done", 2)
    assert.same({ "p1\np2", "", nil }, { inbox:get("a").scope, inbox:get("b").scope, inbox:get("c").scope })
  end)
end
