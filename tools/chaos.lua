-- Kills the receiver, workers and the servers behind their inbox, and stops workers for longer than their leases, while
-- notifications arrive, and checks that what was acknowledged is done and ran, in order: chaos.lua KILLS [ENGINE …]
local chaos = require "support.chaos"
local core = require "marketplace.core"
local postgres_server = require "support.postgres_server"
local redis_server = require "support.redis_server"
local unpack = require("marketplace.runtime").unpack

local WORKERS = 4
local SQLITE_LEASE = 60 -- of those that are killed: what a killed process had must not wait for that

local kills = assert(tonumber(arg[1]), "usage: chaos.lua KILLS [ENGINE …]")
local server_kills = math.ceil(kills / 10)

local function tell_figures(run, name)
  local figures = run:check()
  print(("%s: %d notifications acknowledged, 0 lost, 0 out of order; %d runs beyond one each; %d tries not answered")
    :format(name, figures.acknowledged, figures.runs - figures.acknowledged, figures.refused_tries))
  return figures
end

local function finish(run, name)
  run:start("never", 1)
  run:stop_senders()
  run:drain()
  tell_figures(run, name)
  return run
end

local function tell(killed)
  local points = {}
  for point in pairs(killed) do points[#points + 1] = point end
  table.sort(points)
  for _, point in ipairs(points) do print(("  killed %3d times %s"):format(killed[point], point)) end
end

-- A worker is in its callbacks for most of the time, so that it is often stopped in one.
local function stop_workers(name, inbox)
  local run = chaos.begin { inbox = inbox, environment = "CHAOS_CALLBACK_SECONDS=0.002", pause = 0.005 }
  run:start_workers(WORKERS)
  run:start("never", 1)
  local stopped = chaos.stop_workers(run, kills, math.random)
  run:stop_senders()
  run:drain()
  local figures = tell_figures(run, ("%s, workers stopped %d times and continued"):format(name, stopped))
  print(("  begun late, as stopped after the last look at the lease: %d"):format(figures.delayed))
  run:remove()
end

local function on_sqlite(folder) return "sqlite:" .. folder .. "/inbox.db" end

local function tell_recoveries(run)
  local found = run:recoveries()
  if found.count == 0 then return print "  nothing ran again" end
  print(("  %d ran again after their process was killed, with a lease of %d s: after %.3f s (median), %.3f s (worst)")
    :format(found.count, SQLITE_LEASE, found.median, found.worst))
end

local function kill_receiver_on_sqlite()
  local run = chaos.begin { inbox = on_sqlite, lease = SQLITE_LEASE }
  local killed = chaos.kill_receiver(run, kills, math.random)
  finish(run, "SQLite, receiver killed and started again")
  tell(killed)
  tell_recoveries(run)
  print("  integrity_check: " .. run:integrity())
  run:remove()
end

local function kill_workers_on_sqlite()
  local run = chaos.begin {
    inbox = on_sqlite, lease = SQLITE_LEASE, environment = "CHAOS_CALLBACK_SECONDS=0.002", pause = 0.005,
  }
  run:start_workers(WORKERS)
  run:start("never", 1)
  chaos.kill_workers(run, kills, math.random)
  run:stop_senders()
  run:drain()
  tell_figures(run, ("SQLite, workers killed %d times"):format(kills))
  tell_recoveries(run)
  run:remove()
end

local function kill_receiver(name, inbox)
  local run = chaos.begin { inbox = inbox }
  local killed = chaos.kill_receiver(run, kills, math.random)
  finish(run, ("%s, receiver killed %d times"):format(name, kills)):remove()
  tell(killed)
end

local function kill_server(name, inbox, database)
  local run = chaos.begin { inbox = inbox }
  run:start("never", 1)
  chaos.kill_database(run, database, server_kills, math.random)
  run:kill()
  finish(run, ("%s, server killed %d times"):format(name, server_kills)):remove()
end

local function kill_workers_and_server(name, inbox, database)
  local run = chaos.begin { inbox = inbox, environment = "CHAOS_CALLBACK_SECONDS=0.002", pause = 0.005 }
  run:start_workers(WORKERS)
  run:start("never", 1)
  for i = 1, kills do
    chaos.kill_workers(run, 1, math.random)
    if i % 10 == 1 then chaos.kill_database(run, database, 1, math.random) end
  end
  run:stop_senders()
  run:drain()
  tell_figures(run, ("%s, workers killed %d times, and the server %d times"):format(name, kills, server_kills))
  run:remove()
end

local function on_server(name, kind, database)
  local inbox = kind .. ":" .. database:words()
  for _, part in ipairs { kill_receiver, kill_server, kill_workers_and_server, stop_workers } do
    part(name, inbox, database)
    database:reset()
  end
  database:remove()
end

local RUN = {
  sqlite = function()
    kill_receiver_on_sqlite()
    kill_workers_on_sqlite()
    stop_workers("SQLite", on_sqlite)
  end,
  postgres = function() on_server("PostgreSQL", "postgres", postgres_server.start()) end,
  redis = function() on_server("Redis", "redis", redis_server.start()) end,
}

math.randomseed(os.time())
local started = core.monotonic()
for _, engine in ipairs(#arg > 1 and { unpack(arg, 2) } or { "sqlite", "postgres", "redis" }) do
  assert(RUN[engine], "no such engine: " .. engine)()
end
print(("%.0f s"):format(core.monotonic() - started))
