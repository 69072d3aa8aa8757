--- How a forwarded notification is signed: as Apple signs, or as Standard Webhooks 1.0.0 has it
--- (https://www.standardwebhooks.com).
---
--- With Standard Webhooks a secret is text, "whsec_" and the key's bytes in Base64. What is signed is
--- "ID.SECONDS.BODY", once with each secret, so that whoever receives it can change over.
local base64 = require "marketplace.base64"
local core = require "marketplace.core"
local signature = require "marketplace.signature"

local signing = {}

local PLAIN_ID = "^[%w_-]+$" -- a dot would move the border between the id and the seconds
local MOST_ID = 128          -- bytes

--- A notification's id as a header's value: itself if it is a plain word, as Apple's UUIDs are, or else one that is
--- made of its digest.
---@param id string
---@return string
function signing.header_id(id)
  if #id <= MOST_ID and id:find(PLAIN_ID) then return id end
  return "sha256_" .. assert(core.sha256(id))
end

local function from_hex(digits)
  return (digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- The digits behind "hmacsha256=".
local function hmac(keyring, bytes)
  local signed, message, code = keyring:sign(bytes)
  if not signed then return nil, message, code end
  return signed:match "=(%x+)$"
end

--[[ As Apple signs ]]

local Apple = {}
Apple.__index = Apple

function Apple:headers(_, body)
  local signed, message, code = self.keyring:sign(body)
  if not signed then return nil, message, code end
  return { "X-Apple-Signature: " .. signed }
end

--[[ Standard Webhooks ]]

local Standard = {}
Standard.__index = Standard

function Standard:headers(id, body, now)
  local words = {}
  local shown, seconds = signing.header_id(id), ("%d"):format(math.floor(now))
  for i, keyring in ipairs(self.keyrings) do
    local digits, message, code = hmac(keyring, ("%s.%s."):format(shown, seconds) .. body)
    if not digits then return nil, message, code end
    words[i] = "v1," .. base64.encode(from_hex(digits))
  end
  return {
    "webhook-id: " .. shown, "webhook-timestamp: " .. seconds, "webhook-signature: " .. table.concat(words, " "),
  }
end

local function key_of(secret)
  local digits = secret:match "^whsec_([%w+/]+=?=?)$"
  return digits and base64.decode(digits .. ("="):rep(-#digits % 4))
end

local function standard(secrets)
  local keyrings = {}
  for i, secret in ipairs(secrets) do
    local key = key_of(secret)
    if not key then
      return nil, "a secret of Standard Webhooks is 'whsec_' and Base64, as whoever receives the notifications shows it"
    end
    keyrings[i] = signature.keyring(key, "marketplace.forward")
  end
  return setmetatable({ keyrings = keyrings }, Standard)
end

--[[ None ]]

local Unsigned = {}
Unsigned.__index = Unsigned

function Unsigned.headers()
  return {}
end

--- What signs: `headers(id, body, now)` gives the lines of headers, or nil, message and code (crypto_failed).
---@param style "apple"|"standard"|nil nil: nothing is signed
---@param secrets string[] the newest first; Apple's header has one signature, by the first
---@return table|nil
---@return string? message what is wrong with a secret; holds nothing of it
function signing.new(style, secrets)
  if not style then return setmetatable({}, Unsigned) end
  if style == "standard" then return standard(secrets) end
  return setmetatable({ keyring = signature.keyring(secrets, "marketplace.forward") }, Apple)
end

return signing
