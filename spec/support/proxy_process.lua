-- proxy_process.lua PORT: forwards what comes to a free loopback port, which it prints, to that one.
local socket = require "socket"

local listener = assert(socket.bind("127.0.0.1", 0))
local _, own_port = listener:getsockname()
io.write(own_port, "\n")
io.flush()

local other, watched = {}, { listener }

local function forget(one)
  for i = #watched, 2, -1 do
    if watched[i] == one then table.remove(watched, i) end
  end
  one:close()
end

local function join(client)
  local upstream = socket.connect("127.0.0.1", tonumber(arg[1]))
  if not upstream then return client:close() end
  other[client], other[upstream] = upstream, client
  for _, one in ipairs { client, upstream } do
    one:settimeout(0)
    watched[#watched + 1] = one
  end
end

local function forward(from)
  local all, problem, part = from:receive(65536)
  local to, data = other[from], all or part
  to:settimeout(nil)
  if data ~= "" then to:send(data) end
  to:settimeout(0)
  if problem == "closed" then
    forget(from)
    forget(to)
  end
end

while true do
  for _, one in ipairs((socket.select(watched, nil))) do
    if one == listener then join(assert(listener:accept())) elseif one:getfd() >= 0 then forward(one) end
  end
end
