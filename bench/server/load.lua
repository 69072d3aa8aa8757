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

done = dofile "bench/server/summary.lua"
