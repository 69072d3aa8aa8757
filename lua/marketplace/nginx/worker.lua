--- Runs a receiver's callbacks in an nginx worker: in timers, so that they may use cosockets and ngx.sleep, and one
--- after another, as everywhere. Each worker takes what no other has leased.
local core = require "marketplace.core"
local semaphore = require "ngx.semaphore"

local worker = {}

local Worker = {}
Worker.__index = Worker

local TURN_SECONDS = 1       -- of callbacks in one timer, whose memory nginx frees when it ends
local BREATH_SECONDS = 0.005 -- for which callbacks that never yield keep requests waiting, plus one callback's time
local YIELD_SECONDS = 0.001
local RECOVERY_SECONDS = 1   -- until nginx is asked for a timer again
local LAST_SECONDS = 10      -- for which an ending worker runs what would otherwise be lost
local WATCH_SECONDS = 1      -- between two checks that callbacks still run
local SILENT_SECONDS = 2     -- beyond a lease, after which they are taken to have ended
local DAY = 86400

local function log(self, level, message, reason)
  self.log.write { level = level, message = message, at = core.now(), reason = reason }
end

local function run_turn(self)
  self.breathed_at = core.monotonic()
  self.turned_at = self.breathed_at
  return self.receiver.dispatcher:turn(TURN_SECONDS)
end

local function report_lost(self)
  local dispatcher = self.receiver.dispatcher
  local ok, left = pcall(dispatcher.waiting, dispatcher)
  if ok and left and left > 0 then
    log(self, "warning", "stopped", ("notifications lost before their callbacks ran: %d"):format(left))
  end
end

-- What was claimed is finished or given back once a turn returns. What only this process holds runs now or never.
local function wind_up(self)
  local dispatcher = self.receiver.dispatcher
  if self.receiver.inbox.durable then return dispatcher:stop(LAST_SECONDS) end
  local deadline = core.monotonic() + LAST_SECONDS
  repeat
    local pause = run_turn(self)
  until pause > 0 and not dispatcher:await_forward(pause) or core.monotonic() >= deadline
  dispatcher:stop(0)
  report_lost(self)
end

local function schedule(self, turn, series)
  local ok, problem = ngx.timer.at(0, turn, self, series)
  while not ok and not ngx.worker.exiting() do
    self.turned_at = core.monotonic()
    log(self, "error", "callbacks cannot run", "nginx cannot create a timer: " .. tostring(problem))
    ngx.sleep(RECOVERY_SECONDS)
    ok, problem = ngx.timer.at(0, turn, self, series)
  end
  return ok
end

local function turn(_, self, series)
  if ngx.worker.exiting() then return wind_up(self) end
  local pause = run_turn(self)
  if self.series ~= series then return end
  if not ngx.worker.exiting() then self.semaphore:wait(pause) end
  if self.series == series and not schedule(self, turn, series) then wind_up(self) end
end

-- A callback can end the timer that it runs in, and the turns with it: ngx.exit does, and no pcall catches that. Or it
-- may never return. Its notification can be claimed again once its lease has ended, here too.
local function watch(premature, self)
  local dispatcher = self.receiver.dispatcher
  local silent = core.monotonic() - math.max(self.turned_at, dispatcher.active_at)
  if premature or silent <= dispatcher.lease + SILENT_SECONDS then return end
  log(self, "error", "callbacks cannot run",
    "one of them ended the timer, as ngx.exit does, or takes longer than its lease: they are started again")
  self.series, self.turned_at = self.series + 1, core.monotonic()
  schedule(self, turn, self.series)
end

-- nginx runs pending timers as soon as the worker is to end: this one then wakes the callbacks.
local function wake_at_end(premature, self)
  self:wake()
  if not premature then return ngx.timer.at(DAY, wake_at_end, self) end
  ngx.sleep(YIELD_SECONDS) -- otherwise nginx would resume the woken one only when something else happens
end

--- Runs callbacks from now on, until the worker ends. Call it in init_worker_by_lua.
function Worker:start()
  -- not earlier: in init_by_lua, nginx's master would make it with a log that it frees at the next reload
  self.semaphore = assert(semaphore.new())
  assert(ngx.timer.at(0, turn, self, self.series))
  assert(ngx.timer.every(WATCH_SECONDS, watch, self))
  assert(ngx.timer.at(DAY, wake_at_end, self))
end

--- Says that something was stored.
function Worker:wake()
  if self.semaphore:count() < 0 then self.semaphore:post(1) end
end

local function turn_once(premature, self)
  local pause = run_turn(self)
  if premature or self.receiver.inbox.durable then return end
  if (self.receiver.dispatcher:waiting() or 0) > 0 then ngx.timer.at(pause, turn_once, self) end
end

--- Runs the callbacks of what is stored now, soon, and once: for a Lua of one request only, as lua_code_cache off
--- makes it. What only that Lua state holds is tried again for as long as it is not done.
function Worker:start_once()
  local ok, problem = ngx.timer.at(0, turn_once, self)
  if not ok then log(self, "error", "callbacks cannot run", "nginx cannot create a timer: " .. tostring(problem)) end
end

--- Whether the dispatcher should begin no more callbacks, which it asks between two of them. Lets requests run first.
---@return boolean
function Worker:stop_asked()
  if core.monotonic() - self.breathed_at >= BREATH_SECONDS then
    ngx.sleep(YIELD_SECONDS)
    self.breathed_at = core.monotonic()
  end
  return ngx.worker.exiting() and self.receiver.inbox.durable == true
end

---@param receiver marketplace.Receiver whose `stop_asked` must be the worker's
---@param log_target table see marketplace.log
function worker.new(receiver, log_target)
  return setmetatable({
    receiver = receiver, log = log_target, semaphore = nil, breathed_at = 0, series = 1,
  }, Worker)
end

return worker
