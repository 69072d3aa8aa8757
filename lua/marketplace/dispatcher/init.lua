--- Runs callbacks for what an inbox holds: claims, calls, finishes, and tries again what failed.
local ages = require "marketplace.inbox.retention"
local alert_options = require "marketplace.alerts.from_options"
local batch = require "marketplace.dispatcher.batch"
local callbacks = require "marketplace.dispatcher.callbacks"
local core = require "marketplace.core"
local forwards = require "marketplace.dispatcher.forwards"
local log = require "marketplace.log"
local metrics = require "marketplace.metrics"
local options = require "marketplace.options"
local outage = require "marketplace.outage"
local outcome = require "marketplace.dispatcher.outcome"
local report = require "marketplace.dispatcher.report"
local responders = require "marketplace.responders"
local retention = require "marketplace.dispatcher.retention"

local dispatcher = {}

---@class marketplace.Dispatcher
---@field inbox marketplace.Inbox
---@field active_at number when it last claimed, finished or extended something, or began a run, by core.monotonic
---@field batch integer how many the next batch may hold
---@field unfinished table[][] items whose outcomes the inbox did not answer when it was told
---@field watch? table looks at the inbox for alerts
local Dispatcher = {}
Dispatcher.__index = Dispatcher

local RETRY = { attempts = 20, base = 5, cap = 3600 } -- for five to ten hours: an evening's outage ends before
local LONGEST_PAUSE = 1     -- between two turns
local FORWARD_PAUSE = 0.005 -- between two turns while something is on its way to another system
local STOP_SECONDS = 2      -- for which a process that ends waits for an answer at most
local LOOK_SECONDS = 0.05   -- between two questions to the inbox meanwhile, if it had nothing
local SHORTEST_PAUSE = 0.01 -- after a turn that found nothing: another process may take what is due
local REST_SECONDS = 1      -- until the inbox is asked again after it failed
local RECOVER_SECONDS = 1   -- between two looks for leases that ended, unless there is a reason
local LEASE_SECONDS = 60
local MOST_SECONDS = 366 * 86400

--[[ Callbacks ]]

--- Adds a callback. For one notification all callbacks that match run: those of its event, then those of its
--- type, then those of "*"; among themselves in the order in which they were added.
---
--- A callback that raises or returns nil and a message has failed: the notification is tried again later.
---
--- A forward (marketplace.forward) in place of a callback has each notification sent on to another system.
---@param name string an event's name, one of Apple's type names, or "*" for everything
---@param callback (fun(n: marketplace.Notification, ctx: marketplace.Context): any, string?)|marketplace.Forward
---@return marketplace.Dispatcher self
function Dispatcher:on(name, callback)
  local where = self.name .. ":on"
  self.callbacks:add(name, self.forwards:callback_of(callback, where), where)
  return self
end

--- Checks a responder, and no more: a dispatcher has no carrier that could answer for it. So a handlers file that adds
--- one runs under `marketplace work`, too.
---@param responder marketplace.Responder
---@return marketplace.Dispatcher self
function Dispatcher:add_responder(responder)
  responders.check(responder, self.name .. ":add_responder")
  return self
end

--[[ Dispatching ]]

local function recover(self)
  self.recover_at = core.monotonic() + RECOVER_SECONDS
  self.waits = self.waits or outcome.waits(self.retry)
  local recovered, message, code = self.inbox:recover(self.waits)
  -- once they may have been used, others are drawn
  if recovered ~= 0 then self.waits = nil end
  return recovered, message, code
end

local function dispatch(self, limit, seconds, returned)
  local total, deadline = 0, core.monotonic() + seconds
  local claimed, finished, message, code
  repeat
    claimed, message, code = batch.claim(self, limit - total)
    if not claimed then return nil, message, code end
    if claimed.claimed == 0 then return total end
    finished, message, code = claimed:run(deadline, returned)
    if not finished then return nil, message, code end
    total = total + claimed.ran
  until claimed.ran == 0 or total >= limit or core.monotonic() >= deadline or self.stop_asked()
  return total
end

-- How many forwards have ended meanwhile; nil and why if the inbox does not take that. Adds those that come again to
-- `returned`.
local function finish_forwards(self, returned)
  local ended = self.forwards:ended()
  if #ended == 0 then return 0 end
  for _, item in ipairs(returned and ended or {}) do
    if item.state == "ready" then returned[item.id] = true end
  end
  local finished, message, code = batch.finish(self, ended)
  if not finished then return nil, message, code end
  return #ended
end

