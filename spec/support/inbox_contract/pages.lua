--- The contract of an inbox, pages of what a filter selects, counts, and apps: see support.inbox_contract.
local assert = require "luassert"

return function(busted, given)
  local describe, it = busted.describe, busted.it
  local inbox, record, at = given.inbox, given.record, given.at

  local function ids_of(filter)
    local found, cursor = inbox:list(filter)
    return given.ids(found), cursor
  end

  describe("a list", function()
    it("goes on behind its cursor, in either direction, until nothing is left", function()
      inbox:put(given.many(5))
      for newest, expected in pairs {
        [false] = { { "k1", "k2" }, { "k3", "k4" }, { "k5" } }, [true] = { { "k5", "k4" }, { "k3", "k2" }, { "k1" } },
      } do
        local cursor
        for _, page in ipairs(expected) do
          local ids
          ids, cursor = ids_of { newest = newest, limit = 2, from = cursor }
          assert.same(page, ids)
        end
        assert.is_nil(cursor)
      end
    end)

    it("has no cursor if it has no limit", function()
      inbox:put(given.many(3))
      assert.same({ { "k1", "k2", "k3" } }, { ids_of() })
    end)

    it("goes on though what its cursor is of has changed, or is gone", function()
      inbox:put(given.many(4))
      local _, cursor = ids_of { limit = 2 }
      for _, claimed in ipairs(given.claim(2)) do given.finish(claimed, "done") end
      at(10):forget({ bodies = 5, ids = 5 }, 10)
      assert.same({ "k3", "k4" }, (ids_of { limit = 2, from = cursor }))
    end)

    it("has what comes meanwhile on its last page, or not at all if the newest are first", function()
      inbox:put(given.many(2))
      local _, oldest = ids_of { limit = 1 }
      local _, newest = ids_of { limit = 1, newest = true }
      inbox:put { record "new" }
      assert.same({ "k2", "new" }, (ids_of { limit = 5, from = oldest }))
      assert.same({ "k1" }, (ids_of { limit = 5, from = newest, newest = true }))
    end)

    -- A page may be short, but all pages together are whole.
    local function read_all(filter)
      local all, pages, cursor = {}, 0, nil
      repeat
        local ids
        filter.from = cursor
        ids, cursor = ids_of(filter)
        assert.is_true(#ids <= (filter.limit or math.huge))
        for _, id in ipairs(ids) do all[#all + 1] = id end
        pages = pages + 1
        assert.is_true(pages < 100)
      until not cursor
      return all
    end

    it("that may look at so many only has all on its pages, whatever is selected", function()
      for i = 1, 12 do
        given.bring("k" .. i, i % 4 == 0 and "failed" or i % 4 == 1 and "no_callback" or i % 4 == 2 and "done"
          or "cancelled", { app_id = "app " .. i % 3, event = "e" .. i % 2, type = false })
      end
      inbox:put { record("r1", { app_id = "x" }), record("r2", { app_id = "x" }), record "r3" }
      given.claim(1)
      for _, filter in ipairs {
        {}, { state = "dead" }, { state = "done" }, { state = "ready" }, { state = "leased" }, { code = "failed" },
        { app_id = "app 1" }, { event = "e1" }, { id = "k3" }, { state = "dead", app_id = "app 2" },
        { code = "failed", state = "ready" },
      } do
        for _, newest in ipairs { false, true } do
          filter.newest, filter.limit, filter.examine, filter.from = newest, nil, nil, nil
          local expected = ids_of(filter)
          for _, examine in ipairs { 2, 7, 100 } do
            for _, limit in ipairs { 2, false } do
              filter.limit, filter.examine = limit or nil, examine
              assert.same(expected, read_all(filter))
            end
          end
        end
      end
    end)

    it("with a limit of nothing has nothing, and goes on from where it was", function()
      inbox:put(given.many(2))
      local _, cursor = ids_of { limit = 1 }
      assert.same({ {}, cursor }, { ids_of { limit = 0, from = cursor } })
    end)

    it("refuses a cursor that is none, and to look at nothing", function()
      for _, from in ipairs { "", "x", "1.5", "-1", "1 OR 1", ("9"):rep(16) } do
        assert.error_matches(function() inbox:list { from = from } end,
          "inbox:list: option 'from' must be a cursor that list returned")
      end
      for _, examine in ipairs { 0, 1.5, -1 } do
        assert.error_matches(function() inbox:list { examine = examine } end,
          "inbox:list: option 'examine' must be a whole number, at least 1")
      end
      assert.error_matches(function() inbox:replay { from = "1" } end, "inbox:replay: unknown option 'from'")
    end)
  end)

  describe("count", function()
    it("counts what a filter selects, up to a number, and says whether there are more", function()
      inbox:put(given.many(4))
      inbox:cancel({ id = "k1" }, "not wanted")
      for most, expected in pairs { [0] = { 0, true }, [2] = { 2, true }, [3] = { 3, false }, [9] = { 3, false } } do
        assert.same(expected, { inbox:count({ state = "ready" }, most) })
      end
      assert.same({ 4, false }, { inbox:count({}, 10) })
      assert.same({ 0, false }, { inbox:count({ app_id = "none" }, 10) })
    end)

    it("looks at so many only, if it is told", function()
      inbox:put(given.many(4))
      local count, more = inbox:count({ event = "app_unavailable", examine = 2 }, 10)
      assert.is_true(count == 4 and not more or count == 2 and more)
    end)

    it("refuses to count up to what is no number", function()
      for _, most in ipairs { -1, 1.5, "1", false } do
        assert.error_matches(function() inbox:count({}, most) end,
          "inbox:count: 'most' must be a whole number, at least 0")
      end
    end)
  end)

  describe("apps", function()
    local function app(entry_id, app_id, state, received_at)
      return { id = entry_id, app_id = app_id, event = "app_unavailable", state = state, received_at = received_at }
    end

    it("gives the newest of each app, by app", function()
      at(10):put {
        record("b1", { app_id = "b", time = 5 }), record("a1", { app_id = "a", time = 5 }),
        record("none", { app_id = false }),
      }
      given.run_all()
      at(20):put {
        record("b2", { app_id = "b", time = 4 }), record("a2", { app_id = "a", time = 4 }),
        record("a3", { app_id = "a", time = 3 }), record("c1", { app_id = "c", time = false }),
      }
      assert.same({ app("a3", "a", "ready", 20), app("b2", "b", "ready", 20), app("c1", "c", "ready", 20) },
        (inbox:apps()))
    end)

    it("takes the one whose event is the latest, if none waits", function()
      at(10):put { record("a1", { app_id = "a", time = 5 }), record("a2", { app_id = "a", time = 4 }) }
      at(20):put { record("b1", { app_id = "b", time = false }), record("b2", { app_id = "b", time = 4 }) }
      given.run_all()
      assert.same({ app("a1", "a", "done", 10), app("b2", "b", "done", 20) }, (inbox:apps()))
      at(30):replay { state = "done", id = "a2" }
      assert.same({ app("a2", "a", "ready", 10), app("b2", "b", "done", 20) }, (inbox:apps()))
      given.claim_one()
      assert.same("leased", inbox:apps()[1].state)
    end)

    it("goes on behind its cursor until all apps were there", function()
      local records = {}
      for i = 1, 5 do
        records[2 * i - 1] = record("x" .. i, { app_id = "app " .. i })
        records[2 * i] = record("y" .. i, { app_id = "app " .. i })
      end
      inbox:put(records)
      for limit = 1, 6 do
        local found, cursor = {}, nil
        repeat
          local page
          page, cursor = inbox:apps { limit = limit, from = cursor }
          assert.is_true(#page <= limit)
          for _, one in ipairs(page) do found[#found + 1] = one.app_id .. " " .. one.id end
        until not cursor
        assert.same({ "app 1 y1", "app 2 y2", "app 3 y3", "app 4 y4", "app 5 y5" }, found)
      end
      assert.same({}, (inbox:apps { limit = 0 }))
      assert.same({}, (inbox:apps { from = "app 5" }))
    end)

    it("knows nothing of an app of which all was deleted", function()
      inbox:put { record("a1", { app_id = "a" }), record("a2", { app_id = "a" }), record("b1", { app_id = "b" }) }
      given.finish(given.claim_one(), "done")
      at(10):forget({ bodies = 0, ids = 5 }, 10)
      assert.equal(2, #inbox:apps())
      given.run_all()
      at(20):forget({ bodies = 0, ids = 15 }, 10)
      assert.same({}, (inbox:apps()))
    end)

    it("are more than one page can have", function()
      inbox:put(given.many(1003))
      local first, cursor = inbox:apps()
      local rest, last = inbox:apps { from = cursor }
      assert.same({ 1000, 3, nil }, { #first, #rest, last })
    end)
  end)
end
