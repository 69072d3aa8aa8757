local scheduler = require "marketplace.client.scheduler"

describe("marketplace.client.scheduler", function()
  local now, idled

  before_each(function() now, idled = 0, {} end)

  local function clock() return now end

  local function idle(seconds, is_exchanging)
    assert.is_true(#idled < 100, "it would wait for ever")
    idled[#idled + 1] = { seconds, is_exchanging }
    now = now + seconds
  end

  local function run(tasks, at_once)
    return scheduler.run(tasks, at_once or 6, clock, idle)
  end

  local function pause(seconds, exchange, ready)
    scheduler.pause()(seconds, exchange, ready)
  end

  -- done when it has been asked so often
  local function exchange(asked, sink)
    local made = { sink = sink, asked = 0, closed = false }
    function made:done()
      self.asked = self.asked + 1
      return self.asked >= asked
    end
    function made:close() self.closed = true end
    return made
  end

  it("gives what each task returns, in the order of the tasks", function()
    local results = run {
      function()
        pause(0.5)
        return "a", nil, "b", nil
      end,
      function() return nil end,
      function() end,
    }
    assert.same({ { n = 4, "a", nil, "b" }, { n = 1 }, { n = 0 } }, results)
    assert.same({}, run {})
  end)

  it("waits for the pause that ends first, and no longer than a second", function()
    local order = {}
    local function task(name, seconds)
      return function()
        pause(seconds)
        order[#order + 1] = name .. now
      end
    end
    run { task("a", 2.5), task("b", 0.25), task("c", 0.5) }
    assert.same({ "b0.25", "c0.5", "a2.5" }, order)
    assert.same({ { 0.25, false }, { 0.25, false }, { 1, false }, { 1, false } }, idled)
  end)

  it("runs so many at once, and the next as soon as one has ended", function()
    local running, most, starts = 0, 0, {}
    local tasks = {}
    for i, seconds in ipairs { 0.5, 0.25, 0.25, 0.5 } do
      tasks[i] = function()
        running, starts[i] = running + 1, now
        most = math.max(most, running)
        pause(seconds)
        running = running - 1
      end
    end
    run(tasks, 2)
    assert.equal(2, most)
    assert.same({ 0, 0, 0.25, 0.5 }, starts)
    run(tasks, 1)
    assert.same({ 1, 1.5, 1.75, 2 }, starts)
  end)

  it("goes on with an exchange when it is done", function()
    local one = exchange(3)
    local results = run {
      function()
        pause(nil, one)
        return one.asked
      end,
    }
    assert.equal(3, results[1][1])
    assert.same({ { 1, true }, { 1, true }, { 1, true } }, idled)
    idled = {}
    run { function() pause(nil, exchange(2)) end, function() pause(0.25) end }
    assert.same({ 0.25, true }, idled[1])
  end)

  it("goes on with an exchange that has a sink each time, as its task hands the bytes over", function()
    local one, resumed = exchange(9, function() end), 0
    run {
      function()
        for i = 1, 3 do
          pause(nil, one)
          resumed = i
        end
      end,
    }
    assert.same({ 3, 0 }, { resumed, one.asked })
  end)

  it("waits anew for what a task does after an exchange", function()
    local one = exchange(1)
    run {
      function()
        pause(nil, one)
        pause(0.5)
        pause(0)
      end,
    }
    assert.equal(1, one.asked)
    assert.equal(1.5, now)
  end)

  it("raises what a task raises, and from where, and ends what the others wait for", function()
    local one = exchange(9)
    local ok, problem = pcall(run, {
      function() pause(nil, one) end,
      function() pause(9) end,
      function()
        pause(0.25)
        error { "no string" }
      end,
    })
    assert.is_false(ok)
    assert.matches("^table: .*traceback.*spec/scheduler_spec.lua:", problem)
    assert.is_true(one.closed)
    ok, problem = pcall(run, { function() error("broken", 0) end })
    assert.is_false(ok)
    assert.matches("^broken\nstack traceback", problem)
  end)

  it("runs tasks in a loop of the caller's, which may add some at any time", function()
    local order, group = {}, scheduler.new(clock, idle)
    local function note(name)
      return function(...) order[#order + 1] = { name, ... } end
    end
    group:add(function()
      group:add(function() return "second" end, note "b")
      pause(0.5)
      return "first", nil
    end, note "a")
    group:turn()
    assert.same({ {}, 2 }, { order, group:count() })
    group:turn()
    assert.same({ { "b", true, "second" } }, order)
    group:wait(0.25)
    group:turn()
    assert.equal(1, group:count())
    group:wait(9)
    group:turn()
    assert.same({ "a", true, "first", nil }, order[2])
    assert.same({ 0, 0.5 }, { group:count(), now })
  end)

  it("tells a task's end if it raises, and goes on with the others", function()
    local group, told = scheduler.new(clock, idle), {}
    group:add(function() error "broken" end, function(ok, problem) told = { ok, problem } end)
    group:add(function() pause(0) end, function() end)
    group:turn()
    assert.is_false(told[1])
    assert.matches("broken\nstack traceback", told[2])
    assert.equal(1, group:count())
  end)

  it("lets a task wait until something is so, and does not sleep once it is", function()
    local group, is_so, seen = scheduler.new(clock, idle), false, nil
    group:add(function()
      pause(nil, nil, function() return is_so end)
      seen = true
    end, function() end)
    group:add(function()
      pause(0.5)
      is_so = true
    end, function() end)
    group:turn()
    group:wait(9)
    group:turn()
    assert.is_nil(seen)
    group:wait(9)
    group:turn()
    assert.is_true(seen)
    assert.same({ { 0.5, false }, { 0, false } }, idled)
  end)

  it("ends what its tasks wait for when it is closed, also from within one", function()
    local group, one, ran = scheduler.new(clock, idle), exchange(9), 0
    group:add(function() pause(nil, one) end, function() end)
    group:add(function() group:close() end, function() end)
    group:add(function() ran = ran + 1 end, function() end)
    group:turn()
    assert.same({ true, 0 }, { one.closed, group:count() })
    group:turn()
    group:wait(0)
    assert.equal(1, ran)
  end)

  it("knows its own coroutines only", function()
    assert.is_nil(scheduler.pause())
    assert.is_nil(coroutine.wrap(scheduler.pause)())
    run { function() assert.is_nil(coroutine.wrap(scheduler.pause)()) end }
  end)

  describe("a task", function()
    it("can be stopped where it waits, and its exchange is closed", function()
      local tasks, ended, ran = scheduler.new(clock, idle), {}, {}
      local function add(name, ...)
        local waits = { ... }
        return tasks:add(function()
          pause(waits[1], waits[2])
          ran[#ran + 1] = name
        end, function() ended[#ended + 1] = name end)
      end
      local open = exchange(2)
      local first, second = add("first", 1), add("second", nil, open)
      add("third", 1)
      tasks:turn()
      tasks:stop(first)
      tasks:stop(second)
      tasks:stop(second)
      assert.is_true(open.closed)
      assert.equal(1, tasks:count())
      now = 2
      tasks:turn()
      assert.same({ { "third" }, { "third" } }, { ran, ended })
    end)

    it("says when it may be due", function()
      local tasks = scheduler.new(clock, idle)
      tasks:add(function() pause(0.25) end, function() end)
      tasks:turn()
      assert.same({ 0.25, false }, { tasks:next_in(1) })
      assert.same({ 0.125, false }, { tasks:next_in(0.125) })
      tasks:add(function() pause(nil, exchange(3)) end, function() end)
      tasks:turn()
      assert.same({ 0.25, true }, { tasks:next_in(1) })
    end)

    it("that yields by itself is ended", function()
      local tasks, ended = scheduler.new(clock, idle), {}
      for _, yielded in ipairs { "a word", {}, 7 } do
        tasks:add(function() coroutine.yield(yielded) end, function(ok, problem)
          ended[#ended + 1] = not ok and problem:match "^[^\n]*"
        end)
      end
      tasks:add(function() coroutine.yield() end, function(ok) ended[#ended + 1] = ok end)
      tasks:turn()
      local message = "the task yielded, and was not called by what that is for"
      assert.same({ message, message, message, false }, ended)
      assert.equal(0, tasks:count())
    end)

    it("can wait in a protected call, also in one within another", function()
      local results = run {
        function()
          return scheduler.protected(function(a, b)
            local ok, problem = scheduler.protected(function()
              pause(0.5)
              error("inner", 0)
            end)
            pause(0.25)
            return ok, problem, a, b, nil
          end, "a", nil)
        end,
        function() return scheduler.protected(error, "at once", 0) end,
      }
      assert.same({ { n = 6, true, false, "inner", "a", nil, nil }, { n = 2, false, "at once" } }, results)
      assert.equal(0.75, now)
      assert.same({ true, "plain" }, { scheduler.protected(function() return "plain" end) })
    end)
  end)
end)