-- What is left of the turns before: outcomes that the inbox has not taken, and leases that ended without one.
local function take_up(self, recovers)
  local finished, message, code = batch.finish_former(self)
  if not finished then return nil, message, code end
  finished, message, code = finish_forwards(self)
  if not finished then return nil, message, code end
  if not recovers then return true end
  return recover(self)
end

local function check_bounds(where, limit, seconds)
  if not (limit >= 0 and limit == math.floor(limit)) then
    error(where .. ": option 'limit' must be a whole number, at least 0", 3)
  end
  if seconds ~= seconds or seconds < 0 then
    error(where .. ": option 'seconds' must be a number, at least 0", 3)
  end
end

-- What is sent on has to end; after the first claim, there may be more to run of the lanes that it has held up.
local function dispatch_all(self, limit, deadline)
  local returned = {}
  local total, message, code = dispatch(self, limit, deadline - core.monotonic(), returned)
  while total and self.forwards:wait() do
    local finished, count
    finished, message, code = finish_forwards(self, returned)
    if not finished then return nil, message, code end
    if total < limit and core.monotonic() < deadline and not self.stop_asked() then
      count, message, code = dispatch(self, limit - total, deadline - core.monotonic(), returned)
      total = count and total + count
    end
  end
  return total, message, code
end

---@class marketplace.DispatchOptions
---@field limit? integer the most notifications, default all
---@field seconds? number after which no more are begun, default never
local DISPATCH_OPTIONS = { limit = "number", seconds = "number" }

--- Runs the callbacks of what the inbox holds and can be run now, one notification at a time of each app. Waits for
--- what it has sent on to other systems.
---@param settings? marketplace.DispatchOptions
---@return integer|nil count of notifications run
---@return string? message
---@return string? code inbox_unavailable
function Dispatcher:dispatch(settings)
  settings = settings or {}
  options.check(self.name .. ":dispatch", settings, DISPATCH_OPTIONS)
  local limit, seconds = settings.limit or math.huge, settings.seconds or math.huge
  check_bounds(self.name .. ":dispatch", limit, seconds)
  local ready, message, code = take_up(self, true)
  if not ready then return nil, message, code end
  return dispatch_all(self, limit, core.monotonic() + seconds)
end

-- How long there is nothing to run, in seconds; nil and why if that is not known.
local function look(self, seconds)
  local ready, message = take_up(self, core.monotonic() >= self.recover_at)
  if not ready then return nil, message end
  local count, problem = dispatch(self, math.huge, seconds, {})
  if not count then return nil, problem end
  local wait, why = self.inbox:next_in()
  if why then return nil, why end
  wait = wait or LONGEST_PAUSE
  if count > 0 then return math.min(wait, LONGEST_PAUSE) end
  -- something is to be done that claim did not give: it may be for recover
  if wait == 0 then self.recover_at = 0 end
  return math.max(SHORTEST_PAUSE, math.min(wait, LONGEST_PAUSE))
end

-- While something is on its way, turns are many: the inbox is asked less often, unless it was told of one that ended.
local function run_turn(self, seconds)
  if core.monotonic() < self.looks_at then
    local ended, message = finish_forwards(self)
    if not ended then return nil, message end
    if ended == 0 and self.forwards:is_busy() then return FORWARD_PAUSE end
  end
  local pause, problem = look(self, seconds)
  if not pause then return nil, problem end
  if not self.forwards:is_busy() then return pause end
  self.looks_at = core.monotonic() + math.min(pause, LOOK_SECONDS)
  return math.min(pause, FORWARD_PAUSE)
end

local function turn(self, seconds)
  local rest = self.rests_until - core.monotonic()
  if rest > 0 then return rest end
  local ok, pause, problem = pcall(run_turn, self, seconds)
  if ok and pause then
    self.outage:worked(self.clock())
    return math.min(pause, self.retention:turn())
  end
  self.outage:failed {
    level = "error", message = "callbacks cannot run", at = self.clock(), reason = tostring(problem or pause),
  }
  self.rests_until = core.monotonic() + REST_SECONDS
  return REST_SECONDS
end

--- Looks whether there is an alert to tell, if the options say whom, and goes on with telling. `turn` does it, too.
---@return number pause seconds until that goes on, math.huge if nothing is being told
function Dispatcher:turn_alerts()
  return self.watch and self.watch:turn() or math.huge
end

--- What has alerts told, for somebody else who looks at something; nil if nobody is to be told.
---@return marketplace.Alerts|nil
function Dispatcher:alerts()
  return self.watch and self.watch.alerts
end

