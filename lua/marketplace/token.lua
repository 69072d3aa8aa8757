--- Tokens that a marketplace signs: to talk to App Store Connect, to vouch for a developer and to have an install
--- verified. Each is a JWT (RFC 7519) with ES256 and the claims that Apple asks for.
local core = require "marketplace.core"
local json = require "marketplace.json"
local options = require "marketplace.options"
local uuid = require "marketplace.uuid"

local token = {}

local BACK_DATED, MOST_BACK_DATED = 60, 600 -- seconds: with a clock that is further ahead, every token is refused
local AUDIENCE = "appstoreconnect-v1"

--[[ Keys ]]

--- Reads the private key that options name: `key`, PEM, or `key_file`, its path, which is the better one, as no copy of
--- the key stays in memory.
---@param given {key?: string, key_file?: string}
---@return table|nil key with sign(text) and close()
---@return string? message
---@return string? code key_invalid
function token.read_key(given)
  if given.key then return core.private_key(given.key) end
  local key, message, code = core.private_key_file(given.key_file)
  if key or message:find(given.key_file, 1, true) then return key, message, code end
  return nil, ("%s: %s"):format(given.key_file, message), code
end

--[[ JWT ]]

local function part(object)
  return core.base64url(json.encode(object))
end

--- A JWT.
---@param key table of read_key
---@param header table besides alg and typ
---@param claims table
---@return string|nil
---@return string? message
---@return string? code crypto_failed
function token.sign(key, header, claims)
  local full = { alg = "ES256", typ = "JWT" }
  for name, value in pairs(header) do full[name] = value end
  local text = part(full) .. "." .. part(claims)
  local signature, message, code = key:sign(text)
  if not signature then return nil, message, code end
  return text .. "." .. core.base64url(signature)
end

--[[ What Apple asks for, by kind: options, the longest lifetime in seconds, the usual one, claims ]]

local WHERE = "marketplace.token"

local function fail(problem)
  error(problem, 0)
end

local function check_word(given, name)
  if not given[name]:find("^[^%s%c]+$") then fail(("option '%s' must be one word"):format(name)) end
end

local function check_scope(scope)
  if #scope == 0 then fail "option 'scope' must not be an empty list" end
  for _, request in ipairs(scope) do
    if type(request) ~= "string" or not request:find("^%u+ /%S+$") then
      fail "option 'scope' must be a list of requests such as \"GET /v1/apps\""
    end
  end
end

local function api_claims(given)
  if given.scope then check_scope(given.scope) end
  if (given.issuer_id == nil) == (given.individual ~= true) then
    fail "an api token needs either 'issuer_id', of a team's key, or 'individual' = true"
  end
  return { iss = given.issuer_id, sub = given.individual and "user" or nil, aud = AUDIENCE, scope = given.scope }
end

local function marketplace_claims(given)
  return { iss = given.marketplace_id, aud = AUDIENCE, pid = given.developer_id }
end

local function install_claims(given)
  if given.dtype ~= "download" and given.dtype ~= "redownload" then
    fail "option 'dtype' must be \"download\" or \"redownload\""
  end
  return {
    iss = given.marketplace_id, aud = "AppleDownloadVerification-v1", bid = given.bundle_id, dtype = given.dtype,
    nonce = given.nonce or uuid.new(), iid = given.iid, vid = given.vid,
  }
end

--- For every kind of token.
---@class marketplace.TokenOptions
---@field kind? "api"|"marketplace"|"install" default "api"
---@field key_file? string path of the private key, PEM; this or `key` is needed
---@field key? string the private key itself, PEM
---@field lifetime? number seconds between iat and exp; default and maximum by kind
---@field back_dated? number seconds before now that iat is, 0 to 600, default 60: so far may the clock be ahead
---@field now? number seconds since the epoch, default the machine's clock
local OPTIONS = { kind = "string", key = "string", key_file = "string", lifetime = "number",
  back_dated = "number", now = "number" }

--- For App Store Connect's API. The lifetime is 1200 seconds by default, and at most.
---@class marketplace.ApiTokenOptions: marketplace.TokenOptions
---@field key_id string the id of the private key
---@field issuer_id? string of a team's key; this or `individual` is needed
---@field individual? boolean true for the key of one person
---@field scope? string[] the requests that it is good for, such as "GET /v1/apps", default all
local API_OPTIONS = { key_id = "!string", issuer_id = "string", individual = "boolean", scope = "table" }

--- Vouches for a developer. The lifetime is a day by default, and less than seven days.
---@class marketplace.MarketplaceTokenOptions: marketplace.TokenOptions
---@field marketplace_id string the marketplace's Apple ID
---@field developer_id string the developer's
local MARKETPLACE_OPTIONS = { marketplace_id = "!string", developer_id = "!string" }

--- Has an install verified. The lifetime is 300 seconds by default, and at most a day.
---@class marketplace.InstallTokenOptions: marketplace.TokenOptions
---@field key_id string the id of the alternative distribution key
---@field marketplace_id string the marketplace's Apple ID
---@field bundle_id string the app's
---@field dtype "download"|"redownload"
---@field nonce? string default a random UUID
---@field iid? string
---@field vid? string
local INSTALL_OPTIONS = {
  key_id = "!string", marketplace_id = "!string", bundle_id = "!string", dtype = "!string", nonce = "string",
  iid = "string", vid = "string",
}

