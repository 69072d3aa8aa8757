--- What a reconciliation reports, and logs on the way.
local report = {}

--- An empty report.
---@param now number
---@return table
function report.new(now)
  return {
    deliveries = 0, events = 0, pending = 0, missing = 0, stored = 0, redelivered = 0, left = 0, entries = {},
    redeliveries = {}, failed = {}, problems = {}, notices = {}, webhooks = {}, inbox = nil, since = nil, up_to = now,
    covers = true, complete = false,
  }
end

--- Adds what went wrong, which makes the run incomplete.
---@param run table
---@param problem {message: string, code: string}
function report.add_problem(run, problem)
  run.report.problems[#run.report.problems + 1] = problem
  run.log.write { level = "error", message = "not reconciled", at = run.now, reason = problem.message }
end

--- Adds that App Store Connect did not answer a question.
---@param run table
---@param problem {message: string, code: string}
function report.add_failure(run, problem)
  run.first_failure = run.first_failure or problem
  report.add_problem(run, problem)
end

--- Adds something that is worth knowing and is not a problem.
---@param run table
---@param notice {message: string, code: string}
function report.add_notice(run, notice)
  run.report.notices[#run.report.notices + 1] = notice
  run.log.write { level = "warning", message = "reconciled", at = run.now, reason = notice.message }
end

--- Logs that an event that was missing is in the inbox now.
---@param run table
---@param entry table of the report's entries
function report.log_stored(run, entry)
  run.log.write {
    level = entry.reason and "warning" or "info", message = "was missing, stored", at = run.now, id = entry.id,
    type = entry.type, event = entry.event, app_id = entry.app_id, reason = entry.reason,
  }
end

--- Logs that a redelivery could not be asked for.
---@param run table
---@param failed table of the report's list
function report.log_failed(run, failed)
  run.log.write {
    level = "warning", message = "not redelivered", at = run.now, id = failed.delivery, reason = failed.message,
  }
end

--- Completes it with what was done.
---@param run table
---@return table report
function report.complete(run)
  local made = run.report
  for _, one in ipairs(run.missing) do
    if not one.came_meanwhile then made.entries[#made.entries + 1] = one.entry end
    if one.entry.stored then made.stored = made.stored + 1 end
  end
  made.missing = #made.entries
  made.complete = #made.problems == 0 and #made.failed == 0 and made.stored == made.missing and not run.is_incomplete
  return made
end

return report
