--- The contract of an inbox, what is replayed: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it, before_each = busted.describe, busted.it, busted.before_each
  local inbox, record, at = given.inbox, given.record, given.at

  local function replayed(filter) return given.sorted(assert(inbox:replay(filter))) end

  it("replay of nothing replays nothing", function()
    assert.same({}, inbox:replay())
    inbox:put { record "a" }
    assert.same({}, inbox:replay())
    assert.same({}, inbox:replay { state = "ready" })
    assert.same({}, inbox:replay { state = "leased" })
  end)

  describe("replay of dead ones", function()
    before_each(function()
      at(1)
      given.bring("c1", "cancelled", { type = "T2", verified_by = "000000000001" })
      given.bring("bad", "invalid", { event = "e2" })
      at(2)
      given.bring("f1", "failed", { event = "e2", app_id = "x" })
      given.bring("n1", "no_callback", { event = "e2", app_id = "x", type = "T2" })
      at(3)
      given.bring("over", "done", { event = "e2", app_id = "x" })
      given.bring("live", "ready", { event = "e2", app_id = "x" })
    end)

    it("takes all but what is invalid, with no filter", function()
      assert.same({ "c1", "f1", "n1" }, replayed())
      assert.same({}, replayed())
      assert.same({ ready = 4, leased = 0, done = 1, dead = 1 }, inbox:counts())
    end)

    it("runs them again with the first attempt, in their old places", function()
      inbox:replay {}
      assert.same({ "c1", "f1", "n1", "live" }, given.run_all())
      assert.equal(1, inbox:get("c1").attempt)
    end)

    it("takes the oldest up to its limit, whatever else is older", function()
      assert.same({}, replayed { limit = 0 })
      assert.same({ "c1" }, replayed { limit = 1 })
      assert.same({ "f1" }, replayed { limit = 1 })
      assert.same({ "n1" }, replayed { limit = 2 })
    end)

    it("takes the newest up to its limit", function()
      assert.same({}, replayed { newest = true, limit = 0 })
      assert.same({ "n1" }, replayed { newest = true, limit = 1 })
      assert.same({ "c1", "f1" }, replayed { newest = true, limit = 2 })
    end)

    it("counts what is invalid in no limit", function()
      assert.same({ "f1" }, replayed { event = "e2", limit = 1 })
      assert.same({ "n1" }, replayed { event = "e2", limit = 5 })
    end)

    for name, case in pairs {
      ["an id"] = { { "f1" }, { id = "f1" } }, ["an app"] = { { "f1", "n1" }, { app_id = "x" } },
      ["the dead"] = { { "c1", "f1", "n1" }, { state = "dead" } }, ["a code"] = { { "n1" }, { code = "no_callback" } },
      ["a code that is not replayed"] = { {}, { code = "invalid" } }, ["a type"] = { { "c1", "n1" }, { type = "T2" } },
      ["an event"] = { { "f1", "n1" }, { event = "e2" } },
      ["a secret"] = { { "c1" }, { verified_by = "000000000001" } },
      ["an earlier time"] = { { "c1" }, { received_before = 2 } },
      ["a later time"] = { { "f1", "n1" }, { received_since = 2 } },
      ["several fields"] = { { "n1" }, { app_id = "x", type = "T2", received_since = 1, state = "dead" } },
    } do
      it("takes those of " .. name .. ", with each limit", function()
        local expected, filter = case[1], case[2]
        local function with(limit, newest)
          local copy = { limit = limit, newest = newest }
          for field, value in pairs(filter) do copy[field] = value end
          return copy
        end
        assert.same({ expected[#expected] }, replayed(with(1, true)))
        assert.same({ #expected > 1 and expected[1] or nil }, replayed(with(1)))
        assert.same({}, replayed(with(0)))
        assert.equal(math.max(0, #expected - 2), #replayed(with(100)))
      end)
    end
  end)

  describe("replay of done ones", function()
    before_each(function()
      given.bring("d1", "done", { app_id = "x", event = "e2" })
      given.bring("d2", "done", { app_id = "x" })
      given.bring("d3", "done", { app_id = "y", event = "e2" })
      given.bring("d4", "done", { app_id = "y", event = "e2" })
      at(50):forget({ bodies = 10, ids = 0 }, 1000)
      at(60)
      for _, key in ipairs { "d5", "d6" } do given.bring(key, "done", { app_id = "x", event = "e2" }) end
      given.bring("f1", "failed", { app_id = "x", event = "e2" })
    end)

    it("takes those whose body is kept", function()
      assert.same({ "d5", "d6" }, replayed { state = "done", app_id = "x" })
      assert.same({ "ready", false, 0, 60 }, given.columns("d5", "state", "reason", "attempt", "at"))
      assert.same({ "d5", "d6" }, given.run_all())
    end)

    it("takes the same again once they are done again", function()
      for _ = 1, 3 do
        assert.same({ "d5" }, replayed { state = "done", id = "d5" })
        assert.same({}, replayed { state = "done", id = "d5" })
        assert.same({ "d5" }, given.run_all())
      end
    end)

    it("keep what they were about until they are done again", function()
      inbox:replay { state = "done", id = "d5" }
      given.finish(given.claim_one(), "done", { scope = "" })
      for _, more in ipairs { { "ready", { reason = "failed" } }, { "dead", { code = "failed" } } } do
        inbox:replay { state = "done", id = "d5" }
        given.finish(given.claim_one(), more[1], more[2])
        assert.same({ more[1], "" }, given.columns("d5", "state", "scope"))
        inbox:replay()
        given.finish(given.claim_one(), "done", { scope = "" })
      end
      inbox:replay { state = "done", id = "d5" }
      given.finish(given.claim_one(), "done")
      assert.same({ "done", false }, given.columns("d5", "state", "scope"))
    end)

    it("takes the oldest or the newest up to its limit, and counts only what can be replayed", function()
      assert.same({ "d5" }, replayed { state = "done", event = "e2", limit = 1 })
      assert.same({ "d6" }, replayed { state = "done", event = "e2", limit = 1 })
      given.run_all()
      assert.same({ "d6" }, replayed { state = "done", event = "e2", limit = 1, newest = true })
      assert.same({ "d5" }, replayed { state = "done", event = "e2", limit = 7, newest = true })
    end)

    for name, filter in pairs {
      ["an id"] = { id = "d5" }, ["a time"] = { received_since = 60, received_before = 61 },
      ["a type"] = { type = "AppUnavailable" },
    } do
      it("takes those of " .. name, function()
        filter.state = "done"
        local found = replayed(filter)
        assert.same(filter.id and { "d5" } or { "d5", "d6" }, found)
      end)
    end

    it("takes none whose body was dropped", function()
      assert.same({}, replayed { state = "done", id = "d1" })
      assert.same({}, replayed { state = "done", app_id = "y" })
      assert.equal("done", inbox:get("d1").state)
    end)

    it("takes no done ones unless they are named", function()
      assert.same({ "f1" }, replayed { app_id = "x" })
      assert.same({}, replayed { id = "d5" })
    end)

    for name, filter in pairs {
      ["nothing further"] = {}, ["a limit"] = { limit = 5 }, ["the newest"] = { newest = true, limit = 1 },
    } do
      it("refuses a filter with " .. name, function()
        filter.state = "done"
        assert.error_matches(function() inbox:replay(filter) end, "inbox:replay: of done notifications the filter must")
        assert.equal("done", inbox:get("d5").state)
      end)
    end
  end)
end
