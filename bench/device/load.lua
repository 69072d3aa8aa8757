-- wrk's load, one thread: the questions of question.lua.
local question = dofile "bench/device/question.lua"

local requests, at = {}, 0

local REQUEST = "POST /device/updates HTTP/1.1\r\nHost: market.example\r\nAuthorization: Bearer a-session\r\n" ..
  "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"

function init(arguments)
  for i = 1, 10000 do
    local body = question(tonumber(arguments[1]), tonumber(arguments[2]))
    requests[i] = REQUEST:format(#body, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

done = dofile "bench/server/summary.lua"
