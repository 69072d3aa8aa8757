--- marketplace webhooks rotate-secret: what marketplace.rotation needs of the outside.
local actions = require "marketplace.cli.webhooks.actions"
local core = require "marketplace.core"
local generations = require "marketplace.cli.webhooks.generations"
local http = require "marketplace.http"
local inbox = require "marketplace.inbox"
local output = require "marketplace.cli.output"
local rotation = require "marketplace.rotation"
local running = require "marketplace.cli.running"
local secret_file = require "marketplace.secret_file"
local signature = require "marketplace.signature"

local rotate = {}

local PROBE_TIMEOUT = 10 -- seconds
local MOST_ENTRIES = 10000 -- of the inbox that are looked at

function rotate.describe(command)
  command:argument("id", "The ids of all webhooks that use the secret: the old one ends with the rotation.")
    :args("+"):argname("WEBHOOK_ID")
  command:option("--secret-file", "The receiver's file of secrets, one a line; it is rewritten."):argname("PATH")
  running.describe_inbox(command)
  command:mutex(
    command:option("--pid-file", "File with the receiver's process id, which gets a SIGHUP to reread its secrets.")
      :argname("PATH"),
    command:option("--reload-command", "Shell command that makes the receiver reread its secrets."):argname("COMMAND")
  )
  command:option("--receiver-url", "Where the receiver is tried; without it the webhooks' own URLs."):argname("URL")
  command:option("--receiver-ca-file", "Certificates to trust there in place of the system's, PEM."):argname("PATH")
  command:flag("--no-probe", "Do not try whether the receiver takes the new secret before App Store Connect gets it.")
  command:option("--wait", "Seconds to wait for a notification signed with the new secret, for each webhook.")
    :default("300"):argname("SECONDS")
  command:flag("--yes", "Do not ask.")
end

--- What is wrong with the usage of the options, if anything. Makes a number of what should be one.
---@param options table
---@return string|nil
function rotate.usage_problem(options)
  if not options.secret_file then return "rotate-secret needs --secret-file" end
  if options.inbox == "memory" then return "a memory inbox belongs to the process that receives" end
  if options.receiver_url and not options.receiver_url:find("^https?://%S+$") then return "--receiver-url is a URL" end
  return running.number_problem(options, "wait", 0, 86400) or actions.confirmation_problem(options)
end

--[[ The outside ]]

local function apple_of(client, options)
  local generation = generations[options.generation]
  return {
    url = function(id)
      local row, message = generation.find(client, id)
      if not row then return nil, message end
      if not row.url then return nil, "it has no URL" end
      return row.url
    end,
    set_secret = function(id, secret) return generation.set_secret(client, id, secret) end,
    ping = generation.ping and function(id) return generation.ping(client, id) end,
  }
end

local function run_command(command)
  local ok, _, status = os.execute(command)
  -- Lua 5.1 gives the status alone
  if ok == true or ok == 0 then return true end
  return nil, ("it failed with status %s: %s"):format(tostring(status or ok), command)
end

local function signal(path)
  local file, problem = io.open(path, "rb")
  if not file then return nil, "the pid file cannot be read: " .. problem end
  local pid = tonumber((file:read("*a") or ""):match("^%s*(%d+)%s*$"))
  file:close()
  if not pid or pid <= 1 then return nil, "the pid file holds no process id: " .. path end
  return run_command(("kill -HUP %d"):format(pid))
end

local function reload_of(options)
  if options.pid_file then return function() return signal(options.pid_file) end end
  if options.reload_command then return function() return run_command(options.reload_command) end end
end

local function post_to(options)
  return function(url, header, body)
    local response, message = http.exchange {
      method = "POST", url = url, body = body, timeout = PROBE_TIMEOUT, plain = true,
      ca_file = options.receiver_ca_file,
      headers = { "content-type: application/json", "x-apple-signature: " .. header },
    }
    if not response then return nil, message end
    return response.status
  end
end

local function verified_in(box)
  return function(secret, since)
    local fingerprint = assert(signature.fingerprint(secret))
    local entries, message = box:list { received_since = since, limit = MOST_ENTRIES }
    if not entries then return nil, message end
    local ids = {}
    for _, entry in ipairs(entries) do
      if entry.verified_by == fingerprint then ids[#ids + 1] = entry.key end
    end
    return ids
  end
end

local function read(path)
  if not core.file_id(path) then return nil, path .. ": there is no such file", "missing" end
  local file, problem = io.open(path, "rb")
  if not file then return nil, problem, "file_failed" end
  local bytes = file:read("*a")
  file:close()
  if not bytes then return nil, path, "file_failed" end
  return bytes
end

local FILES = { read = read, replace = core.replace_file, remove = os.remove, lock = core.lock_file }

--[[ The action ]]

-- What would be changed, which reads the same things and changes none.
local function rehearse(client, options)
  local list, message = secret_file.read(options.secret_file)
  if not list then return nil, message end
  local apple = apple_of(client, options)
  for _, id in ipairs(options.id) do
    local ok, problem = apple.url(id)
    if ok then ok, problem = apple.set_secret(id, core.random_hex(32)) end
    if ok and apple.ping then ok, problem = apple.ping(id) end
    if not ok then return nil, ("webhook %s: %s"):format(id, problem) end
  end
  return 0
end

-- The generation 1 webhook cannot be named together with the others, and its notifications would be refused. An account
-- that App Store Connect shows none has none.
local function sharing_problem(client, options)
  if options.generation == 1 then return nil end
  for _, first in ipairs(generations[1].list(client) or {}) do
    for _, id in ipairs(options.id) do
      local row = generations[2].find(client, id)
      if row and row.url == first.url then
        return ("webhook %s: the generation 1 webhook %s sends there too, maybe with the secret that ends; delete " ..
          "it first: marketplace webhooks delete --generation 1 %s"):format(id, first.id, first.id)
      end
    end
  end
end

local function say_to(options)
  return function(step, line)
    output.write(options.json, ("%-7s %s"):format(step, line), { step = step, message = line })
  end
end

--- The action, see marketplace.cli.webhooks.actions.
---@param client table
---@param options table
---@return integer|nil status
---@return string? message
function rotate.run(client, options)
  if options.dry_run then return rehearse(client, options) end
  local question = ("Rotate the secret of webhook %s? All that use the secrets in %s must be named."):format(
    table.concat(options.id, ", "), options.secret_file)
  if not actions.is_confirmed(options, question) then return nil, "nothing was changed" end
  local problem = sharing_problem(client, options)
  if problem then return nil, problem end
  local box
  box, problem = inbox.open(options.inbox, { must_exist = true })
  if not box then return nil, problem end
  local ok, message = rotation.run {
    webhooks = options.id, generation = options.generation, secret_file = options.secret_file, wait = options.wait,
    receiver_url = options.receiver_url, probe = not options.no_probe, apple = apple_of(client, options),
    receiver = { reload = reload_of(options), post = post_to(options) }, inbox = { verified = verified_in(box) },
    files = FILES, clock = core.now, sleep = core.sleep, random_hex = core.random_hex, say = say_to(options),
  }
  box:close()
  if not ok then return nil, message end
  return 0
end

return rotate
