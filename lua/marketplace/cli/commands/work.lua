--- marketplace work: runs a handlers file for the notifications in an inbox, beside the processes that receive them.
local chosen = require "marketplace.cli.support.inbox"
local core = require "marketplace.core"
local dispatcher = require "marketplace.dispatcher"
local handlers = require "marketplace.handlers"
local inbox_url = require "marketplace.inbox.url"
local installation = require "marketplace.cli.support.installation"
local running = require "marketplace.cli.support.running"
local stopping = require "marketplace.stopping"

local work = {}

function work.describe(command)
  running.describe(command)
end

local function run(options, target)
  local box, problem = running.open_inbox(options, target.write)
  if not box then return 1, problem end
  core.catch_signals()
  stopping.limit(options.stop_seconds, target, box.durable)
  local runs = dispatcher.new {
    inbox = box, log = target, lease = options.lease, retry = { attempts = options.attempts }, keep = options.keep,
    stop_asked = core.stop_asked, alert_command = options.alert_command, alert_age = options.alert_age,
    alert_state = options.alert_state,
  }
  local ok, handlers_problem = handlers.load(options.handlers, runs)
  if not ok then return 1, handlers_problem end
  local metrics, metrics_problem = running.open_metrics(options, function() return runs:metrics() end)
  if metrics_problem then return 1, metrics_problem end
  problem = chosen.connect(options, box)
  if problem then return 1, problem end
  target.write {
    level = "info", message = "working", url = metrics and metrics:url(),
    reason = "inbox: " .. inbox_url.redacted(options.inbox),
  }
  running.take_turns(runs, metrics, target)
  runs:close()
  target.write { level = "info", message = "stopped" }
  return 0
end

function work.run(options)
  local problem = running.resolve(options)
  if problem then return 1, problem end
  local usage = running.usage_problem(options) or chosen.sharing_problem(options)
  if usage then return 2, usage end
  problem = options.metrics_port and installation.problem "marketplace.http_server"
  if problem then return 1, problem end
  return running.with_log(options, function(target) return run(options, target) end)
end

return work
