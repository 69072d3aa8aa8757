--- What a dispatcher reports of its runs: log entries and metrics.
local metrics = require "marketplace.metrics"

local report = {}

---@class marketplace.dispatcher.Report
local Report = {}
Report.__index = Report

local CALLBACK_BOUNDS = { 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60 } -- seconds

-- All outcomes, shown from 0 on: Prometheus sees no growth in a series that first appears as 1.
local OUTCOMES = { "done", "retry", "snoozed", "dead", "unhandled", "lost" }

-- level, message, outcome
local function verdict(item, handled)
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
  local now = clock()
  self.log.write {
    level = level, message = message, at = now, id = item.key, type = item.type, event = item.event,
    app_id = item.app_id, attempt = item.attempt, reason = item.reason, took = took,
    again_in = item.state == "ready" and item.at - now or nil,
  }
end

--- Reports a notification whose lease has passed to another worker.
---@param item table
---@param now number
function Report:lost(item, now)
  self.counted.lost = self.counted.lost + 1
  self.log.write {
    level = "warning", message = "lease lost", at = now, id = item.key, type = item.type, event = item.event,
    app_id = item.app_id, attempt = item.attempt, reason = "another worker runs this notification too",
  }
end

--- Adds the counts so far to a text of metrics.
---@param lines string[]
function Report:add_counters(lines)
  local values = {}
  for i, outcome in ipairs(OUTCOMES) do values[i] = { self.counted[outcome], "outcome", outcome } end
  metrics.add(lines, "marketplace_runs_total", "counter", "Runs of notifications, by outcome.", values)
  metrics.add_histogram(lines, "marketplace_callback_seconds", "How long the callbacks of a notification took.",
    self.callback_seconds)
end

---@param log {write: fun(entry: table), wants_info: boolean}
---@return marketplace.dispatcher.Report
function report.new(log)
  local counted = {}
  for _, outcome in ipairs(OUTCOMES) do counted[outcome] = 0 end
  return setmetatable({ log = log, counted = counted, callback_seconds = metrics.histogram(CALLBACK_BOUNDS) }, Report)
end

return report
