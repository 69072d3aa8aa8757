--- A PostgreSQL server of its own, on a free loopback port, in a temporary folder.
local certificates = require "support.certificates"
local core = require "marketplace.core"
local shell = require "support.shell"
local socket = require "socket"

local postgres_server = {}

local Server = {}
Server.__index = Server

local run = shell.run

-- PostgreSQL refuses to run as root.
local function as_owner(command)
  if run "id -u" ~= "0" then return command end
  return "su postgres -s /bin/sh -c '" .. command:gsub("'", "'\\''") .. "'"
end

local function program(name)
  local path = run "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1"
  assert(path ~= "", "PostgreSQL's server is not installed")
  return path .. "/" .. name
end

local MOST_TRIES = 50 -- a server that was killed leaves processes, which end once they notice

--- Starts it, after its folder was made.
---@param before? string a shell's command, such as `ulimit -f 33000;`
function Server:start(before)
  local start = ("cd / && %s -D %s/data -w -t 60 -l %s/log -o '-p %d -k %s -h 127.0.0.1 %s' start"):format(
    program "pg_ctl", self.folder, self.folder, self.port, self.folder, self.options)
  local command = as_owner((before or "") .. start)
  for try = 1, MOST_TRIES do
    local output, status = shell.capture(command .. " >/dev/null")
    if status == 0 then return end
    assert(try < MOST_TRIES, command .. "\n" .. output)
    socket.sleep(0.1)
  end
end

-- A process and its children, from the system's own table: pgrep need not be installed.
local function with_children(pid)
  local children = shell.capture(([[
    awk '{ sub(/^.*\) /, ""); if ($2 == %s) print FILENAME }' /proc/[0-9]*/stat 2>/dev/null]])
    :format(pid))
  local pids = pid
  for child in children:gmatch "/proc/(%d+)/" do pids = pids .. " " .. child end
  return pids
end

-- The server's first process; nil if it does not run.
local function postmaster_of(self)
  local file = io.open(self.folder .. "/data/postmaster.pid")
  if not file then return nil end
  local pid = file:read "*l"
  file:close()
  return shell.is_alive(pid) and pid or nil
end

--- Ends it as a power cut would: a server's child that lives on would go on answering.
function Server:kill()
  local pid = assert(postmaster_of(self))
  shell.capture("kill -9 " .. with_children(pid)) -- a child may have ended just now
  for try = 1, MOST_TRIES do
    if not shell.is_alive(pid) then return end
    assert(try < MOST_TRIES, "it does not end")
    socket.sleep(0.1)
  end
end

--- Stops all its processes until `thaw`.
function Server:freeze() shell.capture("kill -STOP " .. with_children(postmaster_of(self))) end

function Server:thaw() shell.capture("kill -CONT " .. with_children(postmaster_of(self))) end

--- Ends it.
---@param mode? string as pg_ctl has it, default "immediate"
function Server:stop(mode)
  run(as_owner(("cd / && %s -D %s/data -w -m %s stop >/dev/null"):format(program "pg_ctl", self.folder,
    mode or "immediate")))
end

--- Whether it has not ended by itself.
function Server:is_running() return postmaster_of(self) ~= nil end

function Server:remove()
  if self:is_running() then self:stop() end
  run("rm -rf " .. self.folder)
end

--- A shell's command that has it run a statement.
function Server:psql(statement)
  return ("psql -X -q -A -t -h 127.0.0.1 -p %d -U postgres -d postgres -c \"%s\""):format(self.port, statement)
end

--- What psql prints.
function Server:query(statement)
  return run(self:psql(statement))
end

--- Has it read its files again.
function Server:reload() self:query "SELECT pg_reload_conf()" end

--- Changes one of its settings, and waits until that holds.
---@param name string
---@param value string as SHOW has it
function Server:set(name, value)
  self:query(("ALTER SYSTEM SET %s TO '%s'"):format(name, value))
  self:reload()
  repeat until self:query("SHOW " .. name) == value
end

--- Lets a role in only with its password, which it takes a moment to do.
function Server:demand_password(role)
  local path = self.folder .. "/data/pg_hba.conf"
  local former = assert(core.read_file(path))
  local file = assert(io.open(path, "w")) -- which stays its owner's
  file:write(("host all %s 127.0.0.1/32 scram-sha-256\n"):format(role), former)
  file:close()
  self:reload()
end

--- Forgets the inbox in it.
function Server:reset()
  self:query "DROP SCHEMA IF EXISTS marketplace CASCADE"
end

--- libpq's words for it.
function Server:words()
  return ("host=127.0.0.1 port=%d user=postgres dbname=postgres"):format(self.port)
end

local function new_server(options)
  local folder = run "mktemp -d"
  if run "id -u" == "0" then run("chown postgres " .. folder) end
  return setmetatable({ folder = folder, port = shell.free_port(), options = options or "" }, Server)
end

--- Starts a standby of this one, which the caller removes, too.
---@param port? integer where it reaches this one once it is a copy of it, default this one's own
function Server:start_standby(port)
  local standby = new_server()
  run(as_owner(("cd / && %s -D %s/data -R -c fast -h 127.0.0.1 -p %d -U postgres"):format(program "pg_basebackup",
    standby.folder, self.port)))
  if port then
    local file = assert(io.open(standby.folder .. "/data/postgresql.auto.conf", "a"))
    file:write(("primary_conninfo = 'host=127.0.0.1 port=%d user=postgres'\n"):format(port))
    file:close()
  end
  standby:start()
  return standby
end

--- Puts another certificate in the place of that of a server with TLS.
---@param ends_at string as openssl takes it
function Server:renew_certificate(ends_at)
  certificates.renew(self.folder, ends_at, "postgres")
  self:reload()
end

--- Makes a primary of a standby.
function Server:promote()
  run(as_owner(("cd / && %s -D %s/data -w promote >/dev/null"):format(program "pg_ctl", self.folder)))
end

--- Starts one. The caller calls remove.
---@param options? string more of the server's options
---@param prepare? fun(folder: string) is called before it starts, with its folder, which is the server's own
function postgres_server.start(options, prepare)
  local self = new_server(options)
  local folder = self.folder
  if prepare then prepare(folder) end
  run(as_owner(("cd / && %s -D %s/data -A trust -U postgres -N >/dev/null"):format(program "initdb", folder)))
  self:start()
  return self
end

--- Starts one with TLS, whose certificate, server.crt, and authority, ca.crt, are in its folder.
---@param ends_at string as openssl takes it
function postgres_server.start_with_tls(ends_at)
  return postgres_server.start("-c ssl=on -c ssl_cert_file=../server.crt -c ssl_key_file=../server.key",
    function(folder) certificates.make(folder, ends_at, "postgres") end)
end

return postgres_server
