--- marketplace simulate event, add-version, fault and others: controls a simulator that runs.
local check = require "marketplace.cli.support.options"
local core = require "marketplace.core"
local faults = require "marketplace.simulator.faults"
local http = require "marketplace.http"
local json = require "marketplace.json"
local output = require "marketplace.cli.support.output"
local versions = require "marketplace.cli.commands.simulate_versions"

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
  command:mutex(
    command:option("--territory", "territory that the event is about; may be repeated"):count("*"):argname("CODE"),
    command:flag("--no-territory", "have the event name an empty list of territories")
  )
  command:option("--time", "when it happened: how long ago (90d, 12h, 30m, 45s) or a date and time (without it: now)")
    :argname("TIME")
  versions.describe(command)
  output.describe_json(command)
end

DESCRIBE["add-version"] = function(command)
  command:option("--app", "app that a new package is of (without it: the account's first)"):target("about_app")
    :argname("ID")
  command:option("--package", "package that gets one more version (without it: a new one)"):argname("ID")
  versions.describe(command)
  output.describe_json(command)
end

DESCRIBE["set-state"] = function(command)
  command:argument("version", "id of the package version"):argname("ID")
  command:argument("state", "its new state; COMPLETED replaces the package's other versions")
    :choices { "COMPLETED", "REPLACED" }:argname("STATE")
  output.describe_json(command)
end

DESCRIBE["remove-version"] = function(command)
  command:argument("version", "id of the package version"):argname("ID")
  output.describe_json(command)
end

DESCRIBE.versions = output.describe_list

function DESCRIBE.fault(command)
  command:argument("kind", "one of " .. table.concat(faults.kinds(), ", ")):args("?"):argname("KIND")
  command:option("--method", "method of the requests to fail"):argname("METHOD")
  command:option("--path", "beginning of the path of the requests to fail (without it: /v1/, or " ..
    "/simulator/files/ for kinds that begin with file_)"):argname("PATH")
  command:option("--times", "number of requests to fail (without it: 1, or all with --lasts)"):argname("N")
  command:option("--lasts", "seconds after which the fault ends"):argname("SECONDS")
  command:option("--skip", "number of requests to let pass first"):argname("N")
  command:option("--seconds", "how slow to be, or when to ask the client to come again"):argname("SECONDS")
  command:option("--at", "byte at which file_cut and file_short end a body, or that file_corrupt changes"):argname("N")
  command:option("--rate", "bytes a second that file_slow sends, such as 500k (without it: 10000)"):argname("BYTES")
  command:option("--location", "URL to which file_redirect leads (without it: the same file's)"):argname("URL")
  command:flag("--clear", "forget all faults")
  output.describe_json(command)
end

function DESCRIBE.redeliver(command)
  command:argument("delivery", "id of the delivery"):argname("ID")
  output.describe_json(command)
end

DESCRIBE.requests = output.describe_list

local COMMANDS = {
  { "event", "make something happen" },
  { "add-version", "add a version to a package, of which no notification tells" },
  { "versions", "list the versions of packages" },
  { "set-state", "say which version of a package is the one to serve" },
  { "remove-version", "make a version of a package unknown" },
  { "fault", "make the next requests or deliveries fail" },
  { "redeliver", "repeat a delivery" },
  { "requests", "list how many requests arrived, how many were executed, and the bytes of the answers" },
}

--- Adds the actions.
---@param command table argparse's
function control.describe(command)
  for _, one in ipairs(COMMANDS) do
    local action = command:command(one[1], one[2])
    describe_server(action)
    DESCRIBE[one[1]](action)
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
  if not response then
    return nil, 1, ("the simulator does not answer at %s: %s; to start it: marketplace simulate"):format(url, message)
  end
  if response.status >= 300 then return nil, 1, problem_of(response) end
  return response.body ~= "" and json.decode(response.body) or {}
end

--[[ Actions ]]

local ACTIONS = {}

