--- Finds what was missed: compares the deliveries that App Store Connect lists with the inbox, puts the missing events
--- into it, and asks for the redelivery of what failed.
---
--- It can run at any time and any number of times, even while notifications arrive, and after it was interrupted: an
--- event whose key is in the inbox is not put there again, and what comes later under that key is a duplicate (see
--- marketplace.inbox.record). What is remembered of past runs moves forward only once the inbox has committed.
local compare = require "marketplace.reconcile.compare"
local core = require "marketplace.core"
local deliveries = require "marketplace.reconcile.deliveries"
local log = require "marketplace.log"
local options = require "marketplace.options"
local reconcile_state = require "marketplace.reconcile.state"
local webhooks = require "marketplace.reconcile.webhooks"
local window = require "marketplace.reconcile.window"

local reconcile = {}

--[[ What a run reports, and logs on the way ]]

---@class marketplace.reconcile.Run one run: what it works with, what it found, and its report
local Run = {}
Run.__index = Run

local function new_report(now)
  return {
    deliveries = 0, events = 0, pending = 0, missing = 0, stored = 0, redelivered = 0, left = 0, entries = {},
    redeliveries = {}, failed = {}, problems = {}, notices = {}, webhooks = {}, inbox = nil, since = nil, up_to = now,
    covers = true, complete = false,
  }
end

