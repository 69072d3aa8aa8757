-- wrk's load, one thread: requests that are made as they are sent, numbered from the first argument on. Writes how many
-- were answered a second, milliseconds within which 99 of 100 were, how many answers were not 200 or did not come, and
-- how many came.
local request_of = dofile "bench/server/request_of.lua"

local first, made = 0, 0

function init(arguments)
  first = assert(tonumber(arguments[1]))
end

function request()
  made = made + 1
  return request_of(first + made)
end

function done(summary, latency)
  local errors = 0
  for _, count in pairs(summary.errors) do errors = errors + count end
  io.write(("%.0f %.2f %d %d\n"):format(summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000,
    errors, summary.requests))
end
