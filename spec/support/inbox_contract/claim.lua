--- The contract of an inbox, what is claimed: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, finish = given.inbox, given.record, given.at, given.finish

  describe("claim", function()
    it("gives what the dispatcher needs, and no more", function()
      at(10):put { record("a", { verified_by = "0123456789ab" }) }
      local claimed = at(11):claim(1, 60)[1]
      assert.is_truthy(claimed.token)
      claimed.token = nil
      assert.same({
        id = "a", key = "a", type = "AppUnavailable", event = "app_unavailable", app_id = "app of a",
        received_at = 10, attempt = 1, body = "body of a",
      }, claimed)
    end)

    it("gives tables that are the caller's to change", function()
      inbox:put { record "a" }
      local claimed = inbox:claim(1, 60)[1]
      claimed.body, claimed.attempt, claimed.app_id = "changed", 50, "changed"
      assert.same({ "body of a", 1, "app of a" }, given.columns("a", "body", "attempt", "app_id"))
    end)

    it("gives no more than the limit, and nothing for a limit of 0", function()
      inbox:put { record "a", record "b", record "c" }
      assert.same({}, inbox:claim(0, 60))
      assert.same({ "a", "b" }, given.ids(inbox:claim(2, 60)))
      assert.same({ "c" }, given.ids(inbox:claim(2, 60)))
      assert.same({}, inbox:claim(2, 60))
    end)

    it("gives what was stored first if all are due at the same time", function()
      inbox:put { record "c", record "a", record "b" }
      assert.same({ "c", "a" }, given.ids(inbox:claim(2, 60)))
      assert.same({ "b" }, given.ids(inbox:claim(2, 60)))
    end)

    it("takes those that have been due the longest, and gives them in the order in which they were stored", function()
      inbox:put { record "a", record "b" }
      local claimed = inbox:claim(2, 60)
      finish(claimed[1], "ready", { wait = 4 })
      finish(claimed[2], "ready", { wait = 3 })
      at(3):put { record "c" }
      assert.same({ "b", "c" }, given.ids(at(10):claim(2, 60)))
      assert.same({ "a" }, given.ids(inbox:claim(2, 60)))
    end)

    it("gives the next of an app for the time that it has been due, not since it leads", function()
      at(1):put(given.of_app("x", "x1", "x2"))
      at(2):put { record "a" }
      finish(at(3):claim(1, 60)[1], "done")
      assert.same({ "x2" }, given.ids(at(4):claim(1, 60)))
    end)

    it("counts the attempt, and gives each claim another token", function()
      inbox:put { record "a" }
      local seen = {}
      for attempt = 1, 3 do
        local claimed = given.claim_one()
        assert.equal(attempt, claimed.attempt)
        assert.is_nil(seen[tostring(claimed.token)])
        seen[tostring(claimed.token)] = true
        finish(claimed, "ready")
      end
    end)

    it("gives nothing that is leased, also once the lease has ended, until recover has been called", function()
      inbox:put { record "a" }
      inbox:claim(1, 10)
      assert.same({}, at(500):claim(1, 60))
      assert.equal(1, inbox:recover { 5 })
      assert.same({ "a" }, given.ids(inbox:claim(1, 60)))
    end)

    it("gives what waits at the end of its wait, and not a moment before", function()
      inbox:put { record "a" }
      finish(inbox:claim(1, 60)[1], "ready", { wait = 8.5 })
      assert.same({}, at(9.25):claim(1, 60))
      assert.same({ "a" }, given.ids(at(9.5):claim(1, 60)))
    end)
  end)

  describe("extend", function()
    it("lengthens a lease from now", function()
      inbox:put { record "a" }
      local claimed = inbox:claim(1, 10)[1]
      assert.same({ true }, at(9):extend({ claimed }, 10))
      assert.equal(19, inbox:get("a").at)
      assert.equal(0, at(18):recover { 5 })
      assert.is_true(finish(claimed, "done"))
    end)

    it("shortens one, too", function()
      inbox:put { record "a" }
      local claimed = inbox:claim(1, 1000)[1]
      assert.same({ true }, at(9):extend({ claimed }, 10))
      assert.equal(1, at(19):recover { 5 })
    end)

    it("tells of each whether it is held, and does not count an attempt", function()
      inbox:put { record "a", record "b", record "c" }
      local claimed = inbox:claim(3, 10)
      finish(claimed[2], "done")
      assert.same({ true, false, true, false }, inbox:extend({
        claimed[1], claimed[2], claimed[3], { id = "never was", token = claimed[1].token },
      }, 20))
      assert.same({ 1, 21 }, given.columns("a", "attempt", "at"))
    end)

    it("takes a lease that ended, until recover has released it", function()
      inbox:put { record "a" }
      local claimed = inbox:claim(1, 10)
      assert.same({ true }, at(20):extend(claimed, 10))
      assert.equal(1, at(30):recover { 5 })
      assert.same({ false }, inbox:extend(claimed, 10))
    end)

    it("of nothing does nothing", function()
      assert.same({}, inbox:extend({}, 60))
    end)
  end)
end
