--- What a dispatcher reports of its runs: log entries and metrics.
local codes = require "marketplace.inbox.codes"
local metrics = require "marketplace.metrics"

local report = {}

---@class marketplace.dispatcher.Report
local Report = {}
Report.__index = Report

local CALLBACK_BOUNDS = { 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60 } -- seconds

-- All outcomes, shown from 0 on: Prometheus sees no growth in a series that first appears as 1.
local OUTCOMES = { "done", "retry", "snoozed", "dead", "no_callback", "unhandled", "lost" }

-- level, message, outcome
local function verdict(item, handled)
  if item.code == "no_callback" then return "error", "no callback", "no_callback" end
  if item.state == "dead" then return "error", "gave up", "dead" end
  if item.state == "ready" and item.reason then return "warning", "callback failed", "retry" end
  if item.state == "ready" then return "info", "snoozed", "snoozed" end
  if not handled then return "warning", "no callback", "unhandled" end
  return "info", "done", "done"
end

--- Reports a run that has ended.
---@param item table as the inbox's finish takes it
---@param handled boolean whether there was a callback
---@param took number seconds
---@param clock fun(): number called only if something is logged, which most runs do not need
function Report:ran(item, handled, took, clock)
  local level, message, outcome = verdict(item, handled)
  self.counted[outcome] = self.counted[outcome] + 1
  if handled then self.callback_seconds:observe(took) end
  if level == "info" and not self.log.wants_info then return end
  self.log.write {
    level = level, message = message, at = clock(), id = item.id, type = item.type, event = item.event,
    app_id = item.app_id, attempt = item.attempt, reason = item.reason, took = took,
    again_in = item.state == "ready" and item.wait or nil,
  }
end

local FORWARD_OUTCOMES = { "done", "retry", "dead", "no_callback" }

local function forward_verdict(item)
  if item.code == "no_callback" then return "error", "no forward", "no_callback" end
  if item.state == "dead" then return "error", "not forwarded", "dead" end
  if item.state == "ready" then return "warning", "forward failed", "retry" end
  return "info", "forwarded", "done"
end

--- Reports what became of one that was to be sent on to another system.
---@param name string the forward's
---@param item table as the inbox's finish takes it
---@param took number seconds
---@param clock fun(): number
function Report:forwarded(name, item, took, clock)
  local level, message, outcome = forward_verdict(item)
  local counted = self.forwards[name] or {}
  self.forwards[name] = counted
  counted[outcome] = (counted[outcome] or 0) + 1
  if level == "info" and not self.log.wants_info then return end
  self.log.write {
    level = level, message = message, at = clock(), id = item.id, type = item.type, event = item.event,
    app_id = item.app_id, attempt = item.attempt, reason = item.reason, took = took,
    again_in = item.state == "ready" and item.wait or nil,
  }
end

--- Has the counts of a forward shown from 0 on.
---@param name string
function Report:knows_forward(name)
  self.forwards[name] = self.forwards[name] or {}
end

local LOST = "another worker runs this notification too, or an operator cancelled it"
local LOST_UNANSWERED = "the inbox did not answer what became of this notification before its lease ended: unless " ..
  "it took that, the notification runs again, or an operator cancelled it"

--- Reports a notification that ran, and whose outcome the inbox refused.
---@param item table
---@param now number
---@param was_unanswered? boolean whether the inbox was told before, and did not answer
function Report:lost(item, now, was_unanswered)
  self.counted.lost = self.counted.lost + 1
  self.log.write {
    level = "warning", message = "lease lost", at = now, id = item.id, type = item.type, event = item.event,
    app_id = item.app_id, attempt = item.attempt, reason = was_unanswered and LOST_UNANSWERED or LOST,
  }
end

--- Reports notifications that were claimed, and given back as their leases had ended before they could begin.
---@param count integer
---@param now number
function Report:not_begun(count, now)
  self.log.write {
    level = "warning", message = "lease ended", at = now,
    reason = ("notifications given back, not begun: %d; the inbox answered too late for this lease, or this " ..
      "process stood still"):format(count),
  }
end

--- Counts what was forgotten.
---@param forgotten {bodies: integer, ids: integer}
function Report:forgot(forgotten)
  self.forgotten.bodies = self.forgotten.bodies + forgotten.bodies
  self.forgotten.ids = self.forgotten.ids + forgotten.ids
end

--- Reports that what was done long ago stays for now.
---@param problem any
---@param now number
function Report:cannot_forget(problem, now)
  self.log.write {
    level = "warning", message = "what is done cannot be forgotten", at = now, reason = tostring(problem),
  }
end

local function add_forwards(self, lines)
  local names, values = {}, {}
  for name in pairs(self.forwards) do names[#names + 1] = name end
  if #names == 0 then return end
  table.sort(names)
  for _, name in ipairs(names) do
    for _, outcome in ipairs(FORWARD_OUTCOMES) do
      values[#values + 1] = { self.forwards[name][outcome] or 0, "forward", name, "outcome", outcome }
    end
  end
  metrics.add(lines, "marketplace_forwards_total", "counter",
    "Attempts to send a notification on to another system, by forward and outcome.", values)
end

--- Adds the counts so far to a text of metrics.
---@param lines string[]
function Report:add_counters(lines)
  local values = {}
  for i, outcome in ipairs(OUTCOMES) do values[i] = { self.counted[outcome], "outcome", outcome } end
  metrics.add(lines, "marketplace_runs_total", "counter", "Runs of notifications, by outcome.", values)
  metrics.add_histogram(lines, "marketplace_callback_seconds", "How long the callbacks of a notification took.",
    self.callback_seconds)
  add_forwards(self, lines)
  metrics.add(lines, "marketplace_inbox_forgotten_total", "counter",
    "Done notifications whose bodies were dropped, or that were deleted with their ids, as they were old enough.",
    { { self.forgotten.bodies, "what", "bodies" }, { self.forgotten.ids, "what", "ids" } })
  metrics.add(lines, "marketplace_log_dropped_total", "counter",
    "Log lines that were dropped, as they could not be written or their reader was too slow.",
    { { self.log.dropped and self.log.dropped() or 0 } })
end

--- Adds what the inbox holds to a text of metrics.
---@param lines string[]
---@param backlog marketplace.InboxBacklog|nil nil: the inbox cannot be reached
function report.add_inbox(lines, backlog)
  metrics.add(lines, "marketplace_inbox_up", "gauge", "Whether the inbox can be reached.", { { backlog and 1 or 0 } })
  if not backlog then return end
  metrics.add(lines, "marketplace_inbox_notifications", "gauge", "Notifications in the inbox, by state.", {
    { backlog.ready, "state", "ready" }, { backlog.leased, "state", "leased" }, { backlog.dead, "state", "dead" },
  })
  local dead = {}
  for i, code in ipairs(codes.ALL) do dead[i] = { backlog.codes[code], "code", code } end
  metrics.add(lines, "marketplace_inbox_dead", "gauge", "Dead notifications in the inbox, by code.", dead)
  metrics.add(lines, "marketplace_inbox_oldest_age_seconds", "gauge",
    "Time since the oldest notification that is neither done nor dead was received.", { { backlog.oldest_age or 0 } })
end

---@param log {write: fun(entry: table), wants_info: boolean}
---@return marketplace.dispatcher.Report
function report.new(log)
  local counted = {}
  for _, outcome in ipairs(OUTCOMES) do counted[outcome] = 0 end
  return setmetatable({
    log = log, counted = counted, callback_seconds = metrics.histogram(CALLBACK_BOUNDS),
    forgotten = { bodies = 0, ids = 0 }, forwards = {},
  }, Report)
end

return report
