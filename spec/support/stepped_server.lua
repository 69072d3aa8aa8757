--- Clients of a marketplace.server that a spec steps itself, all in one process.
local raw = require "support.raw_http"
local socket = require "socket"

local stepped_server = {}

local MOST_SECONDS = 20

--- A connection on which these bytes were sent; it does not wait.
function stepped_server.connect(listener, bytes)
  local client = socket.tcp4()
  client:settimeout(5)
  assert(client:connect(listener:address()))
  assert(client:send(bytes))
  client:settimeout(0)
  return client
end

--- Has the server work until `done()` is true.
function stepped_server.step_until(listener, done)
  local stop = socket.gettime() + MOST_SECONDS
  while not done() do
    assert(socket.gettime() < stop, "it has not come in time")
    listener:step(0.002)
  end
end

--- Has the server work until so many responses have come back.
function stepped_server.answers(listener, client, count)
  local got = ""
  stepped_server.step_until(listener, function()
    local all, _, part = client:receive(65536)
    got = got .. (all or part)
    return #raw.responses(got) >= count
  end)
  return raw.responses(got)
end

return stepped_server
