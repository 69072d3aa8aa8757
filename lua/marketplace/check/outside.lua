--- Requests as a device makes them: over TLS that is verified, without redirects, and none for longer than its time.
local address = require "marketplace.device.address"
local certificate = require "marketplace.check.certificate"
local core = require "marketplace.core"
local http = require "marketplace.http"
local runtime = require "marketplace.runtime"
local scheduler = require "marketplace.client.scheduler"
local text = require "marketplace.text"

local outside = {}

local LEAST_SECONDS = 0.05
local MOST_BODY = 2 ^ 20 -- bytes
local MOST_TIMEOUTS = 2  -- of one server, which is not asked again then
local MOST_NAMES = 5     -- of a certificate that are shown
local PROBE_EVERY = 0.005

--[[ What a failure means ]]

---@class marketplace.check.Failure
---@field message string what happened
---@field action? string
---@field is_tls? boolean
---@field is_skipped? boolean it was not asked at all

local function names_of(shown)
  local names = {}
  for i = 1, math.min(#shown.names, MOST_NAMES) do names[i] = shown.names[i] end
  local more = #shown.names - MOST_NAMES
  if more > 0 then names[MOST_NAMES + 1] = ("%d more"):format(more) end
  return #names > 0 and table.concat(names, ", ") or "no host at all"
end

local UNREADABLE, LOOK_AT_FILE = "the certificates to trust cannot be read", "look at what --ca-file names"

-- By the words of libcurl and OpenSSL, old and new, in the order in which they are looked for.
local TLS = {
  { "expired", "the certificate has expired", "renew it, and have the server load the new one" },
  { "not yet valid", "the certificate is not valid yet",
    "if this machine's clock is behind, set it; otherwise use the former certificate until this one begins" },
  { "self[- ]signed certificate in", "the certificate is from an authority that devices do not trust",
    "get one from a public authority; to check with your own, name it with --ca-file" },
  { "self[- ]signed", "the certificate is self-signed, and no device trusts it",
    "get one from a public authority; to check with your own, name it with --ca-file" },
  { "local issuer", "no authority that is known here vouches for the certificate",
    "have the server send the whole chain, with the authority's intermediate certificates; to check with an " ..
    "authority of your own, name it with --ca-file" },
  { "revoked", "the certificate was revoked", "get another one" },
  { "certificate.- locations", UNREADABLE, LOOK_AT_FILE }, { "trust anchors", UNREADABLE, LOOK_AT_FILE },
  { "certificate file", UNREADABLE, LOOK_AT_FILE },
}

local function tls_failure(message, host, shown)
  if message:find "name" and shown and not message:find "SSL certificate problem" then
    return { message = ("the certificate is for %s, not for %s"):format(names_of(shown), host),
      action = ("get one that is for %s, or let the name lead to the right server"):format(host), is_tls = true }
  end
  for _, one in ipairs(TLS) do
    if message:find(one[1]) then return { message = one[2], action = one[3], is_tls = true } end
  end
  return { message = "TLS failed: " .. message, action = "look at the server's certificate", is_tls = true }
end

local function connect_failure(message, host)
  if message:find "resolve host" then
    return { message = "no address is known for " .. host,
      action = "make its DNS record; to look at a server before that, name its address with --connect" }
  end
  if message:find "SSL" or message:find "TLS" then
    return { message = "no TLS connection can be made: " .. message,
      action = "check whether the server speaks TLS 1.2 or later on this port", is_tls = true }
  end
  return { message = "cannot connect: " .. message,
    action = "check whether the server runs, listens there, and is let through by the firewall" }
end

local function failure_of(request, host, message, code, detail)
  if code == "tls_failed" then return tls_failure(message, host, detail and detail.certificate) end
  if code == "connect_failed" then return connect_failure(message, host) end
  if code == "timeout" then
    return { message = ("no answer came within %.3g s"):format(request.timeout),
      action = "the server's log may say what it waits for" }
  end
  if code == "too_large" then
    return { message = ("the answer is larger than %s"):format(text.bytes(request.max_response)),
      action = "find out what answers there" }
  end
  if code == "request_invalid" then
    return { message = "it cannot be asked: " .. message, action = "correct the address" }
  end
  return { message = "the exchange failed: " .. message, action = "look in the server's log" }
end

--[[ Asking ]]

--- The scheme, the host and the port of a URL, as it has them.
---@param url string
---@return string
function outside.origin(url)
  return url:match "^%a+://[^/?#]+" or url
end

--- The host of a URL, without its port.
---@param url string
---@return string
function outside.host(url)
  local authority = url:match "^%a+://([^/?#]+)" or url
  return (authority:match "^%[[^%]]*%]" or authority:gsub(":%d*$", "")):lower()
end

local function skipped(message)
  return { message = message, is_skipped = true }
end

local function reason_to_skip(run, url)
  if run.left() < LEAST_SECONDS then
    return ("the %.4g s for the whole check were over"):format(run.within)
  end
  return run.dead[outside.origin(url)]
end

-- A server that cannot be reached is not asked again and again.
local function remember(run, url, code)
  local origin = outside.origin(url)
  if code == "timeout" then
    run.timeouts[origin] = (run.timeouts[origin] or 0) + 1
    if run.timeouts[origin] < MOST_TIMEOUTS then return end
  elseif code ~= "connect_failed" and code ~= "tls_failed" then
    return
  end
  run.dead[origin] = ("not asked, as %s could not be reached"):format(origin)
end

local function send(run, request)
  local in_parallel = scheduler.pause()
  return run.transport(request, in_parallel and function(exchange) in_parallel(nil, exchange) end)
end

--- Asks. What is not said of the request is as a device has it. Judges the certificate of each host once.
---@param run table
---@param request table of marketplace.http
---@return table|nil response
---@return marketplace.check.Failure? failure
function outside.ask(run, request)
  local reason = reason_to_skip(run, request.url)
  if reason then return nil, skipped(reason) end
  local host = outside.host(request.url)
  request.method, request.max_response = request.method or "GET", request.max_response or MOST_BODY
  request.timeout, request.connect_to, request.ca_file = math.min(run.timeout, run.left()), run.connect_to, run.ca_file
  request.certificate = not run.judged[host] and request.url:find "^https://" ~= nil
  run.judged[host] = true
  local response, message, code, detail = send(run, request)
  if not response then
    run.judged[host] = not request.certificate
    remember(run, request.url, code)
    return nil, failure_of(request, host, message, code, detail)
  end
  if request.certificate then certificate.judge(run, host, response.certificate) end
  return response
end

--[[ Several at once ]]

local function idle(seconds, is_exchanging)
  local sleep = runtime.yielding_sleep
  if is_exchanging and not sleep then
    http.poll(seconds)
  elseif is_exchanging then
    http.probe()
    sleep(math.min(seconds, PROBE_EVERY))
  else
    (sleep or core.sleep)(seconds)
  end
end

--- Runs functions that ask, some at the same time, and waits for all.
---@param tasks (fun())[]
---@param at_once integer
function outside.side_by_side(tasks, at_once)
  scheduler.run(tasks, at_once, core.monotonic, idle)
end

--- Whether a device would ask at an address.
---@param url any
---@return boolean
function outside.is_usable(url)
  return type(url) == "string" and url:find "^https://" ~= nil and address.is_usable(url)
end

--[[ Answers ]]

--- A header's value; of several the first.
---@param response table
---@param name string in lower case
---@return string|nil
function outside.header(response, name)
  local value = (response.headers or {})[name]
  return type(value) == "table" and value[1] or value
end

--- How an answer is encoded; nil if it is as it is.
---@param response table
---@return string|nil
function outside.encoding(response)
  local encoding = outside.header(response, "content-encoding")
  return encoding and encoding:lower() ~= "identity" and encoding or nil
end

--- What is wrong with an answer that is not the one expected, and what to do.
---@param run table
---@param response table
---@return string message
---@return string action
function outside.refusal(run, response)
  local status = response.status
  if status >= 300 and status <= 399 then
    return ("the answer is %d, to %s"):format(status, run.findings:shown(outside.header(response, "location") or "-")),
      "devices follow no redirect: answer at this very address"
  end
  if status >= 500 then return ("the answer is %d"):format(status), "the server's log says why" end
  if status == 429 then return "the answer is 429", "let more requests through" end
  return ("the answer is %d"):format(status), "check whether the server passes this address on to marketplace.device"
end

return outside
