--- A TCP proxy in a process of its own, which can freeze: then its connections stay, and nothing comes through.
local shell = require "support.shell"

local proxy = {}

local Proxy = {}
Proxy.__index = Proxy

function Proxy:freeze() shell.run("kill -STOP " .. self.pid) end

function Proxy:thaw() shell.run("kill -CONT " .. self.pid) end

function Proxy:stop()
  shell.capture("kill -KILL " .. self.pid)
  self.pipe:close()
end

--- Starts one to a port of this machine. `port` is its own. The caller calls stop.
---@param port integer
function proxy.start(port)
  local pipe = assert(io.popen(("echo $$; exec %s spec/support/proxy_process.lua %d"):format(shell.LUA, port), "r"))
  local pid, own_port = pipe:read "*l", tonumber(pipe:read "*l")
  return setmetatable({ pipe = pipe, pid = pid, port = assert(own_port, "the proxy did not start") }, Proxy)
end

return proxy
