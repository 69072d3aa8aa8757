--- Who has signed in: a cookie that is signed, and nothing that a server keeps, so that several processes and nginx's
--- workers know each other's.
---
--- A session is `v1.TIME.ID`: when it began, in seconds since the epoch, and 128 random bits. The cookie has a
--- signature behind that, made with a key that is derived from the token (HMAC-SHA256), so it ends with the token. It
--- ends after twelve hours, and when somebody signs out: of that, other processes know nothing.
local cookies = require "marketplace.dashboard.cookies"
local core = require "marketplace.core"
local signature = require "marketplace.signature"

local session = {}

local WHERE = "marketplace.dashboard"
local LIFETIME = 43200 -- seconds
local CLOCKS_APART = 60 -- seconds
local PREFIX = "hmacsha256="

local Sessions = {}
Sessions.__index = Sessions

local function hex_of(keyring, words)
  return assert(keyring:sign(words)):sub(#PREFIX + 1)
end

local function signed_by(keyring, words, hex)
  return keyring:verify(words, PREFIX .. hex)
end

-- Each purpose signs other words, so that nothing that is signed for one can be used for another.
local function words_of(purpose, value)
  return ("marketplace dashboard %s:%s"):format(purpose, value)
end

--[[ The token ]]

--- Which token this is, compared in a time that tells nothing about them.
---@param given string
---@return integer|nil index from 1
function Sessions:token(given)
  if given == "" then return nil end
  local keyring = signature.keyring(given, WHERE)
  local hex = hex_of(keyring, words_of("token", ""))
  keyring:close()
  return (signed_by(self.tokens, words_of("token", ""), hex))
end

--[[ Sessions ]]

--- The header that begins a session of who has this token.
---@param index integer of the token
---@param path string of the dashboard
---@param is_secure boolean whether the browser came over HTTPS
---@return string set-cookie
function Sessions:cookie(index, path, is_secure)
  local id = ("v1.%.0f.%s"):format(math.floor(self.clock()), core.random_hex(16))
  local value = id .. "." .. hex_of(self.keys[index], words_of("session", id))
  return cookies.line(self.names[index], value, LIFETIME, path, is_secure)
end

local function age_of(self, id)
  local began = tonumber(id:match "^v1%.(%d+)%.%x+$")
  return began and self.clock() - began
end

local function session_of(self, index, cookie)
  local id, hex = (cookie or ""):match "^(v1%.%d+%.%x+)%.(%x+)$"
  if not id or #id > 60 or #hex ~= 64 then return nil end
  if not signed_by(self.keys[index], words_of("session", id), hex) then return nil end
  local age = age_of(self, id)
  if age >= LIFETIME or age < -CLOCKS_APART or self.ended[id] then return nil end
  return { id = id, token = index, ends_in = LIFETIME - age }
end

--- The session that a browser's cookies are of.
---@param given table<string, string> by name
---@return {id: string, token: integer, ends_in: number, is_secure: boolean}|nil
function Sessions:of(given)
  for index, name in ipairs(self.names) do
    local secure = given[cookies.SECURE_PREFIX .. name]
    local one = session_of(self, index, secure or given[name])
    if one then
      one.is_secure = secure ~= nil
      return one
    end
  end
end

local function forget_old(self)
  for id in pairs(self.ended) do
    if age_of(self, id) >= LIFETIME then self.ended[id] = nil end
  end
end

--- Ends one.
---@param one {id: string, token: integer, is_secure: boolean}
---@param path string of the dashboard
---@return string set-cookie
function Sessions:finish(one, path)
  forget_old(self)
  self.ended[one.id] = true
  return cookies.line(self.names[one.token], "", 0, path, one.is_secure)
end

--[[ What belongs to a session ]]

--- The token that each form of a session has, so that no other site can have made it.
---@param one {id: string, token: integer}
---@return string
function Sessions:csrf(one)
  return hex_of(self.keys[one.token], words_of("form", one.id))
end

--- Whether a form is the session's.
---@param one {id: string, token: integer}
---@param given string|nil
---@return boolean
function Sessions:is_csrf(one, given)
  if type(given) ~= "string" or #given ~= 64 then return false end
  return signed_by(self.keys[one.token], words_of("form", one.id), given) ~= nil
end

--- A message that the next page shows, as a cookie's value.
---@param one {id: string, token: integer}
---@param message string
---@return string
function Sessions:seal(one, message)
  local hex = hex_of(self.keys[one.token], words_of("message", one.id .. ":" .. message))
  return core.base64url(message) .. "." .. hex
end

--- The message of such a cookie; nil if another session, or nobody, has made it.
---@param one {id: string, token: integer}
---@param cookie string|nil
---@return string|nil
function Sessions:open(one, cookie)
  local encoded, hex = (cookie or ""):match "^([%w_-]+)%.(%x+)$"
  local message = encoded and #hex == 64 and core.base64url_decode(encoded)
  if not message then return nil end
  return signed_by(self.keys[one.token], words_of("message", one.id .. ":" .. message), hex) and message or nil
end

function Sessions:close()
  self.tokens:close()
  for _, key in ipairs(self.keys) do key:close() end
end

local function derived_key(token)
  local keyring = signature.keyring(token, WHERE)
  local key = hex_of(keyring, words_of("key", ""))
  keyring:close()
  return signature.keyring(key, WHERE)
end

--- Sessions of those who have one of these tokens.
---@param tokens string[] 1 to 8
---@param clock fun(): number seconds since the epoch
---@param former? table those before, of which some have signed out
function session.new(tokens, clock, former)
  local self = setmetatable({
    tokens = signature.keyring(tokens, WHERE), keys = {}, names = {}, clock = clock,
    ended = former and former.ended or {},
  }, Sessions)
  for i, token in ipairs(tokens) do
    self.keys[i] = derived_key(token)
    -- browsers give all ports of a host the same cookies, and another dashboard may be at another one
    self.names[i] = "marketplace_" .. hex_of(self.keys[i], words_of("name", "")):sub(1, 8)
  end
  return self
end

return session
