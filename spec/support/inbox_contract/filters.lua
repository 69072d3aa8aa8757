--- The contract of an inbox, what list selects: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it, before_each = busted.describe, busted.it, busted.before_each
  local inbox, record, at, finish = given.inbox, given.record, given.at, given.finish

  describe("list", function()
    local ALL = { "y", "x", "y#other", "w", "v", "u" }

    -- One entry or more of each state, stored in two moments.
    before_each(function()
      at(10):put {
        record("y", { verified_by = "000000000001" }), record("x", { type = "T2", event = "e2" }),
        record("y", { digest = "other", verified_by = "000000000002", app_id = "w's app" }),
      }
      at(20):put {
        record("w", { app_id = "w's app", type = "T2" }), record("v", { reason = "not JSON", event = "e2" }),
        record("u", { verified_by = "000000000001" }),
      }
      finish(inbox:claim(2, 60)[1], "done")
      finish(at(30):claim(2, 60)[2], "dead", { code = "failed", reason = "gave up" })
    end)

    local function slice(list, limit, newest)
      local found = {}
      for i = 1, math.min(limit, #list) do found[i] = newest and list[#list + 1 - i] or list[i] end
      return found
    end

    -- Both directions, with no limit and with each.
    local function expect(expected, filter)
      for _, newest in ipairs { false, true } do
        filter.newest, filter.limit = newest, nil
        assert.same(slice(expected, #expected, newest), given.ids(inbox:list(filter)))
        for limit = 0, #expected + 1 do
          filter.limit = limit
          assert.same(slice(expected, limit, newest), given.ids(inbox:list(filter)))
        end
      end
    end

    it("gives all, the oldest first, and of those that came at the same time the one that was stored first", function()
      assert.same(ALL, given.ids(inbox:list()))
      expect(ALL, {})
    end)

    for name, case in pairs {
      ["an id"] = { { "y#other" }, { id = "y#other" } },
      ["the id of a notification, which several have"] = { { "y", "y#other" }, { id = "y" } },
      done = { { "y" }, { state = "done" } }, leased = { { "x", "y#other" }, { state = "leased" } },
      ready = { { "w" }, { state = "ready" } }, dead = { { "v", "u" }, { state = "dead" } },
      ["a code"] = { { "u" }, { code = "failed" } }, ["another code"] = { { "v" }, { code = "invalid" } },
      ["a code that none has"] = { {}, { code = "cancelled" } },
      ["an app"] = { { "y#other", "w" }, { app_id = "w's app" } }, ["a type"] = { { "x", "w" }, { type = "T2" } },
      ["an event"] = { { "x", "v" }, { event = "e2" } },
      ["a secret"] = { { "y", "u" }, { verified_by = "000000000001" } },
      ["an earlier time"] = { { "y", "x", "y#other" }, { received_before = 20 } },
      ["a later time"] = { { "w", "v", "u" }, { received_since = 20 } },
      ["a time between"] = { ALL, { received_before = 20.5, received_since = 10 } },
      ["a time before all"] = { {}, { received_before = 10 } },
      ["a time after all"] = { {}, { received_since = 20.25 } },
      ["a type and an app"] = { { "w" }, { type = "T2", app_id = "w's app" } },
      ["a secret and a state"] = { { "u" }, { verified_by = "000000000001", state = "dead" } },
      ["a secret and a time"] = { {}, { verified_by = "000000000002", received_since = 20 } },
      ["two times and an event"] = { { "x" }, { received_since = 10, received_before = 20, event = "e2" } },
      ["a state and a code"] = { { "v" }, { state = "dead", code = "invalid" } },
      ["a state without codes and a code"] = { {}, { state = "leased", code = "failed" } },
      ["an id that is not there"] = { {}, { id = "z" } },
      ["an id in another state"] = { {}, { id = "x", state = "done" } },
      ["a secret and an event of others"] = { {}, { verified_by = "000000000001", event = "e2" } },
    } do
      it("filters by " .. name .. ", with each limit, the oldest and the newest first", function()
        expect(case[1], case[2])
      end)
    end

    it("gives no bodies and no scopes", function()
      for _, entry in ipairs(inbox:list()) do assert.same({}, { entry.body, entry.scope }) end
    end)
  end)

  for _, method in ipairs { "list", "replay" } do
    it(method .. " refuses a filter that it does not know, and one of another type", function()
      assert.error_matches(function() inbox[method](inbox, { ap = "a" }) end,
        "inbox:" .. method .. ": unknown option 'ap'; known: app_id, code, ")
      assert.error_matches(function() inbox[method](inbox, { received_since = "1" }) end,
        "option 'received_since' must be a number, not a string")
      assert.error_matches(function() inbox[method](inbox, { newest = 1 }) end,
        "option 'newest' must be a boolean, not a number")
      for _, limit in ipairs { -1, 1.5, 1e300 } do
        assert.error_matches(function() inbox[method](inbox, { limit = limit }) end,
          "inbox:" .. method .. ": option 'limit' must be a whole number, at least 0")
      end
    end)
  end
end
