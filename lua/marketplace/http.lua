--- HTTP for scripts: libcurl, with certificates always verified, https:// only except to loopback, and no redirects.
---
--- A request is a table: `method`, `url`; `headers`: list of at most 32 "Name: value" lines; `body`; `timeout` for
--- the whole exchange and `connect_timeout`, seconds, default 30 and 10; `low_speed_limit` bytes a second, below which
--- it ends after `low_speed_time` seconds, default never; `max_response`: bytes of the answer's body, default 8 MiB;
--- `ca_file`: PEM certificates to trust in place of the system's; `plain`: allow http:// to any host, for what carries
--- no credentials; `connect_to`: "host:port" to connect to in place of the URL's, such as a server that the name does
--- not lead to yet: its certificate must be for the URL's host, and no proxy is asked; `unix_socket`: path of a socket
--- on this machine to connect to, whatever host the URL names; `certificate`: tell which one the server has; `sink`:
--- function(bytes), which is given the body of a 2xx answer piece by piece, so that it may be larger than memory; if it
--- returns false, the exchange ends. It must not yield on Lua 5.1. Or a sink of marketplace.package_io, which takes the
--- body of a 200 or 206 without Lua; `max_bytes_per_second`: of what arrives, on average, default no limit; `started`:
--- function(exchange), which is given the exchange when it begins.
---
--- A response is a table: `status`; `headers`: names in lower case, a repeated header as a list; `body`, "" if a sink
--- took it; `certificate` of the server, if it is asked for: {starts_at=, expires_at=, names=}, in seconds since the
--- epoch, and a list of the host names and addresses that it is for.
---
--- A failure is nil, message, code (connect_failed, tls_failed, timeout, too_large, http_failed, request_invalid,
--- out_of_memory, or what a sink failed with) and a detail table {sent=, certificate=}: whether any of the request may
--- have reached the server; the certificate, if it was asked for and is known: one of another host is.
---
--- In nginx nothing here blocks: an exchange waits with nginx's own sleep, and so raises in a phase that cannot wait.
local core = require "marketplace.core"
local runtime = require "marketplace.runtime"

local http = {}

local LONGEST_POLL = 1 -- seconds: a signal that comes just before a poll is noticed after it
local FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.01 -- seconds between two probes if waiting must not block
local PROBES_APART = 0.0005                    -- seconds, whichever exchanges they are for

---@class marketplace.Exchange
local Exchange = {}
Exchange.__index = Exchange

-- A sink that raises ends its exchange, which nobody would continue.
local function hand_over(self, bytes)
  local ok, goes_on = pcall(self.sink, bytes)
  if ok and goes_on ~= false then return end
  self.handle:close()
  if not ok then error(goes_on, 0) end
  self.stopped = true
end

local function drain(self)
  local status = self.handle:head()
  if not status or status < 200 or status > 299 then return end
  local bytes = self.handle:take()
  if bytes ~= "" then hand_over(self, bytes) end
end

--- Whether it has ended. Hands what has arrived over to the sink.
---@return boolean
function Exchange:done()
  if self.stopped then return true end
  local done = self.handle:done()
  if self.sink then drain(self) end
  return done or self.stopped
end

--- The answer's status and headers, if they are there. Raises if the exchange is closed.
---@return integer|nil status
---@return table? headers
function Exchange:head()
  return self.handle:head()
end

--- Changes how many bytes a second arrive at most, on average.
---@param bytes_per_second number 0: no limit
function Exchange:limit(bytes_per_second)
  self.handle:limit(bytes_per_second)
end

--- The response of an exchange that is done. Closes the exchange.
---@return table|nil response
---@return string? message
---@return string? code
---@return table? detail
function Exchange:result()
  if self.stopped then return nil, "the sink ended the exchange", "http_failed", { sent = true } end
  local status, headers, body, more = self.handle:result()
  self.handle:close()
  if not status then return nil, headers, body, more end
  return { status = status, headers = headers, body = body, certificate = more }
end

--- Ends it, whatever its state.
function Exchange:close()
  self.handle:close()
end

--- Begins an exchange; `poll` moves it on.
---@param request table
---@return marketplace.Exchange|nil exchange
---@return string? message
---@return string? code
---@return table? detail
function http.start(request)
  local handle, message, code = core.http_start(request)
  if not handle then return nil, message, code, { sent = false } end
  local sink = type(request.sink) ~= "userdata" and request.sink or nil
  local exchange = setmetatable({ handle = handle, sink = sink, stopped = false }, Exchange)
  if request.started then request.started(exchange) end
  return exchange
end

--- Moves all exchanges of this thread on; waits if none has anything to do, but never in nginx.
---@param seconds number the longest wait
---@return integer running how many are not done
function http.poll(seconds)
  return core.http_poll(runtime.yielding_sleep and 0 or seconds)
end

local probed_at = -math.huge

--- Moves all exchanges of this thread on, unless that has just been done. libcurl examines each of them: if every
--- exchange asked for it, a few hundred would keep a processor busy.
function http.probe()
  if core.monotonic() - probed_at < PROBES_APART then return end
  core.http_poll(0)
  probed_at = core.monotonic()
end

--- A pause for `exchange` that probes again and again, and lets others run in between.
---@param sleep fun(seconds: number)
---@return fun(exchange: table)
function http.probing_pause(sleep)
  local seconds = FIRST_PAUSE
  return function(exchange)
    http.probe()
    if exchange:done() then return end
    sleep(seconds)
    seconds = math.min(2 * seconds, LONGEST_PAUSE)
  end
end

local function block()
  core.http_poll(LONGEST_POLL)
end

--- Moves all exchanges of this thread on, once it has waited for one of them; in nginx it lets others run meanwhile.
---@param seconds number the longest wait
function http.wait(seconds)
  if runtime.yielding_sleep then runtime.yielding_sleep(math.min(seconds, LONGEST_PAUSE)) end
  http.poll(seconds)
end

--- The pause for `exchange` if others need not run meanwhile: it blocks, but never in nginx.
---@return fun(exchange: table)
function http.usual_pause()
  local sleep = runtime.yielding_sleep
  return sleep and http.probing_pause(sleep) or block
end

--- One exchange. Without `pause` it blocks until it ends, but never in nginx.
---@param request table
---@param pause? fun(exchange: table) is called again and again until the answer is there: the place to yield to code
--- that calls `poll`
---@return table|nil response
---@return string? message
---@return string? code
---@return table? detail
function http.exchange(request, pause)
  local exchange, message, code, detail = http.start(request)
  if not exchange then return nil, message, code, detail end
  if not pause then
    pause = http.usual_pause()
    pause(exchange)
  end
  while not exchange:done() do pause(exchange) end
  return exchange:result()
end

return http
