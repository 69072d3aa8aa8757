--- The contract of an inbox, what an operator ends, run and cancel: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, claim_one, finish = given.inbox, given.record, given.at, given.claim_one, given.finish

  describe("run", function()
    it("ends a wait, counts no attempt, and keeps the reason", function()
      inbox:put { record "a" }
      finish(claim_one(), "ready", { wait = 900, reason = "failed" })
      assert.same({ "a" }, at(5):run { id = "a" })
      assert.same({ "ready", 5, 1, "failed" }, given.columns("a", "state", "at", "attempt", "reason"))
      assert.equal(2, claim_one().attempt)
    end)

    it("takes one that is ready anyway", function()
      inbox:put { record "a" }
      assert.same({ "a" }, inbox:run { id = "a" })
      assert.same({ "a" }, given.run_all())
    end)

    for _, state in ipairs { "leased", "done", "failed", "invalid" } do
      it("leaves one alone that is " .. state, function()
        given.bring("a", state)
        local before = inbox:get "a"
        assert.same({}, at(5):run { id = "a" })
        assert.same(before, inbox:get "a")
      end)
    end

    it("tells ids apart, and selects nothing if there is none", function()
      inbox:put { record("a", { digest = "1" }), record("a", { digest = "2" }) }
      assert.same({}, inbox:run { id = "b" })
      assert.same({ "a#2" }, inbox:run { id = "a#2" })
    end)
  end)

  it("run and cancel take the one that they are told, and no other body under its id", function()
    inbox:put { record("a", { digest = "1" }), record("a", { digest = "2" }), record("a", { digest = "3" }) }
    assert.same({ "a" }, inbox:run { id = "a" })
    assert.same({ "a#2" }, inbox:cancel({ id = "a#2", limit = 1 }, "not wanted"))
    assert.same({ "a" }, inbox:cancel({ id = "a", limit = 1 }, "not wanted"))
    assert.same({}, inbox:cancel({ id = "a" }, "not wanted"))
    assert.same({}, inbox:cancel({ id = "a#3", limit = 0 }, "not wanted"))
    assert.equal("ready", inbox:get("a#3").state)
  end)

  describe("of what a filter selects", function()
    busted.before_each(function()
      given.bring("failed", "failed")
      inbox:put(given.of_app("x", "x1", "x2", "x3"))
      inbox:put(given.of_app("y", "y1", "y2"))
    end)

    it("run takes what is ready, and nothing else", function()
      assert.same({ "x1", "x2", "x3" }, at(5):run { app_id = "x" })
      assert.same({ "y2", "y1" }, at(6):run { app_id = "y", newest = true })
      assert.same({ "x1", "x2" }, inbox:run { limit = 2 })
      assert.same({ "y2" }, inbox:run { state = "ready", newest = true, limit = 1 })
      for _, state in ipairs { "leased", "done", "dead" } do assert.same({}, inbox:run { state = state }) end
      assert.same({ 6, 1 }, { inbox:get("y1").at, inbox:get("failed").at })
    end)

    it("cancel takes what is ready or leased, and nothing else", function()
      given.claim(1)
      assert.same({ "x1" }, inbox:cancel({ state = "leased" }, "not wanted"))
      assert.same({ "x2", "x3" }, inbox:cancel({ app_id = "x" }, "not wanted"))
      for _, state in ipairs { "done", "dead" } do assert.same({}, inbox:cancel({ state = state }, "not wanted")) end
      assert.same({ "y2", "y1" }, inbox:cancel({ newest = true }, "not wanted"))
      assert.same("gave up", inbox:get("failed").reason)
      assert.same({ ready = 0, leased = 0, done = 0, dead = 6 }, inbox:counts())
    end)

    it("cancel leaves no lane without a leader", function()
      assert.same({ "x1" }, inbox:cancel({ app_id = "x", limit = 1 }, "not wanted"))
      assert.same({ "y1" }, inbox:cancel({ app_id = "y", limit = 1 }, "not wanted"))
      assert.same({ "x2", "y2" }, given.ids(given.claim(10)))
    end)
  end)

  for _, method in ipairs { "run", "cancel" } do
    it(method .. " refuses to do without a filter, and a filter that it does not know", function()
      for _, filter in ipairs { "a", false, 1 } do
        assert.error_matches(function() inbox[method](inbox, filter, "not wanted") end,
          "inbox:" .. method .. ": a filter is expected, not a ")
      end
      assert.error_matches(function() inbox[method](inbox, { ap = "a" }, "not wanted") end, "unknown option 'ap'")
    end)
  end

  describe("cancel", function()
    it("of one that is ready makes it dead, with the reason", function()
      inbox:put { record "a" }
      assert.same({ "a" }, at(5):cancel({ id = "a" }, "not wanted"))
      assert.same({ "dead", "cancelled", "not wanted", "body of a", 5, 0 },
        given.columns("a", "state", "code", "reason", "body", "at", "attempt"))
      assert.same({}, given.run_all())
      assert.equal(1, inbox:backlog().codes.cancelled)
    end)

    it("of one that waits for another try, too", function()
      inbox:put { record "a" }
      finish(claim_one(), "ready", { wait = 50, reason = "failed" })
      assert.same({ "a" }, inbox:cancel({ id = "a" }, "not wanted"))
      assert.same({ "dead", "not wanted", 1 }, given.columns("a", "state", "reason", "attempt"))
      at(100)
      assert.same({}, given.run_all())
      assert.is_nil(inbox:next_in())
    end)

    it("of one that is leased takes the lease from its holder", function()
      inbox:put { record "a" }
      local claimed = claim_one()
      assert.same({ "a" }, inbox:cancel({ id = "a" }, "not wanted"))
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
      inbox:cancel({ id = "a" }, "not wanted")
      inbox:replay()
      assert.is_false(finish(first, "done"))
      local second = claim_one()
      assert.is_false(finish(first, "done"))
      assert.is_true(finish(second, "done"))
    end)

    it("of one that is behind the leader leaves the leader alone", function()
      inbox:put(given.of_app("x", "x1", "x2", "x3"))
      local claimed = claim_one()
      assert.same({ "x2" }, inbox:cancel({ id = "x2" }, "not wanted"))
      assert.is_nil(inbox:get("x2").behind)
      assert.is_true(finish(claimed, "done"))
      assert.same({ "x3" }, given.run_all())
    end)

    for _, state in ipairs { "done", "failed", "invalid" } do
      it("leaves one alone that is " .. state, function()
        given.bring("a", state)
        local before = inbox:get "a"
        assert.same({}, at(5):cancel({ id = "a" }, "not wanted"))
        assert.same(before, inbox:get "a")
      end)
    end

    it("leaves one alone that is cancelled already", function()
      inbox:put { record "a" }
      inbox:cancel({ id = "a" }, "not wanted")
      assert.same({}, inbox:cancel({ id = "a" }, "another reason"))
      assert.equal("not wanted", inbox:get("a").reason)
      assert.same({}, inbox:cancel({ id = "b" }, "not wanted"))
    end)
  end)
end
