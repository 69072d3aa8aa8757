-- What a dispatcher lets its inbox forget between turns.
local core = require "marketplace.core"
local exposition = require "support.exposition"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"

local HOUR, DAY = 3600, 86400
local TODAY = 20000 * DAY

describe("a dispatcher's retention", function()
  local monotonic = core.monotonic
  local inbox, runs, entries, now, elapsed, forgets

  local function clock() return now end

  local function start(settings)
    local given = { inbox = inbox, log = function(entry) entries[#entries + 1] = entry end, clock = clock }
    for name, value in pairs(settings or {}) do given[name] = value end
    runs = marketplace.dispatcher(given)
  end

  before_each(function()
    entries, now, elapsed, forgets = {}, TODAY, 0, {}
    core.monotonic = function() return elapsed end
    inbox = memory.new { clock = clock }
    local forget = inbox.forget
    inbox.forget = function(self, before, limit)
      forgets[#forgets + 1] = { before = before, limit = limit }
      return forget(self, before, limit)
    end
    start()
  end)

  after_each(function() core.monotonic = monotonic end)

  -- One that was done so many seconds ago.
  local function done(id, ago)
    now = now - ago
    assert(inbox:put { { key = id, digest = id, type = "Ping", event = "ping", body = "the body" } })
    local item = inbox:claim(1, 60)[1]
    item.state = "done"
    assert(inbox:finish { item })
    now = now + ago
  end

  -- As many turns as fit, if each comes so many seconds after the one before.
  local function pass(seconds, step)
    for _ = step, seconds, step do
      now, elapsed = now + step, elapsed + step
      runs:turn(1)
    end
  end

  local function kept(id)
    local entry = inbox:get(id)
    return entry and (entry.body and "body" or "id") or "nothing"
  end

  it("drops bodies after a week, and deletes ids after ninety days", function()
    done("a", 6 * DAY)
    pass(DAY - HOUR, HOUR)
    assert.equal("body", kept "a")
    pass(2 * HOUR, HOUR)
    assert.equal("id", kept "a")
    pass(82 * DAY, 6 * HOUR)
    assert.equal("id", kept "a")
    pass(2 * DAY, 6 * HOUR)
    assert.equal("nothing", kept "a")
  end)

  it("drops bodies also if those of all that was done before are gone", function()
    done("old", 80 * DAY)
    inbox:forget({ bodies = now, ids = 0 }, 1)
    pass(HOUR, 600)
    done("new", 0)
    pass(8 * DAY, HOUR)
    assert.same({ "id", "id" }, { kept "old", kept "new" })
  end)

  it("keeps bodies for as long as it is told", function()
    start { keep = 2 * DAY }
    done("a", DAY)
    pass(DAY - HOUR, HOUR)
    assert.equal("body", kept "a")
    pass(2 * HOUR, HOUR)
    assert.equal("id", kept "a")
  end)

  it("forgets nothing that waits or is dead", function()
    done("done", 201 * DAY)
    now = now - 200 * DAY
    for _, id in ipairs { "waits", "dead" } do
      inbox:put { { key = id, digest = id, type = "Ping", event = "ping", body = "the body" } }
    end
    inbox:cancel({ id = "dead" }, "a reason")
    now = now + 200 * DAY
    inbox.claim = function() return {} end
    pass(2 * DAY, HOUR)
    assert.same({ "body", "body", "nothing" }, { kept "waits", kept "dead", kept "done" })
  end)

  it("forgets at most a day of what was done for each day that it is up", function()
    for age = 200, 195, -1 do done("done " .. age .. " days ago", age * DAY) end
    pass(2 * DAY + 2 * HOUR, HOUR)
    assert.same({ ready = 0, leased = 0, done = 3, dead = 0 }, inbox:counts())
    assert.same({ "nothing", "body" }, { kept "done 198 days ago", kept "done 197 days ago" })
  end)

  it("forgets nothing if the clock jumps ahead, for however long", function()
    for age = 6, 0, -1 do done("done " .. age .. " days ago", age * DAY) end
    pass(HOUR, 60)
    now = now + 365 * DAY
    pass(DAY - 2 * HOUR, 600)
    assert.equal(7, inbox:counts().done)
    for age = 6, 0, -1 do assert.equal("body", kept("done " .. age .. " days ago")) end
  end)

  it("goes on as before once the clock is set right", function()
    done("a", 6 * DAY)
    pass(HOUR, 600)
    for _, jump in ipairs { 365 * DAY, -365 * DAY } do
      now = now + jump
      pass(HOUR, 600)
      now = now - jump
    end
    assert.equal("body", kept "a")
    -- what passed while the clock was behind is not caught up with
    pass(DAY, HOUR)
    assert.equal("id", kept "a")
  end)

  it("takes no measure from a clock that is behind what was done", function()
    done("a", 8 * DAY)
    now = 0
    pass(HOUR, 600)
    assert.same({}, forgets)
    now = TODAY
    pass(HOUR, 600)
    assert.equal("id", kept "a")
  end)

  it("looks once a minute, not in its first one, and not while nothing is done", function()
    local looks, oldest_done = 0, inbox.oldest_done
    inbox.oldest_done = function(...)
      looks = looks + 1
      return oldest_done(...)
    end
    pass(59, 1)
    assert.equal(0, looks)
    pass(181, 1)
    assert.same({ 4, 0, {} }, { looks, #forgets, entries })
    done("a", 0)
    pass(120, 1)
    assert.same({ 5, 2 }, { looks, #forgets }) -- once it has begun, it need not ask what is the oldest
  end)

  describe("with much to forget", function()
    local SLICE = 200

    before_each(function()
      for i = 1, 5 * SLICE do done("n" .. i, 91 * DAY) end
      inbox.forget = function(_, before, limit)
        elapsed = elapsed + 0.01
        forgets[#forgets + 1] = { before = before, limit = limit, at = elapsed }
        if #forgets > 5 then return { bodies = limit - 1, ids = limit - 1 } end
        return { bodies = #forgets % 2 * limit, ids = (1 - #forgets % 2) * limit }
      end
    end)

    it("takes small slices, with a twentieth of the time, also between callbacks that never end", function()
      inbox.next_in = function() return 0 end
      while #forgets < 6 do
        elapsed = elapsed + 0.001
        runs:turn(1)
      end
      for i, forget in ipairs(forgets) do
        assert.equal(SLICE, forget.limit)
        local pause = i > 1 and forget.at - forgets[i - 1].at
        assert.is_true(not pause or pause >= 0.2 and pause < 0.215, pause)
      end
    end)

    it("asks for a pause that ends with the next slice, and looks again after a minute once it has all", function()
      elapsed = 60
      for _ = 1, 5 do
        local pause = runs:turn(1)
        assert.is_true(pause > 0.15 and pause < 0.25, pause)
        elapsed = elapsed + pause + 0.001
      end
      assert.equal(1, runs:turn(1))
      elapsed = elapsed + 59
      runs:turn(1)
      assert.equal(6, #forgets)
      elapsed = elapsed + 2
      runs:turn(1)
      assert.equal(7, #forgets)
    end)

    it("counts what was forgotten", function()
      local function forgotten(what)
        return exposition.read(runs:metrics()).value(('marketplace_inbox_forgotten_total{what="%s"}'):format(what))
      end
      assert.same({ 0, 0 }, { forgotten "bodies", forgotten "ids" })
      inbox.forget = function() return { bodies = 3, ids = 5 } end
      pass(120, 1)
      assert.same({ 6, 10 }, { forgotten "bodies", forgotten "ids" })
    end)
  end)

  it("warns if the inbox cannot forget, tries again after a minute, and runs callbacks all the same", function()
    local ran = 0
    runs:on("*", function() ran = ran + 1 end)
    done("a", DAY)
    for _, method in ipairs { "oldest_done", "forget" } do
      for _, fail in ipairs { function() return nil, "gone", "inbox_unavailable" end, function() error "gone" end } do
        inbox[method] = fail
        entries, ran = {}, 0
        inbox:put { { key = method .. elapsed, digest = "d", type = "Ping", event = "ping",
          body = '{"data":{"type":"Ping"}}' } }
        pass(60, 1)
        local warned = {}
        for _, entry in ipairs(entries) do
          if entry.level == "warning" then warned[#warned + 1] = entry end
        end
        assert.equal(1, #warned)
        assert.equal("what is done cannot be forgotten", warned[1].message)
        assert.matches("gone", warned[1].reason)
        assert.equal(1, ran)
      end
      inbox[method] = nil
    end
  end)
end)
