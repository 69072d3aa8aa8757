--- What commands that run until they are stopped have in common: a port for metrics (serve, work, packages work),
--- handlers and an inbox (serve, work), an address (serve, dashboard, simulate), the log.
local alerts = require "marketplace.cli.support.alerts"
local at_exit = require "marketplace.at_exit"
local check = require "marketplace.cli.support.options"
local chosen = require "marketplace.cli.support.inbox"
local config = require "marketplace.cli.support.config"
local core = require "marketplace.core"
local file_mode = require "marketplace.file_mode"
local inbox_url = require "marketplace.inbox.url"
local log = require "marketplace.log"
local log_queue = require "marketplace.log_queue"
local metrics_server = require "marketplace.server.metrics"
local output = require "marketplace.cli.support.output"
local proxies = require "marketplace.server.proxies"
local stopping = require "marketplace.stopping"

local running = {}

local TURN_SECONDS = 1 -- of work, before the port for metrics is served again

--- Writes to the log what an operator should change, though everything works.
---@param write fun(entry: table)
---@return fun(message: string)
function running.adviser(write)
  return function(message) write { level = "warning", message = "advice", reason = message } end
end

--[[ serve, work and packages work ]]

--- Adds the options of the port for metrics.
---@param command table argparse's
function running.describe_metrics(command)
  command:option("--metrics-port", "answer GET /metrics on this port, for Prometheus (without it: no metrics)")
    :argname("PORT")
  command:option("--metrics-host", "address for --metrics-port"):default("127.0.0.1"):argname("ADDRESS")
end

--- What is wrong with these options, if anything.
---@param parsed table parsed arguments
---@return string?
function running.metrics_problem(parsed)
  return check.number_problem(parsed, "metrics_port", 0, 65535)
end

--- Opens the port for metrics.
---@param parsed table parsed arguments
---@param render fun(): string
---@return table|nil server nil without a message if none is wanted
---@return string? message
function running.open_metrics(parsed, render)
  if not parsed.metrics_port then return nil end
  local server, problem = metrics_server.open {
    host = parsed.metrics_host, port = parsed.metrics_port, render = render,
  }
  if server then return server end
  return nil, running.listen_problem(problem)
end

--- Works and serves the metrics, in turns, until the process is asked to stop. Then closes the port for metrics.
---@param worker {turn: fun(self: table, seconds: number): number} returns how long nothing is due
---@param metrics table|nil
---@param target marketplace.LogQueue
---@param watch? {turn: fun(self: table): number} looks at something for alerts, and returns a pause
function running.take_turns(worker, metrics, target, watch)
  while not core.stop_asked() do
    local pause = worker:turn(TURN_SECONDS)
    target.turn()
    if watch then pause = math.min(pause, watch:turn()) end
    if metrics then metrics:step(pause) elseif pause > 0 then core.sleep(pause) end
  end
  if metrics then metrics:close() end
end

--[[ serve and work ]]

--- Adds the options that serve and work have.
---@param command table argparse's
function running.describe(command)
  command:argument("handlers", "Lua file that returns function(receiver)"):argname("HANDLERS.lua")
  chosen.describe(command, true)
  config.describe(command)
  command:option("--lease", "seconds that a callback may take before another worker takes over its notification")
    :default("60"):argname("SECONDS")
  command:option("--attempts", "how often a notification is tried before it is dead (without it: `attempts` in the " ..
    "config file, or else 20, which takes between five and ten hours)"):argname("N")
  command:option("--keep", "how long the bodies of done notifications are kept, for `inbox replay --done` (without " ..
    "it: `keep` in the config file, or else 7d)"):argname("AGE")
  command:option("--stop-seconds", "how long a stop may take after SIGTERM; what a callback has not finished then " ..
    "runs again"):default(("%d"):format(stopping.SECONDS)):argname("SECONDS")
  alerts.describe(command, "the inbox")
  alerts.describe_age(command)
  running.describe_metrics(command)
  command:flag("--verbose", "also write a line when a notification is stored, not only when it is done")
  output.describe_json(command)
end

--- Adds what the config file says to the parsed arguments: the inbox (see marketplace.cli.support.inbox), `attempts`,
--- `keep` and alerts.
---@param parsed table
---@return string? problem with the config file
function running.resolve(parsed)
  local problem = chosen.resolve(parsed) or alerts.resolve(parsed)
  if problem or parsed.attempts and parsed.keep then return problem end
  local settings, message = config.read(parsed)
  if not settings then return message end
  parsed.attempts, parsed.keep = parsed.attempts or settings.attempts, parsed.keep or settings.keep
end

--- What is wrong with these options, if anything.
---@param parsed table resolved
---@return string?
function running.usage_problem(parsed)
  return running.metrics_problem(parsed) or check.number_problem(parsed, "lease", 1, 86400)
    or check.number_problem(parsed, "stop_seconds", 1, 86400)
    or check.setting_problem(parsed, "attempts") or check.setting_problem(parsed, "keep")
    or alerts.usage_problem(parsed)
