--- marketplace dashboard: the operator's web page.
local check = require "marketplace.cli.support.options"
local chosen = require "marketplace.cli.support.inbox"
local core = require "marketplace.core"
local credentials = require "marketplace.cli.support.credentials"
local dashboard = require "marketplace.dashboard"
local inbox_url = require "marketplace.inbox.url"
local installation = require "marketplace.cli.support.installation"
local output = require "marketplace.cli.support.output"
local packages_folder = require "marketplace.cli.support.packages"
local reconcile_state = require "marketplace.reconcile.state"
local running = require "marketplace.cli.support.running"
local server = require "marketplace.server"
local stopping = require "marketplace.stopping"
local text = require "marketplace.text"
local tokens = require "marketplace.dashboard.tokens"

local command_dashboard = {}

local DEFAULT_TOKEN = "marketplace.dashboard.token"
local TIMEOUT = 5 -- seconds

function command_dashboard.describe(command)
  command:option("--token-file", "the token that signs in, or up to 8, one a line; it is made if there is no such " ..
    "file"):default(DEFAULT_TOKEN):argname("PATH")
  running.describe_address(command, "9465")
  chosen.describe(command)
  command:option("--packages", "also show the packages in this folder (without it: MARKETPLACE_PACKAGES, or else " ..
    "`packages` in the config file, or else the folder `packages`, if it is there)"):argname("DIR")
  command:option("--reconcile-state", "also show how far this state file of `marketplace reconcile` has come " ..
    "(without it: " .. reconcile_state.DEFAULT .. ", if it is there)"):argname("PATH")
  command:option("--app", "also show the webhooks of this app, as `marketplace check` sees them; needs a key of App " ..
    "Store Connect's API; may be repeated"):count("*"):argname("ID")
  command:option("--webhook-url", "also look whether notifications can be posted to this URL, and at its certificate")
    :argname("URL")
  command:option("--allow-host", "answer browsers that call the dashboard by this name, beside addresses and " ..
    "localhost; may be repeated"):count("*"):argname("NAME")
  command:option("--path", "path below which the dashboard is, behind a proxy that shares it with others")
    :default("/"):argname("PATH")
  command:option("--trusted-proxy", "address or network of a proxy, such as 10.0.0.0/8, whose X-Forwarded-For or " ..
    "Forwarded tells who asks; may be repeated"):count("*"):argname("CIDR")
  command:option("--stop-seconds", "how long a stop may take after SIGTERM")
    :default(("%d"):format(stopping.SECONDS)):argname("SECONDS")
  running.describe_metrics(command)
  output.describe_json(command)
  credentials.describe_api(command, TIMEOUT)
end

--[[ Checking ]]

-- Converts the numbers.
local function usage_problem(options)
  local problem = running.metrics_problem(options) or check.number_problem(options, "port", 0, 65535)
    or check.number_problem(options, "stop_seconds", 1, 86400) or check.seconds_problem(options, "timeout")
    or chosen.sharing_problem(options) or running.proxy_problem(options)
  if problem then return problem end
  local host_problem = server.host_problem(options.host)
  if host_problem then return "--host " .. host_problem end
  local given = options.webhook_url and { webhook_url = options.webhook_url }
  local wrong_url = given and dashboard.option_problem("check", given)
  if wrong_url then return "--webhook-url" .. wrong_url:match "^option '[^']*'(.*)$" end
  for option, name in pairs { allow_host = "hosts", path = "path" } do
    local wrong = dashboard.option_problem(name, options[option])
    if wrong then return ("--%s %s"):format(option:gsub("_", "-"), wrong) end
  end
end

--[[ What it shows ]]

local function resolve(options)
  local problem = chosen.resolve(options)
  if problem then return problem end
  options.folder = options.packages
  problem = packages_folder.resolve(options)
  if options.packages then options.folder_source = "--packages" end
  return problem
end

local function reconcile_state_of(options)
  if options.reconcile_state then return options.reconcile_state end
  return core.file_id(reconcile_state.DEFAULT) and reconcile_state.DEFAULT or nil
end

