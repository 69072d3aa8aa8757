local scheduler = require "marketplace.client.scheduler"
local slots = require "marketplace.packages.slots"

describe("marketplace.packages.slots", function()
  local now, order

  before_each(function() now, order = 0, {} end)

  local function run(tasks)
    local function idle(seconds)
      assert.is_true(now < 100, "it would wait for ever")
      now = now + math.max(seconds, 0.01)
    end
    scheduler.run(tasks, 9, function() return now end, idle)
  end

  -- A job that uses so many slots, one after another, without waiting for their ends.
  local function job(all, name, count)
    local function is_given_up() return false end
    return function()
      local pause = scheduler.pause()
      for i = 1, count do
        assert.is_true(all:take(pause, is_given_up))
        order[#order + 1] = name .. i
        pause(0)
      end
    end
  end

  it("gives no more than there are", function()
    local all, most, used = slots.new(2), 0, 0
    local function user()
      local pause = scheduler.pause()
      assert.is_true(all:take(pause, function() return false end))
      used = used + 1
      most = math.max(most, used)
      pause(1)
      used = used - 1
      all:give_back()
    end
    run { user, user, user, user, user }
    assert.same({ 2, 0, 2 }, { most, used, all.free })
  end)

  it("gives each job its turn, however much another wants", function()
    local all = slots.new(6)
    run { job(all, "large", 3), job(all, "small", 3) }
    assert.same({ "large1", "small1", "large2", "small2", "large3", "small3" }, order)
  end)

  it("gives none to who no longer wants it, and lets the next one have it", function()
    local all, is_given_up, outcomes = slots.new(0), false, {}
    run {
      function() outcomes.first = all:take(scheduler.pause(), function() return is_given_up end) end,
      function() outcomes.second = all:take(scheduler.pause(), function() return false end) end,
      function()
        scheduler.pause()(1)
        is_given_up = true
        all:give_back()
      end,
    }
    assert.same({ first = false, second = true }, outcomes)
    assert.equal(0, all.free)
  end)
end)