end

--- The inbox, which chosen.connect connects to once nothing else can keep this command from running: a command that
--- fails leaves no new inbox behind. Warns if it is not durable.
---@param parsed table
---@param write fun(entry: table)
---@return table|nil inbox
---@return string? message
function running.open_inbox(parsed, write)
  local box, problem = chosen.open(parsed, { lazy = true, warn = running.adviser(write) })
  if box and inbox_url.is_memory(parsed.inbox) then
    write { level = "warning", message = "memory inbox", reason = "what it holds is lost when this process ends" }
  end
  return box, problem
end

--[[ serve and simulate ]]

--- Adds the options of a command that listens.
---@param command table argparse's
---@param port string the usual one
function running.describe_address(command, port)
  command:option("--host", "listen on this address"):default("127.0.0.1"):argname("ADDRESS")
  command:option("--port", "listen on this port; 0 lets the system choose one"):default(port):argname("PORT")
  command:option("--tls-cert", "certificate chain for HTTPS, PEM; needs --tls-key"):argname("PATH")
  command:option("--tls-key", "private key of the certificate, PEM"):argname("PATH")
end

--- The certificate and the key that the options name.
---@param options table parsed arguments
---@param write fun(entry: table)
---@return {cert?: string, key?: string}|nil
---@return integer? status for os.exit
---@return string? message
function running.read_tls(options, write)
  if not options.tls_cert and not options.tls_key then return {} end
  if not (options.tls_cert and options.tls_key) then
    return nil, 2, "--tls-cert and --tls-key go together: give both, or neither"
  end
  local pem = {}
  for _, name in ipairs { "cert", "key" } do
    local bytes, problem = core.read_file(options["tls_" .. name])
    if not bytes then return nil, 1, ("--tls-%s: cannot read %s"):format(name, problem) end
    pem[name] = bytes
  end
  file_mode.check(running.adviser(write), options.tls_key)
  return pem
end

--- Reads the certificate and the key again, for a server that listens with them, and logs what became of it: a mismatch
--- is no more than an error, as the hook of who renews it may be half done.
---@param options table parsed arguments
---@param listener {set_certificate: fun(self: table, cert: string, key: string): number|nil, string?}
---@param write fun(entry: table)
function running.reload_certificate(options, listener, write)
  if not options.tls_cert then return end
  local tls, _, problem = running.read_tls(options, write)
  local expires_at
  if tls then expires_at, problem = listener:set_certificate(tls.cert, tls.key) end
  if expires_at then
    write { level = "info", message = "certificate reread", reason = "it expires at " .. log.timestamp(expires_at) }
  else
    write { level = "error", message = "certificate kept", reason = problem }
  end
end

--- What is wrong with the proxies that --trusted-proxy names, if anything.
---@param options table parsed arguments
---@return string?
function running.proxy_problem(options)
  local trusted, problem = proxies.new(options.trusted_proxy)
  return not trusted and "--trusted-proxy: " .. problem or nil
end

--- What kept a server from listening, in the words of the command line, and what to do.
---@param problem string of whatever listens
---@return string
function running.listen_problem(problem)
  local words = problem:gsub("tls_(%a+)", "--tls-%1")
  if words:find "Address already in use" then return words .. ": stop what listens there, or choose another port" end
  if words:find "Permission denied" then
    return words .. ": ports below 1024 need root's rights, or CAP_NET_BIND_SERVICE"
  end
  return words
end

--[[ The log ]]

-- One line for each notification: that it was stored is nothing new once its callbacks have run.
local function of_runs(line)
  return function(entry) return entry.message ~= "stored" and line(entry) or nil end
end

-- What callbacks print must not come between the JSON lines, which a program reads.
local function print_to_errors()
  rawset(_G, "print", function(...)
    local words = {}
    for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
    io.stderr:write(table.concat(words, "\t"), "\n")
  end)
end

local function format_of(parsed)
  if parsed.json then return log.json_line end
  local line = log.line_for "stdout"
  return parsed.verbose and line or of_runs(line)
end

--- Runs a command whose standard output is its log. At its end, waits for what is not yet written, a second at most.
---@param parsed table
---@param run fun(target: marketplace.LogQueue): integer, string? what the command's `run` returns
---@return integer status for os.exit
---@return string? message
function running.with_log(parsed, run)
  io.stdout:setvbuf("line") -- of what callbacks print
  local target, problem = log_queue.open("stdout", format_of(parsed))
  if not target then return 1, problem end
  if parsed.json then print_to_errors() end
  local restore = at_exit(target.turn)
  local status, message = run(target)
  restore()
  target.close()
  return status, message
end

return running
