--- The contract of an inbox, the order within an app: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, claim_one, finish = given.inbox, given.record, given.at, given.claim_one, given.finish

  describe("of one app", function()
    it("one is claimed at a time, in order, and apps side by side", function()
      inbox:put { record("a1", { app_id = "a" }), record("a2", { app_id = "a" }), record("b1", { app_id = "b" }) }
      local claimed = inbox:claim(10, 60)
      assert.same({ "a1", "b1" }, given.ids(claimed))
      finish(claimed[1], "done")
      assert.same({ "a2" }, given.ids(inbox:claim(10, 60)))
    end)

    for state, more in pairs { done = {}, dead = { code = "failed", reason = "gave up" } } do
      it(state .. " lets the next one go on", function()
        inbox:put(given.of_app("a", "a1", "a2"))
        finish(claim_one(), state, more)
        assert.same({ "a2" }, given.run_all())
      end)
    end

    it("all wait while the first waits for another try", function()
      inbox:put(given.of_app("a", "a1", "a2"))
      finish(claim_one(), "ready", { wait = 99, reason = "failed" })
      at(99)
      assert.is_nil(claim_one())
      at(100)
      assert.same({ "a1", "a2" }, given.run_all())
    end)

    it("all wait while the first is leased, also once its lease has ended", function()
      inbox:put(given.of_app("a", "a1", "a2"))
      inbox:claim(1, 10)
      assert.same({}, at(5):claim(10, 60))
      assert.same({}, at(50):claim(10, 60))
      assert.same({ "a1", "a2" }, given.run_all())
    end)

    it("a later one leads if those before it are finished when it is stored", function()
      inbox:put(given.of_app("a", "a1"))
      given.run_all()
      assert.same({ "duplicate", "stored" }, inbox:put(given.of_app("a", "a1", "a2")))
      assert.same({ "a2" }, given.run_all())
    end)

    it("a later one leads likewise if another body under a known key was stored between them", function()
      inbox:put(given.of_app("a", "a1"))
      inbox:put(given.of_app("b", "b1"))
      given.run_all()
      assert.same({ "duplicate", "conflict", "stored" }, inbox:put {
        record("a1", { app_id = "a" }), record("b1", { app_id = "b", digest = "other" }),
        record("a2", { app_id = "a" }),
      })
      assert.same({ "b1#other", "a2" }, given.run_all())
    end)

    it("what is kept beside another body is in its place", function()
      inbox:put(given.of_app("a", "a1", "a2"))
      inbox:put { record("a1", { app_id = "a", digest = "other" }), record("a3", { app_id = "a" }) }
      assert.same({ "a1", "a2", "a1#other", "a3" }, given.run_all())
    end)

    it("dead ones are not waited for", function()
      inbox:put { record("a1", { app_id = "a", reason = "bad" }), record("a2", { app_id = "a" }) }
      assert.same({ "a2" }, given.run_all())
    end)
  end)

  it("what has no app is not ordered", function()
    inbox:put { record("a", { app_id = false }), record("b", { app_id = false }) }
    local claimed = inbox:claim(10, 60)
    assert.same({ "a", "b" }, given.ids(claimed))
    assert.is_nil(claimed[1].app_id)
  end)

  describe("behind names the leader", function()
    local function behind(...)
      local found = {}
      for i, id in ipairs { ... } do found[i] = inbox:get(id).behind or false end
      for i, entry in ipairs(inbox:list { app_id = "a" }) do assert.equal(found[i], entry.behind or false) end
      return found
    end

    it("for all that are ready and wait for it", function()
      inbox:put(given.of_app("a", "a1", "a2", "a3"))
      assert.same({ false, "a1", "a1" }, behind("a1", "a2", "a3"))
      local claimed = claim_one()
      assert.same({ false, "a1", "a1" }, behind("a1", "a2", "a3"))
      finish(claimed, "ready", { wait = 50 })
      assert.same({ false, "a1", "a1" }, behind("a1", "a2", "a3"))
    end)

    it("for none that is done or dead", function()
      inbox:put(given.of_app("a", "a1", "a2", "a3"))
      finish(claim_one(), "done")
      finish(claim_one(), "dead", { code = "failed" })
      assert.same({ false, false, false }, behind("a1", "a2", "a3"))
    end)

    it("also if the leader was stored later, and is leased", function()
      inbox:put(given.of_app("a", "a1", "a2"))
      finish(claim_one(), "dead", { code = "failed" })
      claim_one()
      inbox:replay { id = "a1" }
      assert.same({ "a2", false }, behind("a1", "a2"))
    end)
  end)
end
