--- A client of App Store Connect's API.
---
--- It does no I/O of its own: a transport carries each request. The client adds the token, decides what is tried again,
--- and reads the answer.
local api_error = require "marketplace.client.error"
local core = require "marketplace.core"
local download = require "marketplace.client.download"
local headers = require "marketplace.client.headers"
local http = require "marketplace.http"
local json = require "marketplace.json"
local jsonapi = require "marketplace.client.jsonapi"
local log = require "marketplace.log"
local options = require "marketplace.options"
local resources = require "marketplace.client.resources"
local retry = require "marketplace.client.retry"
local runtime = require "marketplace.runtime"
local scheduler = require "marketplace.client.scheduler"
local token = require "marketplace.token"
local token_cache = require "marketplace.client.token_cache"
local traceparent = require "marketplace.traceparent"
local url = require "marketplace.client.url"

local client = {}

---@class marketplace.Client
---@field alternativeDistributionDomains marketplace.client.resources
---@field alternativeDistributionKeys marketplace.client.resources
---@field alternativeDistributionPackageDeltas marketplace.client.resources
---@field alternativeDistributionPackageVariants marketplace.client.resources
---@field alternativeDistributionPackageVersions marketplace.client.resources
---@field alternativeDistributionPackages marketplace.client.resources
---@field marketplaceSearchDetails marketplace.client.resources
---@field marketplaceWebhooks marketplace.client.resources
---@field webhookDeliveries marketplace.client.resources
---@field webhookPings marketplace.client.resources
---@field webhooks marketplace.client.resources
---@field rate_limit {limit?: integer, remaining?: integer} requests an hour, from the last answer's X-Rate-Limit
local Client = {}
Client.__index = Client

local BASE_URL = "https://api.appstoreconnect.apple.com"
local DEFAULTS = { timeout = 60, attempt_timeout = 30, retries = 4, at_once = 6 }
local LEAST_ATTEMPT = 0.05 -- seconds: with less left, no further attempt is made
local PROBE_EVERY = 0.005  -- seconds between two probes for answers if waiting must not block

--[[ Waiting ]]

-- How the running coroutine waits: sleep(seconds) and, for marketplace.http, until_done(exchange). Nil if it may block.
local function waiting(self)
  local in_parallel = scheduler.pause()
  if in_parallel then return in_parallel, function(exchange) in_parallel(nil, exchange) end end
  if self.pause then return self.pause, http.probing_pause(self.pause) end
end

local function wait(self, seconds)
  local pause = waiting(self) or self.sleep
  pause(seconds)
end

--[[ Requests ]]