local HOW_TO_SUBSCRIBE = "nobody is told of it; to subscribe: marketplace webhooks create, or webhooks update ID " ..
  "with --enabled or --event"

local function territories(options)
  if options.no_territory then return json.list {} end
  return #options.territory > 0 and options.territory or nil
end

function ACTIONS.event(options)
  local given = {
    event = options.event, app = options.about_app, marketplace_app = options.marketplace_app,
    generation = tonumber(options.generation), id = options.id, territories = territories(options),
  }
  local problem = versions.read(options, given) or check.time_problem(options, "time", core.now())
  if problem then return 2, problem end
  given.time = options.time
  local event, status, message = ask(options, "POST", "/events", given)
  if not event then return status, message end
  local version = event.package_version_id and " package version " .. event.package_version_id or ""
  output.write(options.json, ("%s of app %s%s: %d %s%s"):format(event.event, event.app_id, version, #event.deliveries,
    #event.deliveries == 1 and "delivery" or "deliveries", event.why_none and ": " .. event.why_none or ""), event)
  if event.why_none and not options.json then output.note(HOW_TO_SUBSCRIBE) end
  return 0
end

ACTIONS["add-version"] = function(options)
  local given = { app = options.about_app }
  local problem = versions.read(options, given)
  if problem then return 2, problem end
  local version, status, message = ask(options, "POST", "/versions", given)
  if not version then return status, message end
  output.write(options.json, ("package version %s of package %s: revision %d, %d variants, %d deltas, %.0f bytes")
    :format(version.id, version.package, version.revision, version.variants, version.deltas, version.bytes), version)
  return 0
end

ACTIONS["set-state"] = function(options)
  local answer, status, message = ask(options, "POST", "/versions/state", {
    version = options.version, state = options.state,
  })
  if not answer then return status, message end
  output.write(options.json, ("package version %s: %s"):format(answer.id, answer.state), answer)
  return 0
end

ACTIONS["remove-version"] = function(options)
  local answer, status, message = ask(options, "POST", "/versions/remove", { version = options.version })
  if not answer then return status, message end
  output.write(options.json, ("package version %s: removed"):format(answer.id), answer)
  return 0
end

local VERSION_COLUMNS = {
  { "VERSION", "id" },
  { "PACKAGE", "package" },
  { "APP", "app" },
  { "APPLE VERSION", "apple_version_id" },
  { "REVISION", "revision" },
  { "STATE", "state" },
  { "VARIANTS", "variants" },
  { "DELTAS", "deltas" },
  { "BYTES", "bytes" },
}

local REQUEST_COLUMNS = {
  { "METHOD", "method" },
  { "ARRIVED", "arrived" },
  { "EXECUTED", "executed" },
  { "BYTES", "bytes" },
  { "PATH", "path" },
}

local function lister(name, columns)
  return function(options)
    local answer, status, message = ask(options, "GET", "/" .. name)
    if not answer then return status, message end
    output.list(options, columns, answer[name])
    return 0
  end
end

ACTIONS.versions = lister("versions", VERSION_COLUMNS)
ACTIONS.requests = lister("requests", REQUEST_COLUMNS)

function ACTIONS.fault(options)
  if (options.kind == nil) ~= (options.clear == true) then return 2, "name a kind of fault, or --clear" end
  local problem = check.bytes_problem(options, "rate")
  for _, name in ipairs { "times", "lasts", "skip", "seconds", "at" } do
    problem = problem or check.number_problem(options, name, 0, MOST)
  end
  if problem then return 2, problem end
  local given = options.kind and {
    kind = options.kind, method = options.method, path = options.path, times = options.times, lasts = options.lasts,
    skip = options.skip, seconds = options.seconds, at = options.at, rate = options.rate, location = options.location,
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

--- Runs the action that the options name.
---@param options table parsed arguments
---@return integer status for os.exit
---@return string? message
function control.run(options)
  return ACTIONS[options.action](options)
end

return control
