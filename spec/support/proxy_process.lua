-- proxy_process.lua PORT: forwards what comes to a free loopback port, which it prints, to that one. At another port,
-- which it prints, too, it takes commands, a line each, and answers each with a line:
--   lead PORT              new connections lead to that port; those that there are, are reset
--   cut                    resets all connections, and refuses new ones
--   open                   takes connections again
--   hold SENT [ANSWERED]   stops the process once a client has sent SENT, before that is forwarded; with ANSWERED, a
--                          word, before it forwards what comes back and contains that
--   answer trickle         from now on answers come back a byte at a time, ten in a second
--   answer part            one byte of an answer comes back, and no more on that connection
--   answer whole           on new connections, answers come back as they are again
local socket = require "socket"

local target = tonumber(arg[1])
local listener, control = assert(socket.bind("127.0.0.1", 0)), assert(socket.bind("127.0.0.1", 0))
local _, own_port = listener:getsockname()
local _, control_port = control:getsockname()
io.write(own_port, "\n", control_port, "\n")
io.flush()

local other, is_client, is_partial, watched = {}, {}, {}, { listener, control }
local how_to_answer = "whole"
local held, is_sent -- what the process is to stop at, and whether the first of it has come

local function unwatch(one)
  for i = #watched, 1, -1 do
    if watched[i] == one then table.remove(watched, i) end
  end
end

local function forget(one)
  unwatch(one)
  one:close()
end

local function join(client)
  local upstream = socket.connect("127.0.0.1", target)
  if not upstream then return client:close() end
  other[client], other[upstream], is_client[client] = upstream, client, true
  for _, one in ipairs { client, upstream } do
    one:settimeout(0)
    watched[#watched + 1] = one
  end
end

local function reset_all()
  for one in pairs(other) do
    if one:getfd() >= 0 then
      one:setoption("linger", { on = true, timeout = 0 })
      forget(one)
    end
  end
  other, is_client = {}, {}
end

local function stop_here()
  held, is_sent = nil, false
  os.execute "kill -STOP $PPID"
end

local function hold_if_asked(from, data)
  if not held then return end
  if is_client[from] and data:find(held.sent, 1, true) then is_sent = true end
  if not is_sent then return end
  if not held.answered or not is_client[from] and data:find(held.answered, 1, true) then stop_here() end
end

local function trickle(to, data)
  for i = 1, #data do
    if not to:send(data:sub(i, i)) then return end
    socket.sleep(0.1)
  end
end

local function send(from, to, data)
  if data == "" or is_partial[from] then return end
  if is_client[from] or how_to_answer == "whole" then return to:send(data) end
  if how_to_answer == "trickle" then return trickle(to, data) end
  is_partial[from] = true
  to:send(data:sub(1, 1))
end

local function forward(from)
  local all, problem, part = from:receive(65536)
  local to, data = other[from], all or part
  hold_if_asked(from, data)
  to:settimeout(nil)
  send(from, to, data)
  to:settimeout(0)
  if problem == "closed" then
    forget(from)
    forget(to)
  end
end

local commands = {}

function commands.lead(port)
  reset_all()
  target = tonumber(port)
end

function commands.cut()
  reset_all()
  forget(listener)
end

function commands.open()
  listener = assert(socket.bind("127.0.0.1", own_port))
  watched[#watched + 1] = listener
end

function commands.hold(words)
  local sent, answered = words:match "^(%S+) ?(%S*)$"
  held = { sent = sent, answered = answered ~= "" and answered or nil }
end

function commands.answer(how) how_to_answer = how end

local function obey(peer)
  local name, words = assert(peer:receive "*l"):match "^(%a+) ?(.*)$"
  commands[name](words)
  peer:send "done\n"
  peer:close()
end

while true do
  for _, one in ipairs((socket.select(watched, nil))) do
    if one == control then
      obey(assert(control:accept()))
    elseif one == listener then
      join(assert(listener:accept()))
    elseif one:getfd() >= 0 then
      forward(one)
    end
  end
end
