--- marketplace packages work: fetches what is wanted, publishes it and tidies up, until it is stopped.
local check = require "marketplace.cli.support.options"
local core = require "marketplace.core"
local installation = require "marketplace.cli.support.installation"
local log = require "marketplace.log"
local metrics_server = require "marketplace.server.metrics"
local report = require "marketplace.cli.commands.packages.report"
local running = require "marketplace.cli.support.running"

local work = {}

local TURN_SECONDS = 1 -- before the port for metrics is served again

function work.describe(command)
  command:option("--metrics-port", "answer GET /metrics on this port, for Prometheus (without it: no metrics)")
    :argname("PORT")
  command:option("--metrics-host", "address for --metrics-port"):default("127.0.0.1"):argname("ADDRESS")
end

function work.problem(options)
  return check.number_problem(options, "metrics_port", 0, 65535)
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
  local write = log.text(io.stdout)
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

local function loop(packages, metrics, target)
  while not core.stop_asked() do
    local pause = packages:turn(TURN_SECONDS)
    target.turn()
    if metrics then metrics:step(pause) elseif pause > 0 then core.sleep(pause) end
  end
end

local function open_metrics(options, packages)
  if not options.metrics_port then return nil end
  return metrics_server.open {
    host = options.metrics_host, port = options.metrics_port, render = function() return assert(packages:metrics()) end,
  }
end

local function run(options, open, target, on_event)
  core.catch_signals()
  local packages, problem = open { log = target, on_event = on_event }
  if not packages then return 1, problem end
  local metrics, metrics_problem = open_metrics(options, packages)
  if metrics_problem then
    packages:close()
    return 1, metrics_problem
  end
  target.write {
    level = "info", message = "fetching packages", url = metrics and metrics:url(),
    reason = "folder: " .. options.folder,
  }
  loop(packages, metrics, target)
  if metrics then metrics:close() end
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
