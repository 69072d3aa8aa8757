-- Notifications a second that 1, 2 and 8 workers run on one SQLite inbox, with callbacks that wait 5 ms, as for a
-- database of their own: workers.lua FOLDER COUNT. The rates go to FOLDER/workers, a line for each time that this runs.
local core = require "marketplace.core"
local marketplace = require "marketplace"

local folder, COUNT = arg[1], tonumber(arg[2])
local APPS = 400

local function write_handlers()
  local path = folder .. "/handlers.lua"
  local file = assert(io.open(path, "w"))
  file:write [[
    local core = require "marketplace.core"
    return function(receiver)
      receiver:on("*", function() core.sleep(0.005) end)
    end
  ]]
  file:close()
  return path
end

local function fill(url)
  local box, records = assert(marketplace.inbox(url)), {}
  for i = 1, COUNT do
    local body = ('{"data":{"type":"AppUnavailable","id":"%d","attributes":{"appId":"app%d"}}}'):format(i, i % APPS)
    records[i] = { key = tostring(i), digest = core.sha256(body), type = "AppUnavailable", event = "app_unavailable",
      app_id = "app" .. i % APPS, body = body }
  end
  assert(box:put(records))
  return box
end

local function measure(workers)
  local url = ("sqlite:%s/workers-%d.db"):format(folder, workers)
  local box, handlers, pipes, pids = fill(url), write_handlers(), {}, {}
  local started = core.monotonic()
  for i = 1, workers do
    local command = ("lua5.4 bin/marketplace work %s --inbox %s >/dev/null"):format(handlers, url)
    pipes[i] = assert(io.popen(("exec sh -c 'echo $$; exec %s'"):format(command)))
    pids[i] = pipes[i]:read "*l"
  end
  repeat core.sleep(0.01) until assert(box:backlog()).ready + box:backlog().leased == 0
  local rate = COUNT / (core.monotonic() - started)
  os.execute("kill -TERM " .. table.concat(pids, " "))
  for _, pipe in ipairs(pipes) do pipe:close() end
  box:close()
  os.execute(("rm -f %s/workers-%d.db*"):format(folder, workers))
  return rate
end

local alone
local rates = assert(io.open(folder .. "/workers", "a"))
for _, workers in ipairs { 1, 2, 8 } do
  local rate = measure(workers)
  alone = alone or rate
  print(("%d worker%s: %.0f notifications a second, %.1f times one"):format(workers, workers > 1 and "s" or "", rate,
    rate / alone))
  rates:write(("%.1f "):format(rate))
end
rates:write "\n"
rates:close()
