-- wrk's load, one thread: the requests of a file (see requests.lua), one after another.
local read_requests = dofile "bench/server/read_requests.lua"

local requests, at = {}, 0

function init(arguments)
  requests = read_requests(arguments[1])
end

function request()
  at = at + 1
  return assert(requests[at], "more requests are needed")
end

function done(summary, latency)
  local errors = 0
  for _, count in pairs(summary.errors) do errors = errors + count end
  io.write(("%.0f %.2f %d\n"):format(summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000, errors))
end
