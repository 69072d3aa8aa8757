--- The contract of an inbox, what it tells of an entry's past: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, claim_one, finish = given.inbox, given.record, given.at, given.claim_one, given.finish

  local function past(id)
    return inbox:get(id).history
  end

  describe("the history", function()
    it("is none of one that was stored, claimed, given back, put off by its callback, and done", function()
      inbox:put { record "a" }
      finish(claim_one(), "unbegun")
      finish(claim_one(), "ready", { wait = 0, uncounted = true })
      inbox:extend({ claim_one() }, 60)
      assert.is_nil(past "a")
      given.bring("b", "done")
      assert.is_nil(past "b")
    end)

    it("tells each attempt that failed, was lost or was the last", function()
      at(10):put { record "a" }
      finish(claim_one(), "ready", { wait = 5, reason = "first" })
      at(20)
      claim_one(7)
      at(30)
      finish(claim_one(), "dead", { code = "failed", reason = "third" })
      assert.same({
        { at = 10, what = "failed", attempt = 1, reason = "first" }, { at = 30, what = "lost", attempt = 2 },
        { at = 30, what = "failed", attempt = 3, reason = "third" },
      }, past "a")
    end)

    it("tells with which code it was dead", function()
      for _, code in ipairs { "cancelled", "no_callback" } do
        given.bring(code, code)
        assert.equal(code, past(code)[1].what)
      end
    end)

    it("tells what operators and another delivery did, and when a replayed one was done", function()
      at(10):put { record "a" }
      at(11):run { id = "a" }
      at(12):cancel({ id = "a" }, "not wanted")
      at(13):replay()
      at(14)
      finish(claim_one(), "done")
      at(15):replay { state = "done", id = "a" }
      finish(claim_one(), "dead", { code = "no_callback" })
      at(16):put { record "a" }
      assert.same({
        { at = 11, what = "run", attempt = 0 }, { at = 12, what = "cancelled", attempt = 0, reason = "not wanted" },
        { at = 13, what = "replayed", attempt = 0 }, { at = 14, what = "done", attempt = 1 },
        { at = 15, what = "replayed", attempt = 1 }, { at = 15, what = "no_callback", attempt = 1 },
        { at = 16, what = "rearmed", attempt = 1 },
      }, past "a")
    end)

    it("keeps the last 24 items, in order", function()
      inbox:put { record "a" }
      for i = 1, 30 do at(i):run { id = "a" } end
      local items = past "a"
      assert.equal(24, #items)
      for i, item in ipairs(items) do assert.equal(6 + i, item.at) end
    end)

    it("of which the last may be two", function()
      inbox:put { record "a" }
      for i = 1, 24 do at(i):run { id = "a" } end
      finish(claim_one(), "done")
      at(100):replay { state = "done", id = "a" }
      local items = past "a"
      assert.same({ 24, 3, "done", "replayed" }, { #items, items[1].at, items[23].what, items[24].what })
    end)

    it("keeps the first 500 bytes of a reason, whole characters, whatever they are", function()
      inbox:put { record "a" }
      local long = ("x"):rep(499) .. "\195\164" .. ("y"):rep(5000)
      for i, reason in ipairs { long, "\"quoted\"\n\tand \\ more / \226\130\172 \240\159\152\128", "", "null" } do
        finish(claim_one(), "ready", { reason = reason })
        local told = past "a"[i].reason
        assert.equal(i == 1 and ("x"):rep(499) or i ~= 3 and reason or nil, told ~= "" and told or nil)
      end
      assert.equal(long, (function()
        finish(claim_one(), "ready", { reason = long })
        return inbox:get("a").reason
      end)())
    end)

    it("is the caller's to change", function()
      inbox:put { record "a" }
      inbox:run { id = "a" }
      past "a"[1].what = "changed"
      past "a"[2] = {}
      assert.same({ { at = 1, what = "run", attempt = 0 } }, past "a")
    end)

    it("outlives a body, and ends with the id", function()
      inbox:put { record "a" }
      inbox:run { id = "a" }
      finish(claim_one(), "done")
      at(10):forget({ bodies = 5, ids = 0 }, 10)
      assert.equal(1, #past "a")
      inbox:forget({ bodies = 5, ids = 5 }, 10)
      at(20):put { record("a", { time = false }) }
      assert.is_nil(past "a")
    end)
  end)
end
