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
local redelivery = require "marketplace.reconcile.redelivery"
local report = require "marketplace.reconcile.report"
local webhooks = require "marketplace.reconcile.webhooks"
local window = require "marketplace.reconcile.window"

local reconcile = {}

--[[ Finding what is missing ]]

-- Nil, message and code if the inbox does not answer.
local function review_webhook(run, webhook)
  local review, message, code = window.open(run, webhook)
  if not review then return nil, message, code end
  local found = deliveries.list(run.client, webhook.id, review.since)
  run.report.deliveries = run.report.deliveries + found.count
  local problem = found.problem
  if problem then
    report.add_failure(run, {
      webhook = webhook.id, message = problem.message, code = problem.code, detail = problem.detail,
    })
    review.failed, review.is_gone = true, type(problem.detail) == "table" and problem.detail.status == 404
  end
  window.report_unseen(run, webhook, review.known)
  review.latest = found.latest
  for _, event in ipairs(found.events) do
    local ok
    ok, message, code = compare.event(run, review, event)
    if not ok then return nil, message, code end
  end
  run.reviews[#run.reviews + 1] = review
  return true
end

local function find_webhooks(run, given)
  local found, message, code, detail = webhooks.find(run.client, given)
  if not found then return nil, message, code, detail end
  for _, problem in ipairs(found.problems) do report.add_failure(run, problem) end
  for app, ids in pairs(found.of_app) do run.state:note_gone(app, ids, run.now) end
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
  local result, made = redelivery.ask(run), run.report
  made.redeliveries, made.failed, made.left = result.redeliveries, result.failed, result.left
  made.redelivered = run.dry_run and 0 or #result.redeliveries
  run.is_incomplete = result.is_incomplete
  for _, failed in ipairs(result.failed) do report.log_failed(run, failed) end
  if result.left == 0 then return end
  report.add_notice(run, {
    code = "rate_limited", message = ("redeliveries %s: %d (%s)"):format(
      run.state.file and "left for the next run" or "not requested", result.left, result.why_ended),
  })
end

local function act(run)
  table.sort(run.missing, deliveries.is_older)
  if not run.dry_run and not compare.store(run) then return end
  redeliver(run)
  if not run.dry_run then window.close(run) end
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
  act(run)
  return report.complete(run)
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
---@field accept_gap? boolean do not report history_expired again, default false
---@field redeliver? boolean ask for redeliveries, default true
---@field dry_run? boolean only report, change nothing, default false
---@field clock? fun(): number seconds since the epoch, default the machine's
---@field log? fun(entry: table) see marketplace.log; default none
local OPTIONS = {
  client = "!table", inbox = "!table", webhooks = "table", apps = "table", url = "string", since = "number",
  state_file = "string", accept_gap = "boolean", redeliver = "boolean", dry_run = "boolean", clock = "function",
  log = "function",
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
--- Store Connect still tries to deliver, which are left alone until a day has passed; missing: how many were not in the
--- inbox; stored: how many of these this run put there; entries: the missing events, oldest first, each {id, event,
--- type, app_id, reason, webhook, created_at, stored}; redelivered: how many redeliveries were asked for;
--- redeliveries: list of {webhook, event, delivery, created_at, asked}, in a dry run those that would be asked for;
--- left: how many are left for the next run, as the limit of requests is near; failed: list of {webhook, event,
--- delivery, message, code, detail}, the redeliveries that could not be asked for; problems: list of {message, code,
--- detail, webhook, app}: what could not be read, stored or remembered, or is lost (history_expired, until it is
--- accepted); notices: list of {message, code, webhook}, which are not problems: inbox_changed, rate_limited; webhooks:
--- list of {id, url, since, due, covers}, due: from when on they had to be compared; inbox: its id; since, up_to:
--- seconds since the epoch; covers: whether `since` was early enough for all that was due; complete: whether, of what
--- was compared, nothing is missing any more and nothing failed
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
  local run = {
    client = given.client, inbox = given.inbox, state = state, since = since, clock = clock, now = now,
    accept_gap = given.accept_gap, redeliver = given.redeliver ~= false, dry_run = given.dry_run,
    log = log.target(given.log), report = report.new(now), reviews = {}, missing = {}, keys = {}, first_failure = nil,
    is_incomplete = false,
  }
  local made, problem, problem_code, detail = carry_out(run, given)
  state:close()
  return made, problem, problem_code, detail
end

return reconcile
