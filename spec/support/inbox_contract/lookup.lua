--- The contract of an inbox, what can be seen: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, claim_one, finish = given.inbox, given.record, given.claim_one, given.finish
  local before_each = busted.before_each

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

  describe("list", function()
    local ALL = { "y", "x", "y#other", "w", "v", "u" }

    -- One entry or more of each state, stored in two moments.
    before_each(function()
      inbox:put({
        record("y", { verified_by = "000000000001" }), record("x", { type = "T2", event = "e2" }),
        record("y", { digest = "other", verified_by = "000000000002", app_id = "w's app" }),
      }, 10)
      inbox:put({
        record("w", { app_id = "w's app", type = "T2" }), record("v", { reason = "not JSON", event = "e2" }),
        record("u", { verified_by = "000000000001" }),
      }, 20)
      local claimed = inbox:claim(2, 20, 60)
      finish(claimed[1], "done", 30)
      finish(inbox:claim(2, 30, 60)[2], "dead", 40, { reason = "gave up" })
    end)

    local function expect(expected, filter)
      assert.same(expected, given.identities(inbox:list(filter)))
      for limit = 0, #expected + 1 do
        local limited = {}
        for i = 1, math.min(limit, #expected) do limited[i] = expected[i] end
        filter.limit = limit
        assert.same(limited, given.identities(inbox:list(filter)))
      end
    end

    it("gives the oldest first, and of those that came at the same time the one that was stored first", function()
      assert.same(ALL, given.identities(inbox:list()))
      expect(ALL, {})
    end)

    it("filters by each field, with each limit", function()
      expect({ "y", "y#other" }, { key = "y" })
      expect({ "y#other" }, { key = "y#other" })
      expect({ "y" }, { state = "done" })
      expect({ "x", "y#other" }, { state = "leased" })
      expect({ "w" }, { state = "ready" })
      expect({ "v", "u" }, { state = "dead" })
      expect({ "y#other", "w" }, { app_id = "w's app" })
      expect({ "x", "w" }, { type = "T2" })
      expect({ "x", "v" }, { event = "e2" })
      expect({ "y", "u" }, { verified_by = "000000000001" })
      expect({ "y", "x", "y#other" }, { received_before = 20 })
      expect({ "w", "v", "u" }, { received_since = 20 })
      expect(ALL, { received_before = 20.5, received_since = 10 })
    end)

    it("filters by several fields at once, and by what nothing has", function()
      expect({ "w" }, { type = "T2", app_id = "w's app" })
      expect({ "u" }, { verified_by = "000000000001", state = "dead" })
      expect({ "x" }, { received_since = 10, received_before = 20, event = "e2" })
      expect({}, { key = "z" })
      expect({}, { verified_by = "000000000001", event = "e2" })
      expect({}, { received_since = 20.25 })
      expect({}, { received_before = 10 })
      expect({}, { state = "done", key = "x" })
    end)
  end)

  it("list and replay refuse a filter that they do not know, and one of another type", function()
    for _, method in ipairs { "list", "replay" } do
      assert.error_matches(function() inbox[method](inbox, { ap = "a" }, 1) end,
        "inbox:" .. method .. ": unknown filter 'ap'; known: key, state, ")
      assert.error_matches(function() inbox[method](inbox, { received_since = "1" }, 1) end,
        "filter 'received_since' must be a number, not a string")
    end
  end)

  it("list and get give the contract's fields, and no others", function()
    inbox:put({ record("a", { verified_by = "0123456789ab" }) }, 10)
    local entry = {
      identity = "a", key = "a", digest = "digest of a", state = "ready", type = "AppUnavailable",
      event = "app_unavailable", app_id = "app of a", time = 5, received_at = 10, at = 10, attempt = 0,
      verified_by = "0123456789ab",
    }
    assert.same({ entry }, inbox:list {})
    entry.body = "body of a"
    assert.same(entry, inbox:get "a")
    local claimed = claim_one(11)
    entry.state, entry.at, entry.attempt = "leased", 71, 1
    assert.same(entry, inbox:get "a")
    finish(claimed, "done", 12, { scope = "p1" })
    entry.state, entry.at, entry.body = "done", 12, nil
    assert.same({ entry }, inbox:list {})
    entry.scope = "p1"
    assert.same(entry, inbox:get "a")
  end)

  it("claim gives the contract's fields, and no others", function()
    inbox:put({ record "a" }, 10)
    local claimed = claim_one(11)
    assert.is_truthy(claimed.token)
    claimed.token = nil
    assert.same({
      identity = "a", key = "a", type = "AppUnavailable", event = "app_unavailable", app_id = "app of a",
      received_at = 10, attempt = 1, body = "body of a",
    }, claimed)
  end)

  it("later gives the contract's fields, whatever the state", function()
    local function of_app(key, more)
      more.app_id = "x"
      return record(key, more)
    end
    inbox:put({ of_app("a", { time = 1 }), of_app("b", { time = 2 }), of_app("c", { time = 3, reason = "bad" }) }, 1)
    finish(claim_one(1), "done", 1, { scope = "p1" })
    claim_one(1)
    local found = inbox:later("x", 0)
    table.sort(found, function(one, other) return one.key < other.key end)
    assert.same({
      { key = "a", event = "app_unavailable", time = 1, scope = "p1" },
      { key = "b", event = "app_unavailable", time = 2, body = "body of b" },
      { key = "c", event = "app_unavailable", time = 3, body = "body of c" },
    }, found)
    assert.same({}, inbox:later("x", 3))
    assert.same({}, inbox:later("y", 0))
  end)
end
