-- When marketplace.nginx.worker runs callbacks, in an imitated nginx. spec/nginx_spec.lua runs them in a real one.
local imitated_nginx = require "support.imitated_nginx"

local LEASE = 60

describe("marketplace.nginx.worker", function()
  local nginx, worker, inbox, dispatcher, entries, turns, answers, forwards, stops

  before_each(function()
    nginx = imitated_nginx.install()
    inbox, entries, turns, answers = { durable = true }, {}, {}, {}
    forwards, stops = {}, 0
    dispatcher = { lease = LEASE, active_at = 0 }
    -- Each turn is noted, and takes the next of the answers: a pause, a function that returns one, or by default an
    -- hour.
    function dispatcher:turn(seconds)
      turns[#turns + 1] = { at = nginx.now, seconds = seconds }
      self.active_at = nginx.now
      local answer = table.remove(answers, 1) or 3600
      return type(answer) == "function" and answer() or answer
    end
    function dispatcher.waiting() return 0 end
    function dispatcher.await_forward() return table.remove(forwards, 1) or false end
    function dispatcher.stop() stops = stops + 1 end
    worker = nginx.require("marketplace.nginx.worker").new({ inbox = inbox, dispatcher = dispatcher }, {
      write = function(entry) entries[#entries + 1] = entry end,
    })
  end)

  after_each(function() nginx:remove() end)

  local function times()
    local list = {}
    for i, turn in ipairs(turns) do list[i] = turn.at - 1000 end
    return list
  end

  local function logged()
    local list = {}
    for i, entry in ipairs(entries) do
      list[i] = ("%s %s: %s"):format(entry.level, entry.message, tostring(entry.reason))
      assert.is_number(entry.at)
    end
    return list
  end

  describe("runs", function()
    it("turns of a second, with the pauses between them that the dispatcher asks for", function()
      answers = { 0, 0, 5, 0.5 }
      worker:start()
      nginx:advance(8)
      assert.same({ 0, 0, 0, 5, 5.5 }, times())
      for _, turn in ipairs(turns) do assert.equal(1, turn.seconds) end
    end)

    it("the next turn at once when something was stored while it pauses", function()
      worker:start()
      nginx:advance(3)
      worker:wake()
      worker:wake()
      nginx:advance(10)
      assert.same({ 0, 3 }, times())
    end)

    it("no extra turn for what was stored while it ran", function()
      answers = { function()
        worker:wake()
        return 3600
      end }
      worker:start()
      nginx:advance(10)
      assert.same({ 0 }, times())
    end)

    it("no earlier than when it is started", function()
      nginx:advance(10)
      assert.same({}, times())
    end)
  end)

  describe("if nginx cannot create a timer", function()
    local PROBLEM = "error callbacks cannot run: nginx cannot create a timer: too many pending timers"

    it("says so and tries again each second", function()
      answers = { 2 }
      worker:start()
      nginx:advance(1)
      nginx.refuses_timers = true
      nginx:advance(3.5) -- the turn's pause ends after one
      assert.same({ PROBLEM, PROBLEM, PROBLEM }, logged())
      nginx.refuses_timers = false
      nginx:advance(0.4)
      assert.same({ 0 }, times())
      nginx:advance(0.2)
      assert.same({ 0, 5 }, times())
      nginx:advance(60)
      assert.equal(3, #entries)
    end)

    it("does not take its own callbacks to have ended meanwhile", function()
      answers = { 1 }
      worker:start()
      nginx.refuses_timers = true
      nginx:advance(LEASE + 30)
      for _, line in ipairs(logged()) do assert.equal(PROBLEM, line) end
      nginx.refuses_timers = false
      nginx:advance(1)
      assert.equal(2, #turns)
    end)

    it("ends with its worker: what only that holds runs now", function()
      answers = { 1 }
      worker:start()
      nginx:advance(0.5)
      inbox.durable, nginx.refuses_timers = false, true
      nginx:advance(1)
      nginx:exit()
      nginx:advance(1)
      assert.equal(2, #turns)
    end)

    it("refuses to start", function()
      nginx.refuses_timers = true
      assert.has_error(function() worker:start() end, "too many pending timers")
    end)
  end)

  describe("when the worker ends", function()
    it("begins no turn of what others can run", function()
      worker:start()
      nginx:advance(1)
      nginx:exit()
      nginx:advance(0.001)
      assert.same({ 0 }, times())
      assert.same({}, logged())
      assert.equal(1, stops)
    end)

    it("waits for what is on its way to other systems, of what only it holds", function()
      inbox.durable, answers, forwards = false, { 0.1, 0.1, 0.1 }, { true, true }
      worker:start()
      nginx:exit()
      assert.same({ 3, 1 }, { #turns, stops })
    end)

    it("runs what only it holds until that pauses", function()
      inbox.durable, answers = false, { 3600, 0, 0, 0.1 }
      worker:start()
      nginx:advance(1)
      nginx:exit()
      nginx:advance(0.001)
      assert.equal(4, #turns)
      assert.same({}, logged())
      assert.same({}, nginx.waiting)
      assert.same({}, nginx.timers)
    end)

    it("runs it for ten seconds at most, and says how many notifications are lost", function()
      inbox.durable = false
      for i = 1, 30 do
        answers[i] = function()
          nginx.now = nginx.now + 0.5
          return 0
        end
      end
      function dispatcher.waiting() return 1 end
      worker:start()
      nginx:exit()
      assert.equal(20, #turns)
      assert.same({ "warning stopped: notifications lost before their callbacks ran: 1" }, logged())
    end)

    it("says nothing if nothing is lost", function()
      inbox.durable = false
      worker:start()
      nginx:exit()
      assert.same({}, logged())
    end)

    it("runs what only it holds even if it is told so during a turn", function()
      inbox.durable = false
      answers = { function()
        nginx.is_exiting = true
        return 0
      end, 0, 3600 }
      worker:start()
      nginx:advance()
      assert.equal(3, #turns)
    end)

    it("says nothing if it cannot be found out what is lost", function()
      inbox.durable = false
      worker:start()
      nginx:advance(1)
      local waitings = { function() return nil, "unavailable" end, function() error "a mistake" end }
      for _, waiting in ipairs(waitings) do
        dispatcher.waiting = waiting
        nginx:exit()
      end
      assert.same({}, logged())
    end)

    it("does not wait for the pause that a turn under way returns", function()
      answers = { function()
        coroutine.yield(2)
        return 3600
      end }
      worker:start()
      nginx:advance(1)
      nginx:exit()
      nginx:advance(1)
      assert.same({}, nginx.waiting)
      assert.same({ 0 }, times())
    end)
  end)

  describe("if a callback ended the timer that it ran in, or never returns,", function()
    local RESTARTED = "error callbacks cannot run: one of them ended the timer, as ngx.exit does, or takes longer " ..
      "than its lease: they are started again"

    local function never() coroutine.yield(math.huge) end

    it("starts again two seconds after its lease has ended", function()
      answers = { never }
      worker:start()
      nginx:advance(LEASE + 2)
      assert.same({}, logged())
      nginx:advance(1)
      assert.same({ RESTARTED }, logged())
      assert.same({ 0, LEASE + 3 }, times())
      nginx:advance(LEASE - 4) -- what the new turn does takes its lease, too
      assert.equal(1, #entries)
    end)

    it("does so again if it happens again", function()
      answers = { never, never }
      worker:start()
      nginx:advance(3 * LEASE)
      assert.same({ RESTARTED, RESTARTED }, logged())
      assert.same({ 0, LEASE + 3, 2 * (LEASE + 3) }, times())
    end)

    it("is not misled by turns that find nothing to run", function()
      for i = 1, 100 do answers[i] = 1 end
      dispatcher.active_at = 0
      local turn = dispatcher.turn
      function dispatcher:turn(seconds)
        local active_at = self.active_at
        local pause = turn(self, seconds)
        self.active_at = active_at
        return pause
      end
      worker:start()
      nginx:advance(99.5)
      assert.same({}, logged())
      assert.equal(100, #turns)
    end)

    it("counts from when a callback was last active", function()
      answers = { never }
      worker:start()
      nginx:advance(50)
      dispatcher.active_at = nginx.now
      nginx:advance(LEASE + 2)
      assert.same({}, logged())
      nginx:advance(1)
      assert.same({ RESTARTED }, logged())
    end)

    it("does not run on with the old turns when their callback returns after all", function()
      answers = { function()
        coroutine.yield(LEASE + 10)
        return 3600
      end, 20, 3600 }
      worker:start()
      nginx:advance(LEASE + 30)
      worker:wake()
      nginx:advance(10)
      assert.same({ 0, LEASE + 3, LEASE + 23, LEASE + 30 }, times())
    end)

    it("does not run on with the old turns if that happened in their pause", function()
      answers = { LEASE + 10, LEASE - 20, 3600 }
      dispatcher.active_at = -math.huge
      worker:start()
      nginx:advance(2 * LEASE)
      assert.same({ 0, LEASE + 3, 2 * LEASE - 17 }, times())
    end)

    it("does not start again when the worker ends", function()
      answers = { never }
      worker:start()
      nginx:advance(LEASE + 2.5)
      nginx:exit()
      nginx:advance(LEASE)
      assert.same({}, logged())
      assert.equal(1, #turns)
    end)
  end)

  it("keeps a timer that wakes the callbacks when the worker ends", function()
    answers = { 10 * 86400, 10 * 86400 }
    dispatcher.lease = math.huge
    worker:start()
    nginx:advance(3 * 86400 + 1)
    local count = #turns
    nginx:exit()
    nginx:advance(0.001)
    assert.same({}, nginx.waiting)
    assert.equal(count, #turns)
  end)

  describe("once, for the Lua of one request,", function()
    it("runs one turn of what others can run too", function()
      answers = { 0 }
      worker:start_once()
      nginx:advance(10)
      assert.same({ 0 }, times())
    end)

    it("runs what only it holds until that is done", function()
      inbox.durable, answers = false, { 2, 3, 4 }
      local left = 2
      function dispatcher.waiting()
        left = left - 1
        return left
      end
      worker:start_once()
      nginx:advance(10)
      assert.same({ 0, 2 }, times())
      assert.same({}, nginx.timers)
    end)

    it("does not run on if it cannot be found out whether it is done", function()
      inbox.durable, answers = false, { 2, 3 }
      function dispatcher.waiting() return nil, "unavailable" end
      worker:start_once()
      nginx:advance(10)
      assert.same({ 0 }, times())
    end)

    it("runs no further turn when the worker ends", function()
      inbox.durable, answers = false, { 2, 0, 0 }
      function dispatcher.waiting() return 1 end
      worker:start_once()
      nginx:advance(1)
      nginx:exit()
      assert.equal(2, #turns)
    end)

    it("says so if nginx cannot create a timer", function()
      nginx.refuses_timers = true
      worker:start_once()
      assert.same({ "error callbacks cannot run: nginx cannot create a timer: too many pending timers" }, logged())
    end)
  end)

  describe("asked between two callbacks", function()
    local asked

    before_each(function() asked = {} end)

    -- Runs a turn that asks after each of these times.
    local function ask_after(...)
      local waits = { ... }
      answers = { function()
        for i, seconds in ipairs(waits) do
          nginx.now = nginx.now + seconds
          local before = nginx.now
          asked[i] = { stops = worker:stop_asked(), slept = nginx.now - before > 0 }
        end
        return 3600
      end }
      worker:start()
      nginx:advance(1)
    end

    it("lets requests run first if they have waited for five milliseconds", function()
      nginx.now = 0
      ask_after(0.005, 0.004, 0.004, 0.002, 0.004)
      local slept = {}
      for i, one in ipairs(asked) do
        slept[i] = one.slept
        assert.is_false(one.stops)
      end
      assert.same({ true, false, true, false, true }, slept)
    end)

    it("stops when the worker ends, unless only that holds what is left", function()
      for _, durable in ipairs { true, false } do
        inbox.durable, nginx.is_exiting = durable, false
        answers = { function()
          nginx.is_exiting = true
          asked[durable] = worker:stop_asked()
          return 3600
        end }
        worker:start_once()
        nginx:advance()
      end
      assert.same({ [true] = true, [false] = false }, asked)
    end)
  end)
end)
