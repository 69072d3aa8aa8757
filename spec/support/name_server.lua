--- A DNS server in a process of its own, for which every name has the address 127.0.0.1.
local shell = require "support.shell"

local name_server = {}

local Server = {}
Server.__index = Server

function Server:stop()
  shell.capture("kill -KILL " .. self.pid)
  self.pipe:close()
end

--- Starts one; `port` is where it listens. The caller calls stop.
function name_server.start()
  local pipe, pid = shell.in_background(shell.LUA .. " spec/support/name_server_process.lua")
  local port = tonumber(pipe:read "*l")
  return setmetatable({ pipe = pipe, pid = pid, port = assert(port, "the name server did not start") }, Server)
end

return name_server
