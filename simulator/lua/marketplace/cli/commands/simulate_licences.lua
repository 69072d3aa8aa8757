--- marketplace simulate licences: stands in for the program that makes licences with Apple's SDK.
local check = require "marketplace.cli.support.options"
local core = require "marketplace.core"
local licences = require "marketplace.simulator.licences"
local output = require "marketplace.cli.support.output"
local running = require "marketplace.cli.support.running"

local simulate_licences = {}

local IDLE_SECONDS = 1
local LONGEST_DURATION = 9007199254740992 -- seconds
local MOST_BODY = 16777216

--- Adds the options.
---@param action table argparse's command
function simulate_licences.describe(action)
  action:option("--socket", "listen on this Unix socket"):argname("PATH")
  action:option("--duration", "seconds for which a licence is good"):argname("SECONDS")
    :default(("%d"):format(licences.USUAL_DURATION))
  action:option("--unlicensed", "app that gets no licence; may be repeated"):count("*"):argname("ID")
  output.describe_json(action)
end

local function refusal_of(request)
  if not request.fault then return nil end
  return { status = request.fault == "too_large" and 413 or 400 }
end

local function log_answer(target, request, answer)
  target.write {
    level = "info", message = "request", at = core.now(), status = answer.status,
    reason = ("%s %s"):format(request.method, request.path),
  }
end

local function answer_all(http, sidecar, target)
  local requests, answers = http:poll(IDLE_SECONDS), {}
  for i, request in ipairs(requests) do
    answers[i] = refusal_of(request) or sidecar:handle(request)
    log_answer(target, request, answers[i])
  end
  http:answer(requests, answers)
end

local function serve(options, target)
  local http, message = require("marketplace.http_server").open {
    host = "unix:" .. options.socket, port = 0, max_body = MOST_BODY,
  }
  if not http then return 1, message end
  core.catch_signals() -- before it reports that it listens
  local sidecar = licences.new { duration = options.duration, unlicensed = options.unlicensed }
  target.write {
    level = "info", message = "listening", at = core.now(), url = "unix:" .. options.socket,
    reason = "gives licences that no iPhone takes",
  }
  while not core.stop_asked() do answer_all(http, sidecar, target) end
  http:close()
  os.remove(options.socket)
  return 0
end

--- Runs the action.
---@param options table parsed arguments
---@return integer status for os.exit
---@return string? message
function simulate_licences.run(options)
  if not options.socket then return 2, "--socket PATH is missing" end
  local problem = check.number_problem(options, "duration", 1, LONGEST_DURATION)
  if problem then return 2, problem end
  return running.with_log(options, function(target) return serve(options, target) end)
end

return simulate_licences
