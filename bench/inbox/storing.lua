-- Stores 16 notifications up to 200 times a second until it is killed: storing.lua PATH TIMES
-- How long each put took goes to the file TIMES, in milliseconds, a line each.
package.path = "bench/inbox/?.lua;" .. package.path
local core = require "marketplace.core"
local marketplace = require "marketplace"
local notifications = require "notifications"

local COUNT, PAUSE = 16, 0.005

local box = assert(marketplace.inbox("sqlite:" .. arg[1]))
local times = assert(io.open(arg[2], "w"))
times:setvbuf "line"
while true do
  local records, started = notifications.records(COUNT), core.monotonic()
  assert(box:put(records))
  times:write(("%.3f\n"):format((core.monotonic() - started) * 1e3))
  core.sleep(PAUSE)
end
