--- marketplace simulate event, fault, redeliver, requests: controls a simulator that runs.
local check = require "marketplace.cli.support.options"
local faults = require "marketplace.simulator.faults"
local http = require "marketplace.http"
local json = require "marketplace.json"
local output = require "marketplace.cli.support.output"

local control = {
  --- The port that a simulator listens on by default.
  PORT = "8090",
}

local TIMEOUT = 30 -- seconds
local MOST = 1e9

--[[ The command line ]]

local function describe_server(command)
  command:option("--url", "URL of the simulator (without it: MARKETPLACE_API_URL, or else http://127.0.0.1:" ..
    control.PORT .. ")"):target("simulator_url"):argname("URL")
  command:option("--ca-file", "certificates to trust in place of the system's, PEM"):target("simulator_ca_file")
    :argname("PATH")
end

local DESCRIBE = {}

function DESCRIBE.event(command)
  command:argument("event", "name of an event, or of one of Apple's types; see `marketplace send --list`")
    :argname("EVENT")
  command:option("--app", "app that the event is about (without it: the account's first)"):target("about_app")
    :argname("ID")
  command:option("--marketplace-app", "app whose webhooks get it (without it: the app of the event if it is one " ..
    "of the account's, or else the account's first)"):argname("ID")
  command:option("--generation", "send only the notification of this generation"):choices { "1", "2" }:argname("1|2")
  command:option("--id", "id of the notification (without it: a new one)"):argname("ID")
  command:option("--package", "package that the event is about"):argname("ID")
  command:option("--package-version", "version_available: id of the new version"):argname("ID")
  command:option("--territory", "territory that the event is about; may be repeated"):count("*"):argname("CODE")
  command:option("--variants", "version_available: number of variants (without it: 2)"):argname("N")
  command:option("--deltas", "version_available: number of deltas (without it: none)"):argname("N")
  command:option("--size", "version_available: size of each of them, in bytes"):argname("BYTES")
  output.describe_json(command)
end

function DESCRIBE.fault(command)
  command:argument("kind", "one of " .. table.concat(faults.kinds(), ", ")):args("?"):argname("KIND")
  command:option("--method", "method of the requests to fail"):argname("METHOD")
  command:option("--path", "beginning of the path of the requests to fail (without it: /v1/)"):argname("PATH")
  command:option("--times", "number of requests to fail (without it: 1)"):argname("N")
  command:option("--skip", "number of requests to let pass first"):argname("N")
  command:option("--seconds", "how slow to be, or when to ask the client to come again"):argname("SECONDS")
  command:flag("--clear", "forget all faults")
  output.describe_json(command)
end

function DESCRIBE.redeliver(command)
  command:argument("delivery", "id of the delivery"):argname("ID")
  output.describe_json(command)
end

DESCRIBE.requests = output.describe_list

local SUMMARIES = {
  event = "make something happen",
  fault = "make the next requests or deliveries fail",
  redeliver = "repeat a delivery",
  requests = "list how many requests arrived, and how many were executed",
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

-- The document, {} if there is none; nil, an exit status and a message if it failed.
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
  output.write(options.json, given and options.kind .. ": waits for a request" or "no faults", answer)
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
