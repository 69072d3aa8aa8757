-- Kills the receiver, and the servers behind its inbox, while notifications arrive, and checks that what was
-- acknowledged is done and ran: chaos.lua KILLS
local chaos = require "support.chaos"
local core = require "marketplace.core"
local postgres_server = require "support.postgres_server"
local redis_server = require "support.redis_server"
local shell = require "support.shell"

local kills = assert(tonumber(arg[1]), "usage: chaos.lua KILLS")

local function finish(run, name)
  run:start("never", 1)
  run:stop_senders()
  run:drain()
  local figures = run:check()
  print(("%s: %d notifications acknowledged, each done once; %d runs of their callbacks; %d tries were not answered")
    :format(name, figures.acknowledged, figures.runs, figures.refused_tries))
  return run
end

local function tell(killed)
  local points = {}
  for point in pairs(killed) do points[#points + 1] = point end
  table.sort(points)
  for _, point in ipairs(points) do print(("  killed %3d times %s"):format(killed[point], point)) end
end

local function kill_receiver_on_sqlite()
  local run = chaos.begin { inbox = function(folder) return "sqlite:" .. folder .. "/inbox.db" end }
  local killed = chaos.kill_receiver(run, kills, math.random)
  finish(run, "SQLite, receiver killed")
  tell(killed)
  print("  integrity_check: " .. (shell.capture(("%s -e '%s'"):format(shell.LUA,
    ('local b = require("marketplace.inbox").open("%s") b:read(function(run) ' ..
      'io.write(run("PRAGMA integrity_check")[1][1]) return true end)'):format(run.inbox)))))
  run:remove()
end

local function kill_receiver_and_server(name, kind, database)
  local run = chaos.begin { inbox = kind .. ":" .. database:words() }
  local killed = chaos.kill_receiver(run, kills, math.random)
  finish(run, name .. ", receiver killed"):remove()
  tell(killed)
  database:reset()
  run = chaos.begin { inbox = run.inbox }
  run:start("never", 1)
  chaos.kill_database(database, math.ceil(kills / 10), math.random)
  run:kill()
  finish(run, ("%s, server killed %d times"):format(name, math.ceil(kills / 10))):remove()
  database:remove()
end

math.randomseed(os.time())
local started = core.monotonic()
kill_receiver_on_sqlite()
kill_receiver_and_server("PostgreSQL", "postgres", postgres_server.start())
kill_receiver_and_server("Redis", "redis", redis_server.start())
print(("%.0f s"):format(core.monotonic() - started))
