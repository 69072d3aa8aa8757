-- A short run of what tools/chaos.lua does at length.
local chaos = require "support.chaos"
local marketplace = require "marketplace"

describe("what was acknowledged", function()
  it("is done and ran, however often the receiver is killed", function()
    local run = chaos.begin { inbox = function(folder) return "sqlite:" .. folder .. "/inbox.db" end, lease = 3600 }
    local killed = chaos.kill_receiver(run, 11, math.random)
    run:start("never", 1)
    run:stop_senders()
    run:drain()
    local figures = run:check()
    for _, point in ipairs(chaos.POINTS) do assert.equal(1, killed[point]) end
    assert.is_true(figures.acknowledged > 0 and figures.refused_tries > 0)
    assert.equal("ok", run:integrity())
    run:remove()
  end)

  it("is done and ran in order, however often workers are killed, long before their leases end", function()
    local run = chaos.begin {
      inbox = function(folder) return "sqlite:" .. folder .. "/inbox.db" end, lease = 3600,
      environment = "CHAOS_CALLBACK_SECONDS=0.002", pause = 0.005,
    }
    run:start_workers(3)
    run:start("never", 1)
    chaos.kill_workers(run, 20, math.random)
    run:stop_senders()
    run:drain()
    assert.is_true(run:check().acknowledged > 0)
    assert.is_true(run:recoveries().count > 0)
    run:remove()
  end)

  it("is done and ran in order, however often workers are stopped for longer than their leases", function()
    local run = chaos.begin {
      inbox = function(folder) return "sqlite:" .. folder .. "/inbox.db" end,
      environment = "CHAOS_CALLBACK_SECONDS=0.002", pause = 0.005,
    }
    run:start_workers(3)
    run:start("never", 1)
    assert.is_true(chaos.stop_workers(run, 6, math.random) >= 6)
    run:stop_senders()
    run:drain()
    assert.is_true(run:check().acknowledged > 0)
    run:remove()
  end)

  -- ids that were acknowledged and are not in the inbox after a power cut
  local function missing_after_power_cut(synchronous)
    local run
    run = chaos.begin {
      inbox = function(folder) return "sqlite:" .. folder .. "/inbox.db" end, count = 50,
    }
    run.environment = ("LD_PRELOAD=build/test/lost_writes.so LOST_WRITES_FOLDER=%s %s"):format(run.folder,
      synchronous and "CHAOS_SYNCHRONOUS=" .. synchronous or "")
    run:start("never", 1)
    run:wait_for_senders()
    run:kill()
    chaos.lose_writes(run.folder .. "/inbox.db")
    local box = assert(marketplace.inbox(run.inbox))
    local acknowledged, missing = run:acknowledged(), 0
    assert.equal(200, #acknowledged)
    for _, id in ipairs(acknowledged) do
      if not box:get(id) then missing = missing + 1 end
    end
    box:close()
    assert.equal("ok", run:integrity())
    run:remove()
    return missing
  end

  it("is there after a power cut, which takes all that was not synced", function()
    assert.equal(0, missing_after_power_cut())
  end)

  it("would be found missing after one, were commits not synced", function()
    assert.is_true(missing_after_power_cut "NORMAL" > 0)
  end)

  it("is found missing by this check if it was stored in memory", function()
    local run = chaos.begin { inbox = "memory", count = 20 }
    run:start("never", 1)
    run:wait_for_senders()
    run:kill()
    assert.is_false((pcall(run.check, run)))
    run:remove()
  end)
end)
