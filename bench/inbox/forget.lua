-- How long a process that stores, and the one that forgets, are held up while all of an inbox's done ones are
-- forgotten as `marketplace inbox prune` does it, first the bodies, then the ids: forget.lua FOLDER PATH
-- The longest waits in milliseconds go to FOLDER/forget-bodies and FOLDER/forget-ids, a line for each time that this
-- runs: of a put, of a put while nothing was forgotten, of a slice.
package.path = "bench/inbox/?.lua;" .. package.path
local core = require "marketplace.core"
local marketplace = require "marketplace"
local write_ahead_log = require "write_ahead_log"

local folder, PATH = arg[1], arg[2]
local SLICE = 200 -- as of `marketplace inbox prune`
local WARM_UP_SECONDS, QUIET_SECONDS = 2, 4

local function start_storing()
  local path = folder .. "/storing"
  os.remove(path)
  assert(os.execute("touch " .. path))
  local pipe = assert(io.popen(("exec sh -c 'echo $$; exec lua5.4 bench/inbox/storing.lua %s %s'"):format(PATH, path)))
  return { pipe = pipe, pid = pipe:read "*l", times = assert(io.open(path)) }
end

-- The times of all puts that ended since this was called last.
local function puts_since(storing)
  local times = {}
  for line in storing.times:lines() do times[#times + 1] = tonumber(line) end
  return times
end

local function stop(storing)
  os.execute("kill " .. storing.pid)
  storing.pipe:close()
  storing.times:close()
end

local function forget_all(box, before, log)
  local times, started, largest = {}, core.monotonic(), 0
  repeat
    local slice_started = core.monotonic()
    local forgotten = assert(box:forget(before, SLICE))
    local took = core.monotonic() - slice_started
    times[#times + 1], largest = took * 1e3, math.max(largest, log:size())
    core.sleep(took)
  until forgotten.bodies < SLICE and forgotten.ids < SLICE
  return times, core.monotonic() - started, largest
end

local function spread(times)
  table.sort(times)
  return ("half %.1f, 99%% %.1f, all %.1f ms"):format(times[math.ceil(#times / 2)], times[math.ceil(#times * 0.99)],
    times[#times])
end

local function write_longest(what, ...)
  local file = assert(io.open(folder .. "/forget-" .. what, "a"))
  file:write(("%.2f %.2f %.2f\n"):format(...))
  file:close()
end

local box, at, log = assert(marketplace.inbox("sqlite:" .. PATH)), core.now(), write_ahead_log.of(PATH)
local storing = start_storing()
core.sleep(WARM_UP_SECONDS)
puts_since(storing)
core.sleep(QUIET_SECONDS)
local quiet = puts_since(storing)
print("nothing is forgotten: puts within: " .. spread(quiet))
for _, what in ipairs { "bodies", "ids" } do
  local slices, seconds, largest = forget_all(box, { bodies = at, ids = what == "ids" and at or 0 }, log)
  local puts = puts_since(storing)
  print(("%s, %d at a time: %.0f s; puts within: %s; slices: %s; write-ahead log up to %.1f MB"):format(what, SLICE,
    seconds, spread(puts), spread(slices), largest / 1e6))
  write_longest(what, puts[#puts], quiet[#quiet], slices[#slices])
end
stop(storing)
box:close()
