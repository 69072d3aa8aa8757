--- The contract of an inbox, dead entries and what makes them ready again: see support.inbox_contract.
local assert = require "luassert"

local REARMED = { failed = true, no_callback = true, cancelled = false, invalid = false }
local REPLAYED = { failed = true, no_callback = true, cancelled = true, invalid = false }

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at, claim_one = given.inbox, given.record, given.at, given.claim_one

  local function expect_anew(time)
    assert.same({ "ready", false, false, 0, time, 1 },
      given.columns("a", "state", "code", "reason", "attempt", "at", "received_at"))
    assert.equal(1, claim_one().attempt)
  end

  for code, is_rearmed in pairs(REARMED) do
    describe("a dead one that is " .. code, function()
      it("says so", function()
        given.bring("a", code)
        assert.same({ "dead", code }, given.columns("a", "state", "code"))
        assert.is_string(inbox:get("a").reason)
        assert.is_nil(claim_one())
      end)

      it(is_rearmed and "is ready if it is sent again" or "stays dead if it is sent again", function()
        given.bring("a", code)
        local sent = record("a", { reason = code == "invalid" and "not JSON" or nil })
        assert.same({ is_rearmed and "rearmed" or "duplicate" }, at(50):put { sent })
        if is_rearmed then return expect_anew(50) end
        assert.same({ "dead", code }, given.columns("a", "state", "code"))
      end)

      it(REPLAYED[code] and "is ready if it is replayed" or "cannot be replayed", function()
        given.bring("a", code)
        assert.same(REPLAYED[code] and { "a" } or {}, at(50):replay())
        if REPLAYED[code] then return expect_anew(50) end
        assert.same({}, inbox:replay { id = "a", state = "dead", code = code })
        assert.same({ "dead", code }, given.columns("a", "state", "code"))
      end)
    end)
  end

  it("what is ready again is a duplicate then", function()
    given.bring("a", "failed")
    assert.same({ "rearmed", "duplicate" }, inbox:put { record "a", record "a" })
    claim_one()
    assert.same({ "duplicate" }, inbox:put { record "a" })
  end)

  it("another body under its key makes no dead one ready", function()
    given.bring("a", "failed")
    assert.same({ "conflict" }, inbox:put { record("a", { digest = "other" }) })
    assert.equal("dead", inbox:get("a").state)
    assert.same({ "a#other" }, given.run_all())
  end)

  it("what was kept as a conflict is made ready under its own id", function()
    inbox:put { record "a" }
    given.run_all()
    inbox:put { record("a", { digest = "other" }) }
    given.finish(claim_one(), "dead", { code = "failed", reason = "gave up" })
    assert.same({ "#rearmed" }, inbox:put { record("a", { digest = "other" }) })
    assert.same({ "a#other" }, given.run_all())
  end)
end
