--- marketplace token: makes a token, for use with other programs.
local output = require "marketplace.cli.output"
local token = require "marketplace.token"

local command_token = { summary = "Make a token: for App Store Connect's API, for a developer, for an install." }

local STRINGS = { "key_id", "issuer_id", "marketplace_id", "developer_id", "bundle_id", "dtype", "nonce", "iid", "vid" }

function command_token.describe(command)
  command:argument("kind", "api, which is the default, marketplace or install."):args("?")
    :choices { "api", "marketplace", "install" }:argname("KIND")
  command:option("--key-file", "The private key, PEM; without it MARKETPLACE_KEY_FILE names it."):argname("PATH")
  command:option("--key-id", "The key's id; without it MARKETPLACE_KEY_ID."):argname("ID")
  command:option("--issuer-id", "api: the team's issuer id; without it MARKETPLACE_ISSUER_ID."):argname("ID")
  command:flag("--individual", "api: the key is an individual's, not a team's.")
  command:option("--scope", "api: a request that the token is good for, such as \"GET /v1/apps\"; may be repeated.")
    :count("*"):argname("REQUEST")
  command:option("--marketplace-id", "marketplace, install: the marketplace's Apple ID."):argname("ID")
  command:option("--developer-id", "marketplace: the developer whom it is for."):argname("ID")
  command:option("--bundle-id", "install: the app's."):argname("ID")
  command:option("--dtype", "install: download or redownload."):argname("TYPE")
  command:option("--nonce", "install: without it a random UUID."):argname("UUID")
  command:option("--iid", "install: optional claim."):argname("ID")
  command:option("--vid", "install: optional claim."):argname("ID")
  command:option("--lifetime", "Seconds; as long as Apple allows, or less."):argname("SECONDS")
end

local function from_environment(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local function settings_of(parsed)
  local kind = parsed.kind or "api"
  local settings = { kind = kind, key_file = parsed.key_file or from_environment "MARKETPLACE_KEY_FILE" }
  for _, name in ipairs(STRINGS) do settings[name] = parsed[name] end
  if kind ~= "marketplace" then
    settings.key_id = settings.key_id or from_environment "MARKETPLACE_KEY_ID"
  end
  if kind == "api" and not parsed.individual then
    settings.issuer_id = settings.issuer_id or from_environment "MARKETPLACE_ISSUER_ID"
  end
  settings.individual = parsed.individual
  settings.scope = #parsed.scope > 0 and parsed.scope or nil
  return settings
end

function command_token.run(parsed)
  local settings = settings_of(parsed)
  if not settings.key_file then return 2, "token: --key-file is missing, and so is MARKETPLACE_KEY_FILE" end
  if parsed.lifetime then
    settings.lifetime = tonumber(parsed.lifetime)
    if not settings.lifetime then return 2, "token: --lifetime is a number of seconds" end
  end
  local ok, made, expires_at = pcall(token.new, settings)
  if not ok then return 2, (tostring(made):gsub("^.-marketplace%.token", "token")) end
  if not made then return 1, expires_at end
  output.write(parsed.json, made, { token = made, expires_at = expires_at })
  return 0
end

return command_token
