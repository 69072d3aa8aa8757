--- The contract of an inbox (see marketplace.inbox), as specs: contract(busted, open), where busted has its describe,
-- it, before_each and after_each, and open() gives an empty inbox.
local assert = require "luassert"

local function record(key, more)
  local made = {
    key = key, digest = "digest of " .. key, type = "AppUnavailable", event = "app_unavailable",
    app_id = "app of " .. key, time = 5, body = "body of " .. key,
  }
  for name, value in pairs(more or {}) do made[name] = value or nil end
  return made
end

return function(busted, open)
  local describe, it = busted.describe, busted.it
  local inbox
  busted.before_each(function() inbox = open() end)
  busted.after_each(function() inbox:close() end)

  local function claim_one(now, lease)
    local claimed = assert(inbox:claim(1, now, lease or 60))
    return claimed[1]
  end

  local function finish(claimed, state, now, more)
    local item = { identity = claimed.identity, token = claimed.token, state = state }
    for name, value in pairs(more or {}) do item[name] = value end
    return assert(inbox:finish({ item }, now))[1]
  end

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

  describe("claim", function()
    it("gives the oldest first with what the dispatcher needs", function()
      inbox:put({ record "a" }, 1)
      inbox:put({ record "b" }, 2)
      local claimed = inbox:claim(10, 3, 60)
      assert.equal(2, #claimed)
      local a = claimed[1]
      assert.same({ "a", "a", 1, "body of a", "AppUnavailable", "app_unavailable", "app of a" },
        { a.key, a.identity, a.attempt, a.body, a.type, a.event, a.app_id })
      assert.equal("b", claimed[2].key)
    end)

    it("gives no more than the limit", function()
      inbox:put({ record "a", record "b", record "c" }, 1)
      assert.equal(2, #inbox:claim(2, 1, 60))
      assert.equal(1, #inbox:claim(2, 1, 60))
      assert.equal(0, #inbox:claim(2, 1, 60))
    end)

    it("gives a lost lease again, counts the attempt, and fences the first holder off", function()
      inbox:put({ record "a" }, 1)
      local first = claim_one(10, 60)
      assert.is_nil(claim_one(69.9))
      local second = claim_one(70)
      assert.equal(2, second.attempt)
      assert.not_equal(first.token, second.token)
      assert.is_false(finish(first, "done", 71))
      assert.is_false(inbox:extend({ first }, 71, 60)[1])
      assert.is_true(finish(second, "done", 71))
      assert.is_false(finish(second, "done", 72))
    end)

    it("gives what ended with its lease alone, and first: it may be what ended its process", function()
      inbox:put({ record "a", record "b" }, 1)
      assert.equal(2, #inbox:claim(2, 1, 10))
      inbox:put({ record "c" }, 2)
      local again = {}
      for i = 1, 3 do
        local claimed = inbox:claim(10, 20, 60)
        assert.equal(1, #claimed)
        again[i] = claimed[1].key
      end
      table.sort(again)
      assert.same({ "a", "b", "c" }, again)
      assert.same({}, inbox:claim(10, 20, 60))
    end)

    it("gives one notification of an app at a time, in order, and apps side by side", function()
      inbox:put({ record("a1", { app_id = "a" }), record("a2", { app_id = "a" }), record("b1", { app_id = "b" }) }, 1)
      local claimed = inbox:claim(10, 1, 60)
      assert.same({ "a1", "b1" }, { claimed[1].key, claimed[2].key })
      assert.is_true(finish(claimed[1], "done", 2))
      assert.equal("a2", claim_one(2).key)
    end)

    it("holds back the rest of an app while its first waits for another try", function()
      inbox:put({ record("a1", { app_id = "a" }), record("a2", { app_id = "a" }) }, 1)
      finish(claim_one(1), "ready", 1, { at = 100, reason = "failed" })
      assert.is_nil(claim_one(99))
      local again = claim_one(100)
      assert.equal("a1", again.key)
      assert.equal(2, again.attempt)
    end)

    it("does not order what has no app", function()
      inbox:put({ record("a", { app_id = false }), record("b", { app_id = false }) }, 1)
      assert.equal(2, #inbox:claim(10, 1, 60))
    end)
  end)

  describe("finish", function()
    it("as done drops the body, keeps the key", function()
      inbox:put({ record "a" }, 1)
      assert.is_true(finish(claim_one(1), "done", 2))
      assert.same({ "duplicate" }, inbox:put({ record "a" }, 3))
      assert.is_nil(claim_one(4))
      assert.is_nil(inbox:get("a").body)
      assert.equal("done", inbox:get("a").state)
      assert.same({ ready = 0, leased = 0, done = 1, dead = 0 }, inbox:counts())
    end)

    it("as ready waits until its time; uncounted, the attempt does not count", function()
      inbox:put({ record "a" }, 1)
      finish(claim_one(1), "ready", 1, { at = 50, uncounted = true })
      assert.is_nil(claim_one(49))
      assert.equal(1, claim_one(50).attempt)
    end)

    it("as dead keeps body and reason, and lets the app's next one go on", function()
      inbox:put({ record("a1", { app_id = "a" }), record("a2", { app_id = "a" }) }, 1)
      finish(claim_one(1), "dead", 2, { reason = "gave up" })
      assert.equal("gave up", inbox:get("a1").reason)
      assert.equal("body of a1", inbox:get("a1").body)
      assert.equal("a2", claim_one(3).key)
    end)

    it("of a dead one's duplicate begins anew", function()
      inbox:put({ record "a" }, 1)
      claim_one(1, 1)
      finish(claim_one(5), "dead", 5, { reason = "gave up" })
      assert.same({ "rearmed" }, inbox:put({ record "a" }, 6))
      assert.equal(1, claim_one(6).attempt)
    end)

    it("of a dead one that is ready again has it run in its old place, behind the one that leads", function()
      local function of_app(key) return record(key, { app_id = "a" }) end
      for i = 1, 6 do inbox:put({ of_app("a" .. i) }, i) end
      for _, state in ipairs { "dead", "dead", "done", "dead" } do
        finish(claim_one(10), state, 10, { reason = state == "dead" and "gave up" or nil })
      end
      local leader = claim_one(11)
      assert.equal("a5", leader.key)
      inbox:put({ of_app "a7" }, 12)
      assert.same({ "rearmed" }, inbox:put({ of_app "a4" }, 13))
      assert.same({ "rearmed" }, inbox:put({ of_app "a1" }, 14))
      assert.equal(1, inbox:replay({ key = "a2" }, 15))
      assert.is_nil(claim_one(15))
      finish(leader, "done", 16)
      local order = {}
      for i = 1, 5 do
        order[i] = claim_one(17)
        finish(order[i], "done", 17)
        order[i] = order[i].key
      end
      assert.same({ "a1", "a2", "a4", "a6", "a7" }, order)
      assert.is_nil(claim_one(18))
    end)

    it("takes many, and an unknown one is not held", function()
      inbox:put({ record "a", record "b" }, 1)
      local claimed = inbox:claim(2, 1, 60)
      for _, one in ipairs(claimed) do one.state = "done" end
      claimed[3] = { identity = "never was", token = 1, state = "done" }
      assert.same({ true, true, false }, inbox:finish(claimed, 2))
    end)
  end)

  it("extend lengthens a lease", function()
    inbox:put({ record "a" }, 1)
    local claimed = claim_one(1, 10)
    assert.same({ true }, inbox:extend({ claimed }, 9, 10))
    assert.is_nil(claim_one(18))
    assert.is_true(finish(claimed, "done", 18))
  end)

  it("lets the second of an app lead where the first is there already", function()
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

  it("backlog tells what is left to do and since when", function()
    assert.same({ ready = 0, leased = 0, dead = 0 }, inbox:backlog())
    inbox:put({ record "a" }, 10)
    inbox:put({ record "b" }, 20)
    inbox:put({ record("c", { reason = "not JSON" }) }, 5)
    local first = claim_one(30)
    assert.same({ ready = 1, leased = 1, dead = 1, oldest_at = 10 }, inbox:backlog())
    finish(first, "done", 31)
    assert.same({ ready = 1, leased = 0, dead = 1, oldest_at = 20 }, inbox:backlog())
  end)

  it("backlog knows of one that was dead and is ready again", function()
    inbox:put({ record("a1", { app_id = "a" }) }, 10)
    finish(claim_one(11), "dead", 12, { reason = "gave up" })
    inbox:put({ record("a2", { app_id = "a" }) }, 20)
    assert.equal(20, inbox:backlog().oldest_at)
    assert.equal(1, inbox:replay({}, 30))
    assert.equal(10, inbox:backlog().oldest_at)
  end)

  it("later finds an app's later events, also done ones with what they were about", function()
    local function of_app(key, time) return record(key, { app_id = "x", time = time }) end
    inbox:put({ of_app("a", 10.25), of_app("b", 20.5), of_app("c", 10.125),
      record("e", { app_id = "x", time = false }) }, 1)
    inbox:put({ record("d", { time = 99 }) }, 2)
    finish(claim_one(1), "done", 2, { scope = "" })
    local function keys(time)
      local list = {}
      for i, entry in ipairs(inbox:later("x", time)) do list[i] = entry.key end
      table.sort(list)
      return list
    end
    assert.same({ "a", "b" }, keys(10.125))
    assert.same({ "b" }, keys(10.25))
    assert.same({}, keys(20.5))
    for _, entry in ipairs(inbox:later("x", 10.125)) do
      if entry.key == "a" then
        assert.same({ "app_unavailable", 10.25, "" }, { entry.event, entry.time, entry.scope })
      end
    end
    assert.equal("body of b", inbox:later("x", 11)[1].body)
  end)

  it("next_at tells when there is something to claim", function()
    assert.is_nil(inbox:next_at())
    inbox:put({ record "a" }, 5)
    assert.is_true(inbox:next_at() <= 5)
    local claimed = claim_one(5, 10)
    assert.equal(15, inbox:next_at())
    finish(claimed, "ready", 6, { at = 30 })
    assert.equal(30, inbox:next_at())
    finish(claim_one(30), "done", 30)
    assert.is_nil(inbox:next_at())
  end)

  it("list filters, oldest first", function()
    inbox:put({ record "a" }, 10)
    inbox:put({ record("b", { type = "AppVersionsUnavailable", event = "versions_unavailable" }) }, 20)
    inbox:put({ record("c", { reason = "not JSON" }) }, 30)
    local function keys(filter)
      local list = {}
      for i, entry in ipairs(inbox:list(filter)) do
        list[i] = entry.key
        assert.is_nil(entry.body)
      end
      return list
    end
    assert.same({ "a", "b", "c" }, keys {})
    assert.same({ "a", "b", "c" }, keys(nil))
    assert.same({ "a", "b" }, keys { state = "ready" })
    assert.same({ "c" }, keys { state = "dead" })
    assert.same({ "b" }, keys { app_id = "app of b" })
    assert.same({ "b" }, keys { type = "AppVersionsUnavailable" })
    assert.same({ "b" }, keys { event = "versions_unavailable" })
    assert.same({ "a" }, keys { received_before = 20 })
    assert.same({ "b", "c" }, keys { received_since = 20 })
    assert.same({ "a", "b" }, keys { limit = 2 })
    assert.same({ "b" }, keys { key = "b" })
    assert.equal(10, inbox:list({})[1].received_at)
  end)

  it("has an id of its own, which stays", function()
    local id = inbox:id()
    assert.matches("^%x+%-%x+%-4%x+%-%x+%-%x+$", id)
    assert.equal(36, #id)
    inbox:put({ record "a" }, 1)
    assert.equal(id, inbox:id())
  end)

  it("get gives an entry whole, or nil", function()
    inbox:put({ record "a" }, 10)
    local entry = inbox:get "a"
    assert.same({ "a", "digest of a", "ready", 5, "body of a", 0 },
      { entry.key, entry.digest, entry.state, entry.time, entry.body, entry.attempt })
    assert.is_nil(inbox:get "b")
  end)

  it("keeps which secret verified a notification, also once it is done", function()
    inbox:put({ record("a", { verified_by = "0123456789ab" }), record "b" }, 1)
    inbox:put({ record("a", { digest = "other", body = "other", verified_by = "ba9876543210" }) }, 2)
    assert.same({ "duplicate" }, inbox:put({ record("b", { verified_by = "0123456789ab" }) }, 2))
    local function verified_by()
      local found = {}
      for _, entry in ipairs(inbox:list {}) do found[entry.identity] = entry.verified_by end
      return found
    end
    local expected = { a = "0123456789ab", ["a#other"] = "ba9876543210" }
    assert.same(expected, verified_by())
    local function keys(filter)
      local found = {}
      for i, entry in ipairs(inbox:list(filter)) do found[i] = entry.identity end
      return found
    end
    assert.same({ "a" }, keys { verified_by = "0123456789ab" })
    assert.same({ "a#other" }, keys { verified_by = "ba9876543210", received_since = 2, limit = 1 })
    assert.same({}, keys { verified_by = "ba9876543210", received_since = 3 })
    assert.is_true(finish(claim_one(3), "done", 3))
    assert.same(expected, verified_by())
    assert.equal("0123456789ab", inbox:get("a").verified_by)
    assert.is_nil(inbox:get("b").verified_by)
  end)

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

  it("is unavailable once it is closed", function()
    inbox:close()
    for _, call in ipairs {
      function() return inbox:put({ record "a" }, 1) end, function() return inbox:claim(1, 1, 1) end,
      function() return inbox:finish({}, 1) end, function() return inbox:extend({}, 1, 1) end,
      function() return inbox:replay({}, 1) end, function() return inbox:prune(1) end,
      function() return inbox:backlog() end, function() return inbox:later("a", 1) end,
      function() return inbox:id() end,
    } do
      local result, message, code = call()
      assert.is_nil(result)
      assert.is_string(message)
      assert.equal("inbox_unavailable", code)
    end
  end)
end
