-- wrk's load, one thread: the requests of a file (see requests.lua), each once, and then the last one again until all
-- are answered. Then it writes how many answers were not 200, and wrk ends. The second argument is how many connections
-- there are: of what is sent, one for each may not be answered yet.
local read_requests = dofile "bench/server/read_requests.lua"

local next_request, last, count, connections
local answered, failed, is_asked = 0, 0, false

function init(arguments)
  next_request, count = read_requests(arguments[1])
  last, connections = next_request(), assert(tonumber(arguments[2]))
end

-- wrk asks for one before it begins, only to look at it.
function request()
  if is_asked then
    local this = last
    last = next_request() or last
    return this
  end
  is_asked = true
  return last
end

function response(status)
  answered = answered + 1
  if status ~= 200 then failed = failed + 1 end
  if answered < count + connections then return end
  io.write(failed, "\n")
  os.exit(true) -- wrk itself would wait for the end of its time
end
