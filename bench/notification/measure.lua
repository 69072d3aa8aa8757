--- measure(count, handle): prints nanoseconds and allocated bytes for one call of handle, after as many calls to warm
-- up. By the clock on the wall, as the contestants that are not Lua measure.
local clock = require("socket").gettime

return function(count, handle)
  for _ = 1, count do handle() end
  collectgarbage()
  local started = clock()
  for _ = 1, count do handle() end
  local nanoseconds = (clock() - started) / count * 1e9
  collectgarbage()
  collectgarbage "stop"
  local before = collectgarbage "count"
  for _ = 1, 1000 do handle() end
  print(("%.0f %.0f"):format(nanoseconds, (collectgarbage "count" - before) * 1024 / 1000))
end
