--- Install verification tokens, as Apple's documentation says that they must be. Who verifies them is Apple; what a
--- device then shows is not documented.
local jwt = require "marketplace.jwt"
local problem = require "marketplace.simulator.device.problem"

local token = {}

local AUDIENCE = "AppleDownloadVerification-v1"
local SKEW = 60 -- seconds by which clocks may differ

local DTYPES = { download = true, redownload = true }

local function claim_problem(claims, bundle_id, now)
  if claims.aud ~= AUDIENCE then return "its aud is not " .. AUDIENCE end
  if type(claims.iss) ~= "string" then return "its iss is not the marketplace's Apple ID, a text" end
  if claims.bid ~= bundle_id then
    return ("its bid is %s, and the package is of %s"):format(problem.shown(claims.bid), problem.shown(bundle_id))
  end
  if not DTYPES[claims.dtype] then return "its dtype is neither download nor redownload" end
  if type(claims.nonce) ~= "string" or claims.nonce == "" then return "it has no nonce" end
  if type(claims.iat) ~= "number" or type(claims.exp) ~= "number" then return "its iat or exp is not a number" end
  if claims.iat > now + SKEW then return "its iat is in the future" end
  if claims.exp <= now - SKEW then return "it has expired" end
end

local function problem_of(parsed, bundle_id, phone)
  if parsed.header.alg ~= "ES256" then return "its alg is not ES256" end
  if type(parsed.header.kid) ~= "string" then return "it has no kid" end
  if phone.token_key and not phone.token_key:verify(parsed.text, parsed.signature) then
    return "it is not signed with the marketplace's key"
  end
  return claim_problem(parsed.claims, bundle_id, phone.clock())
end

--- Raises missingInstallVerificationToken if there is none.
---@param given string|nil
function token.check_presence(given)
  if not given or given == "" then
    problem.raise("missingInstallVerificationToken", "there is no installVerificationToken")
  end
end

local function warn_if_known(nonce, phone)
  for _, app in ipairs(phone.state:list()) do
    if app.nonce == nonce then
      phone.warn(("the install verification token was used for app %s already: each answer needs a fresh one"):format(
        app.app))
    end
  end
end

--- Raises a problem if Apple would not take a token. Warns if it came before.
---@param given string
---@param bundle_id string of the package's manifest
---@param phone table
---@return string nonce
function token.check(given, bundle_id, phone)
  local parsed, reason = jwt.read(given)
  reason = reason or problem_of(parsed, bundle_id, phone)
  if reason then problem.raise("unknown", "the install verification token would be refused: %s", reason) end
  warn_if_known(parsed.claims.nonce, phone)
  return parsed.claims.nonce
end

return token
