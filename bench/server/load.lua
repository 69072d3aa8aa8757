-- wrk's load, one thread: the requests of a file (see requests.lua), one after another.
local read_requests = dofile "bench/server/read_requests.lua"

local next_request

function init(arguments)
  next_request = read_requests(arguments[1])
end

function request()
  return assert(next_request(), "more requests are needed")
end

done = dofile "bench/server/summary.lua"