--- Adds what went wrong, which makes the run incomplete.
---@param problem {message: string, code: string}
function Run:add_problem(problem)
  self.report.problems[#self.report.problems + 1] = problem
  self.log.write { level = "error", message = "not reconciled", at = self.now, reason = problem.message }
end

--- Adds that App Store Connect did not answer a question.
---@param problem {message: string, code: string}
function Run:add_failure(problem)
  self.first_failure = self.first_failure or problem
  self:add_problem(problem)
end

--- Adds something that is worth knowing and is not a problem.
---@param notice {message: string, code: string}
function Run:add_notice(notice)
  self.report.notices[#self.report.notices + 1] = notice
  self.log.write { level = "warning", message = "reconciled", at = self.now, reason = notice.message }
end

--- Logs that an event that was missing is in the inbox now.
---@param entry table of the report's entries
function Run:log_stored(entry)
  self.log.write {
    level = entry.reason and "warning" or "info", message = "was missing, stored", at = self.now, id = entry.id,
    type = entry.type, event = entry.event, app_id = entry.app_id, reason = entry.reason,
  }
end

--- Whether a notification is in the inbox.
---@param key string
---@return boolean|nil
---@return string? message the inbox does not answer
---@return string? code
function Run:has(key)
  local entry, message, code = self.inbox:get(key)
  if message then return nil, message, code end
  return entry ~= nil
end

--- Puts records into the inbox.
---@param records table[]
---@return string[]|nil outcomes
---@return string? message
---@return string? code
function Run:put(records)
  return self.inbox:put(records)
end

local function log_failed(run, failed)
  run.log.write {
    level = "warning", message = "not redelivered", at = run.now, id = failed.delivery, reason = failed.message,
  }
end

local function complete(run)
  local made = run.report
  for _, one in ipairs(run.missing) do
    if not one.came_meanwhile then made.entries[#made.entries + 1] = one.entry end
    if one.entry.stored then made.stored = made.stored + 1 end
  end
  made.missing = #made.entries
  made.complete = #made.problems == 0 and #made.failed == 0 and made.stored == made.missing
  return made
end

--[[ Finding what is missing ]]

local function list_deliveries(run, review)
  local found, id = deliveries.list(run.client, review.webhook.id, review.since), review.webhook.id
  run.report.deliveries = run.report.deliveries + found.count
  review.latest = found.latest
  local problem = found.problem
  if problem then
    run:add_failure { webhook = id, message = problem.message, code = problem.code, detail = problem.detail }
    review.failed = true
  end
  return found.events
end

-- Nil, message and code if the inbox does not answer.
local function review_webhook(run, webhook)
  local review, message, code = window.open(run, webhook)
  if not review then return nil, message, code end
  for _, event in ipairs(list_deliveries(run, review)) do
    local ok
    ok, message, code = compare.event(run, review, event)
    if not ok then return nil, message, code end
  end
  window.conclude(run, review)
  run.reviews[#run.reviews + 1] = review
  return true
end

local function find_webhooks(run, given)
  local found, message, code, detail = webhooks.find(run.client, given)
  if not found then return nil, message, code, detail end
  for _, failure in ipairs(found.failures) do run:add_failure(failure) end
  for _, fault in ipairs(found.faults) do run:add_problem(fault) end
  window.report_left(run, found, given.url)
  return found.chosen
end

-- If App Store Connect answered nothing at all, the first failure is the result.
local function fruitless(run)
  if not run.first_failure or run.report.deliveries > 0 then return nil end
  for _, review in ipairs(run.reviews) do
    if not review.failed then return nil end
  end
  return run.first_failure
end

--[[ Acting on it ]]

local function redeliver(run)
  local result, made = deliveries.ask_again(run), run.report
  made.redeliveries, made.failed, made.left = result.redeliveries, result.failed, result.left
  made.redelivered = run.dry_run and 0 or #result.redeliveries
  for _, failed in ipairs(result.failed) do log_failed(run, failed) end
  if result.left == 0 then return end
  run:add_notice {
    code = "rate_limited", message = ("redeliveries %s: %d (%s)"):format(
      run.state.file and "left for the next run" or "not requested", result.left, result.why_ended),
  }
end

local function act(run)
  table.sort(run.missing, deliveries.is_older)
  if not run.dry_run and not compare.store(run) then return end
  redeliver(run)
  if not run.dry_run then window.close(run) end
end

local function note_unused(run)
  for id, is_used in pairs(run.accept) do
    if not is_used then
      run:add_notice {
        event = id, code = "accept_unused", message = ("event %s is not one that could not be compared"):format(id),
      }
    end
  end
end

local function carry_out(run, given)
  local message, code, chosen, detail
  run.report.inbox, message, code = run.inbox:id()
  if not run.report.inbox then return nil, message, code end
  chosen, message, code, detail = find_webhooks(run, given)
  if not chosen then return nil, message, code, detail end
  for _, webhook in ipairs(chosen) do
    local ok
    ok, message, code = review_webhook(run, webhook)
    if not ok then return nil, message, code end
  end
  local problem = fruitless(run)
  if problem then return nil, problem.message, problem.code, problem.detail end
  note_unused(run)
  act(run)
  return complete(run)
end

--[[ For callers ]]

---@class marketplace.ReconcileOptions
---@field client marketplace.Client asks App Store Connect
---@field inbox marketplace.Inbox is compared, and gets what is missing
---@field webhooks? string[] ids of webhooks; these or `apps` are needed
---@field apps? string[] ids of apps: all their webhooks, which must have one URL, the receiver's
---@field url? string of the apps' webhooks only those with this URL
---@field since? number seconds since the epoch, at most ten days back; default since the last run
---@field state_file? string path, remembers how far the last run came; default none: every run looks ten days back
---@field accept? string[] ids of events that cannot be compared: do not report them again
---@field accept_gap? boolean do not report again what can no longer be compared, default false
---@field redeliver? boolean ask for redeliveries, default true
---@field dry_run? boolean only report, change nothing, default false
---@field clock? fun(): number seconds since the epoch, default the machine's
---@field log? fun(entry: table) see marketplace.log; default none
local OPTIONS = {
  client = "!table", inbox = "!table", webhooks = "table", apps = "table", url = "string", since = "number",
  state_file = "string", accept = "table", accept_gap = "boolean", redeliver = "boolean", dry_run = "boolean",
  clock = "function", log = "function",
}

local function check_ids(name, list)
  for _, id in ipairs(list or {}) do
    if type(id) ~= "string" or id == "" then
      error(("marketplace.reconcile: option '%s' must be a list of ids"):format(name), 4)
    end
  end
end

local function check(given)
  options.check("marketplace.reconcile", given, OPTIONS, 4)
  check_ids("webhooks", given.webhooks)
  check_ids("apps", given.apps)
  check_ids("accept", given.accept)
  local apps = #(given.apps or {})
  if apps + #(given.webhooks or {}) == 0 then
    error("marketplace.reconcile: option 'webhooks' or 'apps' must name at least one", 3)
  end
  if given.url and apps == 0 then error("marketplace.reconcile: option 'url' needs option 'apps'", 3) end
end

--- Reconciles the inbox with App Store Connect, once.
---
--- It needs an inbox that remembers for eleven days what is done: what was deleted (`inbox prune`) would seem missing,
--- and would run again.
---
--- A redelivery is asked for once an event, if its newest delivery failed and the event was not in the inbox before (or
--- its payload is missing), as long as App Store Connect's limit of requests is not nearly reached. Without a state
--- file it is asked for only if this run put the event into the inbox.
---@param given marketplace.ReconcileOptions
---@return table|nil report
--- deliveries: how many were listed; events: how many they belong to, without pings; pending: how many of these App
--- Store Connect still tries to deliver, which are compared like the others; missing: how many were not in the inbox;
--- stored: how many of these this run put there; entries: the missing events, oldest first, each {id, event, type,
--- app_id, reason, webhook, created_at, stored}; redelivered: how many redeliveries were asked for; redeliveries: list
--- of {webhook, event, delivery, created_at, asked}, in a dry run those that would be asked for; left: how many are
--- left for the next run, as the limit of requests is near; failed: list of {webhook, event, delivery, message, code,
--- detail}, the redeliveries that could not be asked for; problems: list of {message, code, detail, webhook, app,
--- event, delivery}: what could not be compared, stored or remembered, see docs/operating.md#what-could-not-be-compared
--- for its codes; notices: list of {message, code, webhook, event}, which are not problems: accepted, accept_unused,
--- inbox_changed, rate_limited; webhooks: list of {id, url, since, due, covers}, due: from when on they had to be
--- compared; inbox: its id; since, up_to: seconds since the epoch; covers: whether `since` was early enough for all
--- that was due; complete: whether all that was due was compared, and nothing is missing any more and nothing failed
---@return string? message nothing could be compared, and nothing was changed
---@return string? code inbox_unavailable, locked, file_failed, state_invalid, webhook_missing, webhook_ambiguous (with
--- {urls=}), and those of the client
---@return table? detail the client's
function reconcile.run(given)
  check(given)
  local clock = given.clock or core.now
  local now = clock()
  local since = given.since
  if since and since ~= since then error("marketplace.reconcile: option 'since' must be a time", 2) end
  if since and since > now then error("marketplace.reconcile: option 'since' must not be in the future", 2) end
  local state, message, code = reconcile_state.open(given.state_file, given.dry_run)
  if not state then return nil, message, code end
  local accept = {}
  for _, id in ipairs(given.accept or {}) do accept[id] = false end
  local run = setmetatable({
    client = given.client, inbox = given.inbox, state = state, since = since, clock = clock, now = now,
    accept = accept, accept_gap = given.accept_gap, redeliver = given.redeliver ~= false, dry_run = given.dry_run,
    log = log.target(given.log), report = new_report(now), reviews = {}, missing = {}, payloads = {},
    first_failure = nil,
  }, Run)
  local made, problem, problem_code, detail = carry_out(run, given)
  state:close()
  return made, problem, problem_code, detail
end

return reconcile
