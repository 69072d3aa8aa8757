--- marketplace reconcile: finds what was missed while nothing received, and puts it into the inbox.
local core = require "marketplace.core"
local credentials = require "marketplace.cli.support.credentials"
local inbox = require "marketplace.inbox"
local inbox_url = require "marketplace.inbox.url"
local json = require "marketplace.json"
local log = require "marketplace.log"
local output = require "marketplace.cli.support.output"
local reconcile = require "marketplace.reconcile"
local running = require "marketplace.cli.support.running"
local text = require "marketplace.text"
local times = require "marketplace.cli.support.times"

local command_reconcile = {}

local DEFAULT_STATE = "marketplace.reconcile.json"

function command_reconcile.describe(command)
  command:option("--app", "Look at the webhooks of this app; may be repeated."):count("*"):argname("ID")
  command:option("--url", "Of the apps' webhooks only those with this URL, the receiver's own; needed where they " ..
    "have more than one."):argname("URL")
  command:option("--webhook", "Look at this webhook; may be repeated."):count("*"):argname("ID")
  running.describe_inbox(command)
  command:option("--state", "Where it is kept how far the last run came."):default(DEFAULT_STATE):argname("PATH")
  command:option("--since", "Look at what was delivered since, in place of what is due: 9d, 12h, 30m, 45s ago, or a " ..
    "date; at most ten days back."):argname("AGE")
  command:flag("--accept-gap", "Take note of what was not looked at in time: it is not told again.")
  command:flag("--no-redeliver", "Do not ask for the redelivery of what failed and was missing.")
  command:flag("--dry-run", "Only tell what is missing, and what would be redelivered.")
  output.describe_json(command)
  credentials.describe(command)
end

local function usage_problem(parsed, now)
  if #parsed.app + #parsed.webhook == 0 then return "reconcile: --app or --webhook is missing" end
  for _, name in ipairs { "app", "webhook" } do
    for _, id in ipairs(parsed[name]) do
      if id == "" then return ("reconcile: --%s is empty"):format(name) end
    end
  end
  if parsed.url and #parsed.app == 0 then return "reconcile: --url is for --app" end
  local since = parsed.since and times.parse(parsed.since, now)
  if parsed.since and not since then
    return "reconcile: --since is 9d, 12h, 30m, 45s (ago), 2026-01-31 or 2026-01-31T12:00:00Z"
  end
  if since and since > now then return "reconcile: --since is yet to come" end
  local problem = running.shared_inbox_problem(parsed.inbox)
  if problem then return "reconcile: " .. problem end
end

local function write_missing(as_json, told)
  local words = {
    told.stored and "stored " or "missing", log.timestamp(told.created_at), told.event or "-", told.app_id or "-",
    told.key, told.reason and "(" .. text.one_line(told.reason) .. ")",
  }
  local object = {}
  for name, value in pairs(told) do object[name] = value end
  object.created_at = log.timestamp(told.created_at)
  output.write(as_json, text.safe(table.concat(words, " ")), object)
end

local function write_redelivery(as_json, told)
  local line = ("to be redelivered: %s, delivery %s of %s to webhook %s"):format(told.event, told.delivery,
    log.timestamp(told.created_at), told.webhook)
  output.write(as_json, text.safe(line), {
    redelivery = told.delivery, event = told.event, webhook = told.webhook, created_at = log.timestamp(told.created_at),
    asked = told.asked,
  })
end

local SUMMARY = "%d deliveries of %d events since %s: %d missing, %d stored, %d redeliveries %s, " ..
  "%d still being delivered"

local function summary_lines(report, where, since)
  local lines = { SUMMARY:format(report.deliveries, report.events, since or "-", report.missing, report.stored,
    #report.redeliveries, where.dry_run and "would be asked for" or "asked for", report.pending) }
  for _, webhook in ipairs(report.webhooks) do
    local line = "webhook " .. webhook.id .. (webhook.url and " " .. webhook.url or "")
    if not webhook.covers then
      line = ("%s, looked at only since %s: since %s is due"):format(line, log.timestamp(webhook.since),
        log.timestamp(webhook.due))
    end
    lines[#lines + 1] = text.safe(line)
  end
  lines[#lines + 1] = text.safe(("state %s, inbox %s (%s)"):format(where.state, where.inbox, report.inbox))
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

local function write_summary(as_json, report, where)
  local since = report.since and log.timestamp(report.since)
  output.write(as_json, table.concat(summary_lines(report, where, since), "\n"), {
    deliveries = report.deliveries, events = report.events, missing = report.missing, stored = report.stored,
    redelivered = report.redelivered, pending = report.pending, failed = #report.failed, left = report.left,
    since = since, up_to = log.timestamp(report.up_to), covers = report.covers, complete = report.complete,
    webhooks = webhook_objects(report), state = where.state, inbox = where.inbox, inbox_id = report.inbox,
  })
end

local HINTS = { history_expired = " (--accept-gap: this is known)" }

local function complaints(report)
  local lines = {}
  for _, list in ipairs { report.notices, report.problems } do
    for _, one in ipairs(list) do lines[#lines + 1] = text.safe(one.message) .. (HINTS[one.code] or "") end
  end
  for _, failed in ipairs(report.failed) do
    lines[#lines + 1] = text.safe(("delivery %s was not redelivered: %s"):format(failed.delivery, failed.message))
  end
  return #lines > 0 and table.concat(lines, "\nmarketplace: ") or nil
end

local function ambiguity(urls)
  local lines = { "reconcile: the apps' webhooks have more than one URL; --url says which one is this receiver's:" }
  for _, url in ipairs(urls) do lines[#lines + 1] = "  " .. text.safe(url) end
  return table.concat(lines, "\n")
end

-- What it would log is in the report.
local function no_log() end

local function run(parsed, client, box, now)
  local report, message, code, detail = reconcile.run {
    client = client, inbox = box, apps = parsed.app, webhooks = parsed.webhook, url = parsed.url,
    state_file = parsed.state, since = parsed.since and times.parse(parsed.since, now),
    accept_gap = parsed.accept_gap or false, redeliver = not parsed.no_redeliver, dry_run = parsed.dry_run or false,
    log = no_log,
  }
  if code == "webhook_ambiguous" then return 2, ambiguity(detail.urls) end
  if not report then return 1, message end
  for _, told in ipairs(report.entries) do write_missing(parsed.json, told) end
  for _, told in ipairs(parsed.dry_run and report.redeliveries or {}) do write_redelivery(parsed.json, told) end
  write_summary(parsed.json, report, {
    state = parsed.state, inbox = inbox_url.redacted(parsed.inbox), dry_run = parsed.dry_run,
  })
  return report.complete and 0 or 1, complaints(report)
end

function command_reconcile.run(parsed)
  local now = core.now()
  local usage = usage_problem(parsed, now)
  if usage then return 2, usage end
  local client, failure, problem = credentials.client(parsed)
  if not client then return failure, problem end
  local box, message = inbox.open(parsed.inbox, { must_exist = true })
  if not box then return 1, message end
  local status, complaint = run(parsed, client, box, now)
  box:close()
  return status, complaint
end

return command_reconcile
