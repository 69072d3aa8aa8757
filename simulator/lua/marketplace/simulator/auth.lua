--- Tokens as App Store Connect checks them: a JWT (RFC 7519) with ES256 in the header Authorization.
local core = require "marketplace.core"
local jwt = require "marketplace.jwt"
local query = require "marketplace.simulator.query"

local auth = {}

local AUDIENCE = "appstoreconnect-v1"
local LONGEST_LIFE = 1200 -- seconds between iat and exp

local function read(authorization)
  if type(authorization) ~= "string" then return nil, "there is no Authorization header, or more than one" end
  local token = authorization:match "^[Bb]earer +(%S+)$"
  if not token then return nil, "the Authorization header is not a bearer token" end
  return jwt.read(token)
end

local function header_problem(self, header)
  if header.alg ~= "ES256" then return "alg is not ES256" end
  if header.typ ~= nil and header.typ ~= "JWT" then return "typ is not JWT" end
  if type(header.kid) ~= "string" then return "kid is missing" end
  if not self.keys[header.kid] then return "there is no key with this kid" end
end

local function issuer_problem(self, claims)
  if claims.iss ~= nil then
    if claims.sub ~= nil then return "a token has iss or sub, not both" end
    return claims.iss ~= self.issuer_id and "iss is not this team's issuer id" or nil
  end
  if claims.sub ~= "user" then return "there is no iss, and sub is not 'user'" end
end

local function time_problem(self, claims)
  local now = self.clock()
  if type(claims.iat) ~= "number" or type(claims.exp) ~= "number" then return "iat or exp is not a number" end
  if claims.iat > now + self.skew then return "iat is in the future" end
  if claims.exp <= now - self.skew then return "the token has expired" end
  if claims.exp - claims.iat > LONGEST_LIFE then return "the token lives longer than 20 minutes" end
  if claims.exp <= claims.iat then return "exp is not after iat" end
end

local function covers(entry, method, path, parameters)
  local entry_method, target = tostring(entry):match "^(%u+) (/%S*)$"
  if entry_method ~= method then return false end
  local entry_path, entry_query = target:match "^([^?]*)%??(.*)$"
  if query.decode(entry_path) ~= query.decode(path) then return false end
  for name, value in pairs(query.read(entry_query)) do
    if parameters[name] ~= value then return false end
  end
  return true
end

-- An entry names a whole path. The request must have the parameters that the entry has, and may have more.
local function scope_problem(scope, request)
  if scope == nil then return nil end
  if type(scope) ~= "table" then return "scope is not a list" end
  local parameters = query.read(request.query or "")
  for _, entry in ipairs(scope) do
    if covers(entry, request.method, request.path, parameters) then return nil end
  end
  return "the scope does not cover this request"
end

local function problem_of(self, token, request)
  local problem = header_problem(self, token.header)
  if problem then return problem end
  if not self.keys[token.header.kid]:verify(token.text, token.signature) then
    return "the signature is not from this key"
  end
  if token.claims.aud ~= AUDIENCE then return "aud is not " .. AUDIENCE end
  return issuer_problem(self, token.claims) or time_problem(self, token.claims)
    or scope_problem(token.claims.scope, request)
end

local Auth = {}
Auth.__index = Auth

--- The id of the key that signed the request's token.
---@param request {method: string, path: string, query?: string, headers: table} header names in lower case
---@return string|nil key_id
---@return string? reason for the simulator's log; App Store Connect does not say
function Auth:check(request)
  local token, reason = read(request.headers.authorization)
  if not token then return nil, reason end
  reason = problem_of(self, token, request)
  if reason then return nil, reason end
  return token.header.kid
end

--- Makes a checker of tokens.
---@param keys table<string, string> key id to public key, PEM. Raises if one is not a key
---@param issuer_id string
---@param clock fun(): number
---@param skew number seconds by which clocks may differ
function auth.new(keys, issuer_id, clock, skew)
  local read_keys = {}
  for key_id, pem in pairs(keys) do
    local key, message = core.public_key(pem)
    if not key then error(("marketplace.simulator: key '%s': %s"):format(key_id, message), 0) end
    read_keys[key_id] = key
  end
  return setmetatable({ keys = read_keys, issuer_id = issuer_id, clock = clock, skew = skew }, Auth)
end

return auth
