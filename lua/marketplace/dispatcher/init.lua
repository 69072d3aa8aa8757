--- Runs callbacks for what an inbox holds: claims, calls, finishes, and tries again what failed.
local call = require "marketplace.dispatcher.call"
local callbacks = require "marketplace.dispatcher.callbacks"
local context = require "marketplace.dispatcher.context"
local core = require "marketplace.core"
local log = require "marketplace.log"
local metrics = require "marketplace.metrics"
local notification = require "marketplace.notification"
local options = require "marketplace.options"
local outcome = require "marketplace.dispatcher.outcome"
local report = require "marketplace.dispatcher.report"
local superseded = require "marketplace.dispatcher.superseded"

local dispatcher = {}

---@class marketplace.Dispatcher
---@field inbox marketplace.Inbox
---@field active_at number when it last claimed, finished or extended something, or began a run, by core.monotonic
local Dispatcher = {}
Dispatcher.__index = Dispatcher

local LARGEST_BATCH = 64    -- claimed at a time, with one commit
local BATCH_SECONDS = 0.05  -- that a batch should take, judging by the one before: leases run while entries wait in it
local RETRY = { attempts = 10, base = 5, cap = 3600 }
local LONGEST_PAUSE = 1     -- between two turns
local SHORTEST_PAUSE = 0.01 -- after a turn that found nothing: the inbox's clock may differ from this machine's
local RECOVERY_SECONDS = 1  -- until the inbox is asked again after it failed
local LEASE_SECONDS = 60
local MOST_SECONDS = 366 * 86400

--[[ Callbacks ]]

--- Adds a callback. For one notification all callbacks that match run: those of its event, then those of its
--- type, then those of "*"; among themselves in the order in which they were added.
---
--- A callback that raises or returns nil and a message has failed: the notification is tried again later.
---@param name string an event's name, one of Apple's type names, or "*" for everything
---@param callback fun(n: marketplace.Notification, ctx: marketplace.Context): any, string?
---@return marketplace.Dispatcher self
function Dispatcher:on(name, callback)
  self.callbacks:add(name, callback, self.name .. ":on")
  return self
end

--[[ Runs ]]

-- Returns whether there was a callback.
local function run_one(self, claimed, run)
  if claimed.attempt > self.retry.attempts then
    outcome.dead(claimed, ("ended its process, or outlived its lease, in each of %d attempts"):format(
      self.retry.attempts))
    return true
  end
  local n, problem = notification.parse(claimed.body)
  if not n then
    outcome.dead(claimed, problem)
    return true
  end
  -- before the callbacks, which may change the notification
  claimed.scope = superseded.scope(n)
  local list = self.callbacks:of(n)
  if #list == 0 then
    outcome.done(claimed)
    return false
  end
  local ctx = context.open(claimed, n, run)
  local failure = call.all(list, n, ctx)
  outcome.after_callbacks(self.retry, claimed, failure, context.close(ctx), run.clock())
  return true
end

-- A bug of this project costs one notification an attempt, not the whole batch.
local function run_guarded(self, claimed, run)
  local ok, handled = pcall(run_one, self, claimed, run)
  if ok then return handled end
  outcome.failed(self.retry, claimed, call.reason(handled), run.clock())
  return true
end

--[[ Batches ]]

