--- The contract of an inbox, bodies that came without a signature: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at = given.inbox, given.record, given.at

  local function told(key, more)
    local made = record(key, { digest = "unsigned:1", body = "as told" })
    for name, value in pairs(more or {}) do made[name] = value end
    return made
  end

  local function signed(key, digest)
    return record(key, { digest = digest or "2", verified_by = "0123456789ab", body = "signed" })
  end

  local function expect(id, digest, verified_by, body)
    assert.same({ digest, verified_by, body }, given.columns(id, "digest", "verified_by", "body"))
  end

  describe("what came without a signature", function()
    it("is stored, and is the same as any other body under its key", function()
      assert.same({ "stored", "stored" }, inbox:put { signed "a", told "b" })
      assert.same({ "duplicate", "duplicate", "duplicate" },
        inbox:put { told "a", told("a", { digest = "unsigned:2" }), told("b", { digest = "unsigned:2" }) })
      expect("a", "2", "0123456789ab", "signed")
      expect("b", "unsigned:1", false, "as told")
    end)

    for _, state in ipairs { "ready", "done", "failed", "no_callback", "cancelled" } do
      it("gives its place to the first that is signed if it is " .. state, function()
        given.bring("a", state, { digest = "unsigned:1", body = "as told" })
        local is_rearmed = state == "failed" or state == "no_callback"
        assert.same({ is_rearmed and "rearmed" or "duplicate" }, at(2):put { signed "a" })
        expect("a", "2", "0123456789ab", "signed")
        assert.same({ "duplicate", "conflict" }, at(3):put { told "a", signed("a", "3") })
        expect("a", "2", "0123456789ab", "signed")
        assert.equal(1, inbox:get("a").received_at)
      end)
    end

    it("leaves nothing of its own to the one that is signed", function()
      given.bring("a", "cancelled", { digest = "unsigned:1", verified_by = "000000000001" })
      inbox:put { record("a", { digest = "2" }) }
      expect("a", "2", false, "body of a")
    end)

    it("keeps its place while it is leased: what runs then is what was not signed", function()
      local claimed = given.bring("a", "leased", { digest = "unsigned:1", body = "as told" })
      assert.same({ "duplicate", "duplicate" }, at(2):put { signed "a", signed("a", "3") })
      expect("a", "unsigned:1", false, "as told")
      given.finish(claimed, "done")
      assert.same({ "duplicate", "conflict" }, at(3):put { signed "a", signed("a", "3") })
      expect("a", "2", "0123456789ab", "signed")
    end)

    it("gets no body again if that was dropped", function()
      given.bring("a", "done", { digest = "unsigned:1", body = "as told" })
      at(10):forget({ bodies = 5, ids = 0 }, 10)
      assert.same({ "duplicate" }, inbox:put { signed "a" })
      expect("a", "2", "0123456789ab", false)
    end)

    it("makes no dead one ready again", function()
      given.bring("a", "failed", { digest = "unsigned:1" })
      given.bring("b", "no_callback")
      assert.same({ "duplicate", "duplicate" }, inbox:put { told "a", told "b" })
      assert.same({}, given.run_all())
      assert.same({ "rearmed", "rearmed" }, inbox:put { signed "a", record "b" })
      assert.same({ "a", "b" }, given.run_all())
    end)

    it("keeps which secret verified a notification, also once it is done", function()
      inbox:put { record("a", { verified_by = "0123456789ab" }), record "b" }
      inbox:put { record("a", { digest = "other", body = "other", verified_by = "ba9876543210" }) }
      assert.same({ "duplicate" }, inbox:put { record("b", { verified_by = "0123456789ab" }) })
      given.run_all()
      local found = {}
      for _, entry in ipairs(inbox:list()) do found[entry.id] = entry.verified_by end
      assert.same({ a = "0123456789ab", ["a#other"] = "ba9876543210" }, found)
      assert.is_nil(inbox:get("b").verified_by)
    end)
  end)
end
