--- Finds what was missed: compares the deliveries that App Store Connect tells of with the inbox, puts the events that
--- are not there into it, and asks for the redelivery of what failed.
---
--- It can run at any time and as often as one likes, also while notifications arrive, and after it was interrupted: an
--- event whose key the inbox knows is not put again, and what comes later under that key is a duplicate (see
--- marketplace.record). What is known of past runs moves forward only after the inbox has committed.
---
--- Source: App Store Connect API 4.0, "Read webhook deliveries" and "Redeliver a webhook event". Deliveries of the last
--- ten days can be asked for, with a lower bound of their `createdDate` and no other filter.
local core = require "marketplace.core"
local log = require "marketplace.log"
local options = require "marketplace.options"
local record_of = require("marketplace.record").of_unsigned
local reconcile_state = require "marketplace.reconcile_state"

local reconcile = {}

local DAY = 86400
local FURTHEST = 10 * DAY - 600 -- seconds back; App Store Connect's clock need not be this one
local OVERLAP = 3600            -- a delivery may be told later than it was made
local PENDING_AT_MOST = DAY     -- after that one need not wait: what then comes is a duplicate
local BATCH = 100               -- events in one commit
local PAGE = 200                -- deliveries in one answer: the most that App Store Connect gives

--[[ Deliveries, gathered by their events ]]

local function time_of(text)
  return type(text) == "string" and core.timestamp(text) or 0
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
      webhook = look.webhook, created_at = event.created, stored = false,
    },
  }
end

