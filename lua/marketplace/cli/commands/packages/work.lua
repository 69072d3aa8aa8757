--- marketplace packages work: fetches what is wanted, publishes it and tidies up, until it is stopped.
local alerts = require "marketplace.cli.support.alerts"
local core = require "marketplace.core"
local installation = require "marketplace.cli.support.installation"
local log = require "marketplace.log"
local packages_alerts = require "marketplace.cli.commands.packages.alerts"
local report = require "marketplace.cli.commands.packages.report"
local running = require "marketplace.cli.support.running"

local work = {}

function work.describe(command)
  running.describe_metrics(command)
  alerts.describe(command, "the store")
end

work.problem = running.metrics_problem

--- Adds what the config file says of alerts to the parsed arguments.
---@param options table parsed arguments, with the folder
---@return string? problem
function work.resolve(options)
  return alerts.resolve(options, options.folder .. "/state/alerts") or alerts.usage_problem(options)
end

--- What of another rock is missing, if anything.
---@param options table parsed arguments
---@return string?
function work.missing(options)
  return options.metrics_port and installation.problem "marketplace.http_server"
end

--[[ The log ]]

-- A person watches: lines, and below them the progress. Nobody else reads them, so they may wait for the terminal.
local function on_terminal(progress)
  local write = log.text(io.stdout, log.line_for "stdout")
  return {
    write = function(entry)
      progress:erase()
      write(entry)
    end,
    turn = function() end, wants_info = true,
  }
end

local function with_log(options, run)
  local progress = not options.json and core.is_terminal("stdout") and report.progress()
  if progress then
    local status, message = run(on_terminal(progress), function(event) progress:take(event) end)
    progress:erase()
    return status, message
  end
  return running.with_log(options, function(target) return run(target) end)
end

--[[ Running ]]

local function run(options, open, target, on_event)
  core.catch_signals()
  local packages, problem = open { log = target, on_event = on_event }
  if not packages then return 1, problem end
  local metrics, metrics_problem = running.open_metrics(options, function() return assert(packages:metrics()) end)
  if metrics_problem then
    packages:close()
    return 1, metrics_problem
  end
  target.write {
    level = "info", message = "fetching packages", url = metrics and metrics:url(),
    reason = "folder: " .. options.folder,
  }
  local watch = packages_alerts.watch(options, packages, target)
  running.take_turns(packages, metrics, target, watch)
  if watch then watch:close() end
  packages:close()
  target.write { level = "info", message = "stopped" }
  return 0
end

--- Runs until it is asked to stop.
---@param options table parsed arguments
---@param open fun(settings: table): table|nil, string? opens the packages
---@return integer status for os.exit
---@return string? message
function work.run(options, open)
  return with_log(options, function(target, on_event) return run(options, open, target, on_event) end)
end

return work
