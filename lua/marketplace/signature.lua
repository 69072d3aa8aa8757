--- Signatures of notifications: HMAC-SHA256 over the raw body (Apple: "Configuring webhook notifications").
local core = require "marketplace.core"

local signature = {}

local MOST_SECRETS = core.limits.secrets
local unpack = require("marketplace.runtime").unpack

local function as_list(secrets)
  if type(secrets) == "string" then return { secrets } end
  if type(secrets) == "table" then return secrets end
  return nil, "a string or a list of strings is expected, not a " .. type(secrets)
end

local function problem_of(list)
  if #list == 0 then return "no secret is given" end
  if #list > MOST_SECRETS then return ("more than %d secrets are given"):format(MOST_SECRETS) end
  for i = 1, #list do
    if type(list[i]) ~= "string" then return ("secret %d is a %s, not a string"):format(i, type(list[i])) end
    if list[i] == "" then return ("secret %d is empty"):format(i) end
  end
end

--- Sets up HMAC once for each secret. Raises, naming `where`, if the secrets are not usable.
---@param secrets string|string[] 1 to 8, none empty
---@param where string the public function's name, for the message
---@param level? integer whose call is blamed, as in `error`; default 3
---@return table keyring with check(header), verify(body, header), sign(body) and close()
function signature.keyring(secrets, where, level)
  local list, problem = as_list(secrets)
  problem = problem or problem_of(list)
  if problem then error(where .. ": secrets: " .. problem, level or 3) end
  return assert(core.keyring(unpack(list)))
end

local last_secrets, last_keyring
local only_secret -- of the last ones

local function same_as_last(secrets)
  if type(secrets) ~= "table" or not last_keyring or #secrets ~= #last_secrets then return false end
  for i = 1, #secrets do
    if secrets[i] ~= last_secrets[i] then return false end
  end
  return true
end

-- Programs verify one notification after another with the same secrets: setting up the key again
-- each time would cost more than the HMAC itself.
local function remembered_keyring(secrets, where)
  if only_secret and secrets == only_secret then return last_keyring end
  if not same_as_last(secrets) then
    local keyring = signature.keyring(secrets, where, 4)
    last_secrets, last_keyring = { unpack(as_list(secrets)) }, keyring
    only_secret = #last_secrets == 1 and last_secrets[1] or nil
  end
  return last_keyring
end

local function must_be_string(where, name, value)
  error(("%s: %s must be a string, not a %s"):format(where, name, type(value)), 3)
end

local FINGERPRINTED = "marketplace secret fingerprint"
local FINGERPRINT_DIGITS = 12

--- A name for a secret that reveals nothing about it: the first 12 hex digits of HMAC-SHA256(secret, "marketplace
--- secret fingerprint").
---@param secret string not empty
---@return string|nil fingerprint
---@return string? message
---@return string? code crypto_failed
function signature.fingerprint(secret)
  if type(secret) ~= "string" then must_be_string("marketplace.fingerprint", "secret", secret) end
  local keyring = signature.keyring(secret, "marketplace.fingerprint")
  local signed, message, code = keyring:sign(FINGERPRINTED)
  keyring:close()
  if not signed then return nil, message, code end
  return signed:match("=(.*)$"):sub(1, FINGERPRINT_DIGITS)
end

--- The fingerprints of the secrets of a keyring, in their order.
---@param secrets string|string[] as given to signature.keyring
---@return string[]
function signature.fingerprints(secrets)
  local fingerprints = {}
  for i, secret in ipairs(as_list(secrets)) do fingerprints[i] = assert(signature.fingerprint(secret)) end
  return fingerprints
end

--- The value of the header `x-apple-signature` for this body.
---@param secret string not empty
---@param body string the raw bytes
---@return string|nil signature "hmacsha256=" and 64 lower-case hex digits
---@return string? message
---@return string? code crypto_failed
function signature.sign(secret, body)
  if type(secret) ~= "string" then must_be_string("marketplace.sign", "secret", secret) end
  if type(body) ~= "string" then must_be_string("marketplace.sign", "body", body) end
  return remembered_keyring(secret, "marketplace.sign"):sign(body)
end

--- Which of the secrets signed the body.
---@param secret string|string[] one, or up to 8 while they are rotated
---@param body string the raw bytes, as received
---@param header string|nil the value of `x-apple-signature`
---@return integer|nil index of the secret that matched, from 1
---@return string? message
---@return string? code signature_missing, signature_malformed, signature_mismatch, crypto_failed
---@return table? detail {offset=} of the character at fault
function signature.verify(secret, body, header)
  if type(body) ~= "string" then must_be_string("marketplace.verify", "body", body) end
  if header ~= nil and type(header) ~= "string" then must_be_string("marketplace.verify", "header", header) end
  return remembered_keyring(secret, "marketplace.verify"):verify(body, header)
end

return signature
