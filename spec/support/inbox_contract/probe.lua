--- The contract of an inbox, whether it stores: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record = given.inbox, given.record

  describe("probe", function()
    it("says that it stores, and leaves nothing that is seen", function()
      for _ = 1, 3 do assert.is_true(inbox:probe()) end
      assert.same({ ready = 0, leased = 0, done = 0, dead = 0 }, inbox:counts())
      assert.same({}, inbox:list())
      assert.is_nil((inbox:next_in()))
      assert.is_nil(given.claim_one())
    end)

    it("changes nothing of what waits, runs and is over", function()
      given.bring("done", "done")
      given.bring("dead", "failed")
      given.bring("leased", "leased")
      inbox:put(given.of_app("x", "x1", "x2"))
      local before = inbox:list()
      assert.is_true(inbox:probe())
      assert.same(before, inbox:list())
      inbox:put { record("x3", { app_id = "x" }) }
      assert.same({ "x1", "x2", "x3" }, given.run_all())
    end)
  end)
end