--- One turn of a loop: runs callbacks, lets the inbox forget some of what was done long ago, tells what an operator
--- should know (on_alert, alert_command), and returns how long the loop may wait. Never raises: if callbacks cannot
--- run, that is logged, once a minute, and tried again a second later, however often this is called meanwhile.
---@param seconds number after which it begins no more
---@return number pause seconds: 0 if more can be run at once, at most 1, as other processes store too
function Dispatcher:turn(seconds)
  return math.min(self:turn_alerts(), turn(self, seconds))
end

--- Waits until something that is on its way to another system has ended, of which the next turn tells the inbox.
---@param seconds number the longest wait
---@return boolean false if nothing is on its way
function Dispatcher:await_forward(seconds)
  return self.forwards:wait(core.monotonic() + seconds)
end

--- Ends what is on its way to other systems, before the process ends: waits for their answers, for two seconds at most,
--- and gives back what is not answered then, which is sent again later.
---@param seconds number the longest wait
function Dispatcher:stop(seconds)
  local deadline = core.monotonic() + math.min(seconds, STOP_SECONDS)
  while self.forwards:is_busy() and core.monotonic() < deadline do
    pcall(finish_forwards, self)
    self.forwards:wait(deadline)
  end
  pcall(finish_forwards, self)
  local left = self.forwards:give_back()
  if #left > 0 then pcall(batch.finish, self, left) end
end

--- Ends: waits for what is on its way to other systems, for two seconds, and for the command of an alert, for three
--- seconds at most, and closes the inbox.
function Dispatcher:close()
  self:stop(STOP_SECONDS)
  if self.watch then self.watch:close() end
  self.inbox:close()
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
  report.add_inbox(lines, (self.inbox:backlog()))
end

--- What it has done so far, and what the inbox holds, as text for Prometheus.
---@return string
function Dispatcher:metrics()
  local lines = {}
  self.report:add_counters(lines)
  self:add_inbox_metrics(lines)
  return metrics.text(lines)
end

--- How often and when a notification is tried again: after the n-th attempt it waits base * 2^(n - 1) seconds or, if
--- that is less, cap; a random part of up to half of that is left out.
---@class marketplace.RetryOptions
---@field attempts? integer how often it is tried in all, default 20
---@field base? number seconds of the longest first wait, default 5
---@field cap? number seconds of the longest wait, default 3600
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

local function check_keep(keep, where)
  if not (keep >= 0 and keep <= ages.ids) then
    error(("%s: option 'keep' must be from 0 to %d seconds, for which ids are kept"):format(where, ages.ids), 4)
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
---@field keep? number seconds for which the inbox keeps the bodies of done ones, default a week; see Dispatcher:turn
---@field clock? fun(): number seconds since the epoch, for the log and for what is old enough to be forgotten; default
--- the machine's
---@field random? fun(): number from 0 to below 1, default math.random
---@field stop_asked? fun(): boolean once it returns true, what has not begun is given back; default never
---@field on_alert? fun(alert: marketplace.Alert): any, string? is told what an operator should know, see
--- docs/alerts.md; if it raises, or returns nil and a message, it is told again later
---@field alert_command? string in place of on_alert, a program or a shell's words to run for each
---@field alert_age? number seconds that a notification may wait before that is an alert, default 900
---@field alert_state? string path of a file that remembers what was told, also for other processes; default none
local OPTIONS = {
  inbox = "!table", log = "function|table", lease = "number", retry = "table", keep = "number", clock = "function",
  random = "function", stop_asked = "function", on_alert = "function", alert_command = "string", alert_age = "number",
  alert_state = "string",
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
  check_keep(given.keep or ages.bodies, where)
  check_log(given.log, where)
  local log_target = log.target(given.log)
  local self = setmetatable({
    name = name, inbox = given.inbox, log = log_target, callbacks = callbacks.new(),
    lease = given.lease or LEASE_SECONDS, retry = {
      attempts = retry.attempts or RETRY.attempts, base = retry.base or RETRY.base, cap = retry.cap or RETRY.cap,
      random = given.random or math.random,
    },
    clock = given.clock or core.now, stop_asked = given.stop_asked or never, report = report.new(log_target),
    outage = outage.new(log_target, "callbacks run again"), rests_until = 0, recover_at = 0, looks_at = 0,
    active_at = 0, batch = 1, unfinished = {}, watch = alert_options.watch(given, where, log_target),
  }, Dispatcher)
  self.forwards = forwards.new(self)
  self.retention = retention.new {
    inbox = self.inbox, keep = given.keep or ages.bodies, clock = self.clock, report = self.report,
  }
  return self
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
