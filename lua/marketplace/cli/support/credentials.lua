--- What a command needs to talk to App Store Connect: from its options, or the environment, or the config file.
local check = require "marketplace.cli.support.options"
local config = require "marketplace.cli.support.config"
local dry_run = require "marketplace.cli.support.dry_run"
local file_mode = require "marketplace.file_mode"
local http = require "marketplace.http"
local log = require "marketplace.log"
local output = require "marketplace.cli.support.output"

local credentials = {}

local CLIENT_TIMEOUT = 60 -- seconds: what marketplace.client takes without the option
local NAMES = { "key_file", "key_id", "issuer_id", "individual", "api_url", "ca_file" }

--[[ The three layers ]]

-- Whose the key is, is one setting: a team's with its issuer id, or an individual's.
local function owner_of(...)
  for i = 1, select("#", ...) do
    local layer = select(i, ...)
    if layer.issuer_id or layer.individual then return layer.issuer_id, layer.individual or nil end
  end
end

--- The settings from the options, the environment and the config file.
---@param parsed table parsed arguments
---@return table|nil settings key_file, key_id, issuer_id, individual, api_url, ca_file; nil if none sets it
---@return string? message
function credentials.settings(parsed)
  local from_file, message = config.read(parsed)
  if not from_file then return nil, message end
  local environment = {}
  for _, name in ipairs { "key_file", "key_id", "issuer_id", "api_url" } do
    environment[name] = config.environment("MARKETPLACE_" .. name:upper())
  end
  local settings = {}
  for _, name in ipairs(NAMES) do settings[name] = parsed[name] or environment[name] or from_file[name] end
  settings.issuer_id, settings.individual = owner_of(parsed, environment, from_file)
  return settings
end

--- The message if a setting is missing.
---@param name string such as "key_id"
---@return string
function credentials.missing(name)
  return ("--%s is missing, and neither MARKETPLACE_%s nor %s in the config file is set"):format(name:gsub("_", "-"),
    name:upper(), name)
end

--[[ The command line ]]

--- Adds the options that name the key.
---@param command table argparse's
function credentials.describe_key(command)
  config.describe(command)
  command:option("--key-file", "private key of App Store Connect's API, PEM (without it: MARKETPLACE_KEY_FILE, or " ..
    "`key_file` in the config file)"):argname("PATH")
  command:option("--key-id", "the key's id (without it: MARKETPLACE_KEY_ID, or `key_id`)"):argname("ID")
  command:option("--issuer-id", "the team's issuer id (without it: MARKETPLACE_ISSUER_ID, or `issuer_id`)")
    :argname("ID")
  command:flag("--individual", "the key is an individual's, not a team's")
end

--- Adds the options that name the key and the server, and say how it is asked.
---@param command table argparse's
---@param seconds? integer for which a request may take without --timeout: the client's, unless the command has its own
function credentials.describe_api(command, seconds)
  credentials.describe_key(command)
  command:option("--api-url", "server to use in place of App Store Connect (without it: MARKETPLACE_API_URL, or " ..
    "`api_url`)"):argname("URL")
  command:option("--timeout", ("give up a request, with its retries, after this many seconds (without it: %d)")
    :format(seconds or CLIENT_TIMEOUT)):argname("SECONDS")
  command:flag("--verbose", "write a line about each request to standard error")
end

--- Adds the options of a command that talks to App Store Connect.
---@param command table argparse's
---@param changes? boolean whether the command changes something there: adds --dry-run
function credentials.describe(command, changes)
  credentials.describe_api(command)
  command:option("--ca-file", "certificates to trust in place of the system's, PEM (without it: `ca_file`)")
    :argname("PATH")
  if changes then
    command:flag("--dry-run", "show the requests that would change something, and send none of them")
  end
end

local function client_log(verbose, write)
  return function(entry)
    if verbose or entry.level ~= "info" then write(entry) end
  end
end

--- What is wrong with the settings of a key, if anything.
---@param settings table of credentials.settings
---@param kind "api"|"marketplace"|"install" of the tokens
---@return string?
function credentials.key_problem(settings, kind)
  if not settings.key_file then return credentials.missing "key_file" end
  if not settings.key_id and kind ~= "marketplace" then return credentials.missing "key_id" end
  if kind ~= "api" then return nil end
  if not settings.issuer_id and not settings.individual then
    return credentials.missing "issuer_id" .. "; an individual's key needs --individual instead"
  end
  if settings.issuer_id and settings.individual then
    return "a key is a team's, with --issuer-id, or an individual's, with --individual, but not both"
  end
end

--- A client with the settings from the options, the environment and the config file.
---@param parsed table parsed arguments of a command that `describe` described
---@param write? fun(entry: table) where its log goes, default the standard error stream
---@return table|nil client
---@return integer? status for os.exit
---@return string? message
function credentials.client(parsed, write)
  local settings, message = credentials.settings(parsed)
  if not settings then return nil, 1, message end
  local usage = credentials.key_problem(settings, "api") or check.seconds_problem(parsed, "timeout")
  if usage then return nil, 2, usage end
  file_mode.check(output.warn, settings.key_file)
  local ok, made, problem = pcall(require("marketplace.client").new, {
    key_file = settings.key_file, key_id = settings.key_id, issuer_id = settings.issuer_id,
    individual = settings.individual, base_url = settings.api_url, ca_file = settings.ca_file,
    timeout = parsed.timeout, log = client_log(parsed.verbose, write or log.text(io.stderr, log.line_for "stderr")),
    transport = parsed.dry_run and dry_run.transport(parsed.json, http.exchange) or nil,
  })
  if not ok then return nil, 2, check.in_words(tostring(made), { base_url = "--api-url" }) end
  if not made then return nil, 1, problem end
  return made
end

return credentials