-- Compares one event with the inbox; nil, message, code where that does not answer.
local function compare(self, look, event)
  local record, message, code = record_of(event.payload)
  if not record then
    hold(look, event.newest.created)
    add_problem(self, { webhook = look.webhook, event = event.id, message = message, code = code })
    return true
  end
  if record.event == "ping" then
    event.is_ping = true
    return true
  end
  local entry
  entry, message, code = self.inbox:get(record.key)
  if message then return nil, message, code end
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
  if event.newest.state == "FAILED" then look.undelivered[#look.undelivered + 1] = event end
  return true
end

--[[ Where to look ]]

local function report_gap(self, webhook, known)
  local earliest = self.now - FURTHEST
  if not known.checked or known.checked >= earliest then return end
  add_problem(self, {
    webhook = webhook, code = "history_expired",
    message = ("webhook %s was last looked at on %s, and App Store Connect tells of the last ten days only"):format(
      webhook, log.timestamp(known.checked)),
  })
end

local function begin_of(self, known)
  local earliest = self.now - FURTHEST
  return math.max(known.seen and known.seen - OVERLAP or earliest, earliest)
end

-- Looks at one webhook; nil, message, code where the inbox does not answer.
local function look_at(self, webhook)
  local known = self.state:of(webhook)
  local due = begin_of(self, known)
  local since = self.since and math.max(self.since, self.now - FURTHEST) or due
  local look = { webhook = webhook, known = known, undelivered = {}, covers = since <= due }
  self.report.since = math.min(self.report.since or since, since)
  local events, latest, problem = list_deliveries(self, webhook, since)
  if problem then
    add_problem(self, { webhook = webhook, message = problem.message, code = problem.code, detail = problem.detail })
    look.failed = true
  end
  report_gap(self, webhook, known)
  look.latest = latest
  for i = 1, #events do
    local ok, message, code = examine(self, look, events[i])
    if not ok then return nil, message, code end
  end
  self.looks[#self.looks + 1] = look
  return true
end

local function add_webhook(self, id)
  if self.is_chosen[id] then return end
  self.is_chosen[id] = true
  self.webhooks[#self.webhooks + 1] = id
end

local function find_webhooks(self, apps)
  for _, app in ipairs(apps) do
    local found, message, code, detail = self.client.webhooks:list { app = app, limit = PAGE }
    if not found then
      add_problem(self, { app = app, message = message, code = code, detail = detail })
    elseif #found == 0 then
      add_problem(self, { app = app, message = ("app %s has no webhook"):format(app), code = "webhook_missing" })
    else
      for _, webhook in ipairs(found) do add_webhook(self, webhook.id) end
    end
  end
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

local function add_failed(self, look, event, message, code, detail)
  local failed = self.report.failed
  failed[#failed + 1] = {
    webhook = look.webhook, event = event.id, delivery = event.newest.id, message = message, code = code,
    detail = detail,
  }
  hold(look, event.newest.created)
  self.log.write {
    level = "warning", message = "not redelivered", at = self.now, id = event.newest.id, reason = message,
  }
end

local function ask_redelivery(self, look, event)
  if not self.redeliver then
    if not event.payload then
      add_failed(self, look, event, "its payload is not told, and no redelivery is asked for", "payload_missing")
    end
    return
  end
  -- once is enough, unless what it brings can be had in no other way
  if event.payload and look.known.asked[event.id] then return end
  local created, message, code, detail = self.client.webhookDeliveries:create { template = event.newest.id }
  if not created then return add_failed(self, look, event, message, code, detail) end
  look.known.asked[event.id] = self.now
  self.report.redelivered = self.report.redelivered + 1
end

local function redeliver_failed(self)
  for _, look in ipairs(self.looks) do
    table.sort(look.undelivered, by_creation)
    for _, event in ipairs(look.undelivered) do ask_redelivery(self, look, event) end
  end
end

local function forget_old(self, asked)
  for event, time in pairs(asked) do
    if time < self.now - 10 * DAY then asked[event] = nil end
  end
end

-- What was not looked at whole, or from later on than was due, is due again.
local function advance(self, look)
  forget_old(self, look.known.asked)
  if look.failed or not look.covers then return end
  local known = look.known
  known.checked = self.now
  if look.latest then known.seen = math.max(known.seen or 0, look.latest) end
  if look.held_at then known.seen = math.min(known.seen, look.held_at) end
end

local function save_state(self)
  for _, look in ipairs(self.looks) do advance(self, look) end
  local ok, message, code = self.state:save()
  if not ok then add_problem(self, { message = message, code = code }) end
end

local function act(self)
  table.sort(self.missing, by_creation)
  if self.dry_run or not put_missing(self) then return end
  redeliver_failed(self)
  save_state(self)
end

local function complete_report(self)
  local report = self.report
  for _, one in ipairs(self.missing) do
    if not one.came_meanwhile then report.entries[#report.entries + 1] = one.told end
    if one.told.stored then report.stored = report.stored + 1 end
  end
  report.missing = #report.entries
  report.complete = #report.problems == 0 and #report.failed == 0 and report.stored == report.missing
  return report
end

-- Where nothing at all could be looked at, the first problem is the result.
local function fruitless(self)
  local problem = self.report.problems[1]
  if problem and self.report.deliveries == 0 then
    for _, look in ipairs(self.looks) do
      if not look.failed then return nil end
    end
    return problem
  end
end

local function run(self, apps)
  find_webhooks(self, apps)
  for _, webhook in ipairs(self.webhooks) do
    local ok, message, code = look_at(self, webhook)
    if not ok then return nil, message, code end
  end
  local problem = fruitless(self)
  if problem then return nil, problem.message, problem.code, problem.detail end
  act(self)
  return complete_report(self)
end

local OPTIONS = {
  client = "!table", inbox = "!table", webhooks = "table", apps = "table", since = "number", state_file = "string",
  redeliver = "boolean", dry_run = "boolean", clock = "function", log = "function",
}

local function check_ids(name, list)
  for _, id in ipairs(list or {}) do
    if type(id) ~= "string" or id == "" then
      error(("marketplace.reconcile: option '%s' must be a list of ids"):format(name), 3)
    end
  end
end

--- Reconciles the inbox with App Store Connect, once.
---
--- It needs an inbox that remembers what is done for eleven days: what was forgotten (`inbox prune`) would be missing,
--- and run again.
---@param given table
--- client, inbox: required; webhooks, apps: lists of ids, of which there must be one: all webhooks of these apps;
--- since: seconds since the epoch, in place of what is due since the last run, at most ten days back;
--- state_file: where it is kept how far the last run came; without it every run looks ten days back;
--- redeliver: whether a redelivery is asked for, once an event, where the newest delivery failed, default true;
--- dry_run: only look, change nothing; clock: default the machine's; log: see marketplace.log
---@return table|nil report
--- deliveries: how many were told of; events: those they were of, without pings; pending: events that App Store Connect
--- still tries to deliver, which are left until a day has passed; missing: events that were not in the inbox; stored:
--- how many of these this run put there; entries: these events, oldest first, each {key, event, type, app_id, reason,
--- webhook, created_at, stored}; redelivered: how many redeliveries were asked for; failed: list of {webhook, event,
--- delivery, message, code, detail}, of redeliveries that could not be asked for; problems: list of {message, code,
--- detail, webhook, app}: what could not be looked at, stored or remembered; since, up_to: seconds since the epoch;
--- complete: whether nothing is missing any more and nothing failed
---@return string? message nothing could be looked at, and nothing was changed
---@return string? code inbox_unavailable, locked, file_failed, json_invalid, webhook_missing, and those of the client
---@return table? detail the client's
function reconcile.run(given)
  options.check("marketplace.reconcile", given, OPTIONS)
  check_ids("webhooks", given.webhooks)
  check_ids("apps", given.apps)
  local apps = given.apps or {}
  if #apps + #(given.webhooks or {}) == 0 then
    error("marketplace.reconcile: option 'webhooks' or 'apps' must name one", 2)
  end
  local state, message, code = reconcile_state.open(given.state_file, given.dry_run)
  if not state then return nil, message, code end
  local clock = given.clock or core.now
  local now = clock()
  local self = {
    client = given.client, inbox = given.inbox, state = state, since = given.since, clock = clock, now = now,
    redeliver = given.redeliver ~= false, dry_run = given.dry_run, log = log.target(given.log), webhooks = {},
    is_chosen = {}, looks = {}, missing = {}, keys = {},
    report = {
      deliveries = 0, events = 0, pending = 0, missing = 0, stored = 0, redelivered = 0, entries = {}, failed = {},
      problems = {}, since = nil, up_to = now, complete = false,
    },
  }
  for _, id in ipairs(given.webhooks or {}) do add_webhook(self, id) end
  local report, problem, problem_code, detail = run(self, apps)
  state:close()
  return report, problem, problem_code, detail
end

return reconcile
