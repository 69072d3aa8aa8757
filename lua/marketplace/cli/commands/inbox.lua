--- marketplace inbox: looks into an inbox, also while others use it, and mends what is dead.
local core = require "marketplace.core"
local fields = require "marketplace.inbox.fields"
local inbox = require "marketplace.inbox"
local log = require "marketplace.log"
local output = require "marketplace.cli.support.output"
local record = require "marketplace.inbox.record"
local running = require "marketplace.cli.support.running"
local text = require "marketplace.text"
local times = require "marketplace.cli.support.times"

local command_inbox = {}

local RECONCILED_DAYS = 11 -- reconcile looks ten days back, and clocks differ

local STATES = { "ready", "leased", "done", "dead" }

--[[ What is written of an entry ]]

local IS_TIME = { time = true, clock = true } -- kinds of fields

-- A notification's id is what finds the entry again: for another body under the same id, its digest is a part of it.
local function as_object(entry)
  local object = {}
  for name, value in pairs(entry) do
    object[name] = IS_TIME[fields.kind[name]] and log.timestamp(value) or value
  end
  object.id, object.identity, object.key = entry.identity, nil, nil
  return object
end

--[[ Actions: each is given the inbox, the options and the time, and gives the exit status or nil and a message ]]

local actions = {}

local function filter_of(options, now)
  return {
    state = options.state, app_id = options.app, type = options.type, event = options.event,
    received_before = options.older_than and times.parse(options.older_than, now),
    received_since = options.newer_than and times.parse(options.newer_than, now),
    limit = options.limit,
  }
end

local function columns(now)
  return {
    { "STATE", "state" },
    { "AGE", function(entry) return times.age(now - entry.received_at) end },
    { "TRIES", function(entry) return entry.attempt or 0 end },
    { "EVENT", "event" },
    { "APP", "app_id" },
    { "ID", "identity" },
    { "REASON", function(entry) return entry.reason and entry.reason:match("^[^\n]*") end },
  }
end

function actions.list(box, options, now)
  local entries, message = box:list(filter_of(options, now))
  if not entries then return nil, message end
  output.list(options, columns(now), entries, as_object)
  return 0
end

local UNSIGNED = "- (came without a signature, put by reconcile)"

local SHOWN = { "id" }
for _, name in ipairs(fields.summary) do
  if name ~= "identity" and name ~= "key" then SHOWN[#SHOWN + 1] = name end
end

function actions.show(box, options)
  local entries, message = box:list { key = options.id }
  if not entries then return nil, message end
  if #entries == 0 then return nil, "there is no such notification: " .. options.id end
  for _, found in ipairs(entries) do
    local entry = box:get(found.identity) or found
    local lines, object = {}, as_object(entry)
    local verified_by = record.is_unsigned(entry.digest) and UNSIGNED or object.verified_by
    for _, name in ipairs(SHOWN) do
      local value = object[name]
      if name == "verified_by" then value = verified_by end
      if value ~= nil then lines[#lines + 1] = ("%-12s %s"):format(name, text.safe(value)) end
    end
    lines[#lines + 1] = entry.body and "\n" .. text.safe(entry.body) or "\n(the body of what is done is not kept)"
    output.write(options.json, table.concat(lines, "\n"), object)
  end
  return 0
end

function actions.replay(box, options, now)
  local count, message = box:replay({
    key = options.id, received_since = options.since and times.parse(options.since, now),
  }, now)
  if not count then return nil, message end
  output.write(options.json, ("%d dead notifications are ready again"):format(count), { replayed = count })
  if options.id and count == 0 then return nil, "there is no dead notification " .. options.id end
  return 0
end

function actions.prune(box, options, now)
  local before = times.parse(options.done_before, now)
  local count, message = box:prune(before)
  if not count then return nil, message end
  output.write(options.json, ("%d done notifications are forgotten"):format(count), { pruned = count })
  if before > now - RECONCILED_DAYS * 86400 then
    output.note(("reconcile puts again, and has run again, what was forgotten within %d days"):format(RECONCILED_DAYS))
  end
  return 0
end

function actions.stats(box, options, now)
  local counts, message = box:counts()
  if not counts then return nil, message end
  local backlog
  backlog, message = box:backlog()
  if not backlog then return nil, message end
  local age = backlog.oldest_at and math.max(0, now - backlog.oldest_at)
  local lines = {}
  for i, state in ipairs(STATES) do lines[i] = ("%-7s %d"):format(state, counts[state]) end
  lines[#lines + 1] = "oldest  " .. (age and times.age(age) or "-")
  counts.oldest_age = age
  output.write(options.json, table.concat(lines, "\n"), counts)
  return 0
end

--[[ The command line ]]

function command_inbox.describe(command)
  command:command_target("action")
  command:require_command(true)
  local subcommands = {
    list = command:command("list", "List notifications, the oldest first."),
    show = command:command("show", "Show one with its body."),
    replay = command:command("replay", "Make dead ones ready again."),
    prune = command:command("prune", "Forget done ones: then a duplicate of one would run again. " ..
      "Keep eleven days for reconcile, which puts again what was forgotten earlier."),
    stats = command:command("stats", "Count them by state."),
  }
  for _, subcommand in pairs(subcommands) do
    running.describe_inbox(subcommand)
    if subcommand == subcommands.list then output.describe_list(subcommand) else output.describe_json(subcommand) end
  end
  local list = subcommands.list
  list:option("--state", "Only these."):choices(STATES):argname("STATE")
  list:option("--app", "Of this app."):argname("ID")
  list:option("--type", "Of this type of Apple's."):argname("TYPE")
  list:option("--event", "Of this event."):argname("EVENT")
  list:option("--older-than", "Received before: 90d, 12h, 30m, 45s ago, or a date."):argname("AGE")
  list:option("--newer-than", "Received since."):argname("AGE")
  list:option("--limit", "The most."):default("100"):argname("N")
  subcommands.show:argument("id", "The notification's id."):argname("ID")
  local replay = subcommands.replay
  replay:mutex(
    replay:argument("id", "The notification's id."):args("?"):argname("ID"),
    replay:flag("--dead", "All that are dead."),
    replay:option("--since", "The dead ones received since: 90d, 12h, 30m, 45s ago, or a date."):argname("AGE")
  )
  subcommands.prune:option("--done-before", "Done before: 90d, 12h, 30m, 45s ago, or a date.")
    :argname("AGE"):count(1)
end

local function usage_problem(options, now)
  for _, name in ipairs { "older_than", "newer_than", "since", "done_before" } do
    if options[name] and not times.parse(options[name], now) then
      return ("inbox: --%s is 90d, 12h, 30m, 45s (ago), 2026-01-31 or 2026-01-31T12:00:00Z"):format(
        (name:gsub("_", "-")))
    end
  end
  if options.action == "replay" and not (options.id or options.dead or options.since) then
    return "inbox: replay needs an ID, --dead or --since"
  end
  local problem = running.number_problem(options, "limit", 1, 1000000) or running.shared_inbox_problem(options.inbox)
  if problem then return "inbox: " .. problem end
end

function command_inbox.run(options)
  local now = core.now()
  local usage = usage_problem(options, now)
  if usage then return 2, usage end
  local box, message = inbox.open(options.inbox, { must_exist = true })
  if not box then return 1, message end
  local status, problem = actions[options.action](box, options, now)
  box:close()
  if not status then return 1, problem end
  return status
end

return command_inbox
