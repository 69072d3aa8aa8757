--- Receives while it is killed, at named points, at random moments, and with the inbox's own server; and runs callbacks
--- in workers that are killed, or stopped for longer than their leases.
local core = require "marketplace.core"
local count_runs = require "support.count_runs"
local marketplace = require "marketplace"
local shell = require "support.shell"

local callback = require "support.chaos_callback"

local chaos = {}

local SECRET = "a secret for chaos"
local SENDERS = 4

chaos.POINTS = {
  "before commit", "after commit", "before answer", "after answer", "before claim", "after claim", "before callback",
  "in callback", "before finish", "after finish",
}

local function write(path)
  assert(io.open(path, "w")):close()
end

local function signal(name, pids)
  os.execute(("kill -%s %s"):format(name, table.concat(pids, " ")))
end

local Run = {}
Run.__index = Run

local function start_senders(self)
  self.senders = {}
  for i = 1, SENDERS do
    local command = ("env MARKETPLACE_SECRET='%s' %s spec/support/chaos_sender.lua %s app%d %s %s %s"):format(SECRET,
      shell.LUA, self.url, i, self.folder, self.pause, self.count or "")
    self.senders[i] = shell.in_background(command)
  end
end

--- Starts the receiver, and waits until it listens. If there are workers, it leaves the callbacks to them.
function Run:start(point, count)
  local program = ("%s spec/support/chaos_server.lua '%s' %d %s/log '%s' %d %s 2>>%s/errors"):format(shell.LUA,
    self.inbox, self.port, self.folder, point, count, #self.workers > 0 and "only-receives" or "", self.folder)
  self.server, self.pid = shell.in_background(("env MARKETPLACE_SECRET='%s' %s %s"):format(SECRET, self.environment,
    program))
  assert(self.server:read "*l" == "listening", "the receiver did not start")
end

local function start_worker(self)
  local pipe, pid = shell.in_background(("env %s %s spec/support/chaos_worker.lua '%s' %s/log 2>>%s/errors"):format(
    self.environment, shell.LUA, self.inbox, self.folder, self.folder))
  assert(pipe:read "*l" == "working", "a worker did not start")
  return { pipe = pipe, pid = pid }
end

--- Starts so many workers, before the receiver.
function Run:start_workers(count)
  for i = 1, count do self.workers[i] = start_worker(self) end
end

function Run:end_workers()
  for _, worker in ipairs(self.workers) do signal("TERM", { worker.pid }) end
  for _, worker in ipairs(self.workers) do
    worker.pipe:read "*a"
    worker.pipe:close()
  end
  self.workers = {}
end

-- Waits until a process has ended that is killed.
local function wait_for_death(self, pipe, pid)
  pipe:read "*a"
  self.deaths[#self.deaths + 1] = { pid = pid, at = core.monotonic() }
  pipe:close()
end

--- Waits until the receiver has ended.
function Run:wait()
  wait_for_death(self, self.server, self.pid)
end

function Run:kill()
  signal("KILL", { self.pid })
  self:wait()
end

--- Kills a worker, and starts another.
function Run:replace_worker(place)
  local worker = self.workers[place]
  signal("KILL", { worker.pid })
  wait_for_death(self, worker.pipe, worker.pid)
  self.workers[place] = start_worker(self)
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

--- Waits until everything is done, then ends the workers and the receiver gracefully.
function Run:drain()
  local box = assert(marketplace.inbox(self.inbox))
  local stop = core.monotonic() + 120
  repeat
    core.sleep(0.05)
    local counts = assert(box:backlog())
    assert(core.monotonic() < stop, ("%d ready, %d leased: it does not drain"):format(counts.ready, counts.leased))
  until counts.ready + counts.leased == 0
  box:close()
  self:end_workers()
  os.execute(("kill -TERM %d"):format(self.pid))
  self:wait()
end

--- Every acknowledged notification, in the order in which its sender had it acknowledged.
function Run:acknowledged()
  local all = {}
  for i = 1, SENDERS do
    for _, id in ipairs(shell.lines(("%s/app%d.acknowledged"):format(self.folder, i))) do all[#all + 1] = id end
  end
  return all
end

-- What ran, in the order of the times in one column of the log: `looked_at` or `began_at`.
local function runs_by(self, column)
  local list = {}
  for _, line in ipairs(shell.lines(self.folder .. "/log")) do
    local app, number, looked_at, began_at, pid = line:match "^(.*)%-(%d+) (%S+) (%S+) (%d+)$"
    -- a process that was killed while it wrote leaves a part of a line
    if app then
      list[#list + 1] = {
        id = app .. "-" .. number, app = app, number = tonumber(number), looked_at = tonumber(looked_at),
        began_at = tonumber(began_at), pid = tonumber(pid),
      }
    end
  end
  table.sort(list, function(a, b) return a[column] < b[column] end)
  return list
end

--- Checks what was acknowledged against what is done and what ran; gives the figures. `delayed`: how many callbacks
--- began out of order because their process was stopped after it had looked whether the lease still lasted, which
--- nothing can prevent.
---@return table {acknowledged=, refused_tries=, runs=, delayed=}
function Run:check()
  local box = assert(marketplace.inbox(self.inbox))
  local list = runs_by(self, "looked_at")
  local runs, disorder = count_runs(list)
  local _, delayed = count_runs(runs_by(self, "began_at"))
  assert(disorder == 0, ("%d ran out of order"):format(disorder))
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
  for i = 1, SENDERS do failed = failed + tonumber(shell.lines(("%s/app%d.failed"):format(self.folder, i))[1]) end
  box:close()
  return { acknowledged = #acknowledged, refused_tries = failed, runs = #list, delayed = delayed }
end

-- The run of each notification that comes after this one.
local function next_runs(list)
  local latest, following = {}, {}
  for i = #list, 1, -1 do
    following[list[i]] = latest[list[i].id]
    latest[list[i].id] = list[i]
  end
  return following
end

--- How long it took, from the death of a process that had leased it, until a notification ran again: the median and the
--- longest of those that had begun.
---@return {count: integer, median?: number, worst?: number} in seconds
function Run:recoveries()
  local list, died_at, seconds = runs_by(self, "began_at"), {}, {}
  for _, death in ipairs(self.deaths) do died_at[death.pid] = death.at end
  for run, again in pairs(next_runs(list)) do
    local wait = again.began_at - (died_at[run.pid] or math.huge)
    if wait > 0 then seconds[#seconds + 1] = wait end
  end
  table.sort(seconds)
  return { count = #seconds, median = seconds[math.ceil(#seconds / 2)], worst = seconds[#seconds] }
end

--- What SQLite says of its file: "ok".
function Run:integrity()
  local box = assert(marketplace.inbox(self.inbox))
  local found = assert(box:read(function(link) return link:run "PRAGMA integrity_check"[1].integrity_check end))
  box:close()
  return found
end

function Run:remove()
  shell.capture("rm -rf " .. self.folder)
end

--- Begins: senders that send until they are stopped, and nobody who answers them yet.
---@param settings {inbox: string|fun(folder: string): string, environment?: string, count?: integer, pause?: number,
--- lease?: number} count: of each sender; without it they send until they are stopped; pause: seconds between two,
--- default 0; lease: seconds, default that of support.chaos_callback
function chaos.begin(settings)
  local folder = shell.run "mktemp -d"
  local port = shell.free_port()
  local word = settings.inbox
  if type(word) == "function" then word = word(folder) end
  local self = setmetatable({
    folder = folder, port = port, inbox = word, url = ("http://127.0.0.1:%d/notifications"):format(port),
    environment = settings.environment or "", count = settings.count, pause = settings.pause or 0, workers = {},
    deaths = {},
  }, Run)
  if settings.lease then self.environment = ("CHAOS_LEASE=%g %s"):format(settings.lease, self.environment) end
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

-- Until the receiver has stored something more, as after the inbox's server was killed.
local function wait_until_stored(self)
  local before, stop = #self:acknowledged(), core.monotonic() + 60
  repeat
    core.sleep(0.02)
    assert(core.monotonic() < stop, "nothing is stored any more")
  until #self:acknowledged() > before
end

--- Kills the inbox's own server so many times, and starts it again, while the receiver goes on.
---@param self table of begin
---@param database table with kill and start
---@param kills integer
---@param random fun(n: integer): integer
function chaos.kill_database(self, database, kills, random)
  for _ = 1, kills do
    wait_until_stored(self)
    core.sleep(random(200) / 1000)
    database:kill()
    core.sleep(random(50) / 1000)
    database:start()
  end
end

--- Kills so many workers, one after another, and starts another in the place of each.
---@param self table of begin
---@param kills integer
---@param random fun(n: integer): integer
function chaos.kill_workers(self, kills, random)
  for _ = 1, kills do
    core.sleep(random(100) / 1000)
    self:replace_worker(random(#self.workers))
  end
end

--- Stops some of the workers so many times for longer than a lease, and lets them go on.
---@param self table of begin
---@param stops integer
---@param random fun(n: integer): integer
---@return integer how often one was stopped
function chaos.stop_workers(self, stops, random)
  local stopped = 0
  while stopped < stops do
    local pids, first = {}, random(#self.workers)
    for i = first, first + random(#self.workers - 1) - 1 do
      pids[#pids + 1] = self.workers[(i - 1) % #self.workers + 1].pid
    end
    core.sleep(random(100) / 1000)
    signal("STOP", pids)
    core.sleep(callback.LEASE + random(300) / 1000)
    signal("CONT", pids)
    stopped = stopped + #pids
  end
  return stopped
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
