--- marketplace simulate: runs a stand-in for App Store Connect, controls one that runs, or plays a device.
local check = require "marketplace.cli.support.options"
local control = require "marketplace.cli.commands.simulate_control"
local core = require "marketplace.core"
local device = require "marketplace.cli.commands.simulate_device"
local folders = require "marketplace.folders"
local installation = require "marketplace.cli.support.installation"
local licences = require "marketplace.cli.commands.simulate_licences"
local output = require "marketplace.cli.support.output"
local running = require "marketplace.cli.support.running"
local sender = require "marketplace.simulator.sender"
local server = require "marketplace.simulator.server"
local simulator = require "marketplace.simulator"
local text = require "marketplace.text"

local simulate = {}

function simulate.describe(command)
  command:command_target("action")
  command:require_command(false)
  running.describe_address(command, control.PORT)
  command:option("--key-file", "private key that tokens must be signed with, PEM; made if there is none")
    :default("simulated-key.p8"):argname("PATH")
  command:option("--key-id", "id of the key"):default(simulator.KEY_ID):argname("ID")
  command:option("--issuer-id", "issuer id of the team"):default(simulator.ISSUER_ID):argname("ID")
  command:option("--app", "app of the account, the first one being the marketplace; may be repeated (without it: " ..
    simulator.APP .. ")"):count("*"):argname("ID")
  command:option("--rate-limit", "requests that are allowed in an hour"):default("3500"):argname("N")
  command:option("--retry-after", "repeat a failed delivery after this many seconds; may be given several times " ..
    "(without it: never)"):count("*"):argname("SECONDS")
  command:option("--url-lifetime", "seconds that the URLs of files are valid"):default("3600"):argname("SECONDS")
  command:flag("--strict-deliveries", "refuse a list of deliveries without exactly one filter, as operators report")
  command:option("--ca-file", "certificates to trust at webhooks' URLs in place of the system's, PEM")
    :argname("PATH")
  output.describe_json(command)
  control.describe(command)
  device.describe(command:command("device", "play an iPhone or iPad, to try a marketplace's server"))
  licences.describe(command:command("licences", "stand in for the program that makes licences with Apple's SDK"))
end

--[[ The key ]]

local function make_key(path)
  local key, message = core.generate_key()
  local pem
  if key then pem, message = key:private_pem() end
  if not pem then return nil, message end
  local written, problem, code = core.replace_file(path, pem, "new")
  -- another process may have made it meanwhile
  if not written and code ~= "file_exists" then return nil, folders.problem(path, problem) end
  return true
end

local function public_key(path)
  if not core.file_id(path) then
    local made, problem = make_key(path)
    if not made then return nil, problem end
  end
  local key, message = core.private_key_file(path)
  if not key then return nil, ("the simulator's key, %s: %s"):format(path, message) end
  local pem, pem_problem = key:public_pem()
  key:close()
  return pem, pem_problem
end

--[[ Running ]]

local function numbers(words)
  local list = {}
  for i, word in ipairs(words) do
    list[i] = tonumber(word)
    if not (list[i] and list[i] >= 0) then return nil end
  end
  return list
end

local function usage_problem(options)
  local problem = check.number_problem(options, "port", 0, 65535)
    or check.number_problem(options, "rate_limit", 1, 1000000)
    or check.number_problem(options, "url_lifetime", 0, 31536000)
  if problem then return problem end
  options.retry_after = numbers(options.retry_after)
  if not options.retry_after then return "--retry-after must be a number of seconds" end
  for _, id in ipairs(options.app) do
    if not id:find "^[%w._-]+$" then return "--app must consist of letters, digits, full stops, _ and -" end
  end
end

local function absolute(path)
  local folder = os.getenv "PWD"
  if path:sub(1, 1) == "/" or not folder then return path end
  return folder .. "/" .. path
end

local function announce(options, listener, target)
  local url = listener:url()
  target.write {
    level = "info", message = "listening", url = url, key_id = options.key_id, issuer_id = options.issuer_id,
    key_file = absolute(options.key_file), reason = "stands in for App Store Connect",
  }
  if options.json then return end
  local values = {
    MARKETPLACE_API_URL = url, MARKETPLACE_KEY_FILE = absolute(options.key_file),
    MARKETPLACE_KEY_ID = options.key_id, MARKETPLACE_ISSUER_ID = options.issuer_id,
  }
  local lines = { "use it:" }
  for _, name in ipairs { "MARKETPLACE_API_URL", "MARKETPLACE_KEY_FILE", "MARKETPLACE_KEY_ID",
    "MARKETPLACE_ISSUER_ID" } do
    lines[#lines + 1] = ("  export %s=%s"):format(name, text.shell_word(values[name]))
  end
  lines[#lines + 1] = ("try it:   %s simulate event version_available --url %s"):format(installation.own_command(),
    text.shell_word(url))
  target.say(table.concat(lines, "\n"))
end

local function open(options, target, tls)
  local pem, problem = public_key(options.key_file)
  if not pem then return nil, problem end
  local notifications = sender.new(options.ca_file)
  local sim = simulator.new {
    keys = { [options.key_id] = pem }, issuer_id = options.issuer_id, log = target.write,
    rate_limit = options.rate_limit, apps = #options.app > 0 and options.app or { simulator.APP },
    retry_after = options.retry_after,
    url_lifetime = options.url_lifetime, strict_deliveries = options.strict_deliveries,
    send = function(request, done) notifications:send(request, done) end,
  }
  local opened, listener, message = pcall(server.open, {
    sim = sim, sender = notifications, host = options.host, port = options.port, tls_cert = tls.cert,
    tls_key = tls.key,
  })
  if not opened then return nil, tostring(listener) end
  return listener, message
end

local function serve(options, target)
  local tls, status, problem = running.read_tls(options, target.write)
  if not tls then return status, problem end
  local listener, message = open(options, target, tls)
  if not listener then return 1, running.listen_problem(message) end
  core.catch_signals() -- before it reports that it listens
  announce(options, listener, target)
  listener:run()
  return 0
end

function simulate.run(options)
  if options.action == "device" then return device.run(options) end
  if options.action == "licences" then return licences.run(options) end
  if options.action then return control.run(options) end
  local usage = usage_problem(options)
  if usage then return 2, usage end
  return running.with_log(options, function(target) return serve(options, target) end)
end

return simulate