-- What to look at from the outside; nil without a message for nothing.
local function check_of(options, target)
  local client, status, message
  if #options.app > 0 then
    client, status, message = credentials.client(options, target.write)
    if not client then return nil, status, message end
  end
  if not client and not options.webhook_url then return nil end
  return { client = client, apps = options.app, webhook_url = options.webhook_url, timeout = options.timeout }
end

-- Packages that nobody named and that are not there are not missed.
local function open_packages(options, target)
  local opened, problem = packages_folder.open_existing(options, { log = target })
  if opened or options.folder_source == "the default" then return opened end
  running.adviser(target.write)("the dashboard shows no packages until it is started again: " .. problem)
end

local function reload_tokens(options, made, target)
  local list, problem = tokens.read(options.token_file, running.adviser(target.write))
  if list then
    made:set_tokens(list)
    target.write { level = "info", message = "tokens reread", count = #list }
  else
    target.write { level = "error", message = "tokens kept", reason = problem }
  end
end

local function open_dashboard(options, looks, target)
  local box, problem = chosen.open(options, {
    must_exist = true, lazy = true, warn = running.adviser(target.write),
  })
  if not box then return nil, problem end
  local is_new, token_problem = tokens.make(options.token_file)
  if is_new == nil then return nil, token_problem end
  if is_new then
    target.write { level = "info", message = "made a token", reason = "it is in " .. options.token_file }
  end
  return dashboard.new {
    inbox = box, packages = open_packages(options, target), token_file = options.token_file, log = target,
    path = options.path, hosts = options.allow_host, place = inbox_url.redacted(options.inbox), check = looks,
    reconcile_state = reconcile_state_of(options),
  }
end

--[[ Running ]]

local function is_loopback(host)
  return host == "localhost" or host == "::1" or host:find "^127%." ~= nil
end

local function advise(options, target)
  if is_loopback(options.host) or options.tls_cert then return end
  running.adviser(target.write)(("the token crosses the network unencrypted from other machines to %s: use " ..
    "--tls-cert and --tls-key, or 127.0.0.1 with an SSH tunnel or a proxy in front"):format(options.host))
end

local function announce(options, listener, target)
  local url = listener:url():gsub("/$", "") .. options.path
  target.write {
    level = "info", message = "listening", url = url,
    reason = "inbox: " .. inbox_url.redacted(options.inbox) .. ", token: " .. options.token_file,
  }
  if listener:metrics_url() then
    target.write { level = "info", message = "metrics", url = listener:metrics_url() }
  end
  if options.json then return end
  target.say(("open it:  %s\nsign in with what this shows:  cat %s"):format(url, text.shell_word(options.token_file)))
end

local function listen(options, made, tls, target)
  local listener
  local function reload()
    reload_tokens(options, made, target)
    running.reload_certificate(options, listener, target.write)
  end
  local opened, problem
  opened, listener, problem = pcall(require("marketplace.server.alone").open, {
    responder = made, log = target, host = options.host, port = options.port, tls_cert = tls.cert,
    tls_key = tls.key, trusted_proxies = options.trusted_proxy, stop_seconds = options.stop_seconds,
    metrics_host = options.metrics_host, metrics_port = options.metrics_port, reload = reload,
  })
  if not opened then return nil, tostring(listener) end
  return listener, problem
end

local function run(options, target)
  local tls, status, problem = running.read_tls(options, target.write)
  if not tls then return status, problem end
  local looks
  looks, status, problem = check_of(options, target)
  if problem then return status, problem end
  core.catch_signals()
  local made, message = open_dashboard(options, looks, target)
  if not made then return 1, check.in_words(message) end
  local listener
  listener, message = listen(options, made, tls, target)
  if not listener then return 1, running.listen_problem(message) end
  advise(options, target)
  announce(options, listener, target)
  listener:run()
  made.inbox:close()
  if made.packages then made.packages:close() end
  made:close()
  return 0
end

function command_dashboard.run(options)
  local problem = resolve(options) or installation.problem "marketplace.http_server"
  if problem then return 1, problem end
  local usage = usage_problem(options)
  if usage then return 2, usage end
  return running.with_log(options, function(target) return run(options, target) end)
end

return command_dashboard
