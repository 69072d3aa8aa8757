-- What storing and claiming cost in a large inbox and in a small one, in turns: size.lua FOLDER LARGE
-- Each round's microseconds, large and small, go to FOLDER/STATE-WHAT, a line a round.
local core = require "marketplace.core"
local marketplace = require "marketplace"

local folder, LARGE = arg[1], tonumber(arg[2])
local SMALL, BATCH, ROUNDS, APPS = 1000, 64, 200, 1000
local BODY = '{"data":{"type":"AppUnavailable","id":"%s","attributes":{"appId":"%s"' .. (" "):rep(480) .. "}}}"

local made = 0
local function records(count)
  local list = {}
  for i = 1, count do
    made = made + 1
    local id, app = core.random_hex(16), "app" .. made % APPS
    list[i] = { key = id, digest = core.sha256(id), type = "AppUnavailable", event = "app_unavailable", app_id = app,
      time = core.now(), body = BODY:format(id, app) }
  end
  return list
end

local function fill(name, size, state)
  local box = assert(marketplace.inbox(("sqlite:%s/%s.db"):format(folder, name)))
  box.database.connection.link:run "PRAGMA synchronous = OFF"
  for at = 1, size, 1024 do assert(box:put(records(math.min(1024, size - at + 1)))) end
  if state == "done" then
    box:transact(function(run)
      return run "UPDATE inbox SET state = 'done', leads = 0, body = NULL, scope = ''"
    end)
  end
  box.database.connection.link:run "PRAGMA wal_checkpoint(TRUNCATE)"
  box.database.connection.link:run "PRAGMA synchronous = FULL"
  return box
end

local function timed(list, work)
  local started = core.monotonic()
  local result = assert(work())
  list[#list + 1] = core.monotonic() - started
  return result
end

local function write_rounds(name, large, small)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  for round = 1, ROUNDS do file:write(("%.1f %.1f\n"):format(large[round] * 1e6, small[round] * 1e6)) end
  file:close()
end

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)] * 1e6
end

local function measure(boxes)
  local times = {}
  for i in ipairs(boxes) do times[i] = { put = {}, claim = {}, finish = {} } end
  for _ = 1, ROUNDS do
    for i, box in ipairs(boxes) do
      local list = records(BATCH)
      timed(times[i].put, function() return box:put(list) end)
      local claimed = timed(times[i].claim, function() return box:claim(BATCH, 60) end)
      for _, item in ipairs(claimed) do item.state = "done" end
      timed(times[i].finish, function() return box:finish(claimed) end)
    end
  end
  return times
end

for _, state in ipairs { "done", "ready" } do
  local times = measure { fill("small-" .. state, SMALL, state), fill("large-" .. state, LARGE, state) }
  for _, what in ipairs { "put", "claim", "finish" } do
    write_rounds(state .. "-" .. what, times[2][what], times[1][what])
    local small, large = median(times[1][what]), median(times[2][what])
    print(("%d %s, %-6s of %d: %5.0f us, with %d: %5.0f us, %.2f times"):format(LARGE, state, what, BATCH, large, SMALL,
      small, large / small))
  end
end
