-- How a dispatcher treats what it claimed together: when it begins, finishes and gives back.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local samples = require "marketplace.samples"

describe("a batch", function()
  local monotonic = core.monotonic
  local inbox, entries, elapsed, ran, told

  local function new(settings)
    local given = { inbox = inbox, log = function(entry) entries[#entries + 1] = entry end, lease = 1 }
    for name, value in pairs(settings or {}) do given[name] = value end
    local runs = marketplace.dispatcher(given)
    runs.batch = 64
    return runs
  end

  -- What finish is told, as { id=state, ... }, one table for each call.
  local function watch_finish()
    local finish = inbox.finish
    inbox.finish = function(self, items)
      local states = {}
      for _, item in ipairs(items) do states[item.id] = item.state end
      told[#told + 1] = states
      return finish(self, items)
    end
  end

  before_each(function()
    entries, elapsed, ran, told = {}, 0, {}, {}
    inbox = memory.new { clock = function() return 1e6 + elapsed end }
    core.monotonic = function() return elapsed end
    watch_finish()
  end)

  after_each(function() core.monotonic = monotonic end)

  local function put(app, ...)
    for _, id in ipairs { ... } do
      local body = samples.body("app_unavailable", { id = id, app_id = app, time = 1e6 })
      assert(inbox:put { {
        key = id, digest = core.sha256(body), type = "AppUnavailable", event = "app_unavailable", app_id = app,
        body = body,
      } })
    end
  end

  local function put_apps(...)
    for _, id in ipairs { ... } do put(id, id) end
  end

  local function state_of(id)
    local entry = inbox:get(id)
    return entry.state .. " " .. entry.attempt
  end

  local function states_of(...)
    local states = {}
    for i, id in ipairs { ... } do states[i] = state_of(id) end
    return states
  end

  local function logged(message)
    local found = {}
    for _, entry in ipairs(entries) do
      if entry.message == message then found[#found + 1] = entry end
    end
    return found
  end

  local function fail() return nil, "gone", "inbox_unavailable" end

  describe("that takes longer than its 50 ms", function()
    it("is finished, and what has not begun is given back, after the callback that took so long", function()
      local runs = new()
      put_apps("a", "b", "c", "d")
      runs:on("*", function(n)
        ran[#ran + 1] = n.id
        if n.id == "b" then elapsed = elapsed + 0.05 end
      end)
      assert.equal(4, runs:dispatch())
      assert.same({ a = "done", b = "done", c = "unbegun", d = "unbegun" }, told[1])
      assert.same({ "a", "b", "c", "d" }, ran)
      assert.same({ "done 1", "done 1", "done 1", "done 1" }, states_of("a", "b", "c", "d"))
    end)

    it("is finished at a heartbeat of the one that runs, and what has not begun is given back", function()
      local runs, extended = new(), {}
      put_apps("a", "slow", "c", "d")
      local extend = inbox.extend
      inbox.extend = function(self, items, lease)
        extended[#extended + 1] = #items == 1 and items[1].id
        return extend(self, items, lease)
      end
      runs:on("*", function(n, ctx)
        ran[#ran + 1] = n.id
        if n.id ~= "slow" then return end
        for _, seconds in ipairs { 0.04, 0.02, 0.9, 0.9 } do
          elapsed = elapsed + seconds
          assert(ctx:heartbeat())
          assert.same(elapsed < 0.05 and { "leased 1", "leased 1", "leased 1", "leased 1" }
            or { "done 1", "leased 1", "ready 0", "ready 0" }, states_of("a", "slow", "c", "d"))
        end
      end)
      assert.equal(4, runs:dispatch())
      assert.same({ { a = "done", c = "unbegun", d = "unbegun" }, { slow = "done" } }, { told[1], told[2] })
      assert.same({ "slow", "slow", "slow", "slow" }, extended)
      assert.same({ "a", "slow", "c", "d" }, ran)
    end)

    it("keeps none of the others from other workers, and has none of them run twice", function()
      local slow, other = new { lease = 2 }, new { lease = 2 }
      put_apps "slow"
      for i = 1, 40 do put_apps("app" .. i) end
      local counts = {}
      local function count(n) counts[n.id] = (counts[n.id] or 0) + 1 end
      slow:on("*", function(n, ctx)
        count(n)
        if n.id ~= "slow" then return end
        for _ = 1, 6 do
          elapsed = elapsed + 1
          assert(ctx:heartbeat())
          other:dispatch()
        end
      end)
      other:on("*", count)
      assert.equal(1, slow:dispatch { limit = 64 })
      assert.same({ ready = 0, leased = 0, done = 41, dead = 0 }, inbox:counts())
      for _, times in pairs(counts) do assert.equal(1, times) end
      assert.same({}, logged "lease lost")
    end)

    it("is left as it is if the inbox does not answer a heartbeat, which raises", function()
      local runs, problem = new { retry = { base = 600 } }, nil
      put_apps("a", "slow", "c")
      inbox.extend = fail
      runs:on("*", function(n, ctx)
        if n.id ~= "slow" then return end
        elapsed = elapsed + 0.06
        problem = select(2, pcall(ctx.heartbeat, ctx))
        assert.same({}, told)
        ctx:heartbeat()
      end)
      runs:dispatch()
      assert.equal("gone", problem)
      assert.same({ "done 1", "ready 1", "done 1" }, states_of("a", "slow", "c"))
      assert.matches("^gone\n", inbox:get("slow").reason)
    end)

    it("tells the inbox again, with the one that runs, what it did not answer at a heartbeat", function()
      local runs, finish = new(), inbox.finish
      put_apps("a", "slow", "c")
      runs:on("*", function(n, ctx)
        ran[#ran + 1] = n.id
        if n.id ~= "slow" then return end
        elapsed, inbox.finish = elapsed + 0.06, fail
        assert(ctx:heartbeat())
        inbox.finish = finish
        assert.same({}, told)
      end)
      assert.equal(3, runs:dispatch())
      assert.same({ { a = "done", c = "unbegun", slow = "done" }, { c = "done" } }, told)
      assert.same({ "a", "slow", "c" }, ran)
    end)
  end)

  describe("whose lease is reckoned from before it was asked for", function()
    local function make_late(seconds, meanwhile)
      local claim = inbox.claim
      inbox.claim = function(...)
        local claimed = claim(...)
        inbox.claim = claim
        elapsed = elapsed + seconds
        if meanwhile then meanwhile() end
        return claimed
      end
    end

    it("is given back as it was: with why it failed, and to be claimed alone", function()
      local runs = new()
      runs:on("*", function() end)
      put_apps "a"
      local claimed = inbox:claim(1, 1)[1]
      claimed.state, claimed.reason = "ready", "failed once"
      inbox:finish { claimed }
      put_apps "b"
      inbox:claim(1, 1)
      elapsed = 1
      make_late(1.3)
      assert.equal(0, runs:dispatch())
      assert.same({ "ready 2", "failed once" }, { state_of "a", inbox:get("a").reason })
      assert.same({ "a" }, { inbox:claim(2, 1)[1].id, inbox:claim(2, 1)[2] })
    end)

    it("is given back, uncounted, if the inbox's answer came after it had ended", function()
      local runs = new()
      runs:on("*", function(n) ran[#ran + 1] = n.id end)
      put_apps("a", "b")
      make_late(1.3)
      assert.equal(0, runs:dispatch())
      assert.same({}, ran)
      assert.same({ "ready 0", "ready 0" }, states_of("a", "b"))
      assert.same({}, logged "lease lost")
      assert.matches("notifications given back, not begun: 2", logged("lease ended")[1].reason)
      assert.equal(2, runs:dispatch())
    end)

    it("begins up to the end of the lease, and not at it", function()
      for _, case in ipairs { { 0.99, 1 }, { 1, 0 } } do
        local runs = new()
        runs:on("*", function() end)
        put_apps("after-" .. case[1])
        make_late(case[1])
        assert.equal(case[2], runs:dispatch())
      end
    end)

    it("never runs beside another worker's, nor after what that one has run since", function()
      local late, prompt = new(), new()
      local function note(name)
        return function(n) ran[#ran + 1] = name .. n.id end
      end
      late:on("*", note "late ")
      prompt:on("*", note "prompt ")
      put("x", "x-1", "x-2", "x-3")
      make_late(1.3, function() prompt:dispatch { limit = 2 } end)
      late:dispatch()
      late:dispatch()
      assert.same({ "prompt x-1", "prompt x-2", "late x-3" }, ran)
      assert.same({}, logged "lease lost")
    end)

    it("does not pass for held if the answer to a heartbeat came after it had ended", function()
      local runs, held, extend = new(), {}, inbox.extend
      put_apps "a"
      runs:on("*", function(_, ctx)
        for _, seconds in ipairs { 0.5, 1, 1.3, 0 } do
          inbox.extend = function(...)
            local answer = extend(...)
            elapsed = elapsed + seconds
            return answer
          end
          held[#held + 1] = ctx:heartbeat()
        end
      end)
      runs:dispatch()
      assert.same({ true, false, false, true }, held)
    end)
  end)

  describe("whose end the inbox does not answer", function()
    -- once; whether it takes what it is told
    local function leave_unanswered(takes_it)
      local finish = inbox.finish
      inbox.finish = function(self, items)
        if takes_it then finish(self, items) end
        inbox.finish = finish
        return fail()
      end
    end

    local function run_two(runs)
      runs:on("*", function(n) ran[#ran + 1] = n.id end)
      put_apps("a", "b")
      assert.same({ nil, "gone", "inbox_unavailable" }, { runs:dispatch() })
    end

    for name, takes_it in pairs { ["before it took it"] = false, ["after it took it"] = true } do
      it("is told again in the next dispatch: " .. name, function()
        local runs = new()
        leave_unanswered(takes_it)
        run_two(runs)
        elapsed = 0.9
        assert.equal(0, runs:dispatch())
        assert.same({ "done 1", "done 1" }, states_of("a", "b"))
        assert.same({ "a", "b" }, ran)
        assert.same({}, logged "lease lost")
        local calls = #told
        runs:dispatch()
        assert.equal(calls, #told)
      end)
    end

    it("is told again until it answers, even once the lease has ended", function()
      local runs, finish = new(), inbox.finish
      inbox.finish = fail
      run_two(runs)
      for _, at in ipairs { 0.4, 0.8, 1.2 } do
        elapsed = at
        assert.same({ nil, "gone", "inbox_unavailable" }, { runs:dispatch() })
      end
      inbox.finish = finish
      assert.equal(0, runs:dispatch())
      assert.same({ { "a", "b" }, { "done 1", "done 1" } }, { ran, states_of("a", "b") })
      assert.same({}, logged "lease lost")
    end)

    it("is reported as lost if another worker has recovered the leases, but not what was given back", function()
      local runs, finish = new(), inbox.finish
      put_apps("a", "b", "c")
      runs:on("*", function(n) if n.id == "b" then elapsed = elapsed + 0.06 end end)
      inbox.finish = fail
      assert.is_nil(runs:dispatch())
      elapsed, inbox.finish = 1, finish
      assert.equal(3, inbox:recover { 5 })
      assert.equal(3, runs:dispatch())
      local lost = logged "lease lost"
      assert.same({ "a", "b" }, { lost[1].id, lost[2].id })
      assert.matches("^the inbox did not answer", lost[1].reason)
      assert.equal(2, #lost)
      assert.matches('marketplace_runs_total{outcome="lost"} 2', runs:metrics(), 1, true)
    end)

    it("is reported as lost if it was not answered at a heartbeat, and its lease ended before what runs did", function()
      local runs, finish = new(), inbox.finish
      put_apps("a", "slow")
      runs:on("*", function(n, ctx)
        if n.id ~= "slow" then return end
        elapsed, inbox.finish = 0.9, fail
        assert(ctx:heartbeat())
        elapsed, inbox.finish = 1, finish
        assert.equal(1, inbox:recover { 5 })
      end)
      assert.equal(3, runs:dispatch())
      assert.same({ "a" }, { logged("lease lost")[1].id, logged("lease lost")[2] })
    end)

    it("is fenced off by the token of whoever has claimed it since", function()
      local runs, finish = new(), inbox.finish
      inbox.finish = fail
      run_two(runs)
      inbox.finish = finish
      inbox:cancel({ id = "a" }, "enough")
      inbox:replay { id = "a" }
      assert.equal(1, #inbox:claim(1, 60))
      runs:dispatch()
      assert.same({ "leased", "done" }, { inbox:get("a").state, inbox:get("b").state })
    end)

    it("is told with what a later heartbeat has extended", function()
      local runs, finish = new(), inbox.finish
      put_apps "slow"
      runs:on("*", function(_, ctx)
        ran[#ran + 1] = ctx.attempt
        for _ = 1, 3 do
          elapsed = elapsed + 0.9
          ctx:heartbeat()
        end
      end)
      inbox.finish = fail
      assert.is_nil(runs:dispatch())
      elapsed, inbox.finish = elapsed + 0.9, finish
      runs:dispatch()
      assert.same({ { 1 }, "done 1" }, { ran, state_of "slow" })
    end)
  end)
end)
