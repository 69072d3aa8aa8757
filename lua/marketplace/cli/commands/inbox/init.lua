--- marketplace inbox: looks into an inbox, even while other processes use it, and replays what is dead.
local check = require "marketplace.cli.support.options"
local chosen = require "marketplace.cli.support.inbox"
local config = require "marketplace.cli.support.config"
local core = require "marketplace.core"
local fields = require "marketplace.inbox.fields"
local log = require "marketplace.log"
local output = require "marketplace.cli.support.output"
local record = require "marketplace.inbox.record"
local times = require "marketplace.cli.support.times"

local command_inbox = {}

local RECONCILED_DAYS = 11 -- reconcile looks ten days back, and clocks differ

local STATES = { "ready", "leased", "done", "dead" }

--[[ What is written of an entry ]]

local IS_TIME = { time = true, clock = true } -- kinds of fields

-- The id shown is the one that finds the entry again: for another body under the same id, it includes the digest.
local function as_object(entry)
  local object = {}
  for name, value in pairs(entry) do
    object[name] = IS_TIME[fields.kind[name]] and log.timestamp(value) or value
  end
  object.id, object.identity, object.key = entry.identity, nil, nil
  return object
end

--[[ Actions: each takes the inbox, the options and the time, and returns the exit status, or nil and a message ]]

local actions = {}

local function filter_of(options)
  return {
    state = options.state, app_id = options.app, type = options.type, event = options.event,
    received_before = options.older_than, received_since = options.newer_than, limit = options.limit,
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
  local entries, message = box:list(filter_of(options))
  if not entries then return nil, message end
  output.list(options, columns(now), entries, as_object)
  return 0
end

local UNSIGNED = "- (it came without a signature: reconcile put it here)"

local SHOWN = { "id" }
for _, name in ipairs(fields.summary) do
  if name ~= "identity" and name ~= "key" then SHOWN[#SHOWN + 1] = name end
end

local function lines_of(entry, object)
  local lines = {}
  for _, name in ipairs(SHOWN) do
    local value = object[name]
    if name == "verified_by" and record.is_unsigned(entry.digest) then value = UNSIGNED end
    if value ~= nil then lines[#lines + 1] = ("%-12s %s"):format(name, tostring(value)) end
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = entry.body or "(the body of a done notification is not kept)"
  return lines
end

function actions.show(box, options)
  local entries, message = box:list { key = options.id }
  if not entries then return nil, message end
  if #entries == 0 then return nil, "no such notification: " .. options.id end
  for _, found in ipairs(entries) do
    local entry = box:get(found.identity) or found
    local object = as_object(entry)
    output.write(options.json, lines_of(entry, object), object)
  end
  return 0
end

function actions.replay(box, options, now)
  local count, message = box:replay({ key = options.id, received_since = options.since }, now)
  if not count then return nil, message end
  output.write(options.json, ("dead notifications made ready again: %d"):format(count), { replayed = count })
  if options.id and count == 0 then return nil, "no such dead notification: " .. options.id end
  return 0
end

function actions.prune(box, options, now)
  local count, message = box:prune(options.done_before)
  if not count then return nil, message end
  output.write(options.json, ("done notifications deleted: %d"):format(count), { pruned = count })
  if options.done_before > now - RECONCILED_DAYS * 86400 then
    output.note(("some of them may be less than %d days old: reconcile can store, and run, these once more"):format(
      RECONCILED_DAYS))
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
  output.write(options.json, lines, counts)
  return 0
end

--[[ The command line ]]

local AGO = "90d, 12h, 30m or 45s ago, or a date"

local SUMMARIES = {
  list = "list notifications, the oldest first",
  show = "show a notification with its body",
  replay = "make dead notifications ready again",
  prune = ("delete done notifications: a later duplicate would run again, so keep %d days for reconcile"):format(
    RECONCILED_DAYS),
  stats = "count notifications by state",
}

local DESCRIBE = { stats = function() end }

function DESCRIBE.list(command)
  command:option("--state", "list only those in this state"):choices(STATES):argname("STATE")
  command:option("--app", "list only those of this app"):argname("ID")
  command:option("--type", "list only those of this type, by Apple's name"):argname("TYPE")
  command:option("--event", "list only those of this event"):argname("EVENT")
  command:option("--older-than", "list only those received before: " .. AGO):argname("AGE")
  command:option("--newer-than", "list only those received since: " .. AGO):argname("AGE")
  command:option("--limit", "list at most this many"):default("100"):argname("N")
end

function DESCRIBE.show(command)
  command:argument("id", "the notification's id"):argname("ID")
end

function DESCRIBE.replay(command)
  command:mutex(
    command:argument("id", "the notification's id"):args("?"):argname("ID"),
    command:flag("--dead", "replay all dead notifications"),
    command:option("--since", "replay the dead notifications received since: " .. AGO):argname("AGE")
  )
end

function DESCRIBE.prune(command)
  command:option("--done-before", "delete those done before: " .. AGO):argname("AGE"):count(1)
end

function command_inbox.describe(command)
  command:command_target("action")
  command:require_command(true)
  for _, name in ipairs { "list", "show", "replay", "prune", "stats" } do
    local action = command:command(name, SUMMARIES[name])
    DESCRIBE[name](action)
    chosen.describe(action)
    config.describe(action)
    if name == "list" then output.describe_list(action) else output.describe_json(action) end
  end
end

local function usage_problem(options, now)
  for _, name in ipairs { "older_than", "newer_than", "since", "done_before" } do
    local problem = check.time_problem(options, name, now)
    if problem then return problem end
  end
  if options.action == "replay" and not (options.id or options.dead or options.since) then
    return "replay needs an ID, --dead or --since"
  end
  return check.number_problem(options, "limit", 1, 1000000) or chosen.sharing_problem(options)
end

function command_inbox.run(options)
  local problem = chosen.resolve(options)
  if problem then return 1, problem end
  local now = core.now()
  local usage = usage_problem(options, now)
  if usage then return 2, "inbox: " .. usage end
  local box, message = chosen.open(options, { must_exist = true })
  if not box then return 1, message end
  local status
  status, problem = actions[options.action](box, options, now)
  box:close()
  return status or 1, problem
end

return command_inbox
