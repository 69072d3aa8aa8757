--- A TCP proxy in a process of its own, which can freeze: then its connections stay, and nothing comes through; and
--- which can do more: see proxy_process.lua.
local shell = require "support.shell"
local socket = require "socket"

local proxy = {}

local Proxy = {}
Proxy.__index = Proxy

local MOST_TRIES = 3000

--- While it is frozen, it takes no commands.
function Proxy:freeze() shell.run("kill -STOP " .. self.pid) end

function Proxy:thaw() shell.run("kill -CONT " .. self.pid) end

--- Has the process do something: see proxy_process.lua.
---@param command string
function Proxy:tell(command)
  local peer = assert(socket.connect("127.0.0.1", self.control_port))
  assert(peer:send(command .. "\n"))
  assert(peer:receive "*l" == "done")
  peer:close()
end

--- How answers come through from now on: see proxy_process.lua.
---@param how "trickle"|"part"|"whole"
function Proxy:answer(how) self:tell("answer " .. how) end

local function is_frozen(self)
  local file = assert(io.open(("/proc/%d/stat"):format(self.pid)))
  local state = file:read("*l"):match "^.*%) (%a)"
  file:close()
  return state == "T"
end

--- Waits until it has frozen by itself, as it was told to with `hold`.
function Proxy:wait_until_frozen()
  for _ = 1, MOST_TRIES do
    if is_frozen(self) then return end
    socket.sleep(0.01)
  end
  error "nothing came that the proxy was to freeze at"
end

function Proxy:stop()
  shell.capture("kill -KILL " .. self.pid)
  self.pipe:close()
end

--- Starts one to a port of this machine. `port` is its own. The caller calls stop.
---@param port integer
function proxy.start(port)
  local pipe, pid = shell.in_background(("%s spec/support/proxy_process.lua %d"):format(shell.LUA, port))
  local own_port, control_port = tonumber(pipe:read "*l"), tonumber(pipe:read "*l")
  return setmetatable({
    pipe = pipe, pid = pid, port = assert(own_port, "the proxy did not start"), control_port = control_port,
  }, Proxy)
end

return proxy
