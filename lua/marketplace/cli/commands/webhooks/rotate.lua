--- marketplace webhooks rotate-secret: gives marketplace.rotation App Store Connect, the receiver and the inbox.
local check = require "marketplace.cli.support.options"
local chosen = require "marketplace.cli.support.inbox"
local confirmation = require "marketplace.cli.support.confirmation"
local core = require "marketplace.core"
local deliveries = require "marketplace.reconcile.deliveries"
local file_mode = require "marketplace.file_mode"
local generations = require "marketplace.cli.commands.webhooks.generations"
local output = require "marketplace.cli.support.output"
local pid_file = require "marketplace.cli.support.pid_file"
local record = require "marketplace.inbox.record"
local rotation = require "marketplace.rotation"
local signed = require "marketplace.cli.support.signed"
local text = require "marketplace.text"

local rotate = {}

local PROBE_TIMEOUT = 10   -- seconds
local DELIVERY_CLOCK = 3600 -- seconds by which App Store Connect's clock may be behind this one

function rotate.describe(command)
  command:argument("id", "ids of all webhooks that use the secret: the old one stops working at the end")
    :args("+"):argname("WEBHOOK_ID")
  command:option("--secret-file", "the receiver's file of secrets, one a line, which is rewritten"):argname("PATH")
  chosen.describe(command)
  command:mutex(
    command:option("--pid-file", "file with the receiver's process id, which gets a SIGHUP to reread its secrets")
      :argname("PATH"),
    command:option("--reload-command", "shell command that makes all receivers reread their secrets")
      :argname("COMMAND")
  )
  command:option("--receiver-url", "try the receiver at this URL (without it: at the webhooks' own)"):argname("URL")
  command:option("--receiver-ca-file", "certificates to trust there in place of the system's, PEM"):argname("PATH")
  command:flag("--no-probe", "do not check that the receiver accepts the new secret before App Store Connect gets it")
  command:option("--wait", "wait this many seconds for each webhook to send a notification signed with the new secret")
    :default("300"):argname("SECONDS")
  command:option("--grace", "retire the old secrets after this many seconds without a notification signed with one")
    :default("60"):argname("SECONDS")
  command:flag("--not-shared", "do not look for other webhooks: none uses the secret")
  command:flag("--retire-anyway", "retire the old secrets even if a notification signed with one came late")
  command:flag("--abort", "end a rotation under way, unless App Store Connect already has the new secret")
  command:flag("--yes", "do not ask for confirmation")
end

