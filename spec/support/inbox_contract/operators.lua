--- The contract of an inbox, what operators do: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, claim_one, finish = given.inbox, given.record, given.claim_one, given.finish
  local before_each = busted.before_each

  it("replay makes dead ones ready, from the first attempt", function()
    inbox:put({ record("a", { reason = "not JSON" }), record("b", { reason = "not JSON" }), record "c" }, 1)
    assert.equal(1, inbox:replay({ app_id = "app of a" }, 2))
    assert.equal(1, inbox:replay({}, 2))
    assert.equal(0, inbox:replay({}, 2))
    assert.same({ ready = 3, leased = 0, done = 0, dead = 0 }, inbox:counts())
    for _, claimed in ipairs(inbox:claim(3, 2, 60)) do assert.equal(1, claimed.attempt) end
  end)

  it("prune forgets what was done before a time", function()
    inbox:put({ record "a", record "b" }, 1)
    finish(claim_one(1), "done", 10)
    finish(claim_one(1), "done", 20)
    assert.equal(1, inbox:prune(20))
    assert.same({ "stored", "duplicate" }, inbox:put({ record "a", record "b" }, 30))
  end)

  describe("replay", function()
    before_each(function()
      inbox:put({ record "live", record("v", { reason = "bad", type = "T2", verified_by = "000000000001" }) }, 1)
      inbox:put({ record("u", { reason = "bad", event = "e2" }), record("t", { reason = "bad", event = "e2" }) }, 2)
    end)

    -- What the filter's dead ones are ready beside, in the order in which they were stored.
    local function expect(ready, count, filter)
      assert.equal(count, inbox:replay(filter, 3))
      assert.same(ready, given.identities(inbox:list { state = "ready" }))
    end

    it("takes the oldest of the dead up to its limit, whatever else is older", function()
      expect({ "live" }, 0, { limit = 0 })
      expect({ "live", "v" }, 1, { limit = 1 })
      expect({ "live", "v", "u" }, 1, { limit = 1 })
      expect({ "live", "v", "u", "t" }, 1, { limit = 2 })
    end)

    for name, case in pairs {
      ["a key"] = { { "live", "u" }, { key = "u" } }, ["an app"] = { { "live", "t" }, { app_id = "app of t" } },
      ["the dead"] = { { "live", "v", "u", "t" }, { state = "dead" } },
      ["the ready"] = { { "live" }, { state = "ready" } },
      ["a type"] = { { "live", "v" }, { type = "T2" } }, ["an event"] = { { "live", "u", "t" }, { event = "e2" } },
      ["a secret"] = { { "live", "v" }, { verified_by = "000000000001" } },
      ["an earlier time"] = { { "live", "v" }, { received_before = 2 } },
      ["a later time"] = { { "live", "u", "t" }, { received_since = 2 } },
    } do
      it("takes those of " .. name .. ", with each limit", function()
        local ready, filter = case[1], case[2]
        filter.limit = 1
        expect({ ready[1], ready[2] }, #ready > 1 and 1 or 0, filter)
        filter.limit = nil
        expect(ready, math.max(0, #ready - 2), filter)
      end)
    end

    it("lets what was dead run again, from its first attempt", function()
      finish(claim_one(3), "dead", 3, { reason = "gave up" })
      inbox:replay({ key = "live" }, 4)
      assert.same({ "ready", nil, 0, 4 }, given.columns("live", "state", "reason", "attempt", "at"))
    end)
  end)

  it("prune leaves nothing of what it forgets, and everything of the rest", function()
    inbox:put({ record("a", { app_id = "x" }), record("b", { app_id = "x" }), record("c", { reason = "bad" }) }, 1)
    finish(claim_one(1), "done", 10)
    assert.equal(0, inbox:prune(10))
    assert.equal(1, inbox:prune(10.5))
    assert.equal(0, inbox:prune(100))
    assert.is_nil(inbox:get "a")
    assert.same({ "b", "c" }, given.identities(inbox:list {}))
    assert.same({ "b" }, given.keys(inbox:later("x", 0)))
    assert.same({ ready = 1, leased = 0, done = 0, dead = 1 }, inbox:counts())
  end)

  it("list, replay and prune take more than an engine takes at once", function()
    for _, count in ipairs { 1000, 1001 } do
      local records = given.many(count)
      for _, one in ipairs(records) do one.key, one.reason = one.key .. " of " .. count, "bad" end
      inbox:put(records, count)
      local listed = inbox:list { state = "dead", received_since = count }
      assert.equal(count, #listed)
      for i, entry in ipairs(listed) do assert.equal(("k%d of %d"):format(i, count), entry.key) end
      assert.equal(501, #inbox:list { limit = 501 })
      assert.equal(count, inbox:replay({}, count))
    end
    assert.equal(2001, #inbox:list {})
    local finished = 0
    repeat
      local claimed = inbox:claim(1000, 2000, 60)
      for _, one in ipairs(claimed) do one.state = "done" end
      finished = finished + #inbox:finish(claimed, 2000)
    until #claimed == 0
    assert.equal(2001, finished)
    assert.equal(2001, #inbox:list { state = "done" })
    assert.equal(2001, inbox:prune(2001))
    assert.same({ ready = 0, leased = 0, done = 0, dead = 0 }, inbox:counts())
  end)
end