local KINDS = {
  api = { options = API_OPTIONS, most = 1200, usual = 1200, claims = api_claims },
  marketplace = {
    options = MARKETPLACE_OPTIONS, most = 7 * 86400 - 1, usual = 86400, claims = marketplace_claims,
  },
  install = { options = INSTALL_OPTIONS, most = 86400, usual = 300, claims = install_claims },
}

local function check(given, kind)
  if (given.key == nil) == (given.key_file == nil) then fail "either 'key' or 'key_file' is needed" end
  for name in pairs(kind.options) do
    if type(given[name]) == "string" then check_word(given, name) end
  end
  local lifetime, back_dated = given.lifetime or kind.usual, given.back_dated or BACK_DATED
  if not (back_dated >= 0 and back_dated <= MOST_BACK_DATED) then
    fail(("option 'back_dated' must be from 0 to %d seconds"):format(MOST_BACK_DATED))
  end
  if not (lifetime > back_dated and lifetime <= kind.most) then
    fail(("option 'lifetime' must be more than %d and at most %d seconds"):format(back_dated, kind.most))
  end
end

-- Raises what is wrong with the options, and blames the caller of the function with this name.
local function checked_claims(given, where, level)
  local kind = type(given) == "table" and KINDS[given.kind or "api"]
  if type(given) == "table" and not kind then
    error(where .. ": option 'kind' must be \"api\", \"marketplace\" or \"install\"", level)
  end
  options.check(where, given, kind and options.extend(OPTIONS, kind.options) or OPTIONS, level + 1)
  local ok, claims = pcall(function()
    check(given, kind)
    return kind.claims(given)
  end)
  if not ok then error(where .. ": " .. claims, level) end
  return claims, math.floor(given.lifetime or kind.usual)
end

local function make(key, given, claims, lifetime, now)
  claims.iat = math.floor(now - (given.back_dated or BACK_DATED))
  claims.exp = claims.iat + lifetime
  local made, message, code = token.sign(key, { kid = given.key_id }, claims)
  if not made then return nil, message, code end
  return made, claims.exp
end

--- A token.
---@param given marketplace.ApiTokenOptions|marketplace.MarketplaceTokenOptions|marketplace.InstallTokenOptions
---@return string|nil token
---@return integer|string expires_at seconds since the epoch, or the message
---@return string? code key_invalid, crypto_failed
function token.new(given)
  local claims, lifetime = checked_claims(given, WHERE, 3)
  local key, message, code = token.read_key(given)
  if not key then return nil, message, code end
  local made, expires_at, problem_code = make(key, given, claims, lifetime, given.now or core.now())
  key:close()
  return made, expires_at, problem_code
end

--- Makes a function that returns one API token after another, with the same key.
---@param given marketplace.ApiTokenOptions
---@param where string the public function's name, for messages; its caller is blamed
---@return (fun(now: number): string|nil, integer|string, string?)|nil issue as token.new, at that time
---@return string? message
---@return string? code key_invalid
function token.issuer(given, where)
  local claims, lifetime = checked_claims(given, where, 4)
  local key, message, code = token.read_key(given)
  if not key then return nil, message, code end
  return function(now) return make(key, given, claims, lifetime, now) end
end

--- For install verification tokens of any app, one after the other.
---@class marketplace.InstallIssuerOptions
---@field key_id string the id of the alternative distribution key
---@field marketplace_id string the marketplace's Apple ID
---@field key_file? string path of the private key, PEM; this or `key` is needed
---@field key? string the private key itself, PEM
---@field lifetime? number seconds between iat and exp, default 300, at most 86400
---@field back_dated? number seconds before now that iat is, 0 to 600, default 60
local ISSUER_OPTIONS = {
  key_id = "!string", marketplace_id = "!string", key_file = "string", key = "string", lifetime = "number",
  back_dated = "number",
}

-- The lifetime. Raises what is wrong, and blames the caller of the function with this name; of level 0, nobody.
local function checked_issuer(given, where, level)
  options.check(where, given, ISSUER_OPTIONS, level == 0 and 0 or level + 1)
  local whole = { kind = "install", bundle_id = "any", dtype = "download" }
  for name, value in pairs(given) do whole[name] = value end
  local _, lifetime = checked_claims(whole, where, level == 0 and 0 or level + 1)
  return lifetime
end

--- What is wrong with the options of token.install_issuer, whatever is in the key's file; nil if nothing.
---@param given any
---@param where string for the message
---@return string?
function token.install_problem(given, where)
  local ok, problem = pcall(checked_issuer, given, where, 0)
  return not ok and problem or nil
end

--- Makes a function that returns install verification tokens with the same key, each with a nonce of its own.
---@param given marketplace.InstallIssuerOptions
---@param where string the public function's name, for messages; its caller is blamed
---@return (fun(app: {bundle_id: string, dtype: "download"|"redownload"}, now: number): string|nil, integer|string,
--- string?)|nil issue as token.new
---@return string? message
---@return string? code key_invalid
function token.install_issuer(given, where)
  local lifetime = checked_issuer(given, where, 4)
  local key, message, code = token.read_key(given)
  if not key then return nil, message, code end
  return function(app, now)
    local claims = install_claims {
      marketplace_id = given.marketplace_id, bundle_id = app.bundle_id, dtype = app.dtype,
    }
    return make(key, given, claims, lifetime, now)
  end
end

return token
