--- Forwards: other systems that notifications are sent on to, signed anew.
---
---     receiver:on("*", assert(marketplace.forward { url = "https://...", secret_file = "..." }))
---
--- Each forwarded notification is an entry of its own in the inbox (marketplace.dispatcher.forwards): it is tried
--- again, becomes dead and is replayed apart from the notification that it was made of, and from other forwards.
local core = require "marketplace.core"
local delivery = require "marketplace.forward.delivery"
local http = require "marketplace.http"
local options = require "marketplace.options"
local secret_file = require "marketplace.secret_file"
local signing = require "marketplace.forward.signing"
local traceparent = require "marketplace.traceparent"

local forward = {}

local WHERE = "marketplace.forward"
local NAME = "^[%w_.-]+$"
local MOST_NAME = 64      -- bytes
local SECONDS = 15        -- Standard Webhooks recommends from 15 to 30
local CONNECT_SECONDS = 10
local SHORTEST_HIDDEN = 8 -- bytes of a URL's path that are worth hiding

---@class marketplace.ForwardAbout
---@field id string the notification's
---@field traceparent? string of the request that it came with
---@field timeout? number seconds, if there is less time than the forward's own

---@class marketplace.Forward
---@field name string
---@field hidden string[] what no message shows
local Forward = {}
Forward.__index = Forward

