-- proxy_process.lua PORT MODE: forwards what comes to a free loopback port, which it prints, to that one. How answers
-- come back is in the file MODE: "trickle": a byte at a time, ten in a second; "cut": one byte, and no more on that
-- connection; otherwise as they come.
local socket = require "socket"

local listener = assert(socket.bind("127.0.0.1", 0))
local _, own_port = listener:getsockname()
io.write(own_port, "\n")
io.flush()

local other, watched, is_upstream, is_cut = {}, { listener }, {}, {}

local function mode()
  local file = assert(io.open(arg[2]))
  local text = file:read "*a"
  file:close()
  return text
end

local function trickle(to, data)
  for i = 1, #data do
    if not to:send(data:sub(i, i)) then return end
    socket.sleep(0.1)
  end
end

local function answer(from, to, data)
  local how = mode()
  if is_cut[from] then return end
  if how == "trickle" then return trickle(to, data) end
  is_cut[from] = how == "cut"
  to:send(is_cut[from] and data:sub(1, 1) or data)
end

local function forget(one)
  for i = #watched, 2, -1 do
    if watched[i] == one then table.remove(watched, i) end
  end
  one:close()
end

local function join(client)
  local upstream = socket.connect("127.0.0.1", tonumber(arg[1]))
  if not upstream then return client:close() end
  other[client], other[upstream], is_upstream[upstream] = upstream, client, true
  for _, one in ipairs { client, upstream } do
    one:settimeout(0)
    watched[#watched + 1] = one
  end
end

local function forward(from)
  local all, problem, part = from:receive(65536)
  local to, data = other[from], all or part
  to:settimeout(nil)
  if data ~= "" then
    if is_upstream[from] then answer(from, to, data) else to:send(data) end
  end
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
