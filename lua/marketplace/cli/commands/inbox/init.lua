--- marketplace inbox: looks into an inbox, even while other processes use it, and does what an operator asks for.
local backup = require "marketplace.cli.commands.inbox.backup"
local chosen = require "marketplace.cli.support.inbox"
local config = require "marketplace.cli.support.config"
local core = require "marketplace.core"
local forward = require "marketplace.cli.commands.inbox.forward"
local filters = require "marketplace.cli.commands.inbox.filters"
local look = require "marketplace.cli.commands.inbox.look"
local many = require "marketplace.cli.commands.inbox.many"
local output = require "marketplace.cli.support.output"
local prune = require "marketplace.cli.commands.inbox.prune"
local replay = require "marketplace.cli.commands.inbox.replay"
local restore = require "marketplace.cli.commands.inbox.restore"

local command_inbox = {}

local function describe_id(command)
  command:argument("id", "the notification's id"):argname("ID")
end

-- Each: `run` takes the inbox, the options and the time, and returns the exit status, or nil and a message.
-- `run_on_file` takes the path of an inbox in SQLite instead.
local ACTIONS = {
  { name = "list", run = look.list, describe = look.describe_list, problem = filters.problem,
    summary = "list notifications, the newest first" },
  { name = "show", run = look.show, describe = describe_id,
    summary = "show a notification with its body" },
  { name = "replay", run = replay.run, describe = replay.describe, problem = replay.problem,
    summary = "make dead or done notifications ready again" },
  { name = "run", run = many.run, describe = many.describe_run, problem = many.problem,
    summary = "have notifications run now, before their waits end" },
  { name = "cancel", run = many.cancel, describe = many.describe_cancel, problem = many.problem,
    summary = "give notifications up, so that those behind them can run" },
  { name = "forward", run = forward.run, describe = forward.describe, problem = forward.problem,
    summary = "send notifications to another system, such as a laptop, now or as they arrive" },
  { name = "prune", run = prune.run, describe = prune.describe, problem = prune.problem,
    summary = "forget done notifications sooner than workers do by themselves" },
  { name = "backup", run_on_file = backup.run, describe = backup.describe,
    summary = "copy an inbox in SQLite into a file, while it is used" },
  { name = "restore", run_on_file = restore.run, describe = restore.describe,
    summary = "put a backup in the place of what is in an inbox in SQLite, while it is used" },
  { name = "stats", run = look.stats, summary = "count notifications by state, and dead ones by code" },
}

function command_inbox.describe(command)
  command:command_target("action")
  command:require_command(true)
  for _, action in ipairs(ACTIONS) do
    local described = command:command(action.name, action.summary)
    if action.describe then action.describe(described) end
    chosen.describe(described)
    config.describe(described)
    if action.name == "list" then output.describe_list(described) else output.describe_json(described) end
  end
end

local function action_named(name)
  for _, action in ipairs(ACTIONS) do
    if action.name == name then return action end
  end
end

local function run_on_file(action, options, now)
  local path, message = chosen.sqlite_path(options)
  if not path then return 1, message end
  local status, problem = action.run_on_file(path, options, now)
  return status or 1, problem
end

function command_inbox.run(options)
  local problem = chosen.resolve(options)
  if problem then return 1, problem end
  local now, action = core.now(), action_named(options.action)
  local usage = action.problem and action.problem(options, now) or chosen.sharing_problem(options)
  if usage then return 2, usage end
  if action.run_on_file then return run_on_file(action, options, now) end
  local box, message = chosen.open_existing(options)
  if not box then return 1, message end
  local status
  status, problem = action.run(box, options, now)
  box:close()
  return status or 1, problem
end

return command_inbox
