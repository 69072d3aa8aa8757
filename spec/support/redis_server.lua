--- A Redis server of its own, on a free loopback port, in a temporary folder.
local certificates = require "support.certificates"
local shell = require "support.shell"
local socket = require "socket"

local redis_server = {}

local Server = {}
Server.__index = Server

local run = shell.run

local MOST_TRIES = 500

--- Starts it, and waits until it answers.
---@param before? string a shell's commands that come before it
function Server:start(before)
  local place = ("--bind 127.0.0.1 --port %d --unixsocket <f>/socket --pidfile <f>/pid --logfile <f>/log")
    :format(self.port):gsub("<f>", self.folder)
  run(("cd %s && %s redis-server --appendonly yes --appendfsync always --save '' --daemonize yes %s %s"):format(
    self.folder, before or "", place, self.options))
  for try = 1, MOST_TRIES do
    local output = shell.capture(self:cli "PING")
    if output:find "PONG" or output:find "NOAUTH" then
      self.pid = run(("cat %s/pid"):format(self.folder))
      return
    end
    assert(try < MOST_TRIES, output)
    socket.sleep(0.02)
  end
end

function Server:cli(words)
  return ("redis-cli -h 127.0.0.1 -p %d %s"):format(self.port, words)
end

--- What redis-cli answers.
function Server:query(words)
  return run(self:cli(words))
end

local function wait_for_death(self)
  for try = 1, MOST_TRIES do
    if not shell.is_alive(self.pid) then break end
    assert(try < MOST_TRIES, "it does not end")
    socket.sleep(0.02)
  end
  self.pid = nil
end

--- Ends it as a power cut would.
function Server:kill()
  run("kill -9 " .. self.pid)
  wait_for_death(self)
end

--- Ends it as an operator does.
function Server:stop()
  self:query "SHUTDOWN"
  wait_for_death(self)
end

--- Whether it has not ended by itself.
function Server:is_running() return self.pid ~= nil and shell.is_alive(self.pid) end

--- Stops it until `thaw`.
function Server:freeze() run("kill -STOP " .. self.pid) end

function Server:thaw() run("kill -CONT " .. self.pid) end

--- Waits until what it says of itself has this.
---@param section string of INFO
---@param part string
function Server:wait_for(section, part)
  for try = 1, MOST_TRIES do
    local text = self:query("INFO " .. section)
    if text:find(part, 1, true) then return end
    assert(try < MOST_TRIES, text)
    socket.sleep(0.02)
  end
end

--- Makes it a replica of another server, and waits until it has all that that one has.
---@param primary table
---@param port? integer where it reaches that one, default that one's own
function Server:follow(primary, port)
  self:query(("REPLICAOF 127.0.0.1 %d"):format(port or primary.port))
  self:wait_for("replication", "master_link_status:up")
  primary:wait_for("replication", ("port=%d,state=online"):format(self.port))
end

--- Makes it a primary again.
function Server:promote() self:query "REPLICAOF NO ONE" end

function Server:reset()
  self:query "FLUSHALL"
end

--- Puts another certificate in the place of that of a server with TLS, which reads it again if it is told its name.
---@param ends_at string as openssl takes it
function Server:renew_certificate(ends_at)
  certificates.renew(self.folder, ends_at)
  self:query(("CONFIG SET tls-cert-file %s/server.crt"):format(self.folder))
end

--- The inbox's words for it.
function Server:words()
  return ("host=127.0.0.1 port=%d"):format(self.port)
end

function Server:remove()
  if self:is_running() then self:kill() end
  run("rm -rf " .. self.folder)
end

--- Starts one. The caller calls remove.
---@param options? string more of the server's options
---@param prepare? fun(folder: string) is called before it starts, with its folder
function redis_server.start(options, prepare)
  local self = setmetatable({ folder = run "mktemp -d", port = shell.free_port(), options = options or "" }, Server)
  if prepare then prepare(self.folder) end
  self:start()
  return self
end

local TLS = "--tls-port %d --tls-cert-file server.crt --tls-key-file server.key --tls-ca-cert-file ca.crt %s"

--- Starts one that takes TLS, too, on its tls_port; its certificate, server.crt, and authority, ca.crt, are in its
--- folder.
---@param ends_at string as openssl takes it
---@param options? string more of the server's options, default: clients need no certificate
function redis_server.start_with_tls(ends_at, options)
  local port = shell.free_port()
  local self = redis_server.start(TLS:format(port, options or "--tls-auth-clients no"), function(folder)
    certificates.make(folder, ends_at)
  end)
  self.tls_port = port
  return self
end

return redis_server
