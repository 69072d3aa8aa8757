--- marketplace reconcile: finds the notifications that nothing received, and puts them into the inbox.
local alerts = require "marketplace.cli.support.alerts"
local check = require "marketplace.cli.support.options"
local chosen = require "marketplace.cli.support.inbox"
local conditions = require "marketplace.alerts.conditions"
local core = require "marketplace.core"
local credentials = require "marketplace.cli.support.credentials"
local inbox_watch = require "marketplace.alerts.inbox_watch"
local inbox_url = require "marketplace.inbox.url"
local json = require "marketplace.json"
local log = require "marketplace.log"
local output = require "marketplace.cli.support.output"
local reconcile = require "marketplace.reconcile"
local state = require "marketplace.reconcile.state"
local text = require "marketplace.text"

local command_reconcile = {}

function command_reconcile.describe(command)
  command:option("--app", "compare the webhooks of this app; may be repeated"):count("*"):argname("ID")
  command:option("--url", "of the apps' webhooks, compare only those with this URL, which is the receiver's; needed " ..
    "if they have more than one"):argname("URL")
  command:option("--webhook", "compare this webhook; may be repeated"):count("*"):argname("ID")
  chosen.describe(command)
  command:option("--state", "file that remembers how far the last run came"):default(state.DEFAULT):argname("PATH")
  command:option("--since", "compare what was delivered since, in place of what is due: 9d, 12h, 30m or 45s ago, or " ..
    "a date; at most ten days back"):argname("AGE")
  command:option("--accept", "do not report again that this event could not be compared; may be repeated"):count("*")
    :argname("EVENT_ID")
  command:flag("--accept-gap", "do not report again what can no longer be compared")
  command:flag("--no-redeliver", "do not ask App Store Connect to redeliver what failed and was missing")
  command:flag("--dry-run", "only report what is missing, and what would be redelivered")
  alerts.describe(command, "the inbox")
  alerts.describe_age(command)
  output.describe_list(command)
  credentials.describe(command)
end

local function usage_problem(parsed, now)
  if #parsed.app + #parsed.webhook == 0 then return "--app or --webhook is missing" end
  for _, name in ipairs { "app", "webhook", "accept" } do
    for _, id in ipairs(parsed[name]) do
      if id == "" then return ("--%s is empty"):format(name) end
    end
  end
  if parsed.url and #parsed.app == 0 then return "--url needs --app" end
  local problem = check.time_problem(parsed, "since", now) or chosen.sharing_problem(parsed)
    or alerts.usage_problem(parsed)
  if problem then return problem end
  if parsed.since and parsed.since > now then return "--since is in the future" end
end

--[[ The report: what was missing and what is redelivered as a list, then the summary ]]

local COLUMNS = {
  { "STATE", "state" },
  { "CREATED", "created_at" },
  { "EVENT", "event" },
  { "APP", "app_id" },
  { "ID", "id" },
  { "DELIVERY", "delivery" },
  { "WEBHOOK", "webhook" },
  { "REASON", function(row) return row.reason and text.one_line(row.reason) end },
}

local function missing_row(told)
  local row = {}
  for name, value in pairs(told) do row[name] = value end
  row.state = told.stored and "stored" or "missing"
  row.created_at, row.stored = log.timestamp(told.created_at), nil
  return row
end

local function redelivery_row(told)
  return {
    state = "redeliver", delivery = told.delivery, event = told.event, webhook = told.webhook,
    created_at = log.timestamp(told.created_at), asked = told.asked,
  }
end