-- Extends the leases of those from `first` on, which have waited for the ones before: they must not start without one.
-- Returns the batch without those whose lease was lost.
local function renew(self, batch, first, run)
  local waiting = {}
  for i = first, #batch do waiting[#waiting + 1] = batch[i] end
  local held, message, code = run.extend(waiting)
  if not held then return nil, message, code end
  local kept = {}
  for i = 1, first - 1 do kept[i] = batch[i] end
  for i, item in ipairs(waiting) do
    if held[i] then kept[#kept + 1] = item else self.report:lost(item, run.clock()) end
  end
  return kept
end

-- Runs the batch one by one; returns it, without what was lost, and how many were run.
-- `run.returned` holds what this dispatch has already put back for later. If that comes again, the dispatch ends:
-- otherwise a callback that snoozes for 0 seconds would run for ever.
local function run_batch(self, batch, deadline, run)
  local leased_at, place = core.monotonic(), 1
  while place <= #batch do
    local is_over = place > 1 and (core.monotonic() >= deadline or self.stop_asked())
    if is_over or run.returned[batch[place].identity] then
      outcome.release(batch, place, run.clock())
      return batch, place - 1
    end
    if core.monotonic() - leased_at > self.lease / 2 then
      local message, code
      batch, message, code = renew(self, batch, place, run)
      if not batch then return nil, message, code end
      leased_at = core.monotonic()
    end
    local item, started = batch[place], core.monotonic()
    self.active_at = started
    if item then
      local handled = run_guarded(self, item, run)
      self.report:ran(item, handled, core.monotonic() - started, run.clock)
      if item.state == "ready" then run.returned[item.identity] = true end
    end
    place = place + 1
  end
  return batch, #batch
end

local function finish(self, batch, run)
  local held, message, code = self.inbox:finish(batch, run.clock())
  if not held then return nil, message, code end
  for i = 1, #batch do
    if not held[i] then self.report:lost(batch[i], run.clock()) end
  end
  return true
end

local function fit_batch(self, count, took)
  self.batch = math.floor(math.max(1, math.min(LARGEST_BATCH, BATCH_SECONDS * count / math.max(took, 1e-6))))
end

-- One claim, its callbacks, one finish; returns how many were claimed and how many of them were run.
local function dispatch_batch(self, limit, deadline, run)
  local batch, message, code = self.inbox:claim(math.min(self.batch, limit), run.clock(), self.lease)
  self.active_at = core.monotonic()
  if not batch then return nil, message, code end
  if #batch == 0 then return 0, 0 end
  local claimed, started = #batch, self.active_at
  local left, ran, problem_code = run_batch(self, batch, deadline, run)
  if not left then return nil, ran, problem_code end
  local finished
  finished, message, code = finish(self, left, run)
  self.active_at = core.monotonic()
  if not finished then return nil, message, code end
  fit_batch(self, ran, self.active_at - started)
  return claimed, ran
end

local function dispatch(self, limit, seconds, clock)
  local total, deadline = 0, core.monotonic() + seconds
  local run = { inbox = self.inbox, clock = clock, returned = {} }
  function run.extend(items)
    local held, message, code = self.inbox:extend(items, clock(), self.lease)
    self.active_at = core.monotonic()
    return held, message, code
  end
  repeat
    local claimed, ran, code = dispatch_batch(self, limit - total, deadline, run)
    if not claimed then return nil, ran, code end
    total = total + ran
  until claimed == 0 or ran == 0 or total >= limit or core.monotonic() >= deadline or self.stop_asked()
  return total
end

local function check_bounds(where, limit, seconds)
  if not (limit >= 0 and limit == math.floor(limit)) then
    error(where .. ": option 'limit' must be a whole number, at least 0", 3)
  end
  if seconds ~= seconds or seconds < 0 then
    error(where .. ": option 'seconds' must be a number, at least 0", 3)
  end
end

---@class marketplace.DispatchOptions
---@field limit? integer the most notifications, default all
---@field seconds? number after which no more are begun, default never
---@field now? number seconds since the epoch, default the dispatcher's clock
local DISPATCH_OPTIONS = { limit = "number", seconds = "number", now = "number" }

--- Runs the callbacks of what the inbox holds and can be run now, one notification at a time of each app.
---@param settings? marketplace.DispatchOptions
---@return integer|nil count of notifications run
---@return string? message
---@return string? code inbox_unavailable
function Dispatcher:dispatch(settings)
  settings = settings or {}
  options.check(self.name .. ":dispatch", settings, DISPATCH_OPTIONS)
  local now, limit, seconds = settings.now, settings.limit or math.huge, settings.seconds or math.huge
  check_bounds(self.name .. ":dispatch", limit, seconds)
  return dispatch(self, limit, seconds, now and function() return now end or self.clock)
end

-- How long there is nothing to run, in seconds; nil and why if that is not known.
local function run_turn(self, seconds)
  local count, message = dispatch(self, math.huge, seconds, self.clock)
  if not count then return nil, message end
  local at, problem = self.inbox:next_at()
  if problem then return nil, problem end
  local least = count == 0 and SHORTEST_PAUSE or 0
  return math.max(least, math.min(at and at - self.clock() or LONGEST_PAUSE, LONGEST_PAUSE))
end

--- One turn of a loop: runs callbacks, and returns how long the loop may wait. Never raises: if callbacks cannot run,
--- that is logged, and tried again a second later, however often this is called meanwhile.
---@param seconds number after which it begins no more
---@return number pause seconds: 0 if more can be run at once, at most 1, as other processes store too
function Dispatcher:turn(seconds)
  local rest = self.recovers_at - core.monotonic()
  if rest > 0 then return rest end
  local ok, pause, problem = pcall(run_turn, self, seconds)
  if ok and pause then return pause end
  self.log.write {
    level = "error", message = "callbacks cannot run", at = self.clock(), reason = tostring(problem or pause),
  }
  self.recovers_at = core.monotonic() + RECOVERY_SECONDS
  return RECOVERY_SECONDS
end

--- How many notifications are stored and neither done nor dead.
---@return integer|nil
---@return string? message
---@return string? code inbox_unavailable
function Dispatcher:waiting()
  local backlog, message, code = self.inbox:backlog()
  if not backlog then return nil, message, code end
  return backlog.ready + backlog.leased
end

--- Adds what the inbox holds to a text of metrics.
---@param lines string[]
function Dispatcher:add_inbox_metrics(lines)
  local backlog = self.inbox:backlog()
  metrics.add(lines, "marketplace_inbox_up", "gauge", "Whether the inbox can be reached.", { { backlog and 1 or 0 } })
  if not backlog then return end
  metrics.add(lines, "marketplace_inbox_notifications", "gauge", "Notifications in the inbox, by state.", {
    { backlog.ready, "state", "ready" }, { backlog.leased, "state", "leased" }, { backlog.dead, "state", "dead" },
  })
  metrics.add(lines, "marketplace_inbox_oldest_age_seconds", "gauge",
    "When the oldest notification that is neither done nor dead was received.",
    { { backlog.oldest_at and math.max(0, self.clock() - backlog.oldest_at) or 0 } })
end

--- What it has done so far, and what the inbox holds, as text for Prometheus.
---@return string
function Dispatcher:metrics()
  local lines = {}
  self.report:add_counters(lines)
  self:add_inbox_metrics(lines)
  return metrics.text(lines)
end

--- How often and when a notification is tried again: after a random time of up to base * 2^n seconds.
---@class marketplace.RetryOptions
---@field attempts? integer how often it is tried in all, default 10
---@field base? number seconds of the first pause, default 5
---@field cap? number seconds of the longest pause, default 3600
local RETRY_OPTIONS = { attempts = "number", base = "number", cap = "number" }

local function check_retry(given, where)
  options.check(where .. ": retry", given, RETRY_OPTIONS, 5)
  if not ((given.attempts or 1) >= 1 and (given.base or 0) >= 0 and (given.cap or 0) >= 0) then
    error(where .. ": retry: attempts must be at least 1, base and cap at least 0 seconds", 4)
  end
end

local function check_lease(lease, where)
  if not (lease > 0 and lease <= MOST_SECONDS) then
    error(where .. ": option 'lease' must be more than 0 seconds and at most a year", 4)
  end
end

-- Otherwise it would fail only at the first entry, after callbacks have run, which would then run again.
local function check_log(given, where)
  if type(given) == "table" and type(given.write) ~= "function" then
    error(where .. ": option 'log' must be a function, or a table with a function 'write'", 4)
  end
end

local function never() return false end

---@class marketplace.DispatcherOptions
---@field inbox marketplace.Inbox holds the notifications
---@field log? fun(entry: table)|table see marketplace.log; default: warnings and errors to the standard error stream
---@field lease? number seconds that a callback may take, default 60, at most a year
---@field retry? marketplace.RetryOptions
---@field clock? fun(): number seconds since the epoch, default the machine's
---@field random? fun(): number from 0 to below 1, default math.random
---@field stop_asked? fun(): boolean once it returns true, what has not begun is given back; default never
local OPTIONS = {
  inbox = "!table", log = "function|table", lease = "number", retry = "table", clock = "function", random = "function",
  stop_asked = "function",
}

--- Its options, for functions that take them too.
dispatcher.OPTIONS = OPTIONS

--- A dispatcher from options whose names and types were checked, but not their values.
---@param given table
---@param where string the public function's name, for messages; its caller is blamed
---@param name string what the operator calls it
---@return marketplace.Dispatcher
function dispatcher.from(given, where, name)
  local retry = given.retry or RETRY
  check_retry(retry, where)
  check_lease(given.lease or LEASE_SECONDS, where)
  check_log(given.log, where)
  local log_target = log.target(given.log)
  return setmetatable({
    name = name, inbox = given.inbox, log = log_target, callbacks = callbacks.new(),
    lease = given.lease or LEASE_SECONDS, retry = {
      attempts = retry.attempts or RETRY.attempts, base = retry.base or RETRY.base, cap = retry.cap or RETRY.cap,
      random = given.random or math.random,
    },
    clock = given.clock or core.now, stop_asked = given.stop_asked or never,
    recovers_at = 0, active_at = 0, batch = 1, report = report.new(log_target),
  }, Dispatcher)
end

--- A dispatcher without a receiver: a worker beside the process that receives.
---@param given marketplace.DispatcherOptions
---@return marketplace.Dispatcher
function dispatcher.new(given)
  options.check("marketplace.dispatcher", given, OPTIONS)
  local made = dispatcher.from(given, "marketplace.dispatcher", "dispatcher")
  return made
end

return dispatcher
