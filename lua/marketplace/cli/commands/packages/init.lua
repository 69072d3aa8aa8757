--- marketplace packages: brings the packages that App Store Connect announces to where devices install them from.
local change = require "marketplace.cli.commands.packages.change"
local check = require "marketplace.cli.support.options"
local chosen = require "marketplace.cli.support.packages"
local config = require "marketplace.cli.support.config"
local core = require "marketplace.core"
local credentials = require "marketplace.cli.support.credentials"
local fetch = require "marketplace.cli.commands.packages.fetch"
local look = require "marketplace.cli.commands.packages.look"
local output = require "marketplace.cli.support.output"
local report = require "marketplace.cli.commands.packages.report"
local times = require "marketplace.cli.support.times"
local work = require "marketplace.cli.commands.packages.work"

local command_packages = {}

-- Each: `run` takes the packages, the options, what reports their events, and the time, and returns the exit status, or
-- nil and a message. `asks`: whether it talks to App Store Connect. `loads`: whether it downloads, and tells of that.
local ACTIONS = {
  { name = "fetch", run = fetch.run, describe = fetch.describe, problem = fetch.problem, asks = true,
    loads = true, summary = "fetch and publish a package version, or all that is wanted, and end" },
  { name = "sync", run = fetch.sync, describe = fetch.describe_sync, asks = true,
    summary = "want what is newer at App Store Connect of the packages that are known here" },
  { name = "work", describe = work.describe, problem = work.problem, asks = true, loads = true,
    summary = "fetch and publish what is wanted, until stopped" },
  { name = "list", run = look.list, describe = look.describe_list, problem = look.list_problem,
    summary = "list package versions: what is current, since when, and what is wrong with it" },
  { name = "show", run = look.show, describe = look.describe_show,
    summary = "show a package version with its assets" },
  { name = "verify", run = look.verify, describe = look.describe_verify, problem = look.verify_problem,
    summary = "compare what is served with Apple's manifests" },
  { name = "withdraw", run = change.withdraw, describe = change.describe_withdraw,
    problem = change.availability_problem, summary = "stop serving, until a later event of Apple's or a restore" },
  { name = "restore", run = change.restore, describe = change.describe_restore,
    problem = change.availability_problem, summary = "serve again what was withdrawn" },
  { name = "hold", run = change.hold, describe = change.describe_hold, problem = change.hold_problem,
    summary = "stop serving, whatever events of Apple's say, until a release" },
  { name = "release", run = change.release, describe = change.describe_release, problem = change.hold_problem,
    summary = "end a hold" },
  { name = "collect", run = change.collect, describe = change.describe_collect, problem = change.collect_problem,
    summary = "delete what was replaced or withdrawn, sooner than the worker does" },
}

--[[ The command line ]]

local function describe_downloads(command)
  command:option("--parallel", "download at most so many assets at a time"):default("4"):argname("N")
  command:option("--max-rate", "download at most so many bytes a second in all, such as 20M (without it: no limit)")
    :argname("BYTES")
  command:option("--max-calls", "make at most so many calls of App Store Connect's API in an hour (without it: as " ..
    "many as Apple allows)"):argname("N")
  command:option("--min-free", "leave so much of the disk free"):default("5G"):argname("BYTES")
  command:option("--grace", "how long a version that was replaced or withdrawn is kept: 2d, 12h or 30m"):default("2d")
    :argname("AGE")
  command:option("--checksum", "whether a wrong fileChecksum makes an asset bad: if no digest of the manifest " ..
    "proved it, always or never"):choices { "when_needed", "always", "never" }:default("when_needed"):argname("WHEN")
end

local function describe_action(described, action)
  if action.describe then action.describe(described) end
  if action.loads then describe_downloads(described) end
  chosen.describe(described)
  if action.asks then credentials.describe(described) else config.describe(described) end
  if action.name == "list" then output.describe_list(described) else output.describe_json(described) end
end

function command_packages.describe(command)
  command:command_target("action")
  command:require_command(true)
  for _, action in ipairs(ACTIONS) do describe_action(command:command(action.name, action.summary), action) end
end

local function downloads_problem(options)
  local problem = check.number_problem(options, "parallel", 1, 64) or check.bytes_problem(options, "max_rate")
    or check.number_problem(options, "max_calls", 1, 1000000) or check.bytes_problem(options, "min_free")
  if problem then return problem end
  local grace = times.seconds(options.grace)
  if not grace then return "--grace must be a length of time, such as 2d or 12h" end
  options.grace = grace
end

local function empty_problem(options)
  for name, shown in pairs { version = "the version's id", package = "--package", app = "--app" } do
    local value = options[name]
    for _, word in ipairs(type(value) == "table" and value or { value }) do
      if not word:find "%S" then return shown .. " is empty" end
    end
  end
end

--[[ Running ]]

local function settings_of(options)
  return {
    parallel = options.parallel, max_bytes_per_second = options.max_rate, max_calls_per_hour = options.max_calls,
    min_free = options.min_free, grace = options.grace, checksum = options.checksum,
  }
end

-- What opens the packages, given `log` and `on_event`; nil, a status and a message if App Store Connect cannot be
-- asked. What the client logs goes where the packages' log goes.
local function opener(action, options)
  if not action.asks then
    return function(more) return chosen.open_existing(options, more) end
  end
  local settings = settings_of(options)
  local status, problem
  settings.client, status, problem = credentials.client(options, function(entry) settings.log.write(entry) end)
  if not settings.client then return nil, status, problem end
  return function(more)
    settings.log, settings.on_event = more.log, more.on_event
    return chosen.open(options, settings)
  end
end

local function run_once(action, options, open, now)
  local reporting = report.new(options)
  local packages, message = open {
    log = { write = function(entry) reporting:log(entry) end, wants_info = options.verbose or false },
    on_event = action.loads and function(event) reporting:take(event) end or nil,
  }
  if not packages then return 1, message end
  local status, problem = action.run(packages, options, reporting, now)
  reporting:close()
  packages:close()
  return status or 1, problem
end

local function action_named(name)
  for _, action in ipairs(ACTIONS) do
    if action.name == name then return action end
  end
end

function command_packages.run(options)
  local now, action = core.now(), action_named(options.action)
  local usage = empty_problem(options) or action.problem and action.problem(options, now)
    or action.loads and downloads_problem(options)
  if usage then return 2, usage end
  local problem = chosen.resolve(options) or action.name == "work" and (work.missing(options) or work.resolve(options))
  if problem then return 1, problem end
  local open, status, message = opener(action, options)
  if not open then return status, message end
  if action.name == "work" then return work.run(options, open) end
  return run_once(action, options, open, now)
end

return command_packages
