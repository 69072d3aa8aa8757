--- marketplace token: makes a token for other programs.
local check = require "marketplace.cli.support.options"
local credentials = require "marketplace.cli.support.credentials"
local file_mode = require "marketplace.file_mode"
local output = require "marketplace.cli.support.output"
local token = require "marketplace.token"

local command_token = {}

-- what a kind takes from the credentials besides the key; token.new refuses options that do not belong to a kind
local CREDENTIALS = { api = { "key_id", "issuer_id", "individual" }, install = { "key_id" }, marketplace = {} }
local STRINGS = { "key_id", "issuer_id", "marketplace_id", "developer_id", "bundle_id", "dtype", "nonce", "iid", "vid" }

function command_token.describe(command)
  command:argument("kind", "api (the default), marketplace or install"):args("?")
    :choices { "api", "marketplace", "install" }:argname("KIND")
  credentials.describe_key(command)
  command:option("--scope", "api: request that the token is good for, such as \"GET /v1/apps\"; may be repeated")
    :count("*"):argname("REQUEST")
  command:option("--marketplace-id", "marketplace, install: the marketplace's Apple ID"):argname("ID")
  command:option("--developer-id", "marketplace: the developer the token is for"):argname("ID")
  command:option("--bundle-id", "install: the app's bundle id"):argname("ID")
  command:option("--dtype", "install: download or redownload"):argname("TYPE")
  command:option("--nonce", "install: the claim nonce (without it: a random UUID)"):argname("UUID")
  command:option("--iid", "install: the claim iid"):argname("ID")
  command:option("--vid", "install: the claim vid"):argname("ID")
  command:option("--lifetime", "seconds until the token expires (without it: as long as Apple allows)")
    :argname("SECONDS")
  command:option("--back-dated", "begin the token this long ago, as far as this machine's clock may be ahead")
    :default("60"):argname("SECONDS")
  output.describe_json(command)
end

local function settings_of(parsed, given)
  local kind = parsed.kind or "api"
  local settings = { kind = kind, key_file = given.key_file, individual = parsed.individual }
  for _, name in ipairs(STRINGS) do settings[name] = parsed[name] end
  for _, name in ipairs(CREDENTIALS[kind]) do settings[name] = given[name] end
  settings.scope = #parsed.scope > 0 and parsed.scope or nil
  return settings
end

local function in_words(message, kind)
  local foreign = message:match "unknown option '([%w_]+)'"
  if foreign then return ("--%s does not go with a token of the kind %s"):format((foreign:gsub("_", "-")), kind) end
  return (check.in_words(message):gsub("a list of requests", "a request"))
end

function command_token.run(parsed)
  local given, message = credentials.settings(parsed)
  if not given then return 1, message end
  local usage = credentials.key_problem(given, parsed.kind or "api")
  if usage then return 2, usage end
  file_mode.check(output.warn, given.key_file)
  local settings = settings_of(parsed, given)
  for _, name in ipairs { "lifetime", "back_dated" } do
    settings[name] = parsed[name] and tonumber(parsed[name])
    if parsed[name] and not settings[name] then
      return 2, ("--%s must be a number of seconds"):format(name:gsub("_", "-"))
    end
  end
  local ok, made, expires_at = pcall(token.new, settings)
  if not ok then return 2, in_words(tostring(made), settings.kind) end
  if not made then return 1, expires_at end
  output.write(parsed.json, made, { token = made, expires_at = expires_at })
  return 0
end

return command_token
