--- marketplace simulate event, fault, redeliver, requests: what is asked of a simulator that runs.
local check = require "marketplace.cli.support.options"
local faults = require "marketplace.simulator.faults"
local http = require "marketplace.http"
local json = require "marketplace.json"
local output = require "marketplace.cli.support.output"

local control = {
  --- The port that a simulator listens on where nothing else is said.
  PORT = "8090",
}

local TIMEOUT = 30 -- seconds
local MOST = 1e9

--[[ The command line ]]

local function describe_server(command)
  command:option("--url", "Of the simulator; without it MARKETPLACE_API_URL, or http://127.0.0.1:" .. control.PORT ..
    "."):target("simulator_url"):argname("URL")
  command:option("--ca-file", "Certificates to trust in place of the system's, PEM."):target("simulator_ca_file")
    :argname("PATH")
end

local DESCRIBE = {}

function DESCRIBE.event(command)
  command:argument("event", "An event's name or one of Apple's type names; see `marketplace send --list`.")
    :argname("EVENT")
  command:option("--app", "The app that it is about; without it the account's first."):target("about_app")
    :argname("ID")
  command:option("--marketplace-app", "The app whose webhooks hear of it; without it that app, where it is one of " ..
    "the account's, or the account's first."):argname("ID")
  command:option("--generation", "Only this one of its notifications."):choices { "1", "2" }:argname("1|2")
  command:option("--id", "Of the notification; without it a new one."):argname("ID")
  command:option("--package", "The package that it is about."):argname("ID")
  command:option("--package-version", "version_available: the new version's id."):argname("ID")
  command:option("--territory", "Where; may be repeated."):count("*"):argname("CODE")
  command:option("--variants", "version_available: how many; without it 2."):argname("N")
  command:option("--deltas", "version_available: how many; without it none."):argname("N")
  command:option("--size", "version_available: of each of them, in bytes."):argname("BYTES")
  output.describe_json(command)
end

function DESCRIBE.fault(command)
  command:argument("kind", "One of " .. table.concat(faults.kinds(), ", ") .. "."):args("?"):argname("KIND")
  command:option("--method", "Of the requests that it meets."):argname("METHOD")
  command:option("--path", "Beginning of their path; without it /v1/."):argname("PATH")
  command:option("--times", "How many it meets; without it 1."):argname("N")
  command:option("--skip", "How many it lets pass before."):argname("N")
  command:option("--seconds", "How slow, or when to come again."):argname("SECONDS")
  command:flag("--clear", "Forget all faults.")
  output.describe_json(command)
end

function DESCRIBE.redeliver(command)
  command:argument("delivery", "The delivery's id."):argname("ID")
  output.describe_json(command)
end

DESCRIBE.requests = output.describe_list

local SUMMARIES = {
  event = "Make something happen.",
  fault = "Make the next requests or deliveries fail.",
  redeliver = "Repeat a delivery.",
  requests = "List how many requests arrived and were executed.",
}

--- Adds the actions.
---@param command table argparse's
function control.describe(command)
  for _, name in ipairs { "event", "fault", "redeliver", "requests" } do
    local action = command:command(name, SUMMARIES[name])
    describe_server(action)
    DESCRIBE[name](action)
  end
end

--[[ Asking ]]

local function url_of(options)
  local url = options.simulator_url or os.getenv "MARKETPLACE_API_URL"
  if not url or url == "" then url = "http://127.0.0.1:" .. control.PORT end
  return (url:gsub("/+$", ""))
end

local function problem_of(response)
  local document = json.decode(response.body)
  local first = type(document) == "table" and type(document.errors) == "table" and document.errors[1]
  return ("the simulator answered %d%s"):format(response.status, first and ": " .. tostring(first.detail) or "")
end

-- The document, {} where there is none; nil, an exit status and a message where it failed.
local function ask(options, method, path, body)
  local url = url_of(options) .. "/simulator" .. path
  local response, message = http.exchange {
    method = method, url = url, headers = { "content-type: application/json" }, body = body and json.encode(body),
    timeout = TIMEOUT, ca_file = options.simulator_ca_file,
  }
  if not response then return nil, 1, ("%s: %s"):format(url, message) end
  if response.status >= 300 then return nil, 1, problem_of(response) end
  return response.body ~= "" and json.decode(response.body) or {}
end

--[[ Actions ]]

local ACTIONS = {}

function ACTIONS.event(options)
  local problem = check.number_problem(options, "variants", 0, MOST)
    or check.number_problem(options, "deltas", 0, MOST) or check.number_problem(options, "size", 0, MOST)
  if problem then return 2, "simulate: " .. problem end
  local event, status, message = ask(options, "POST", "/events", {
    event = options.event, app = options.about_app, marketplace_app = options.marketplace_app,
    generation = tonumber(options.generation), id = options.id, package = options.package,
    package_version = options.package_version, territories = #options.territory > 0 and options.territory or nil,
    variants = options.variants, deltas = options.deltas, size = options.size,
  })
  if not event then return status, message end
  local version = event.package_version_id and " package version " .. event.package_version_id or ""
  output.write(options.json, ("%s of app %s%s: %d deliveries"):format(event.event, event.app_id, version,
    #event.deliveries), event)
  return 0
end

function ACTIONS.fault(options)
  if (options.kind == nil) ~= (options.clear == true) then return 2, "simulate: name a kind of fault, or --clear" end
  for _, name in ipairs { "times", "skip", "seconds" } do
    local problem = check.number_problem(options, name, 0, MOST)
    if problem then return 2, "simulate: " .. problem end
  end
  local given = options.kind and {
    kind = options.kind, method = options.method, path = options.path, times = options.times, skip = options.skip,
    seconds = options.seconds,
  }
  local answer, status, message = ask(options, given and "POST" or "DELETE", "/faults", given)
  if not answer then return status, message end
  output.write(options.json, given and options.kind .. ": waits for its request" or "no faults", answer)
  return 0
end

function ACTIONS.redeliver(options)
  local answer, status, message = ask(options, "POST", "/redeliver", { delivery = options.delivery })
  if not answer then return status, message end
  output.write(options.json, answer.delivery, answer)
  return 0
end

local COLUMNS = {
  { "METHOD", "method" },
  { "ARRIVED", "arrived" },
  { "EXECUTED", "executed" },
  { "PATH", "path" },
}

function ACTIONS.requests(options)
  local answer, status, message = ask(options, "GET", "/requests")
  if not answer then return status, message end
  output.list(options, COLUMNS, answer.requests)
  return 0
end

--- Runs the action that the options name.
---@param options table parsed arguments
---@return integer status for os.exit
---@return string? message
function control.run(options)
  return ACTIONS[options.action](options)
end

return control