local function rows_of(report, dry_run)
  local rows = {}
  for _, told in ipairs(report.entries) do rows[#rows + 1] = missing_row(told) end
  for _, told in ipairs(dry_run and report.redeliveries or {}) do rows[#rows + 1] = redelivery_row(told) end
  return rows
end

local SUMMARY = "%d deliveries of %d events since %s: %d missing, %d stored, %d redeliveries %s, " ..
  "%d still being delivered"

local function webhook_line(webhook)
  return "webhook " .. webhook.id .. (webhook.url and " " .. webhook.url or "")
end

local function summary_lines(report, parsed, since)
  local lines = { SUMMARY:format(report.deliveries, report.events, since or "-", report.missing, report.stored,
    #report.redeliveries, parsed.dry_run and "would be asked for" or "asked for", report.pending) }
  for _, webhook in ipairs(report.webhooks) do lines[#lines + 1] = webhook_line(webhook) end
  lines[#lines + 1] = ("state %s, inbox %s (%s)"):format(parsed.state, inbox_url.redacted(parsed.inbox), report.inbox)
  return lines
end

local function webhook_objects(report)
  local objects = {}
  for i, webhook in ipairs(report.webhooks) do
    objects[i] = {
      id = webhook.id, url = webhook.url, since = log.timestamp(webhook.since), due = log.timestamp(webhook.due),
      covers = webhook.covers,
    }
  end
  return json.list(objects)
end

-- What went wrong or is worth knowing, without the details of App Store Connect's answers.
local function told_of(...)
  local objects = {}
  for _, list in ipairs { ... } do
    for _, one in ipairs(list) do
      objects[#objects + 1] = {
        code = one.code, message = one.message, app = one.app, webhook = one.webhook, event = one.event,
        delivery = one.delivery,
      }
    end
  end
  return json.list(objects)
end

local function write_report(report, parsed)
  local since = report.since and log.timestamp(report.since)
  output.list(parsed, COLUMNS, rows_of(report, parsed.dry_run))
  output.write(output.lists_json(parsed), summary_lines(report, parsed, since), {
    deliveries = report.deliveries, events = report.events, missing = report.missing, stored = report.stored,
    redelivered = report.redelivered, pending = report.pending, failed = #report.failed, left = report.left,
    since = since, up_to = log.timestamp(report.up_to), covers = report.covers, complete = report.complete,
    webhooks = webhook_objects(report), problems = told_of(report.problems, report.failed),
    notices = told_of(report.notices), state = parsed.state, inbox = inbox_url.redacted(parsed.inbox),
    inbox_id = report.inbox,
  })
end

local ACCEPT = " (to go on without it: --accept %s)"
local ACCEPT_GAP = " (to acknowledge that: --accept-gap)"

local HINTS = {
  event_unlisted = ACCEPT, id_conflict = ACCEPT, payload_missing = ACCEPT, payload_unreadable = ACCEPT,
  time_invalid = ACCEPT, history_expired = ACCEPT_GAP, list_changed = ACCEPT_GAP, webhook_gone = ACCEPT_GAP,
  webhook_moved = ACCEPT_GAP, not_covered = " (the next run without --since compares the rest)",
  webhook_disabled = " (marketplace webhooks update %s --enabled)",
  event_types_missing = " (marketplace webhooks update %s --event TYPE; repeat --event for all that it is to send)",
}

local function hint_of(one)
  local hint = HINTS[one.code] or ""
  if hint == ACCEPT and not one.event then return "" end
  return hint:format(one.event or one.webhook)
end

local function complain(report)
  for _, list in ipairs { report.notices, report.problems } do
    for _, one in ipairs(list) do output.note(text.safe(one.message .. hint_of(one))) end
  end
  for _, failed in ipairs(report.failed) do
    output.note(text.safe(("delivery %s was not redelivered: %s"):format(failed.delivery, failed.message)))
  end
end

local function ambiguity(urls)
  local lines = { "the apps' webhooks have more than one URL; name this receiver's with --url:" }
  for _, url in ipairs(urls) do lines[#lines + 1] = "  " .. text.safe(url) end
  return table.concat(lines, "\n")
end

-- What it would log is in the report.
local function no_log() end

local function run(parsed, client, box)
  local report, message, code, detail = reconcile.run {
    client = client, inbox = box, apps = parsed.app, webhooks = parsed.webhook, url = parsed.url,
    state_file = parsed.state, since = parsed.since, accept = parsed.accept, accept_gap = parsed.accept_gap or false,
    redeliver = not parsed.no_redeliver, dry_run = parsed.dry_run or false, log = no_log,
  }
  if code == "webhook_ambiguous" then return 2, ambiguity(detail.urls) end
  if not report then return 1, message end
  write_report(report, parsed)
  complain(report)
  return report.complete and 0 or 1, nil, report
end

-- What was seen of the inbox is for alerts only: whoever runs callbacks may hang, or not run at all.
local function open_and_run(parsed)
  local client, failure, message = credentials.client(parsed)
  if not client then return { status = failure, message = message, seen = {} } end
  local box
  box, message = chosen.open_existing(parsed)
  if not box then return { status = 1, message = message, seen = { conditions.inbox_unavailable(message) } } end
  local done = { seen = {} }
  done.status, done.message, done.report = run(parsed, client, box)
  if parsed.alert_command then done.seen = inbox_watch.look(box, parsed.alert_age) end
  box:close()
  return done
end

--[[ Alerts ]]

-- What this run compares, as another one names it that compares the same.
local function scope_of(parsed)
  local words = {}
  for _, id in ipairs(parsed.app) do words[#words + 1] = "app " .. id end
  for _, id in ipairs(parsed.webhook) do words[#words + 1] = "webhook " .. id end
  table.sort(words)
  return table.concat(words, ", ") .. (parsed.url and " at " .. parsed.url or "")
end

local function first_problem(report)
  if report.complete then return nil end
  local first = report.problems[1] or report.failed[1]
  return first and first.message or ("%d missing"):format(report.missing - report.stored)
end

-- Of an app that could not be asked about, nobody knows.
local function of_webhooks(report, scope)
  local is_disabled, list, all = {}, {}, true
  for _, problem in ipairs(report.problems) do
    if problem.code == "webhook_disabled" then is_disabled[problem.webhook] = true end
    if not problem.webhook and not problem.event then all = false end
  end
  for i, webhook in ipairs(report.webhooks) do
    list[i] = conditions.webhook_disabled(webhook.id, not is_disabled[webhook.id], scope)
  end
  return list, all and { name = "webhook_disabled", scope = scope } or nil
end

local function tell(parsed, done)
  local scope, list, complete = scope_of(parsed), {}, nil
  if done.report then list, complete = of_webhooks(done.report, scope) end
  list[#list + 1] = conditions.reconcile_incomplete(scope, done.message or done.report and first_problem(done.report))
  for _, one in ipairs(done.seen) do list[#list + 1] = one end
  alerts.tell(parsed, list, complete)
end

function command_reconcile.run(parsed)
  local problem = chosen.resolve(parsed) or alerts.resolve(parsed)
  if problem then return 1, problem end
  local usage = usage_problem(parsed, core.now())
  if usage then return 2, usage end
  local done = open_and_run(parsed)
  if done.status ~= 2 and not parsed.dry_run then tell(parsed, done) end
  return done.status, done.message
end

return command_reconcile
