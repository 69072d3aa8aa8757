--- The contract of an inbox, events older than what it remembers: see support.inbox_contract.
local assert = require "luassert"
local retention = require "marketplace.inbox.retention"

local NOW = 400 * 86400
local OLDEST = NOW - retention.ids -- the oldest event that is taken

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at = given.inbox, given.record, given.at

  local function old(key, more)
    local made = record(key, { time = OLDEST - 1 })
    for name, value in pairs(more or {}) do made[name] = value or nil end
    return made
  end

  describe("an event that is older than what is remembered", function()
    it("is dead, too old, and kept", function()
      assert.same({ "too_old", "stored" }, at(NOW):put { old "a", record("b", { time = OLDEST }) })
      assert.same({ "dead", "too_old", "body of a", NOW, NOW, OLDEST - 1 },
        given.columns("a", "state", "code", "body", "at", "received_at", "time"))
      assert.is_string(inbox:get("a").reason)
      assert.same({ "b" }, given.run_all())
      assert.equal(1, inbox:backlog().codes.too_old)
    end)

    it("is a duplicate if it is sent again, and stays dead", function()
      at(NOW):put { old "a" }
      assert.same({ "duplicate" }, inbox:put { old "a" })
      assert.equal("dead", inbox:get("a").state)
    end)

    it("is ready if it is replayed", function()
      at(NOW):put { old "a" }
      assert.same({ "a" }, inbox:replay())
      assert.same({ "ready", false, false, 0 }, given.columns("a", "state", "code", "reason", "attempt"))
      assert.same({ "a" }, given.run_all())
    end)

    it("is too old as another body under the same key, too", function()
      at(NOW):put { record("a", { time = NOW }) }
      assert.same({ "#too_old" }, inbox:put { old("a", { digest = "other" }) })
      assert.same({ "dead", "too_old" }, given.columns("a#other", "state", "code"))
    end)

    it("is taken if it has no time", function()
      assert.same({ "stored" }, at(NOW):put { old("a", { time = false }) })
      assert.same({ "a" }, given.run_all())
    end)

    it("is taken if it came without a signature", function()
      assert.same({ "stored" }, at(NOW):put { old("a", { digest = "unsigned:1" }) })
      assert.same({ "a" }, given.run_all())
    end)

    it("is invalid if it cannot be read", function()
      assert.same({ "stored" }, at(NOW):put { old("a", { reason = "not JSON" }) })
      assert.same({ "invalid", "not JSON" }, given.columns("a", "code", "reason"))
    end)

    it("is ready if it was stored in time, failed, and is sent again", function()
      at(OLDEST):put { old "a" }
      given.finish(given.claim_one(), "dead", { code = "failed", reason = "gave up" })
      assert.same({ "rearmed" }, at(NOW):put { old "a" })
      assert.same({ "a" }, given.run_all())
    end)
  end)

  describe("what forget deleted ids of", function()
    local function forget_ids(before) assert(inbox:forget({ bodies = 0, ids = before }, 10)) end

    it("makes events before that time too old", function()
      at(NOW)
      forget_ids(NOW - 10)
      assert.same({ "too_old", "stored" },
        inbox:put { record("a", { time = NOW - 11 }), record("b", { time = NOW - 10 }) })
    end)

    it("is remembered as the latest time, whatever was asked later", function()
      at(NOW)
      forget_ids(NOW - 10)
      forget_ids(NOW - 1000)
      assert.same({ "too_old" }, inbox:put { record("a", { time = NOW - 11 }) })
    end)

    it("is remembered if the clock is set back", function()
      at(NOW)
      forget_ids(NOW - 10)
      assert.same({ "too_old" }, at(NOW - 50 * 86400):put { record("a", { time = NOW - 11 }) })
    end)

    it("keeps one that was done from running again", function()
      at(NOW):put { record("a", { time = NOW }) }
      given.run_all()
      at(NOW + 100)
      forget_ids(NOW + 50)
      assert.is_nil(inbox:get "a")
      assert.same({ "too_old" }, inbox:put { record("a", { time = NOW }) })
      assert.same({}, given.run_all())
    end)

    it("has nothing to say of what has no time, or no signature", function()
      at(NOW)
      forget_ids(NOW - 10)
      assert.same({ "stored", "stored" }, inbox:put {
        record("a", { time = false }), record("b", { time = NOW - 11, digest = "unsigned:1" }),
      })
    end)

    it("has nothing to say of bodies that were dropped", function()
      at(NOW):forget({ bodies = NOW - 10, ids = 0 }, 10)
      assert.same({ "stored" }, inbox:put { record("a", { time = NOW - 11 }) })
    end)
  end)
end
