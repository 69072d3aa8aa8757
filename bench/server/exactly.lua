-- wrk's load, one thread: the requests of a file (see requests.lua), each once, and then the last one again until all
-- are answered. Then it writes how many answers were not 200, and wrk ends. The second argument is how many connections
-- there are: of what is sent, one for each may not be answered yet.
local read_requests = dofile "bench/server/read_requests.lua"

local requests, count, connections = {}, 0, 0
local sent, answered, failed = -1, 0, 0

function init(arguments)
  requests = read_requests(arguments[1])
  count, connections = #requests, assert(tonumber(arguments[2]))
end

-- wrk asks for one before it begins, only to look at it.
function request()
  sent = sent + 1
  return requests[math.max(1, math.min(sent, count))]
end

function response(status)
  answered = answered + 1
  if status ~= 200 then failed = failed + 1 end
  if answered < count + connections then return end
  io.write(failed, "\n")
  os.exit(true) -- wrk itself would wait for the end of its time
end
