--- measure(count, handle): prints nanoseconds and allocated bytes for one call of handle, after as many calls to warm
-- up.
return function(count, handle)
  for _ = 1, count do handle() end
  collectgarbage()
  local started = os.clock()
  for _ = 1, count do handle() end
  local nanoseconds = (os.clock() - started) / count * 1e9
  collectgarbage()
  collectgarbage "stop"
  local before = collectgarbage "count"
  for _ = 1, 1000 do handle() end
  print(("%.0f %.0f"):format(nanoseconds, (collectgarbage "count" - before) * 1024 / 1000))
end
