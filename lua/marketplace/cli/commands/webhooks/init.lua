--- marketplace webhooks: the webhooks at App Store Connect.
local actions = require "marketplace.cli.commands.webhooks.actions"
local check = require "marketplace.cli.support.options"
local chosen = require "marketplace.cli.support.inbox"
local confirmation = require "marketplace.cli.support.confirmation"
local core = require "marketplace.core"
local credentials = require "marketplace.cli.support.credentials"
local event_types = require "marketplace.event_types"
local generations = require "marketplace.cli.commands.webhooks.generations"
local migrate = require "marketplace.cli.commands.webhooks.migrate"
local output = require "marketplace.cli.support.output"
local rotate = require "marketplace.cli.commands.webhooks.rotate"

local webhooks = {}

local ALL = {
  list = actions.list, create = actions.create, update = actions.update, delete = actions.delete, ping = actions.ping,
  deliveries = actions.deliveries, redeliver = actions.redeliver, migrate = migrate, ["rotate-secret"] = rotate.run,
}

local ONLY_GENERATION_2 = { ping = true, deliveries = true, redeliver = true }
local ONLY_READ = { list = true, deliveries = true }

--[[ The command line ]]

local AGO = "10d, 12h, 30m or 45s ago, or a date"
local WITHOUT_FILE = "file whose first line is the secret (without it: the secret in MARKETPLACE_SECRET)"

local function describe_attributes(command)
  command:option("--name", "name of the webhook"):argname("NAME")
  command:option("--url", "URL that notifications are posted to"):argname("URL")
  command:option("--event", "type of event to send, by our name or Apple's, as receiver:on takes it, or Apple's " ..
    "constant; may be repeated (without it, a new webhook sends those that concern marketplaces)"):count("*")
    :argname("TYPE")
end

local function describe_secret(command, text)
  command:option("--secret-file", text):argname("PATH")
end

local function describe_id(command)
  command:argument("id", "the webhook's id"):argname("ID")
end

local DESCRIBE = { ping = describe_id, ["rotate-secret"] = rotate.describe }

function DESCRIBE.list(command)
  command:option("--app", "list the webhooks of this app; may be repeated"):count("*"):argname("ID")
end

function DESCRIBE.create(command)
  command:option("--app", "app whose events the webhook sends"):argname("ID")
  describe_attributes(command)
  command:flag("--disabled", "send nothing until the webhook is enabled")
  describe_secret(command, WITHOUT_FILE)
end

function DESCRIBE.update(command)
  describe_id(command)
  describe_attributes(command)
  command:mutex(
    command:flag("--disabled", "send nothing from now on"),
    command:flag("--enabled", "send again")
  )
  describe_secret(command, "file whose first line becomes the secret (without it: unchanged); rotate-secret " ..
    "changes it without losing a notification")
end

function DESCRIBE.delete(command)
  describe_id(command)
  command:flag("--yes", "do not ask for confirmation")
end

function DESCRIBE.deliveries(command)
  describe_id(command)
  command:option("--since", "list those made since: " .. AGO):default("1d"):argname("AGE")
  command:option("--state", "list only those in this state"):choices { "SUCCEEDED", "FAILED", "PENDING" }
    :argname("STATE")
  command:option("--limit", "list at most this many"):default("100"):argname("N")
end

function DESCRIBE.redeliver(command)
  command:argument("id", "ids of the deliveries to repeat"):args("+"):argname("DELIVERY_ID")
end

function DESCRIBE.migrate(command)
  command:option("--app", "make a webhook for this app; may be repeated"):count("+"):argname("ID")
  command:option("--name", "name of the new webhooks"):default("marketplace"):argname("NAME")
  describe_secret(command, WITHOUT_FILE)
end

local SUMMARIES = {
  list = "list webhooks",
  create = "create a webhook",
  update = "change a webhook",
  delete = "delete a webhook",
  ping = "have App Store Connect send a ping",
  deliveries = "list what a webhook has sent",
  redeliver = "have deliveries repeated",
  migrate = "create the generation 2 webhooks that correspond to the one of generation 1",
  ["rotate-secret"] = "change the secret without losing a notification; if stopped, continue when run again",
}

function webhooks.describe(command)
  command:command_target("action")
  command:require_command(true)
  for _, name in ipairs { "list", "create", "update", "delete", "ping", "deliveries", "redeliver", "migrate",
    "rotate-secret" } do
    local action = command:command(name, SUMMARIES[name])
    DESCRIBE[name](action)
    if name ~= "migrate" then
      action:option("--generation", "generation of the webhook; Apple deprecates 1"):choices { "1", "2" }:default("2")
        :argname("1|2")
    end
    if ONLY_READ[name] then
      output.describe_list(action)
    else
      output.describe_json(action)
    end
    credentials.describe(action, not ONLY_READ[name])
  end
end

--[[ What is wrong with the usage, if anything ]]

local function list_problem(options)
  if options.generation == 2 and #options.app == 0 then return "--app is missing: a webhook belongs to an app" end
  if options.generation == 1 and #options.app > 0 then
    return "--app does not go with --generation 1: that webhook belongs to the account"
  end
end

local function attributes_problem(options)
  local is_new = options.action == "create"
  local problem = generations[options.generation].usage_problem(options, is_new)
  if problem then return problem end
  if options.url and not options.url:find("^https?://%S+$") then return "--url must be an http or https URL" end
  options.types, problem = event_types.from_words(options.event)
  if problem then return problem end
  local changes = options.name or options.url or options.secret_file or options.enabled or options.disabled
    or #options.types > 0
  if not is_new and not changes then
    return "nothing is to be changed: give --url, --enabled or another option that says what"
  end
end

local PROBLEMS = { list = list_problem, create = attributes_problem, update = attributes_problem }

function PROBLEMS.deliveries(options)
  return check.time_problem(options, "since", core.now()) or check.number_problem(options, "limit", 1, 1000000)
end

PROBLEMS.delete = confirmation.problem

PROBLEMS["rotate-secret"] = rotate.usage_problem

-- With an empty id the path would be that of another resource.
local function empty_problem(options)
  for name, shown in pairs { id = "an id", app = "--app" } do
    local value = options[name]
    for _, word in ipairs(type(value) == "table" and value or { value }) do
      if not word:find("%S") then return shown .. " is empty" end
    end
  end
end

local function usage_problem(options)
  local problem = empty_problem(options)
  if problem then return problem end
  options.generation = tonumber(options.generation or 2)
  if options.generation == 1 and ONLY_GENERATION_2[options.action] then
    return ("%s is for generation 2 only: App Store Connect has no equivalent for generation 1"):format(
      options.action)
  end
  local find_problem = PROBLEMS[options.action]
  return find_problem and find_problem(options)
end

function webhooks.run(options)
  local unresolved = options.action == "rotate-secret" and chosen.resolve(options)
  if unresolved then return 1, unresolved end
  local usage = usage_problem(options)
  if usage then return 2, usage end
  local client, failed, problem = credentials.client(options)
  if not client then return failed, problem end
  if options.generation == 1 then
    output.note("Apple deprecates generation 1 (marketplaceWebhooks); see: marketplace webhooks migrate")
  end
  local status, message = ALL[options.action](client, options)
  return status or 1, message
end

return webhooks
