--- The contract of an inbox, what is stored: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, claim_one, finish = given.inbox, given.record, given.claim_one, given.finish

  describe("put", function()
    it("stores, tells duplicates, and keeps another body under the same key as a conflict", function()
      assert.same({ "stored", "stored" }, inbox:put({ record "a", record "b" }, 1))
      assert.same({ "duplicate" }, inbox:put({ record "a" }, 2))
      assert.same({ "conflict" }, inbox:put({ record("a", { digest = "other", body = "other" }) }, 3))
      assert.same({ "duplicate" }, inbox:put({ record("a", { digest = "other", body = "other" }) }, 4))
      assert.same({ ready = 3, leased = 0, done = 0, dead = 0 }, inbox:counts())
    end)

    it("tells duplicates within one list", function()
      assert.same({ "stored", "duplicate", "conflict" },
        inbox:put({ record "a", record "a", record("a", { digest = "other" }) }, 1))
    end)

    it("takes what came without a signature for the same as any other body under its key", function()
      local function unsigned(key) return record(key, { digest = "unsigned:digest of " .. key, body = "as told" }) end
      local function signed(key, digest) return record(key, { digest = digest, verified_by = "0123456789ab" }) end
      assert.same({ "stored", "stored" }, inbox:put({ signed("a", "1"), unsigned "b" }, 1))
      assert.same({ "duplicate", "duplicate", "duplicate" },
        inbox:put({ unsigned "a", unsigned "b", signed("b", "2") }, 2))
      assert.same({ "body of a", "body of b" }, { inbox:get("a").body, inbox:get("b").body })
      for _ = 1, 2 do finish(claim_one(3), "done", 3) end
      assert.same({ "duplicate", "conflict", "conflict" },
        inbox:put({ unsigned "a", signed("b", "3"), signed("a", "4") }, 4))
      assert.same({ ready = 2, leased = 0, done = 2, dead = 0 }, inbox:counts())
    end)

    it("gives the place of what came without a signature to the first that is signed, unless it runs", function()
      local function told(key) return record(key, { digest = "unsigned:1", body = "as told" }) end
      local function signed(key, digest)
        return record(key, { digest = digest or "2", verified_by = "0123456789ab", body = "signed" })
      end
      local states = { "ready", "leased", "done", "dead" }
      for i, state in ipairs(states) do
        assert.same({ "stored" }, inbox:put({ told(state) }, i))
        if state ~= "ready" then
          inbox:put({ record "other" }, i)
          local claimed = inbox:claim(10, i, 60)
          for _, one in ipairs(claimed) do
            if one.key == state and state ~= "leased" then
              finish(one, state, i, { reason = state == "dead" and "gave up" or nil })
            elseif one.key ~= state then
              finish(one, "ready", i, { at = i, uncounted = true })
            end
          end
        end
      end
      assert.same({ "duplicate", "duplicate", "duplicate", "rearmed" },
        inbox:put({ signed "ready", signed "leased", signed "done", signed "dead" }, 5))
      local found = {}
      for _, state in ipairs(states) do
        local entry = inbox:get(state)
        found[state] = ("%s %s %s"):format(entry.digest, tostring(entry.verified_by), tostring(entry.body))
      end
      assert.same({
        ready = "2 0123456789ab signed", leased = "unsigned:1 nil as told", done = "2 0123456789ab nil",
        dead = "2 0123456789ab signed",
      }, found)
      assert.same({ "duplicate", "conflict", "duplicate", "conflict", "duplicate" }, inbox:put({
        told "ready", signed("ready", "3"), signed("leased", "3"), signed("done", "3"), signed("dead", "2"),
      }, 6))
      assert.equal("2", inbox:get("ready").digest)
    end)

    it("makes a dead one ready again for what was sent, not for what was only told", function()
      local function unsigned() return record("a", { digest = "unsigned:1" }) end
      inbox:put({ unsigned() }, 1)
      finish(claim_one(1), "dead", 1, { reason = "gave up" })
      assert.same({ "duplicate" }, inbox:put({ unsigned() }, 2))
      assert.equal("dead", inbox:get("a").state)
      assert.same({ "rearmed" }, inbox:put({ record "a" }, 3))
      assert.equal("a", claim_one(3).key)
    end)

    it("of nothing stores nothing", function()
      assert.same({}, inbox:put({}, 1))
    end)

    it("keeps one with a reason as dead, and its duplicate is no reason to try it", function()
      local unreadable = record("a", { reason = "not JSON", type = false, event = false, app_id = false, time = false })
      assert.same({ "stored" }, inbox:put({ unreadable }, 1))
      assert.is_nil(claim_one(2))
      assert.same({ "duplicate" }, inbox:put({ unreadable }, 3))
      assert.equal("not JSON", inbox:get("a").reason)
      assert.equal("dead", inbox:get("a").state)
    end)
  end)

  it("lets the second of an app lead if the first is there already", function()
    inbox:put({ record("a1", { app_id = "a" }) }, 1)
    finish(claim_one(1), "done", 2)
    assert.same({ "duplicate", "stored" },
      inbox:put({ record("a1", { app_id = "a" }), record("a2", { app_id = "a" }) }, 3))
    assert.equal("a2", claim_one(3).key)
  end)

  it("takes any bytes of what cannot be read", function()
    local bytes = {}
    for byte = 0, 255 do bytes[#bytes + 1] = string.char(byte) end
    local body = table.concat(bytes)
    inbox:put({ record("a", { body = body, reason = "not JSON", type = false, event = false, app_id = false }) }, 1)
    local entry = inbox:get "a"
    assert.equal(body, entry.body)
    assert.same({}, { entry.type, entry.event, entry.app_id })
  end)

  it("takes 200 at once, of few apps, and keeps their order", function()
    local records, keys = {}, { {}, {}, {} }
    for i = 1, 200 do
      records[i] = record("k" .. i, { app_id = "app " .. i % 3 + 1, time = i / 3 })
      table.insert(keys[i % 3 + 1], "k" .. i)
    end
    for _, outcome in ipairs(inbox:put(records, 1)) do assert.equal("stored", outcome) end
    local seen = { {}, {}, {} }
    for _ = 1, 67 do
      local claimed = inbox:claim(10, 2, 60)
      for _, one in ipairs(claimed) do
        table.insert(seen[tonumber(one.app_id:match "%d")], one.key)
        one.state = "done"
      end
      inbox:finish(claimed, 2)
    end
    assert.same(keys, seen)
    assert.same({ ready = 0, leased = 0, done = 200, dead = 0 }, inbox:counts())
  end)

  it("makes ready what was dead, as if it had never been tried", function()
    inbox:put({ record "a" }, 1)
    finish(claim_one(2), "dead", 3, { reason = "gave up" })
    assert.same({ "dead", "gave up", 1, 3 }, given.columns("a", "state", "reason", "attempt", "at"))
    assert.same({ "rearmed" }, inbox:put({ record "a" }, 4))
    assert.same({ "ready", nil, 0, 4 }, given.columns("a", "state", "reason", "attempt", "at"))
    assert.equal(1, inbox:get("a").received_at)
  end)
end
