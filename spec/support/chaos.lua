--- Receives while it is killed: at named points, at random moments, and with the inbox's own server.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local shell = require "support.shell"

local chaos = {}

local SECRET = "a secret for chaos"
local SENDERS = 4

chaos.POINTS = {
  "before commit", "after commit", "before answer", "after answer", "before claim", "after claim", "before callback",
  "in callback", "before finish", "after finish",
}

local function lines_of(path)
  local list = {}
  local file = io.open(path)
  if not file then return list end
  for line in file:lines() do list[#list + 1] = line end
  file:close()
  return list
end

local function write(path)
  assert(io.open(path, "w")):close()
end

local function in_background(command)
  local pipe = assert(io.popen(("exec sh -c 'echo $$; exec %s'"):format(command:gsub("'", "'\\''"))))
  return pipe, assert(tonumber(pipe:read "*l"))
end

local Run = {}
Run.__index = Run

local function start_senders(self)
  self.senders = {}
  for i = 1, SENDERS do
    self.senders[i] = in_background(("env MARKETPLACE_SECRET='%s' %s spec/support/chaos_sender.lua %s app%d %s %s")
      :format(SECRET, shell.LUA, self.url, i, self.folder, self.count or ""))
  end
end

--- Starts the receiver, and waits until it listens.
function Run:start(point, count)
  local program = ("%s spec/support/chaos_server.lua '%s' %d %s/log '%s' %d 2>>%s/errors"):format(shell.LUA,
    self.inbox, self.port, self.folder, point, count, self.folder)
  self.server, self.pid = in_background(("env MARKETPLACE_SECRET='%s' %s %s"):format(SECRET, self.environment, program))
  assert(self.server:read "*l" == "listening", "the receiver did not start")
end

--- Waits until the receiver has ended.
function Run:wait()
  self.server:read "*a"
  self.server:close()
end

function Run:kill()
  os.execute(("kill -9 %d"):format(self.pid))
  self:wait()
end

function Run:stop_senders()
  write(self.folder .. "/stop")
  self:wait_for_senders()
end

--- Waits until the senders have had acknowledged all that they were to send.
function Run:wait_for_senders()
  for _, sender in ipairs(self.senders) do
    sender:read "*a"
    sender:close()
  end
end

--- Waits until everything is done, then ends the receiver gracefully.
function Run:drain()
  local box = assert(marketplace.inbox(self.inbox))
  local stop = core.monotonic() + 120
  repeat
    core.sleep(0.05)
    local counts = assert(box:backlog())
    assert(core.monotonic() < stop, ("%d ready, %d leased: it does not drain"):format(counts.ready, counts.leased))
  until counts.ready + counts.leased == 0
  box:close()
  os.execute(("kill -TERM %d"):format(self.pid))
  self:wait()
end

--- Every acknowledged notification, in the order in which its sender had it acknowledged.
function Run:acknowledged()
  local all = {}
  for i = 1, SENDERS do
    for _, id in ipairs(lines_of(("%s/app%d.acknowledged"):format(self.folder, i))) do all[#all + 1] = id end
  end
  return all
end

-- How often each ran; fails where one ran for the first time before its app's earlier one.
local function count_runs(self)
  local runs, total, last = {}, 0, {}
  for _, id in ipairs(lines_of(self.folder .. "/log")) do
    local app, number = id:match "^(.*)%-(%d+)$"
    -- a process that was killed while it wrote leaves a part of a line
    if app then
      if not runs[id] then
        assert(tonumber(number) == (last[app] or 0) + 1, "it ran out of order: " .. id)
        last[app] = tonumber(number)
      end
      runs[id] = (runs[id] or 0) + 1
      total = total + 1
    end
  end
  return runs, total
end

--- Checks what was acknowledged against what is done and what ran; gives the figures.
---@return table {acknowledged=, refused_tries=, runs=}
function Run:check()
  local box = assert(marketplace.inbox(self.inbox))
  local runs, total = count_runs(self)
  local acknowledged, failed = self:acknowledged(), 0
  for _, id in ipairs(acknowledged) do
    local entry = box:get(id)
    assert(entry, "acknowledged and not in the inbox: " .. id)
    assert(entry.state == "done", ("%s is %s"):format(id, entry.state))
    assert(runs[id], "acknowledged and its callback never ran: " .. id)
  end
  local counts = assert(box:counts())
  assert(counts.done == #acknowledged, ("%d are done, %d were acknowledged"):format(counts.done, #acknowledged))
  assert(counts.dead == 0)
  for i = 1, SENDERS do failed = failed + tonumber(lines_of(("%s/app%d.failed"):format(self.folder, i))[1]) end
  box:close()
  return { acknowledged = #acknowledged, refused_tries = failed, runs = total }
end

function Run:remove()
  shell.capture("rm -rf " .. self.folder)
end

--- Begins: senders that send until they are stopped, and nobody who answers them yet.
---@param settings {inbox: string|fun(folder: string): string, environment?: string, count?: integer} count: of each
--- sender; without it they send until they are stopped
function chaos.begin(settings)
  local folder = shell.run "mktemp -d"
  local port = shell.free_port()
  local word = settings.inbox
  if type(word) == "function" then word = word(folder) end
  local self = setmetatable({
    folder = folder, port = port, inbox = word, url = ("http://127.0.0.1:%d/notifications"):format(port),
    environment = settings.environment or "", count = settings.count,
  }, Run)
  start_senders(self)
  return self
end

--- Kills the receiver so many times, at each named point and at random moments in turn.
---@param self table of begin
---@param kills integer
---@param random fun(n: integer): integer
---@return table<string, integer> how often at which point
function chaos.kill_receiver(self, kills, random)
  local killed = {}
  for i = 1, kills do
    local point = chaos.POINTS[i % (#chaos.POINTS + 1) + 1]
    if point then
      self:start(point, random(20))
      self:wait()
    else
      self:start("never", 1)
      core.sleep(random(200) / 1000)
      self:kill()
    end
    point = point or "at a random moment"
    killed[point] = (killed[point] or 0) + 1
  end
  return killed
end

--- Kills the inbox's own server so many times, and starts it again, while the receiver goes on.
---@param database table with kill and start
---@param kills integer
---@param random fun(n: integer): integer
function chaos.kill_database(database, kills, random)
  for _ = 1, kills do
    core.sleep(random(200) / 1000)
    database:kill()
    core.sleep(random(50) / 1000)
    database:start()
  end
end

--- What a power cut would have left of an SQLite file, where the receiver ran with lost_writes.so: every file as it was
--- when it was last synced.
function chaos.lose_writes(path)
  os.remove(path .. "-shm")
  for _, name in ipairs { path, path .. "-wal" } do
    os.remove(name)
    os.rename(name .. ".synced", name)
  end
end

return chaos
