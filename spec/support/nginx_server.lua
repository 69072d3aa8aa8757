--- An nginx of its own, with the module for Lua, on free loopback ports, in a temporary folder.
local shell = require "support.shell"
local socket = require "socket"

local nginx_server = {}

local Server = {}
Server.__index = Server

local MOST_TRIES = 500
local MOST_SHOWN = 4000 -- bytes of the error log

local CONFIG = [[
<user>load_module <modules>/ndk_http_module.so;
load_module <modules>/ngx_http_lua_module.so;
worker_processes <workers>;
pid <folder>/pid;
error_log <folder>/error.log <level>;
<env><main>
events { worker_connections 512; }
http {
  access_log <folder>/access.log;
  client_body_temp_path <folder>/body;
  proxy_temp_path <folder>/proxy;
  fastcgi_temp_path <folder>/fastcgi;
  uwsgi_temp_path <folder>/uwsgi;
  scgi_temp_path <folder>/scgi;
  lua_package_path "<repository>/lua/?.lua;<repository>/lua/?/init.lua;<repository>/spec/?.lua;;";
  lua_package_cpath "<repository>/build/jit/?.so;;";
  <http>
  server {
    listen 127.0.0.1:<port> <listen>;
    <server>
  }
}
]]


local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "*a" -- nil of a process that has ended since
  file:close()
  return text or ""
end

local function variables(env)
  local lines = {}
  for name, value in pairs(env) do lines[#lines + 1] = ("env %s=%s;\n"):format(name, value) end
  table.sort(lines)
  return table.concat(lines)
end

-- The workers are another user where the master is root, and could not reach what the specs made.
local function user()
  return shell.run "id -u" == "0" and "user root;\n" or ""
end

local function fill(self, given)
  local values = {
    modules = "/usr/lib/nginx/modules", folder = self.folder, port = self.port, repository = shell.run "pwd",
    user = user(), workers = given.workers or 1, level = given.level or "info", env = variables(given.env or {}),
    main = given.main or "", listen = given.listen or "", http = given.http or "", server = given.server or "",
  }
  return (CONFIG:gsub("<(%l+)>", values):gsub("<(%l+)>", values))
end

function Server:command(words)
  return ("$(command -v nginx) -p %s -c %s/nginx.conf %s"):format(self.folder, self.folder, words or "")
end

--- Writes a file into its folder; gives its path.
function Server:write(name, text)
  local path = self.folder .. "/" .. name
  write(path, text)
  return path
end

--- The text of a file in its folder; of one that is not there, none.
function Server:read(name)
  return read(self.folder .. "/" .. name)
end

function Server:error_log() return self:read "error.log" end
function Server:access_log() return self:read "access.log" end

--- Waits until `is_so()` is true.
function Server:wait(is_so, what)
  for _ = 1, MOST_TRIES do
    if is_so() then return end
    socket.sleep(0.02)
  end
  error(("it did not happen in time: %s\n%s"):format(what, self:error_log():sub(-MOST_SHOWN)), 2)
end

--- Waits until the error log has this text as often as `count` (1) tells.
function Server:wait_for(text, count)
  self:wait(function()
    local _, found = self:error_log():gsub(text:gsub("%p", "%%%0"), "")
    return found >= (count or 1)
  end, text)
end

--- The process ids of the workers, also of those that are ending.
---@return string[]
function Server:workers()
  local list = {}
  local children = read(("/proc/%d/task/%d/children"):format(self.pid, self.pid))
  for pid in children:gmatch "%d+" do list[#list + 1] = pid end
  return list
end

--- Sends HUP and waits until workers of the new configuration are there and, unless told otherwise, the old have gone.
function Server:reload(keeps_old)
  local old = {}
  for _, pid in ipairs(self:workers()) do old[pid] = true end
  shell.run("kill -HUP " .. self.pid)
  self:wait(function()
    local new, left = 0, 0
    for _, pid in ipairs(self:workers()) do
      if old[pid] then left = left + 1 else new = new + 1 end
    end
    return new > 0 and (keeps_old or left == 0)
  end, "reload")
end

--- Has a new nginx take over, as when its program is replaced, and waits until the old one has ended.
function Server:take_over()
  local old = self.pid
  shell.run("kill -USR2 " .. old)
  self:wait(function() return (tonumber(self:read "pid") or old) ~= old end, "the new nginx")
  self.pid = tonumber(self:read "pid")
  self:wait(function() return #self:workers() > 0 end, "the new workers")
  shell.run("kill -QUIT " .. old)
  self:wait(function() return not shell.is_alive(old) end, "the end of the old nginx")
end

--- A connection to it that waits ten seconds at most.
function Server:connect()
  local client = socket.tcp4()
  client:settimeout(10)
  assert(client:connect("127.0.0.1", self.port))
  return client
end

--- Ends it: QUIT lets requests finish, TERM does not.
---@param signal? string default "QUIT"
function Server:quit(signal)
  if not self.pid then return end
  shell.run(("kill -%s %d"):format(signal or "QUIT", self.pid))
  self:wait(function() return not shell.is_alive(self.pid) end, "the end")
  self.pid = nil
end

--- Ends it and removes its folder.
function Server:stop()
  self:quit "TERM"
  shell.run("rm -rf " .. self.folder)
end

--- Starts one. The caller calls stop.
---@param given table main, http, server: more of the configuration, where <folder>, <port> and <repository> stand for
--- this server's; listen: more of its listen directive; files: table of texts by name, for its folder, likewise;
--- workers: default 1; env: table of variables, as nginx's configuration has them; started_with: as a shell sets them,
--- which is all that nginx knows of them; level: of the error log, default "info"
---@return table|nil server
---@return string? message what nginx said where it did not start
function nginx_server.start(given)
  local self = setmetatable({ folder = shell.run "mktemp -d", port = shell.free_port() }, Server)
  self.url = ("http://127.0.0.1:%d"):format(self.port)
  for name, text in pairs(given.files or {}) do
    self:write(name, (text:gsub("<folder>", self.folder):gsub("<port>", self.port)))
  end
  self:write("nginx.conf", fill(self, given))
  local output, status = shell.capture((given.started_with or "") .. " " .. self:command())
  if status ~= 0 then
    output = output .. "\n" .. self:error_log()
    self:stop()
    return nil, output
  end
  self:wait(function() return self:read "pid" ~= "" end, "the process id")
  self.pid = tonumber(self:read "pid")
  self:wait(function() return #self:workers() == (given.workers or 1) end, "the workers")
  return self
end

return nginx_server