local function without_repetitions(ids)
  local list, seen = {}, {}
  for _, id in ipairs(ids) do
    if not seen[id] then list[#list + 1] = id end
    seen[id] = true
  end
  return list
end

--- What is wrong with the options, if anything. Converts the numbers.
---@param options table
---@return string|nil
function rotate.usage_problem(options)
  options.id = without_repetitions(options.id)
  if not options.secret_file then
    return "--secret-file is missing: the receiver's file of secrets, which is rewritten"
  end
  local problem = chosen.sharing_problem(options)
  if problem then return problem end
  if options.receiver_url and not options.receiver_url:find("^https?://%S+$") then
    return "--receiver-url must be an http or https URL"
  end
  if options.abort and options.dry_run then return "--abort does not go with --dry-run" end
  return check.number_problem(options, "wait", 0, 86400) or check.number_problem(options, "grace", 0, 86400)
    or confirmation.problem(options)
end

--[[ The outside ]]

-- The code shows the rotation that a webhook is gone.
local function called(result, message, code, detail)
  if result then return result end
  return nil, message, generations.code_of(code, detail)
end

local function url_of(row, message, code)
  if not row then return nil, message, code end
  if not row.url then return nil, "it has no URL" end
  return text.safe(row.url)
end

local function delivered_by(generation, client)
  return function(id, since)
    local listed, message = generation.deliveries(client, id,
      math.max(since - DELIVERY_CLOCK, core.now() - deliveries.FURTHEST))
    if not listed then return nil, message end
    local keys = {}
    for _, delivery in ipairs(listed) do
      local payload = delivery.event and delivery.event.payload
      local made = type(payload) == "string" and record.of(payload)
      if made then keys[#keys + 1] = made.key end
    end
    return keys
  end
end

local function apple_of(client, options)
  local generation = generations[options.generation]
  return {
    url = function(id) return url_of(generation.find(client, id)) end,
    set_secret = function(id, secret) return called(generation.set_secret(client, id, secret)) end,
    ping = generation.ping and function(id) return called(generation.ping(client, id)) end,
    delivered = generation.deliveries and delivered_by(generation, client),
  }
end

local function run_command(command)
  local ok, _, status = os.execute(command)
  -- Lua 5.1 returns the status alone
  if ok == true or ok == 0 then return true end
  return nil, ("it failed with status %s: %s"):format(tostring(status or ok), command)
end

local function signal(path)
  local pid, problem = pid_file.find(path)
  if not pid then return nil, problem end
  return run_command(("kill -HUP %d"):format(pid))
end

local function reload_of(options)
  if options.pid_file then return function() return signal(options.pid_file) end end
  if options.reload_command then return function() return run_command(options.reload_command) end end
end

local function post_to(options)
  return function(url, header, body)
    local response, message = signed.post(url, body, header, PROBE_TIMEOUT, options.receiver_ca_file)
    if not response then return nil, message end
    return response.status
  end
end

local function verified_in(box)
  return function(fingerprint, since)
    local entries, message = box:list { verified_by = fingerprint, received_since = since }
    if not entries then return nil, message end
    for i, entry in ipairs(entries) do entries[i] = { id = entry.key, at = entry.received_at } end
    return entries
  end
end

local function say_to(options)
  return function(step, line)
    output.write(options.json, ("%-7s %s"):format(step, line), { step = step, message = line })
  end
end

local function settings_of(client, options, box)
  return {
    webhooks = options.id, generation = options.generation, wait = options.wait, grace = options.grace,
    -- the file itself: whichever link names it, there is one state and one lock beside it
    secret_file = core.real_path(options.secret_file) or options.secret_file,
    retire_anyway = options.retire_anyway, receiver_url = options.receiver_url, probe = not options.no_probe,
    apple = apple_of(client, options), receiver = { reload = reload_of(options), post = post_to(options) },
    inbox = { verified = verified_in(box) }, clock = core.now, sleep = core.sleep,
    stop_asked = core.stop_asked, random_hex = core.random_hex, say = say_to(options),
  }
end

--[[ Webhooks that are not named ]]

-- App Store Connect never shows a secret, so every webhook that is found but not named may use the old one.

local WAY_OUT = "; if no other webhook uses the secret, say so with --not-shared"

local function is_named(ids, id)
  for _, named in ipairs(ids) do
    if named == id then return true end
  end
  return false
end

local function of_generation_1(client)
  local rows, message = generations[1].list(client)
  if not rows then
    return "cannot find out whether a generation 1 webhook uses the old secret: " .. message .. WAY_OUT
  end
  if not rows[1] then return nil end
  local id = text.safe(rows[1].id)
  return ("the generation 1 webhook %s may use the old secret; delete it first: marketplace webhooks delete " ..
    "--generation 1 %s"):format(id, id) .. WAY_OUT
end

local function of_app(client, app, ids)
  local rows, message = generations[2].list(client, { app })
  if not rows then return ("cannot list the webhooks of app %s: %s"):format(app, message) .. WAY_OUT end
  for _, row in ipairs(rows) do
    if not is_named(ids, row.id) then
      return ("webhook %s of app %s is not named, and may use the old secret; name it too"):format(
        text.safe(row.id), app) .. WAY_OUT
    end
  end
end

-- If a webhook was deleted meanwhile, its siblings cannot be found; that it is missing is reported elsewhere.
local function of_siblings(client, ids)
  local seen = {}
  for _, id in ipairs(ids) do
    local app, message, code = generations[2].app_of(client, id)
    if not app and code ~= generations.MISSING then
      return ("webhook %s: %s"):format(id, message) .. WAY_OUT
    end
    local problem = app and not seen[app] and of_app(client, text.safe(app), ids)
    if problem then return problem end
    if app then seen[app] = true end
  end
end

-- Why a webhook that is not named may use the old secret, if one may.
local function sharing_problem(client, generation, ids)
  if generation == 1 then
    return "cannot find out whether a webhook of an app uses the old secret" .. WAY_OUT
  end
  return of_generation_1(client) or of_siblings(client, ids)
end

--[[ The action ]]

-- Shows what would be changed, and fails wherever a rotation would fail before it changes anything.
local function rehearse(options, settings)
  local ok, problem = rotation.check(settings)
  if ok and options.pid_file then ok, problem = pid_file.find(options.pid_file) end
  if not ok then return nil, problem end
  for _, id in ipairs(options.id) do
    ok, problem = settings.apple.set_secret(id, core.random_hex(32))
    if ok and settings.apple.ping then ok, problem = settings.apple.ping(id) end
    if not ok then return nil, ("webhook %s: %s"):format(id, problem) end
  end
  return true
end

local function question_of(options)
  local ids = text.safe(table.concat(options.id, ", "))
  if options.abort then return ("End the rotation of the secret of webhook %s?"):format(ids) end
  return ("Rotate the secret of webhook %s? Every webhook that uses the secrets in %s must be named."):format(ids,
    options.secret_file)
end

local function carry_out(options, settings)
  if options.dry_run then return rehearse(options, settings) end
  core.catch_signals()
  if options.abort then return rotation.abort(settings) end
  return rotation.run(settings)
end

--- The action, see marketplace.cli.commands.webhooks.actions.
---@param client table
---@param options table
---@return integer|nil status
---@return string? message
function rotate.run(client, options)
  if not confirmation.is_given(options, question_of(options)) then return nil, "nothing was changed" end
  local problem = not (options.not_shared or options.abort)
    and sharing_problem(client, options.generation, options.id)
  if problem then return nil, problem end
  file_mode.check(output.warn, options.secret_file)
  local box
  box, problem = chosen.open_existing(options)
  if not box then return nil, problem end
  local ok, message = carry_out(options, settings_of(client, options, box))
  box:close()
  if not ok then return nil, message end
  return 0
end

return rotate
