--- Install verification tokens: that they are signed with the alternative distribution key that is registered with
--- Apple, and say what Apple asks for.
local core = require "marketplace.core"
local jwt = require "marketplace.jwt"
local token = require "marketplace.token"

local tokens = {}

local CHECK = "token"
local AUDIENCE = "AppleDownloadVerification-v1"
local LONGEST, NEAR = 86400, 60 -- seconds
local DTYPES = { download = true, redownload = true }

--[[ Keys ]]

local function as_pem(text)
  if text:find "BEGIN" then return text end
  return ("-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n"):format((text:gsub("%s+", "")))
end

-- A public key, to be closed; nil if App Store Connect does not give it, or in a form that is not known.
local function public_of(registered)
  return registered.pem and core.public_key(as_pem(registered.pem)) or nil
end

local function pem_of(key)
  local pem = key:public_pem()
  key:close()
  return pem
end

local function key_named(run, id)
  for _, key in ipairs(run.keys or {}) do
    if key.id == id then return key end
  end
end

local function ids_of(run)
  local ids = {}
  for i, key in ipairs(run.keys) do ids[i] = run.findings:shown(key.id) end
  return #ids > 0 and table.concat(ids, ", ") or "none"
end

local function unknown_key(run, id)
  return ("the key id %s is not that of a registered alternative distribution key: %s"):format(
    run.findings:shown(id), ids_of(run)),
    "sign with the key that is registered, and name its id as token.key_id"
end

--[[ The options ]]

local function own_public(given)
  local ok, key, message = pcall(token.read_key, given)
  if not ok or not key then return nil, tostring(ok and message or key) end
  return pem_of(key)
end

local function options_problem(run, given)
  local pem, problem = own_public(given)
  if not pem then return "the key cannot be read: " .. run.findings:shown(problem), "look at token.key_file" end
  if not run.keys then return nil end
  local registered = key_named(run, given.key_id)
  if not registered then return unknown_key(run, given.key_id) end
  local public = public_of(registered)
  if public and pem_of(public) ~= pem then
    return ("the key is not the one that is registered as %s"):format(run.findings:shown(given.key_id)),
      "name the file of that key as token.key_file, or register this key's public half"
  end
end

local function judge_options(run, given)
  local about = type(given.key_file) == "string" and given.key_file or "the device's options"
  local message, action = options_problem(run, given)
  if message then return run.findings:add("error", CHECK, about, message, action) end
  if not run.keys then
    return run.findings:add("skipped", CHECK, about, "the key can be read; it is not known whether it is registered")
  end
  local public, id = public_of(key_named(run, given.key_id)), run.findings:shown(given.key_id)
  if not public then
    return run.findings:add("skipped", CHECK, about, ("the id %s is registered; App Store Connect does not give its " ..
      "key, so that this one was not compared with it"):format(id))
  end
  public:close()
  run.findings:add("ok", CHECK, about, "the key is the one that is registered as " .. id)
end

--[[ One token ]]

local function is_signed_by(public, parsed)
  local ok, is_right = pcall(public.verify, public, parsed.text, parsed.signature)
  public:close()
  return ok and is_right == true
end

local function signature_problem(run, parsed)
  local header = parsed.header
  if header.alg ~= "ES256" then return "alg is not ES256", "sign with marketplace.token" end
  if type(header.kid) ~= "string" then return "kid is missing", "name the key's id as token.key_id" end
  if not run.keys then return nil end
  local key = key_named(run, header.kid)
  if not key then return unknown_key(run, header.kid) end
  local public = public_of(key)
  if not public then
    run.has_unverified = true
  elseif not is_signed_by(public, parsed) then
    return ("the signature is not that of the key %s"):format(run.findings:shown(header.kid)),
      "name the file of that key as token.key_file: the id and the key do not belong together"
  end
end

local SET_CLOCK = "set the clock of the server that signs by NTP"

local function time_problem(run, claims)
  local now = run.now()
  if type(claims.iat) ~= "number" or type(claims.exp) ~= "number" then return "iat or exp is not a number" end
  if claims.iat > now + 1 then return ("it begins in %.0f s"):format(claims.iat - now), SET_CLOCK end
  if claims.exp <= now then return ("it ended %.0f s ago"):format(now - claims.exp), SET_CLOCK end
  if claims.exp - claims.iat > LONGEST then
    return "it is good for more than a day", "give a token.lifetime of 86400 or less"
  end
  if claims.exp - now < NEAR then
    return ("it is good for only %.0f s more"):format(claims.exp - now),
      SET_CLOCK .. ", or give a longer token.lifetime"
  end
end

local function issuer_problem(run, claims)
  local expected = run.device and type(run.device.token) == "table" and run.device.token.marketplace_id
  if expected and claims.iss ~= expected then
    return ("iss is %s, and the options' marketplace_id is %s"):format(run.findings:shown(claims.iss), expected),
      "have the server load these options"
  end
  for _, app in ipairs(run.apps) do
    if claims.iss == app then return nil end
  end
  if #run.apps == 0 or expected then return nil end
  return ("iss is %s, and not the marketplace's Apple ID"):format(run.findings:shown(claims.iss)),
    "name that as token.marketplace_id; --app names the marketplace here"
end

local function claims_problem(run, one, claims)
  if claims.aud ~= AUDIENCE then return "aud is not " .. AUDIENCE end
  if not DTYPES[claims.dtype] then return "dtype is neither download nor redownload" end
  local expected = run.bundle_ids[one.item_id]
  if type(claims.bid) ~= "string" or expected and claims.bid ~= expected then
    return ("bid is %s, and the app's bundle id is %s"):format(run.findings:shown(claims.bid), expected or "another")
  end
  if type(claims.nonce) ~= "string" or claims.nonce == "" then return "nonce is missing" end
  if run.nonces[claims.nonce] then return "nonce is the same as in another token: each needs one of its own" end
  run.nonces[claims.nonce] = true
  return issuer_problem(run, claims)
end

local function problem_of(run, one)
  local parsed = jwt.read(one.token)
  if not parsed then return "it is no JSON Web Token" end
  local message, action = signature_problem(run, parsed)
  if not message then message, action = time_problem(run, parsed.claims) end
  if not message then message, action = claims_problem(run, one, parsed.claims) end
  return message, action
end

--[[ All ]]

local function judge_answers(run)
  local count, bad, first, first_action = #run.tokens, 0, nil, nil
  run.nonces = {}
  for _, one in ipairs(run.tokens) do
    local message, action = problem_of(run, one)
    if message then
      bad = bad + 1
      if not first then first, first_action = message, action or "have marketplace.device make it" end
    end
  end
  local about = "install tokens"
  if bad > 0 then
    return run.findings:add("error", CHECK, about, ("%d of %d are wrong: %s"):format(bad, count, first), first_action)
  end
  if not run.keys then
    return run.findings:add("skipped", CHECK, about, ("%d say what Apple asks for; it is not known whether their " ..
      "key is registered"):format(count))
  end
  if run.has_unverified then
    return run.findings:add("skipped", CHECK, about, ("%d name a registered key and say what Apple asks for; App " ..
      "Store Connect does not give that key, so that their signatures were not verified"):format(count))
  end
  run.findings:add("ok", CHECK, about, ("%d are signed with the registered key, and say what Apple asks for"):format(
    count))
end

--- Judges the key of the options, and the tokens that were in answers.
---@param run table
function tokens.run(run)
  local given = run.device and run.device.token
  if type(given) == "table" then judge_options(run, given) end
  if #run.tokens > 0 then return judge_answers(run) end
  run.findings:add("skipped", CHECK, "install tokens", "no answer had one")
end

return tokens