-- The secrets that an answer could repeat, and that must not be shown.
local function secrets_of(call)
  local hidden = jsonapi.secrets(call.document)
  hidden[#hidden + 1] = call.bearer
  return hidden
end

local function fail_invalid(problem)
  return nil, problem, "request_invalid", { sent = false }
end

-- The whole URL of a path, or of an answer's link. The token goes there, so it must be on the client's own host.
local function target(self, path, query)
  local whole = url.resolve(path, self.base_url)
  if not whole then return fail_invalid("the token is sent to " .. self.base_url .. " only, and to no other host") end
  return query and url.with_query(whole, query) or whole
end

-- The part of a request that stays the same from attempt to attempt.
local function prepare(self, method, path, given)
  local whole, message, code, detail = target(self, path, given.query)
  if not whole then return nil, message, code, detail end
  local call = {
    method = method, path = path, url = whole, document = given.body, started = self.monotonic(), attempt = 0,
    body = given.body and json.encode(given.body),
  }
  call.deadline = call.started + (given.timeout or self.timeout)
  return call
end

local function headers_of(self, call, bearer)
  local sent = { "Authorization: Bearer " .. bearer, "Accept: application/json", self.user_agent_line }
  if call.body then sent[4] = "Content-Type: application/json" end
  if self.traceparent then sent[#sent + 1] = "traceparent: " .. traceparent.child(self.traceparent) end
  return sent
end

local function keep_rate_limit(self, response)
  local limit, remaining = headers.rate_limit(response)
  if limit then self.rate_limit.limit, self.rate_limit.remaining = limit, remaining end
end

local function report(self, call, level, message, about)
  if not self.log then return end
  about.level, about.message, about.at = level, message, self.clock()
  about.url, about.attempt = call.method .. " " .. call.url, call.attempt
  self.log(about)
end

-- One attempt: a response, or nil, message, code, detail.
local function attempt(self, call, bearer)
  call.attempt = call.attempt + 1
  local began = self.monotonic()
  local _, until_done = waiting(self)
  local response, message, code, detail = self.transport({
    method = call.method, url = call.url, headers = headers_of(self, call, bearer), body = call.body,
    timeout = math.max(LEAST_ATTEMPT, math.min(self.attempt_timeout, call.deadline - began)),
    connect_timeout = self.connect_timeout, ca_file = self.ca_file,
  }, until_done)
  if response then keep_rate_limit(self, response) end
  if self.log then
    report(self, call, "info", response and "answered" or "not answered", {
      status = response and response.status, took = self.monotonic() - began, reason = message,
    })
  end
  return response, message, code, detail
end

-- An attempt, and another one at once if the token was refused: the clock may have been wrong.
local function authorized_attempt(self, call)
  local bearer, problem, problem_code = self.tokens:token()
  if not bearer then return nil, problem, problem_code, { sent = false } end
  local response, message, code, detail = attempt(self, call, bearer)
  if response and response.status == 401 and not call.reauthorized then
    call.reauthorized = true
    self.tokens:refused(bearer, response.headers.date)
    return authorized_attempt(self, call)
  end
  call.bearer = bearer
  return response, message, code, detail
end

local function refusal(self, call, response)
  return api_error.from(call, response, secrets_of(call), self.clock())
end

-- Waits for the next attempt. False if there is none.
local function wait_for_next(self, call, status, code, detail)
  local sent = detail and detail.sent
  call.may_have_run = call.may_have_run or retry.may_have_run(status, sent)
  if call.attempt > self.retries or not retry.is_worth_it(call.method, status, code, sent) then return false end
  local seconds = retry.pause(call.attempt, detail and detail.retry_after, self.random)
  if self.monotonic() + seconds + LEAST_ATTEMPT > call.deadline then return false end
  report(self, call, "warning", "trying again", { again_in = seconds, status = status, reason = code })
  wait(self, seconds)
  return true
end

-- A DELETE that is repeated is answered 404 if it was done before: by App Store Connect, not by a gateway's page.
local function is_gone(self, call, response)
  if call.method ~= "DELETE" or response.status ~= 404 or not call.may_have_run then return false end
  local _, code = refusal(self, call, response)
  return code == "api_error"
end

local function exchange(self, call)
  while true do
    local response, message, code, detail = authorized_attempt(self, call)
    if response and (response.status < 300 or is_gone(self, call, response)) then return response end
    if response then message, code, detail = refusal(self, call, response) end
    if not message:find(call.path, 1, true) then message = ("%s %s: %s"):format(call.method, call.path, message) end
    if not wait_for_next(self, call, response and response.status, code, detail) then
      message, detail = retry.add_doubt(call.method, call.may_have_run, message, detail)
      detail.attempts = call.attempt
      return nil, message, code, detail
    end
  end
end

local function document_of(call, response)
  if response.status == 404 or call.method == "DELETE" and response.body == "" then return {} end
  local decoded, message, code, detail = jsonapi.decode(call, response, secrets_of(call))
  if decoded then return decoded end
  message, detail = retry.add_doubt(call.method, true, message, detail)
  return nil, message, code, detail
end

local function check_seconds(where, given, name, level)
  if given[name] and not (given[name] > 0 and given[name] <= 86400) then
    error(("%s: option '%s' must be more than 0 and at most 86400 seconds"):format(where, name), level or 3)
  end
end

local function check_query(query)
  local fits, name = url.is_query(query)
  if fits then return end
  error(("client:request: option 'query' must have a string, a number, a boolean or a list of them for '%s'"):format(
    tostring(name)), 3)
end

local METHODS = { GET = true, POST = true, PATCH = true, DELETE = true }

local NOTHING = {}

---@class marketplace.RequestOptions
---@field query? table values are strings, numbers, booleans or lists of them
---@field body? table sent as JSON
---@field timeout? number seconds for the whole call, default the client's
local REQUEST_OPTIONS = { query = "table", body = "table", timeout = "number" }

--- Calls any endpoint.
---
--- GET, PATCH and DELETE are tried again if the connection fails or the answer is 429 or 5xx; POST only if it cannot
--- have been executed. A token that is refused is replaced once, by the server's clock.
---@param method string GET, POST, PATCH or DELETE
---@param path string "/v1/...", or a whole URL on the host of base_url, such as an answer's links.next
---@param given? marketplace.RequestOptions
---@return table|nil document decoded; empty if the answer has none
---@return table|string response {status=, headers=, body=}, or the message
---@return string? code request_invalid, connect_failed, tls_failed, timeout, http_failed, too_large, unauthorized,
--- rate_limited, api_error, answer_invalid, out_of_memory, crypto_failed
---@return table? detail {status=, errors=, retry_after=, request_id=, attempts=, sent=, may_have_run=}; see
--- marketplace.client.error; may_have_run: the request may have been executed although it failed
function Client:request(method, path, given)
  if not METHODS[method] then error("client:request: the method must be GET, POST, PATCH or DELETE", 2) end
  if type(path) ~= "string" then error("client:request: the path must be a string", 2) end
  given = given or NOTHING
  if given ~= NOTHING then
    options.check("client:request", given, REQUEST_OPTIONS)
    check_seconds("client:request", given, "timeout")
    if given.query then check_query(given.query) end
  end
  local call, message, code, detail = prepare(self, method, path, given)
  if not call then return nil, message, code, detail end
  local response
  response, message, code, detail = exchange(self, call)
  if not response then return nil, message, code, detail end
  local decoded
  decoded, message, code, detail = document_of(call, response)
  if not decoded then return nil, message, code, detail end
  return decoded, response
end

--- A client with the same settings and tokens, whose requests belong to a trace: each has the header `traceparent` with
--- a span of its own. For a callback's: `client:traced(ctx.traceparent)`.
---@param given string|nil W3C Trace Context's header of what the requests are made for
---@return marketplace.Client client the same one if there is no trace
function Client:traced(given)
  local trace = traceparent.checked(given)
  if not trace then return self end
  local traced = {}
  for name, value in pairs(self) do traced[name] = value end
  traced.traceparent = trace
  resources.attach(traced)
  return setmetatable(traced, Client)
end

--- Fetches a file, piece by piece, from the address in an answer's `url` attribute. No token is sent there.
---@param address string https://
---@param given marketplace.DownloadOptions
---@return table|nil result {status=200|206, bytes= that have come, headers=}
---@return string? message
---@return string? code
---@return table? detail {status=}
function Client:download(address, given)
  download.check(address, given)
  local _, until_done = waiting(self)
  return download.fetch(self.transport, address, given, self.ca_file, until_done)
end

--[[ Several at once ]]

local function as_function(self, task, place)
  if type(task) == "function" then return task end
  if type(task) ~= "table" or type(task[1]) ~= "string" then
    error(("client:parallel: task %d must be a function or {method, path, options}"):format(place), 3)
  end
  return function() return self:request(task[1], task[2], task[3]) end
end

-- For the scheduler: waits at most this long, or until an exchange moves on.
local function idle(self)
  return function(seconds, is_exchanging)
    local pause = waiting(self)
    if is_exchanging and not pause then
      http.poll(seconds)
    elseif is_exchanging then
      http.probe()
      pause(math.min(seconds, PROBE_EVERY))
    else
      (pause or self.sleep)(seconds)
    end
  end
end

---@class marketplace.ParallelOptions
---@field at_once? integer the most calls that run at the same time, default 6
local PARALLEL_OPTIONS = { at_once = "number" }

--- Makes several calls at once, in one thread, and waits for all of them.
---@param tasks ((fun(): any)|table)[] functions that call this client, or requests: {method, path, options}
---@param given? marketplace.ParallelOptions
---@return table[] results in the order of the tasks, each {n=, ...}: what the function, or client:request, returned
function Client:parallel(tasks, given)
  options.check("client:parallel", given or {}, PARALLEL_OPTIONS)
  local at_once = given and given.at_once or DEFAULTS.at_once
  if not (at_once >= 1 and at_once == math.floor(at_once)) then
    error("client:parallel: option 'at_once' must be an integer of at least 1", 2)
  end
  if type(tasks) ~= "table" then error("client:parallel: a list of tasks is expected, not a " .. type(tasks), 2) end
  local functions = {}
  for i, task in ipairs(tasks) do functions[i] = as_function(self, task, i) end
  return scheduler.run(functions, at_once, self.monotonic, idle(self))
end

--- Tasks that a loop of the caller's runs side by side, with `turn` and `wait`; they call this client.
---@return marketplace.client.Tasks
function Client:tasks()
  return scheduler.new(self.monotonic, idle(self))
end

--[[ A client ]]

---@class marketplace.ClientOptions
---@field key_id string the id of the private key
---@field key_file? string path of the private key, PEM; this or `key` is needed
---@field key? string the private key itself, PEM; a copy of it stays in memory
---@field issuer_id? string of a team's key; this or `individual` is needed
---@field individual? boolean true for the key of one person
---@field scope? string[] the requests that its tokens are good for, such as "GET /v1/apps", default all
---@field base_url? string default "https://api.appstoreconnect.apple.com"
---@field timeout? number seconds for a call with all its attempts, default 60
---@field attempt_timeout? number seconds for each attempt, default 30
---@field connect_timeout? number seconds of those for connecting, default 10
---@field retries? integer the most attempts after the first, default 4, at most 100
---@field ca_file? string path of PEM certificates to trust, default the system's
---@field user_agent? string default "lua-marketplace"
---@field log? fun(entry: table) gets every attempt, never a token or a secret; see marketplace.log; default none
---@field transport? fun(request: table, pause?: function): table|nil, string?, string? default http.exchange
---@field clock? fun(): number seconds since the epoch, default the machine's
---@field monotonic? fun(): number seconds, for deadlines, default `clock` if that is given, else the machine's
---@field random? fun(): number from 0 to below 1, default math.random
---@field sleep? fun(seconds: number) waits between attempts, default one that blocks
---@field pause? fun(seconds: number) yields to the caller's loop while a call waits; default none, in nginx ngx.sleep
local OPTIONS = {
  key_id = "!string", issuer_id = "string", individual = "boolean", key = "string", key_file = "string",
  scope = "table", base_url = "string", timeout = "number", attempt_timeout = "number", connect_timeout = "number",
  retries = "number", ca_file = "string", user_agent = "string", log = "function", transport = "function",
  clock = "function", monotonic = "function", random = "function", sleep = "function", pause = "function",
}

local function base_of(given)
  local base_url = (given.base_url or BASE_URL):gsub("/+$", "")
  if not url.is_same_origin(base_url, base_url) or base_url:find "[?#]" then
    error("marketplace.client: option 'base_url' must be a URL such as " .. BASE_URL, 3)
  end
  return base_url
end

local function check_numbers(given)
  for _, name in ipairs { "timeout", "attempt_timeout", "connect_timeout" } do
    check_seconds("marketplace.client", given, name, 4)
  end
  if given.retries and not (given.retries >= 0 and given.retries <= 100) then
    error("marketplace.client: option 'retries' must be from 0 to 100", 3)
  end
end

--- A client of App Store Connect's API: `client.webhooks:list{ app = ... }` and so on, see
--- marketplace.client.resources.
---@param given marketplace.ClientOptions
---@return marketplace.Client|nil client
---@return string? message
---@return string? code key_invalid
function client.new(given)
  options.check("marketplace.client", given, OPTIONS)
  check_numbers(given)
  local base_url = base_of(given)
  local issue, message, code = token.issuer({
    key = given.key, key_file = given.key_file, key_id = given.key_id, issuer_id = given.issuer_id,
    individual = given.individual, scope = given.scope,
  }, "marketplace.client")
  if not issue then return nil, message, code end
  local clock = given.clock or core.now
  local self = setmetatable({
    base_url = base_url, tokens = token_cache.new(issue, clock), clock = clock,
    monotonic = given.monotonic or given.clock or core.monotonic, random = given.random or math.random,
    sleep = given.sleep or core.sleep, pause = given.pause or runtime.yielding_sleep,
    transport = given.transport or http.exchange,
    log = given.log and log.target(given.log).write, timeout = given.timeout or DEFAULTS.timeout,
    attempt_timeout = given.attempt_timeout or DEFAULTS.attempt_timeout, connect_timeout = given.connect_timeout,
    retries = given.retries or DEFAULTS.retries, ca_file = given.ca_file,
    user_agent_line = "User-Agent: " .. (given.user_agent or "lua-marketplace"),
    --- What the last answer's X-Rate-Limit said: {limit=, remaining=} requests an hour.
    rate_limit = {},
  }, Client)
  resources.attach(self)
  return self
end

return client
