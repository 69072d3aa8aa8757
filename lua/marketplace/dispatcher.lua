--- Runs the callbacks of what the inbox holds: claims, calls, finishes, tries again what failed.
local core = require "marketplace.core"
local notification = require "marketplace.notification"

local dispatcher = {}

local BATCH = 16 -- claimed at a time: more would only wait for the first ones, on leases that run

local Context = {}
Context.__index = Context

--- Run this notification again in so many seconds; the attempt does not count.
---@param seconds number at least 0
function Context:snooze(seconds)
  local is_nan = seconds ~= seconds
  if type(seconds) ~= "number" or is_nan or seconds < 0 then
    error("ctx:snooze: seconds must be a number that is not negative", 2)
  end
  self.snoozed = math.max(self.snoozed or 0, seconds)
end

--- Give this notification up: it becomes dead with this reason, visible and replayable.
---@param reason string
function Context:cancel(reason)
  if type(reason) ~= "string" then error("ctx:cancel: a reason is expected, a string", 2) end
  self.cancelled = reason
end

local call_with_traceback
if select(2, xpcall(function(...) return ... end, print, true)) then
  call_with_traceback = function(callback, n, ctx)
    return xpcall(callback, debug.traceback, n, ctx)
  end
else
  -- Lua 5.1's xpcall passes no arguments
  call_with_traceback = function(callback, n, ctx)
    return xpcall(function() return callback(n, ctx) end, debug.traceback)
  end
end

local function call(callback, n, ctx)
  local ok, value, message = call_with_traceback(callback, n, ctx)
  if not ok then return tostring(value) end
  if not value and message ~= nil then return tostring(message) end
end

-- All callbacks run, so that a broken one does not keep the others from an app that must go.
local function run_callbacks(callbacks, n, ctx)
  local failure
  for i = 1, #callbacks do failure = call(callbacks[i], n, ctx) or failure end
  return failure
end

-- Exponential backoff with full jitter: many that failed together do not come back together.
local function pause_after(self, attempt)
  local most = math.min(self.retry_cap, self.retry_base * 2 ^ (attempt - 1))
  return self.random() * most
end

-- What becomes of a claimed notification: an item for the inbox's finish.
local function outcome(claimed, state, reason, at)
  return { identity = claimed.identity, token = claimed.token, state = state, reason = reason, at = at }
end

local function after_failure(self, claimed, reason, clock)
  if claimed.attempt >= self.max_attempts then return outcome(claimed, "dead", reason) end
  return outcome(claimed, "ready", reason, clock() + pause_after(self, claimed.attempt))
end

local function after_callbacks(self, claimed, failure, ctx, clock)
  if ctx.cancelled then return outcome(claimed, "dead", ctx.cancelled) end
  if failure then return after_failure(self, claimed, failure, clock) end
  if not ctx.snoozed then return outcome(claimed, "done") end
  local snoozed = outcome(claimed, "ready", nil, clock() + ctx.snoozed)
  snoozed.uncounted = true
  return snoozed
end

local function run(self, claimed, clock)
  if claimed.attempt > self.max_attempts then
    return outcome(claimed, "dead", ("ended its process in each of %d attempts"):format(self.max_attempts))
  end
  local n, problem = notification.parse(claimed.body)
  if not n then return outcome(claimed, "dead", problem) end
  local callbacks = self.callbacks_for(n)
  if #callbacks == 0 then return outcome(claimed, "done"), true end
  local ctx = setmetatable({ attempt = claimed.attempt, key = claimed.key }, Context)
  return after_callbacks(self, claimed, run_callbacks(callbacks, n, ctx), ctx, clock)
end

local function message_of(item, unhandled)
  if item.state == "dead" then return "error", "gave up" end
  if item.reason then return "warning", "callback failed" end
  if item.state == "ready" then return "info", "snoozed" end
  if unhandled then return "warning", "no callback" end
  return "info", "done"
end

local function report(self, claimed, item, unhandled, started, clock)
  local level, message = message_of(item, unhandled)
  if level == "info" and not self.log.wants_info then return end
  local now = clock()
  self.log.write {
    level = level, message = message, at = now, id = claimed.key, type = claimed.type, event = claimed.event,
    app_id = claimed.app_id, attempt = claimed.attempt, reason = item.reason, took = core.monotonic() - started,
    again_in = item.state == "ready" and item.at - now or nil,
  }
end

local function run_batch(self, batch, clock)
  for i = 1, #batch do
    local claimed, started = batch[i], core.monotonic()
    local item, unhandled = run(self, claimed, clock)
    report(self, claimed, item, unhandled, started, clock)
    batch[i] = item
  end
end

local function report_lost(self, batch, held, now)
  for i = 1, #batch do
    if not held[i] then
      self.log.write { level = "warning", message = "lease lost", at = now, id = batch[i].identity }
    end
  end
end

--- Runs what can be run now: at most `limit` notifications, one at a time of each app.
---@param limit integer
---@param clock fun(): number seconds since the epoch
---@return integer|nil count of notifications run
---@return string? message
---@return string? code inbox_unavailable
function dispatcher.run(self, limit, clock)
  local count = 0
  while count < limit do
    local batch, message, code = self.inbox:claim(math.min(BATCH, limit - count), clock(), self.lease)
    if not batch then return nil, message, code end
    if #batch == 0 then break end
    count = count + #batch
    run_batch(self, batch, clock)
    local held
    held, message, code = self.inbox:finish(batch, clock())
    if not held then return nil, message, code end
    report_lost(self, batch, held, clock())
  end
  return count
end

return dispatcher
