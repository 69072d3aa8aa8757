--- The contract of an inbox, what is told of each entry: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, claim_one, finish = given.inbox, given.record, given.at, given.claim_one, given.finish

  describe("list and get give the contract's fields, and no others,", function()
    local function made(more)
      local entry = {
        id = "a", key = "a", digest = "digest of a", state = "ready", type = "AppUnavailable",
        event = "app_unavailable", app_id = "app of a", time = 1, received_at = 10, at = 10, attempt = 0,
        verified_by = "0123456789ab",
      }
      for name, value in pairs(more) do entry[name] = value or nil end
      return entry
    end

    local function expect(entry, whole)
      assert.same({ entry }, inbox:list { id = "a" })
      for name, value in pairs(whole) do entry[name] = value end
      assert.same(entry, inbox:get "a")
    end

    local function put() return at(10):put { record("a", { verified_by = "0123456789ab" }) } end

    it("of a ready one", function()
      put()
      expect(made {}, { body = "body of a" })
    end)

    it("of one that waits for another try", function()
      put()
      finish(claim_one(), "ready", { wait = 5, reason = "failed" })
      expect(made { at = 15, attempt = 1, reason = "failed" }, {
        body = "body of a", history = { { at = 10, what = "failed", attempt = 1, reason = "failed" } },
      })
    end)

    it("of a leased one", function()
      put()
      at(11):claim(1, 60)
      expect(made { state = "leased", at = 71, attempt = 1 }, { body = "body of a" })
    end)

    it("of a done one", function()
      put()
      local claimed = claim_one()
      at(12)
      finish(claimed, "done", { scope = "p1" })
      expect(made { state = "done", at = 12, attempt = 1 }, { body = "body of a", scope = "p1" })
    end)

    it("of a dead one", function()
      put()
      finish(claim_one(), "dead", { code = "failed", reason = "gave up" })
      expect(made { state = "dead", attempt = 1, code = "failed", reason = "gave up" }, {
        body = "body of a", history = { { at = 10, what = "failed", attempt = 1, reason = "gave up" } },
      })
    end)

    it("of one that came in a trace", function()
      at(10):put { record("a", { verified_by = "0123456789ab", traceparent = "00-1-2-01" }) }
      assert.equal("00-1-2-01", claim_one().traceparent)
      expect(made { state = "leased", at = 70, attempt = 1 }, { body = "body of a", traceparent = "00-1-2-01" })
    end)

    it("of one that has little", function()
      at(10):put { { key = "a", digest = "digest of a", body = "body of a", reason = "not JSON" } }
      expect({
        id = "a", key = "a", digest = "digest of a", state = "dead", code = "invalid", reason = "not JSON",
        received_at = 10, at = 10, attempt = 0,
      }, { body = "body of a" })
    end)

    it("of one that is behind another", function()
      inbox:put { record("b", { app_id = "app of a" }) }
      at(10):put { record("a", { verified_by = "0123456789ab" }) }
      expect(made { behind = "b" }, { body = "body of a" })
    end)

    it("of another body under the same key", function()
      inbox:put { record "a" }
      given.run_all()
      at(10):put { record("a", { digest = "other" }) }
      local entry = inbox:get "a#other"
      assert.same({ "a", "other", "body of a", "ready" }, { entry.key, entry.digest, entry.body, entry.state })
      assert.is_nil(entry.behind)
    end)
  end)

  it("get gives tables that are the caller's to change, and nil for what is not there", function()
    inbox:put { record "a" }
    inbox:get("a").state = "changed"
    inbox:list()[1].state = "changed"
    assert.equal("ready", inbox:get("a").state)
    assert.is_nil(inbox:get "b")
  end)

  it("get takes an id, and not the key that several have", function()
    inbox:put { record "a", record("a", { digest = "other", body = "other" }) }
    assert.equal("body of a", inbox:get("a").body)
    assert.equal("other", inbox:get("a#other").body)
    assert.is_nil(inbox:get "digest of a")
  end)

  describe("later", function()
    local function of_app(key, time, more)
      local made = record(key, { app_id = "x", time = time })
      for name, value in pairs(more or {}) do made[name] = value end
      return made
    end

    local function later(app_id, time)
      local found = assert(inbox:later(app_id, time))
      table.sort(found, function(one, other) return one.id < other.id end)
      return found
    end

    it("gives the contract's fields, and no others, whatever the state", function()
      inbox:put { of_app("a", 1), of_app("b", 2), of_app("c", 3, { reason = "bad" }) }
      finish(claim_one(), "done", { scope = "p1" })
      claim_one()
      local found = later("x", 0)
      found[1].body = nil -- beside a scope it is not needed, and some inboxes leave it out
      assert.same({
        { id = "a", event = "app_unavailable", time = 1, scope = "p1" },
        { id = "b", event = "app_unavailable", time = 2, body = "body of b" },
        { id = "c", event = "app_unavailable", time = 3, body = "body of c" },
      }, found)
    end)

    it("gives the scope of what has lost its body, also an empty one", function()
      inbox:put { of_app("a", 1), of_app("b", 2) }
      for _ = 1, 2 do finish(claim_one(), "done", { scope = "" }) end
      at(10):forget({ bodies = 5, ids = 0 }, 10)
      assert.same({
        { id = "a", event = "app_unavailable", time = 1, scope = "" },
        { id = "b", event = "app_unavailable", time = 2, scope = "" },
      }, later("x", 0))
    end)

    it("gives those whose event is later, of this app only", function()
      inbox:put {
        of_app("a", 10.25), of_app("b", 20.5), of_app("c", 10.125), of_app("d", nil), record("e", { time = 99 }),
      }
      assert.same({ "a", "b" }, given.ids(later("x", 10.125)))
      assert.same({ "b" }, given.ids(later("x", 10.25)))
      assert.same({}, later("x", 20.5))
      assert.same({}, later("y", 0))
    end)

    it("knows nothing of what was deleted", function()
      inbox:put { of_app("a", 1), of_app("b", 2) }
      finish(claim_one(), "done")
      at(10):forget({ bodies = 0, ids = 5 }, 10)
      assert.same({ "b" }, given.ids(later("x", 0)))
    end)
  end)
end
