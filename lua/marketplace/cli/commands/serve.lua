--- marketplace serve: receives notifications and runs a handlers file for them.
local check = require "marketplace.cli.support.options"
local chosen = require "marketplace.cli.support.inbox"
local core = require "marketplace.core"
local device_config = require "marketplace.device.config"
local handlers = require "marketplace.handlers"
local inbox_url = require "marketplace.inbox.url"
local inputs = require "marketplace.cli.support.inputs"
local installation = require "marketplace.cli.support.installation"
local pid_file = require "marketplace.cli.support.pid_file"
local receivers = require "marketplace.receiver"
local running = require "marketplace.cli.support.running"
local server = require "marketplace.server"
local stopping = require "marketplace.stopping"
local text = require "marketplace.text"

local serve = {}

function serve.describe(command)
  running.describe(command)
  running.describe_address(command, "8080")
  inputs.describe_secrets(command)
  command:option("--path", "path that notifications are posted to"):default("/notifications"):argname("PATH")
  command:flag("--no-dispatch", "only receive, and leave the callbacks to `marketplace work`")
  command:option("--device-config", "also answer devices, with the options of marketplace.device that this Lua " ..
    "file returns"):argname("DEVICE.lua")
  command:option("--max-body", "largest body that is accepted, in bytes"):default("1048576"):argname("BYTES")
  command:option("--max-connections", "most connections at a time"):default("512"):argname("N")
  command:option("--idle-timeout", "close a connection on which no request comes for so long: longer than a proxy " ..
    "in front keeps it"):default("75"):argname("SECONDS")
  command:option("--trusted-proxy", "address or network of a proxy, such as 10.0.0.0/8, whose X-Forwarded-For or " ..
    "Forwarded tells the sender's address for the log; may be repeated"):count("*"):argname("CIDR")
  command:option("--pid-file", "write the process id to this file, to send SIGHUP to, and remove it at the end")
    :argname("PATH")
end

local function reload(receiver, path, write)
  local list, message = inputs.secrets(path, running.adviser(write))
  if list then
    receiver:set_secrets(list)
    write { level = "info", message = "secrets reread", secrets = receiver.live }
  else
    write { level = "error", message = "secrets kept", reason = message }
  end
end

-- What is wrong with the options, if anything; the rest is checked when it is used. Converts the numbers.
local function usage_problem(options)
  local problem = running.usage_problem(options) or check.number_problem(options, "port", 0, 65535)
    or check.number_problem(options, "max_body", 1, core.limits.body_bytes)
    or check.number_problem(options, "max_connections", 1, 1000000)
    or check.seconds_problem(options, "idle_timeout")
    or running.proxy_problem(options)
  if problem then return problem end
  local path_problem = server.path_problem(options.path)
  if path_problem then return "--path " .. path_problem end
  local host_problem = server.host_problem(options.host)
  if host_problem then return "--host " .. host_problem end
  local sharing = options.no_dispatch and chosen.sharing_problem(options)
  if sharing then return "--no-dispatch leaves the callbacks to other processes, but " .. sharing end
end

local function announce_responders(receiver, target)
  local paths = {}
  for i, route in ipairs(receiver.responders.routes) do paths[i] = route.path end
  if #paths == 0 then return end
  target.write { level = "info", message = "also answering", reason = table.concat(paths, ", ") }
end

local function announce(options, receiver, listener, secret_count, target)
  local _, _, url = listener:address()
  target.write {
    level = "info", message = "listening", url = url,
    reason = ("secrets: %d, inbox: %s"):format(secret_count, inbox_url.redacted(options.inbox)),
  }
  announce_responders(receiver, target)
  local metrics_url = listener:metrics_url()
  if metrics_url then target.write { level = "info", message = "metrics", url = metrics_url } end
  if options.json then return end
  local secret = options.secret_file and " --secret-file " .. text.shell_word(options.secret_file) or ""
  target.say(("handlers: %s\ntry it:   %s send app_unavailable --url %s%s"):format(options.handlers,
    installation.own_command(), text.shell_word(url), secret))
end

local function add_device(options, receiver, target)
  if not options.device_config then return true end
  local device, problem = device_config.open(options.device_config, target)
  if not device then return nil, "--device-config: " .. problem end
  return receiver:add_responder(device)
end

local function open_receiver(options, target)
  local list, message = inputs.secrets(options.secret_file, running.adviser(target.write))
  if not list then return nil, message end
  local box, problem = running.open_inbox(options, target.write)
  if not box then return nil, problem end
  local receiver = receivers.new {
    secrets = list, inbox = box, max_body = options.max_body, log = target, lease = options.lease,
    retry = { attempts = options.attempts }, keep = options.keep, alert_command = options.alert_command,
    alert_age = options.alert_age, alert_state = options.alert_state,
    stop_asked = box.durable and core.stop_asked or nil,
  }
  local ok, handlers_problem = handlers.load(options.handlers, receiver)
  if not ok then return nil, handlers_problem end
  local added, device_problem = add_device(options, receiver, target)
  if not added then return nil, device_problem end
  return receiver, #list
end

local function listen(options, receiver, listener, count, target)
  local problem = chosen.connect(options, receiver.inbox)
  if problem then
    listener:close()
    return 1, problem
  end
  announce(options, receiver, listener, count, target)
  listener:run()
  return 0
end

local function run_listener(options, receiver, listener, count, target)
  core.catch_signals() -- before it reports that it listens: until then a SIGHUP would end it
  stopping.limit(options.stop_seconds, target, receiver.inbox.durable)
  if not options.pid_file then return listen(options, receiver, listener, count, target) end
  local lock, problem = pid_file.write(options.pid_file)
  if not lock then
    listener:close()
    return 1, problem
  end
  local status
  status, problem = listen(options, receiver, listener, count, target)
  pid_file.remove(options.pid_file, lock)
  return status, problem
end

local function run(options, target)
  local tls, status, problem = running.read_tls(options, target.write)
  if not tls then return status, problem end
  local receiver, count = open_receiver(options, target)
  if not receiver then return 1, count end
  local opened, listener, message
  opened, listener, message = pcall(server.open, {
    receiver = receiver, log = target, host = options.host, port = options.port, path = options.path,
    tls_cert = tls.cert, tls_key = tls.key, max_connections = options.max_connections,
    idle_timeout = options.idle_timeout, trusted_proxies = options.trusted_proxy,
    metrics_host = options.metrics_host, metrics_port = options.metrics_port, dispatch = not options.no_dispatch,
    stop_seconds = options.stop_seconds,
    reload = function()
      reload(receiver, options.secret_file, target.write)
      running.reload_certificate(options, listener, target.write)
    end,
  })
  if not opened then return 1, tostring(listener) end
  if not listener then return 1, running.listen_problem(message) end
  status, problem = run_listener(options, receiver, listener, count, target)
  receiver:close()
  return status, problem
end

function serve.run(options)
  local missing = running.resolve(options) or installation.problem "marketplace.http_server"
  if missing then return 1, missing end
  local usage = usage_problem(options)
  if usage then return 2, usage end
  return running.with_log(options, function(target) return run(options, target) end)
end

return serve
