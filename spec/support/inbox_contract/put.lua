--- The contract of an inbox, what is stored: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at = given.inbox, given.record, given.at

  describe("put", function()
    it("stores, tells duplicates, and keeps another body under the same key as a conflict", function()
      local function other() return record("a", { digest = "other", body = "other" }) end
      assert.same({ "stored", "stored" }, at(1):put { record "a", record "b" })
      assert.same({ "duplicate" }, at(2):put { record "a" })
      assert.same({ "conflict" }, at(3):put { other() })
      assert.same({ "#duplicate" }, at(4):put { other() })
      assert.same({ "a", "b", "a#other" }, given.ids(inbox:list()))
      assert.same({ "body of a", "other" }, { inbox:get("a").body, inbox:get("a#other").body })
      assert.same({ ready = 3, leased = 0, done = 0, dead = 0 }, inbox:counts())
    end)

    it("tells duplicates and conflicts within one list", function()
      assert.same({ "stored", "duplicate", "conflict", "#duplicate", "stored" }, inbox:put {
        record "a", record "a", record("a", { digest = "other" }), record("a", { digest = "other" }), record "b",
      })
    end)

    it("keeps as many bodies under one key as there are", function()
      assert.same({ "stored", "conflict", "conflict" },
        inbox:put { record "a", record("a", { digest = "2" }), record("a", { digest = "3" }) })
      assert.same({ "a", "a#2", "a#3" }, given.ids(inbox:list { id = "a" }))
    end)

    for _, state in ipairs { "ready", "leased", "done", "cancelled" } do
      it("of one that is " .. state .. " changes nothing", function()
        given.bring("a", state)
        local before = inbox:get "a"
        assert.same({ "duplicate" }, at(50):put { record "a" })
        assert.same(before, inbox:get "a")
        assert.equal(1, #inbox:list())
      end)
    end

    it("of nothing stores nothing", function()
      assert.same({}, inbox:put {})
      assert.same({}, inbox:list())
    end)

    it("keeps one with a reason as dead, invalid, and whole", function()
      local function unreadable()
        return record("a", { reason = "not JSON", type = false, event = false, app_id = false, time = false })
      end
      assert.same({ "stored" }, inbox:put { unreadable() })
      assert.same({}, given.run_all())
      assert.same({ "duplicate" }, at(3):put { unreadable() })
      assert.same({ "dead", "invalid", "not JSON", "body of a", false },
        given.columns("a", "state", "code", "reason", "body", "app_id"))
    end)

    it("takes any bytes of what cannot be read", function()
      local bytes = {}
      for byte = 0, 255 do bytes[#bytes + 1] = string.char(byte) end
      local body = table.concat(bytes)
      inbox:put { record("a", { body = body, reason = "not JSON", type = false, event = false, app_id = false }) }
      assert.equal(body, inbox:get("a").body)
    end)

    it("takes 200 at once, of few apps, and keeps their order", function()
      local records, ids, seen = {}, { {}, {}, {} }, { {}, {}, {} }
      for i = 1, 200 do
        records[i] = record("k" .. i, { app_id = "app " .. i % 3 + 1, time = i / 3 })
        table.insert(ids[i % 3 + 1], "k" .. i)
      end
      for _, outcome in ipairs(inbox:put(records)) do assert.equal("stored", outcome) end
      for _ = 1, 67 do
        local claimed = given.claim(10)
        for _, one in ipairs(claimed) do
          table.insert(seen[tonumber(one.app_id:match "%d")], one.id)
          one.state = "done"
        end
        inbox:finish(claimed)
      end
      assert.same(ids, seen)
      assert.same({ ready = 0, leased = 0, done = 200, dead = 0 }, inbox:counts())
    end)

    it("takes times with a fraction", function()
      at(1.5):put { record("a", { time = 0.25 }) }
      assert.same({ 1.5, 1.5, 0.25 }, given.columns("a", "received_at", "at", "time"))
    end)
  end)

  it("has an id of its own, which stays", function()
    local id = inbox:id()
    assert.matches("^%x+%-%x+%-4%x+%-%x+%-%x+$", id)
    assert.equal(36, #id)
    inbox:put { record "a" }
    assert.equal(id, inbox:id())
  end)
end