local function add_trace(headers, given)
  local child = given and traceparent.child(given)
  if child then headers[#headers + 1] = "traceparent: " .. child end
end

-- The body, or nil and why there is none.
local function body_of(self, n)
  if not self.body then return n.body end
  local ok, body = pcall(self.body, n)
  if ok and type(body) == "string" then return body end
  return nil, ("not forwarded to %s: its function 'body' %s"):format(self.name,
    ok and "returned a " .. type(body) .. ", not a string" or "failed: " .. tostring(body))
end

--- The request that sends a notification.
---@param n marketplace.Notification
---@param about marketplace.ForwardAbout
---@return table|nil request as of marketplace.http
---@return string? message
---@return string? code crypto_failed; nil if `body` gave none
function Forward:request(n, about)
  local body, problem = body_of(self, n)
  if not body then return nil, problem end
  local headers, message, code = self.signing:headers(about.id, body, core.now())
  if not headers then return nil, ("not forwarded to %s: %s"):format(self.name, message), code end
  headers[#headers + 1] = "Content-Type: " .. self.content_type
  headers[#headers + 1] = "Idempotency-Key: " .. signing.header_id(about.id)
  headers[#headers + 1] = "User-Agent: lua-marketplace"
  add_trace(headers, about.traceparent)
  local timeout = math.min(self.timeout, about.timeout or self.timeout)
  return {
    method = "POST", url = self.url, headers = headers, body = body, timeout = timeout,
    connect_timeout = math.min(timeout, CONNECT_SECONDS), ca_file = self.ca_file, plain = self.plain,
  }
end

--- Sends a notification now, once, and waits for what becomes of it. What is forwarded through the inbox needs no call
--- of this.
---@param n marketplace.Notification
---@param about? marketplace.ForwardAbout default: the notification's id, or the digest of its body
---@return marketplace.ForwardOutcome
function Forward:send(n, about)
  about = about or { id = n.id or assert(core.sha256(n.body)) }
  local begun, problem = delivery.begin(self, n, about)
  if not begun then return { state = "failed", reason = problem } end
  local pause = http.usual_pause()
  while true do
    pause(begun.exchange)
    local outcome = begun:outcome()
    if outcome then return outcome end
  end
end

--[[ Options ]]

local function fail(message, ...)
  error(WHERE .. ": " .. message:format(...), 4)
end

-- The scheme and the host of a URL.
local function parts_of(url)
  if url:find "[%c%s\128-\255]" then return nil end
  local scheme, authority = url:match "^(%a+)://([^/?#]+)"
  scheme = scheme and scheme:lower()
  if scheme ~= "https" and scheme ~= "http" or authority:find("@", 1, true) then return nil end
  local host = authority:match "^(%[[%x:.]+%]):?%d*$" or authority:match "^([^:]+):?%d*$"
  if host then return scheme, host:lower() end
end

local function is_loopback(host)
  return host == "localhost" or host == "[::1]" or host:find "^127%.%d+%.%d+%.%d+$" ~= nil
end

--- What is wrong with a forward's URL, behind its name; nil if nothing is.
---@param url string
---@param plain? boolean as the option
---@param allowance? string how the option is given, for the message, default "plain = true"
---@return string|nil
function forward.url_problem(url, plain, allowance)
  local scheme, host = parts_of(url)
  if not scheme then return "must be a URL such as https://example.com/hook, without a user name" end
  if scheme == "https" or plain or is_loopback(host) then return nil end
  return ("is http:// to another host, %s, which sends what it forwards in the clear: use https:// or, in a network " ..
    "that is yours, %s"):format(host, allowance or "plain = true")
end

local function check_url(given)
  local problem = forward.url_problem(given.url, given.plain)
  if problem then fail("option 'url' %s", problem) end
  return select(2, parts_of(given.url))
end

local function check_name(name, given)
  if #name <= MOST_NAME and name:find(NAME) then return name end
  if given.name then
    fail("option 'name' must be of letters, digits, '_', '.' and '-', at most %d of them", MOST_NAME)
  end
  fail "option 'name' is needed: the host of the URL cannot be one"
end

local function check_numbers(given)
  local timeout, attempts = given.timeout or SECONDS, given.attempts or 1
  if not (timeout > 0 and timeout <= 3600) then fail "option 'timeout' must be from 0 to 3600 seconds" end
  if not (attempts >= 1 and attempts % 1 == 0) then fail "option 'attempts' must be a whole number, at least 1" end
end

local STYLES = { apple = true, standard = true }

local function check_signing(given)
  if given.headers and not STYLES[given.headers] then fail "option 'headers' must be \"apple\" or \"standard\"" end
  if given.secret and given.secret_file then fail "give one of the options 'secret' and 'secret_file', not both" end
  if given.headers and not (given.secret or given.secret_file) then
    fail "option 'headers' needs a 'secret' or a 'secret_file' to sign with"
  end
  if given.content_type and given.content_type:find "[%c\127]" then
    fail "option 'content_type' must have no control characters"
  end
end

-- The secrets, and what an operator should know of them; nil and why they cannot be read.
local function secrets_of(given)
  local advice = {}
  local function advise(message) advice[#advice + 1] = message end
  if given.secret_file then
    local list, problem = secret_file.read(given.secret_file, advise)
    return list, list and advice or problem
  end
  if not given.secret then return {}, advice end
  return type(given.secret) == "table" and given.secret or { given.secret }, advice
end

local function hidden_of(given, secrets)
  local hidden = {}
  for i, secret in ipairs(secrets) do hidden[i] = secret end
  local path = given.url:match "^%a+://[^/?#]*(.*)$"
  if #path >= SHORTEST_HIDDEN then hidden[#hidden + 1] = path end
  return hidden
end

local function style_of(given)
  if not (given.secret or given.secret_file) then return nil end
  return given.headers or "apple"
end

---@class marketplace.ForwardOptions
---@field url string https://, or http:// to a loopback address: gets a POST for each notification. No message shows
--- its path, which may be a secret
---@field name? string what the inbox, the log and metrics call it, at most 64 letters, digits, "_", "." and "-";
--- default the URL's host. Each forward of a receiver has another one. Keep it: what waits in the inbox is for that
---@field secret? string|string[] to sign with, the newest first; this or `secret_file`, or neither: it is not signed
---@field secret_file? string path, one secret a line, which is read once
---@field headers? "apple"|"standard" how it is signed: X-Apple-Signature, by the first secret, which is the default; or
--- those of Standard Webhooks, by each of them, which begin with "whsec_"
---@field body? fun(n: marketplace.Notification): string what is sent, made anew for each attempt; default the bytes
--- that were received
---@field content_type? string default "application/json"
---@field when? fun(n: marketplace.Notification): boolean whether a notification is forwarded, default all of those that
--- the name given to `on` selects
---@field timeout? number seconds for the whole exchange, default 15, and less than the lease
---@field attempts? integer how often each is tried in all, default as often as a callback
---@field ca_file? string PEM certificates to trust in place of the system's
---@field plain? boolean allow http:// to any host, default false: in the clear, in a network that is yours
local OPTIONS = {
  url = "!string", name = "string", secret = "string|table", secret_file = "string", headers = "string",
  body = "function", content_type = "string", when = "function", timeout = "number", attempts = "number",
  ca_file = "string", plain = "boolean",
}

--- A forward, to be given to the receiver's `on` in place of a callback.
---@param given marketplace.ForwardOptions
---@return marketplace.Forward|nil forward
---@return string? message
---@return string? code secret_invalid: the secrets cannot be read or used
function forward.new(given)
  options.check(WHERE, given, OPTIONS)
  local host = check_url(given)
  check_numbers(given)
  check_signing(given)
  local name = check_name(given.name or host, given)
  local secrets, advice = secrets_of(given)
  if not secrets then return nil, ("%s '%s': %s"):format(WHERE, name, advice), "secret_invalid" end
  local signs, problem = signing.new(style_of(given), secrets)
  if not signs then return nil, ("%s '%s': %s"):format(WHERE, name, problem), "secret_invalid" end
  return setmetatable({
    name = name, url = given.url, signing = signs, body = given.body, when = given.when, attempts = given.attempts,
    content_type = given.content_type or "application/json", timeout = given.timeout or SECONDS,
    ca_file = given.ca_file, plain = given.plain, advice = advice, hidden = hidden_of(given, secrets),
  }, Forward)
end

--- Whether a value is a forward.
---@param value any
---@return boolean
function forward.is(value)
  return getmetatable(value) == Forward
end

return forward
