--- marketplace serve: receives notifications and runs a handlers file for them.
local core = require "marketplace.core"
local files = require "marketplace.cli.files"
local handlers = require "marketplace.cli.handlers"
local inbox = require "marketplace.inbox"
local log = require "marketplace.log"
local marketplace = require "marketplace"
local secrets = require "marketplace.cli.secrets"
local server = require "marketplace.server"

local serve = { summary = "Receive notifications and run a handlers file for them." }

function serve.describe(command)
  command:argument("handlers", "Lua file that returns function(receiver)."):argname("HANDLERS.lua")
  command:option("--host", "Address to listen on."):default("127.0.0.1"):argname("ADDRESS")
  command:option("--port", "Port to listen on; 0: the system chooses."):default("8080"):argname("PORT")
  command:option("--path", "Where notifications arrive."):default("/notifications"):argname("PATH")
  command:option("--tls-cert", "Certificate chain for HTTPS, PEM; with --tls-key."):argname("PATH")
  command:option("--tls-key", "Its private key, PEM."):argname("PATH")
  command:option("--inbox", "Where notifications wait for their callbacks: memory."):default("memory"):argname("INBOX")
  command:option("--max-body", "Largest body in bytes."):default("1048576"):argname("BYTES")
  command:option("--max-connections", "Connections at a time."):default("512"):argname("N")
  command:flag("--verbose", "Also write a line when a notification is stored, not only when it is done.")
end

-- One line a notification: what is stored is told when its callbacks have run.
local function text_log(verbose)
  local write = log.text(io.stdout)
  if verbose then return write end
  return function(entry)
    if entry.message ~= "stored" then write(entry) end
  end
end

-- What callbacks print must not stand between the JSON lines, which a program reads.
local function print_to_errors()
  rawset(_G, "print", function(...)
    local words = {}
    for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
    io.stderr:write(table.concat(words, "\t"), "\n")
  end)
end

local function read_tls(options)
  if not options.tls_cert and not options.tls_key then return {} end
  if not (options.tls_cert and options.tls_key) then return nil, 2, "serve: --tls-cert and --tls-key go together" end
  local cert, cert_problem = files.read(options.tls_cert)
  if not cert then return nil, 1, cert_problem end
  local key, key_problem = files.read(options.tls_key)
  if not key then return nil, 1, key_problem end
  return { cert = cert, key = key }
end

local function reload(receiver, path, write)
  local list, message = secrets.load(path)
  if list then
    receiver:set_secrets(list)
    write { level = "info", message = "secrets reread", reason = ("%d live"):format(#list) }
  else
    write { level = "error", message = "secrets kept", reason = message }
  end
end

-- What is wrong with the usage of the options, if anything; the rest is checked where it is used. Makes numbers of
-- what should be numbers.
local function usage_problem(options)
  local function whole(value, least, most)
    return value and value == math.floor(value) and value >= least and value <= most
  end
  for _, name in ipairs { "port", "max_body", "max_connections" } do options[name] = tonumber(options[name]) end
  if not whole(options.port, 0, 65535) then return "serve: --port is a number from 0 to 65535" end
  if not whole(options.max_body, 1, 16777216) then return "serve: --max-body is a number from 1 to 16777216" end
  if not whole(options.max_connections, 1, 1000000) then
    return "serve: --max-connections is a number from 1 to 1000000"
  end
  if not options.path:find("^/[^%s?#]*$") or options.path == "/healthz" then
    return "serve: --path starts with a slash, has no white space, ? or #, and is not /healthz"
  end
end

-- As it can be pasted into a shell.
local function shell_word(text)
  if not text:find("[^%w_@%%+=:,./%[%]-]") then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function announce(options, listener, secret_count, write)
  local _, _, url = listener:address()
  write {
    level = "info", message = "listening", url = url,
    reason = ("secrets: %d, inbox: %s"):format(secret_count, options.inbox),
  }
  if options.inbox == "memory" then
    write { level = "warning", message = "memory inbox", reason = "what it holds is gone when this process ends" }
  end
  if options.json then return end
  local secret = options.secret_file and " --secret-file " .. shell_word(options.secret_file) or ""
  io.stdout:write(("handlers: %s\ntry it:   %s send app_unavailable --url %s%s\n"):format(options.handlers,
    shell_word(arg and arg[0] or "marketplace"), shell_word(url), secret))
  io.stdout:flush()
end

local function open_receiver(options, write)
  local list, message = secrets.load(options.secret_file)
  if not list then return nil, message end
  local box, problem = inbox.open(options.inbox)
  if not box then return nil, problem end
  local receiver = marketplace.receiver { secrets = list, inbox = box, max_body = options.max_body, log = write }
  local ok, handlers_problem = handlers.load(options.handlers, receiver)
  if not ok then return nil, handlers_problem end
  return receiver, #list
end

function serve.run(options)
  local usage = usage_problem(options)
  if usage then return 2, usage end
  local tls, status, problem = read_tls(options)
  if not tls then return status, problem end
  io.stdout:setvbuf("line")
  local write = options.json and log.json(io.stdout) or text_log(options.verbose)
  if options.json then print_to_errors() end
  local receiver, count = open_receiver(options, write)
  if not receiver then return 1, count end
  local opened, listener, message = pcall(server.open, {
    receiver = receiver, log = write, host = options.host, port = options.port, path = options.path,
    tls_cert = tls.cert, tls_key = tls.key, max_connections = options.max_connections,
    reload = function() reload(receiver, options.secret_file, write) end,
  })
  if not opened then return 1, tostring(listener) end
  if not listener then return 1, message end
  core.catch_signals() -- before anybody is told that it listens: a SIGHUP would end it
  announce(options, listener, count, write)
  listener:run()
  return 0
end

return serve
