--- marketplace reconcile: finds what was missed while nothing received, and puts it into the inbox.
local core = require "marketplace.core"
local credentials = require "marketplace.cli.credentials"
local inbox = require "marketplace.inbox"
local log = require "marketplace.log"
local output = require "marketplace.cli.output"
local reconcile = require "marketplace.reconcile"
local running = require "marketplace.cli.running"
local text = require "marketplace.text"
local times = require "marketplace.cli.times"

local command_reconcile = { summary = "Put what was missed, by App Store Connect's own account, into the inbox." }

local DEFAULT_STATE = "marketplace.reconcile.json"

function command_reconcile.describe(command)
  command:option("--app", "Look at all webhooks of this app; may be repeated."):count("*"):argname("ID")
  command:option("--webhook", "Look at this webhook; may be repeated."):count("*"):argname("ID")
  running.describe_inbox(command)
  command:option("--state", "Where it is kept how far the last run came."):default(DEFAULT_STATE):argname("PATH")
  command:option("--since", "Look at what was delivered since, in place of what is due: 9d, 12h, 30m, 45s ago, or a " ..
    "date; at most ten days back."):argname("AGE")
  command:flag("--no-redeliver", "Do not ask for the redelivery of what failed.")
  command:flag("--dry-run", "Only tell what is missing.")
  credentials.describe(command)
end

local function usage_problem(parsed, now)
  if #parsed.app + #parsed.webhook == 0 then return "reconcile: --app or --webhook is missing" end
  for _, name in ipairs { "app", "webhook" } do
    for _, id in ipairs(parsed[name]) do
      if id == "" then return ("reconcile: --%s is empty"):format(name) end
    end
  end
  if parsed.since and not times.parse(parsed.since, now) then
    return "reconcile: --since is 9d, 12h, 30m, 45s (ago), 2026-01-31 or 2026-01-31T12:00:00Z"
  end
  if parsed.inbox == "memory" then return "reconcile: a memory inbox belongs to the process that receives" end
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

local SUMMARY = "%d deliveries of %d events since %s: %d missing, %d stored, %d redeliveries asked for, " ..
  "%d still being delivered"

local function write_summary(as_json, report)
  local since = report.since and log.timestamp(report.since)
  local line = SUMMARY:format(report.deliveries, report.events, since or "-", report.missing, report.stored,
    report.redelivered, report.pending)
  output.write(as_json, line, {
    deliveries = report.deliveries, events = report.events, missing = report.missing, stored = report.stored,
    redelivered = report.redelivered, pending = report.pending, failed = #report.failed, since = since,
    up_to = log.timestamp(report.up_to), complete = report.complete,
  })
end

local function complaints(report)
  local lines = {}
  for _, problem in ipairs(report.problems) do lines[#lines + 1] = text.safe(problem.message) end
  for _, failed in ipairs(report.failed) do
    lines[#lines + 1] = text.safe(("delivery %s was not redelivered: %s"):format(failed.delivery, failed.message))
  end
  return #lines > 0 and table.concat(lines, "\nmarketplace: ") or nil
end

-- What it would log is in the report.
local function no_log() end

local function run(parsed, client, box, now)
  local report, message = reconcile.run {
    client = client, inbox = box, apps = parsed.app, webhooks = parsed.webhook, state_file = parsed.state,
    since = parsed.since and times.parse(parsed.since, now), redeliver = not parsed.no_redeliver,
    dry_run = parsed.dry_run or false, log = no_log,
  }
  if not report then return 1, message end
  for _, told in ipairs(report.entries) do write_missing(parsed.json, told) end
  write_summary(parsed.json, report)
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
