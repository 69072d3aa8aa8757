--- A TCP proxy in a process of its own, which can freeze: then its connections stay, and nothing comes through; and
--- which can pass on answers a byte at a time, or not whole.
local shell = require "support.shell"

local proxy = {}

local Proxy = {}
Proxy.__index = Proxy

function Proxy:freeze() shell.run("kill -STOP " .. self.pid) end

function Proxy:thaw() shell.run("kill -CONT " .. self.pid) end

--- How answers come through from now on: see proxy_process.lua.
---@param mode "trickle"|"cut"|""
function Proxy:answer(mode)
  local file = assert(io.open(self.mode, "w"))
  file:write(mode)
  file:close()
end

function Proxy:stop()
  shell.capture("kill -KILL " .. self.pid)
  self.pipe:close()
  os.remove(self.mode)
end

--- Starts one to a port of this machine. `port` is its own. The caller calls stop.
---@param port integer
function proxy.start(port)
  local mode = os.tmpname()
  local command = ("echo $$; exec %s spec/support/proxy_process.lua %d %s"):format(shell.LUA, port, mode)
  local pipe = assert(io.popen(command, "r"))
  local pid, own_port = pipe:read "*l", tonumber(pipe:read "*l")
  assert(own_port, "the proxy did not start")
  return setmetatable({ pipe = pipe, pid = pid, mode = mode, port = own_port }, Proxy)
end

return proxy
