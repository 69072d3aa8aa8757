--- Finds what was missed: compares the deliveries that App Store Connect tells of with the inbox, puts the events that
--- are not there into it, and asks for the redelivery of what failed.
---
--- It can run at any time and as often as one likes, also while notifications arrive, and after it was interrupted: an
--- event whose key the inbox knows is not put again, and what comes later under that key is a duplicate (see
--- marketplace.inbox.record). What is known of past runs moves forward only after the inbox has committed.
---
--- Source: App Store Connect API 4.0, "Read webhook deliveries" and "Redeliver a webhook event". Deliveries of the last
--- ten days can be asked for, with a lower bound of their `createdDate` and no other filter.
local core = require "marketplace.core"
local log = require "marketplace.log"
local options = require "marketplace.options"
local record_of = require("marketplace.inbox.record").of_unsigned
local reconcile_redelivery = require "marketplace.reconcile.redelivery"
local reconcile_state = require "marketplace.reconcile.state"
local reconcile_webhooks = require "marketplace.reconcile.webhooks"

local reconcile = {}

local DAY = 86400
local FURTHEST = 10 * DAY - 600 -- seconds back; App Store Connect's clock need not be this one
local OVERLAP = 3600            -- a delivery may be told later than it was made
local CLOCKS_DIFFER = 300       -- at most, seconds: what is further ahead is no time that has been
local PENDING_AT_MOST = DAY     -- after that one need not wait: what then comes is a duplicate
local BATCH = 100               -- events in one commit
local PAGE = 200                -- deliveries in one answer: the most that App Store Connect gives

--[[ Deliveries, gathered by their events ]]

local function time_of(text)
  return type(text) == "string" and core.parse_time(text) or 0
end

local function event_id_of(delivery)
  if delivery.event and delivery.event.id then return delivery.event.id end
  local relationship = delivery.relationships and delivery.relationships.event
  local named = type(relationship) == "table" and relationship.data
  return type(named) == "table" and named.id or "of delivery " .. delivery.id
end

local function is_newer(delivery, created, newest)
  if not newest or created ~= newest.created then return not newest or created > newest.created end
  return delivery.redelivery == true
end

local function gather(events, delivery)
  local id, created, told = event_id_of(delivery), time_of(delivery.createdDate), delivery.event or {}
  local event = events[id]
  if not event then
    event = { id = id, created = told.createdDate and time_of(told.createdDate) or created, turn = #events + 1 }
    events[id], events[#events + 1] = event, event
  end
  if type(told.payload) == "string" then event.payload = told.payload end
  event.is_ping = event.is_ping or told.ping == true
  if is_newer(delivery, created, event.newest) then
    event.newest = { id = delivery.id, created = created, state = delivery.deliveryState }
  end
end

-- Called by hand and not by `for`: a client may yield, which Lua 5.1 allows only so.
local function list_deliveries(self, webhook, since)
  local iterator, progress = self.client.webhookDeliveries:each {
    webhook = webhook, filter = { createdDateGreaterThanOrEqualTo = log.timestamp(since) }, include = "event",
    limit = PAGE,
  }
  local events, latest = {}, nil
  local delivery = iterator(progress)
  while delivery do
    self.report.deliveries = self.report.deliveries + 1
    gather(events, delivery)
    latest = math.max(latest or 0, time_of(delivery.createdDate))
    delivery = iterator(progress)
  end
  return events, latest, progress.problem
end

--[[ What is missing ]]

local function add_problem(self, problem)
  local report = self.report
  report.problems[#report.problems + 1] = problem
  self.log.write { level = "error", message = "not reconciled", at = self.now, reason = problem.message }
end

local function add_notice(self, notice)
  local report = self.report
  report.notices[#report.notices + 1] = notice
  self.log.write { level = "warning", message = "reconciled", at = self.now, reason = notice.message }
end

-- Something that was to be looked at could not be.
local function add_failure(self, problem)
  self.first_failure = self.first_failure or problem
  add_problem(self, problem)
end

-- The next run must look at it again.
local function hold(look, created)
  look.held_at = math.min(look.held_at or created, created)
end

local function is_pending(self, event)
  return event.newest.state == "PENDING" and self.now - event.newest.created < PENDING_AT_MOST
end

local function add_missing(self, look, event, record)
  self.keys[record.key] = true
  self.missing[#self.missing + 1] = {
    record = record, created = event.created, turn = #self.missing,
    told = {
      key = record.key, event = record.event, type = record.type, app_id = record.app_id, reason = record.reason,
      webhook = look.webhook.id, created_at = event.created, stored = false,
    },
  }
end

local function note_witness(look, event, record)
  local at = event.newest.created
  if not look.witness or at > look.witness.at then look.witness = { key = record.key, at = at } end
end

-- Compares one event with the inbox; nil, message, code where that does not answer.
local function compare(self, look, event)
  local record, message, code = record_of(event.payload)
  if not record then
    hold(look, event.newest.created)
    add_problem(self, { webhook = look.webhook.id, event = event.id, message = message, code = code })
    return true
  end
  if record.event == "ping" then
    event.is_ping = true
    return true
  end
  local entry
  entry, message, code = self.inbox:get(record.key)
  if message then return nil, message, code end
  event.was_missing = not entry
  note_witness(look, event, record)
  if not entry and not self.keys[record.key] then add_missing(self, look, event, record) end
  return true
end

local function examine(self, look, event)
  if event.is_ping then return true end
  if is_pending(self, event) then
    self.report.pending = self.report.pending + 1
    hold(look, event.newest.created)
  elseif event.payload then
    local ok, message, code = compare(self, look, event)
    if not ok or event.is_ping then return ok, message, code end
  end
  self.report.events = self.report.events + 1
  if event.newest.state == "FAILED" then
    look.undelivered[#look.undelivered + 1] = event
  elseif event.newest.state == "SUCCEEDED" then
    look.known.left[event.id] = nil
  end
  return true
end

--[[ Where to look ]]

-- A time that is yet to come would keep everything from being looked at until then.
local function drop_impossible(self, webhook, known)
  for _, name in ipairs { "seen", "checked" } do
    local time = known[name]
    if time and time > self.now + CLOCKS_DIFFER then
      known[name] = nil
      add_problem(self, {
        webhook = webhook.id, code = "time_invalid",
        message = ("what is known of webhook %s is from %s, which is yet to come: is a clock wrong?"):format(
          webhook.id, log.timestamp(time)),
      })
    end
  end
end

-- Whether what was reconciled before is in this inbox. One that was lost has another id; one that was restored from a
-- copy does not have the newest notification that was seen.
local function is_in_this_inbox(self, known)
  if known.inbox ~= self.report.inbox then return false end
  local witness = known.witness
  -- an older one may have been pruned
  if not witness or witness.at < self.now - FURTHEST then return true end
  local entry, message, code = self.inbox:get(witness.key)
  if message then return nil, message, code end
  return entry ~= nil
end

local function check_inbox(self, webhook, known)
  if not known.seen then return true end
  local is_there, message, code = is_in_this_inbox(self, known)
  if is_there == nil then return nil, message, code end
  if is_there then return true end
  known.seen, known.witness = nil, nil
  add_notice(self, {
    webhook = webhook.id, code = "inbox_changed",
    message = ("what was reconciled of webhook %s before is not in this inbox, which is another one, or lost what " ..
      "it had: the last ten days are due again"):format(webhook.id),
  })
  return true
end

-- What was not looked at in time stays a problem until somebody has taken note of it.
local function report_unseen(self, webhook, known)
  local earliest = self.now - FURTHEST
  if self.accept_gap then
    known.unseen = nil
    return
  end
  if known.checked and known.checked < earliest then
    known.unseen = { from = known.unseen and known.unseen.from or known.checked, to = earliest }
  end
  if not known.unseen then return end
  add_problem(self, {
    webhook = webhook.id, code = "history_expired",
    message = ("webhook %s was not looked at between %s and %s, and App Store Connect tells of the last ten days only")
      :format(webhook.id, log.timestamp(known.unseen.from), log.timestamp(known.unseen.to)),
  })
end

local function due_since(self, known)
  local earliest = self.now - FURTHEST
  return math.max(known.seen and known.seen - OVERLAP or earliest, earliest)
end

local function begin_look(self, webhook)
  local known = self.state:of(webhook.id)
  known.app = webhook.app or known.app
  drop_impossible(self, webhook, known)
  local ok, message, code = check_inbox(self, webhook, known)
  if not ok then return nil, message, code end
  local due = due_since(self, known)
  local since = self.since and math.max(self.since, self.now - FURTHEST) or due
  local look = { webhook = webhook, known = known, undelivered = {}, covers = since <= due }
  look.hold = function(created) hold(look, created) end
  local report = self.report
  report.since = math.min(report.since or since, since)
  report.covers = report.covers and look.covers
  report.webhooks[#report.webhooks + 1] = {
    id = webhook.id, url = webhook.url, since = since, due = due, covers = look.covers,
  }
  return look, since
end

-- Looks at one webhook; nil, message, code where the inbox does not answer.
local function look_at(self, webhook)
  local look, since, begin_code = begin_look(self, webhook)
  if not look then return nil, since, begin_code end
  local events, latest, problem = list_deliveries(self, webhook.id, since)
  if problem then
    add_failure(self, { webhook = webhook.id, message = problem.message, code = problem.code, detail = problem.detail })
    look.failed, look.is_gone = true, type(problem.detail) == "table" and problem.detail.status == 404
  end
  report_unseen(self, webhook, look.known)
  look.latest = latest
  for i = 1, #events do
    local ok, message, code = examine(self, look, events[i])
    if not ok then return nil, message, code end
  end
  self.looks[#self.looks + 1] = look
  return true
end

local function find_webhooks(self, given)
  local found, message, code, detail = reconcile_webhooks.find(self.client, given)
  if not found then return nil, message, code, detail end
  for _, problem in ipairs(found.problems) do add_failure(self, problem) end
  for app, ids in pairs(found.of_app) do self.state:note_gone(app, ids, self.now) end
  return found.chosen
end

--[[ What is done about it ]]

local function by_creation(a, b)
  if a.created ~= b.created then return a.created < b.created end
  return a.turn < b.turn
end

local function log_stored(self, told)
  self.log.write {
    level = told.reason and "warning" or "info", message = "was missing, stored", at = self.now, id = told.key,
    type = told.type, event = told.event, app_id = told.app_id, reason = told.reason,
  }
end

local function put_batch(self, first)
  local records, last = {}, math.min(first + BATCH - 1, #self.missing)
  for i = first, last do records[#records + 1] = self.missing[i].record end
  local outcomes, message, code = self.inbox:put(records, self.clock())
  if not outcomes then return nil, message, code end
  for i, outcome in ipairs(outcomes) do
    local one = self.missing[first + i - 1]
    one.told.stored = outcome == "stored"
    one.came_meanwhile = outcome ~= "stored"
    if one.told.stored then log_stored(self, one.told) end
  end
  return true
end

local function put_missing(self)
  for first = 1, #self.missing, BATCH do
    local ok, message, code = put_batch(self, first)
    if not ok then
      add_problem(self, { message = message, code = code })
      return false
    end
  end
  return true
end

local function log_failed(self, failed)
  self.log.write {
    level = "warning", message = "not redelivered", at = self.now, id = failed.delivery, reason = failed.message,
  }
end

local function redeliver(self)
  local result, report = reconcile_redelivery.ask {
    client = self.client, looks = self.looks, now = self.now, is_allowed = self.redeliver, dry_run = self.dry_run,
  }, self.report
  report.redeliveries, report.failed, report.left = result.redeliveries, result.failed, result.left
  report.redelivered = self.dry_run and 0 or #result.redeliveries
  self.is_incomplete = result.is_incomplete
  for _, failed in ipairs(result.failed) do log_failed(self, failed) end
  if result.left == 0 then return end
  add_notice(self, {
    code = "rate_limited", message = ("%d redeliveries are %s: %s"):format(result.left,
      self.state.file and "left for the next run" or "not asked for", result.why_ended),
  })
end

local function forget_times(self, times)
  for event, time in pairs(times) do
    if time < self.now - 10 * DAY or time > self.now + CLOCKS_DIFFER then times[event] = nil end
  end
end

-- What was not looked at whole, or from later on than was due, is due again.
local function advance(self, look)
  local known = look.known
  forget_times(self, known.asked)
  forget_times(self, known.left)
  known.gone = look.is_gone and (known.gone or self.now) or nil
  if look.failed or not look.covers then return end
  known.checked, known.inbox = self.now, self.report.inbox
  known.witness = look.witness or known.witness
  if look.latest then known.seen = math.max(known.seen or 0, look.latest) end
  if look.held_at then known.seen = math.min(known.seen, look.held_at) end
end

local function save_state(self)
  for _, look in ipairs(self.looks) do advance(self, look) end
  self.state:forget_gone(self.now - 10 * DAY)
  local ok, message, code = self.state:save()
  if not ok then add_problem(self, { message = message, code = code }) end
end

local function act(self)
  table.sort(self.missing, by_creation)
  if not self.dry_run and not put_missing(self) then return end
  redeliver(self)
  if not self.dry_run then save_state(self) end
end

local function complete_report(self)
  local report = self.report
  for _, one in ipairs(self.missing) do
    if not one.came_meanwhile then report.entries[#report.entries + 1] = one.told end
    if one.told.stored then report.stored = report.stored + 1 end
  end
  report.missing = #report.entries
  report.complete = #report.problems == 0 and #report.failed == 0 and report.stored == report.missing
    and not self.is_incomplete
  return report
end

-- Where nothing at all could be looked at, the first failure is the result.
local function fruitless(self)
  if not self.first_failure or self.report.deliveries > 0 then return nil end
  for _, look in ipairs(self.looks) do
    if not look.failed then return nil end
  end
  return self.first_failure
end

local function run(self, given)
  local message, code, webhooks, detail
  self.report.inbox, message, code = self.inbox:id()
  if not self.report.inbox then return nil, message, code end
  webhooks, message, code, detail = find_webhooks(self, given)
  if not webhooks then return nil, message, code, detail end
  for _, webhook in ipairs(webhooks) do
    local ok
    ok, message, code = look_at(self, webhook)
    if not ok then return nil, message, code end
  end
  local problem = fruitless(self)
  if problem then return nil, problem.message, problem.code, problem.detail end
  act(self)
  return complete_report(self)
end

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
    error("marketplace.reconcile: option 'webhooks' or 'apps' must name one", 3)
  end
  if given.url and apps == 0 then error("marketplace.reconcile: option 'url' is for option 'apps'", 3) end
end

--- Reconciles the inbox with App Store Connect, once.
---
--- It needs an inbox that remembers what is done for eleven days: what was forgotten (`inbox prune`) would be missing,
--- and run again.
---@param given table
--- client, inbox: required; webhooks, apps: lists of ids, of which there must be one; of apps all webhooks, which must
--- have one URL, the receiver's; url: of the apps' webhooks only those with this one;
--- since: seconds since the epoch, in place of what is due since the last run, at most ten days back, not later than
--- now;
--- state_file: where it is kept how far the last run came; without it every run looks ten days back, and asks for
--- redeliveries only of what it put itself;
--- accept_gap: history_expired is not told again; redeliver: whether redeliveries are asked for, default true: once an
--- event, where the newest delivery failed and the event was not in the inbox before (or its payload is not told), and
--- as long as App Store Connect's limit of requests is not nearly reached;
--- dry_run: only look, change nothing; clock: default the machine's; log: see marketplace.log
---@return table|nil report
--- deliveries: how many were told of; events: those they were of, without pings; pending: events that App Store Connect
--- still tries to deliver, which are left until a day has passed; missing: events that were not in the inbox; stored:
--- how many of these this run put there; entries: these events, oldest first, each {key, event, type, app_id, reason,
--- webhook, created_at, stored}; redelivered: how many redeliveries were asked for; redeliveries: list of {webhook,
--- event, delivery, created_at, asked}, in a dry run those that would be asked for; left: how many are left for the
--- next run, as the limit of requests is near; failed: list of {webhook, event, delivery, message, code, detail}, of
--- redeliveries that could not be asked for; problems: list of {message, code, detail, webhook, app}: what could not be
--- looked at, stored or remembered, or is lost (history_expired, until it is accepted); notices: list of {message,
--- code, webhook}, of what is to be known and is no problem: inbox_changed, rate_limited; webhooks: list of {id, url,
--- since, due, covers} that were looked at, where due is since when they had to be; inbox: its id; since, up_to:
--- seconds since the epoch; covers: whether `since` was early enough for all that was due; complete: whether, of what
--- was looked at, nothing is missing any more and nothing failed
---@return string? message nothing could be looked at, and nothing was changed
---@return string? code inbox_unavailable, locked, file_failed, state_invalid, webhook_missing, webhook_ambiguous (with
--- {urls=}), and those of the client
---@return table? detail the client's
function reconcile.run(given)
  check(given)
  local clock = given.clock or core.now
  local now = clock()
  local since = given.since
  if since and since ~= since then error("marketplace.reconcile: option 'since' is no time", 2) end
  if since and since > now then error("marketplace.reconcile: option 'since' is yet to come", 2) end
  local state, message, code = reconcile_state.open(given.state_file, given.dry_run)
  if not state then return nil, message, code end
  local self = {
    client = given.client, inbox = given.inbox, state = state, since = given.since, clock = clock, now = now,
    accept_gap = given.accept_gap, redeliver = given.redeliver ~= false, dry_run = given.dry_run,
    log = log.target(given.log), looks = {}, missing = {}, keys = {}, first_failure = nil, is_incomplete = false,
    report = {
      deliveries = 0, events = 0, pending = 0, missing = 0, stored = 0, redelivered = 0, left = 0, entries = {},
      redeliveries = {}, failed = {}, problems = {}, notices = {}, webhooks = {}, inbox = nil, since = nil, up_to = now,
      covers = true, complete = false,
    },
  }
  local report, problem, problem_code, detail = run(self, given)
  state:close()
  return report, problem, problem_code, detail
end

return reconcile
