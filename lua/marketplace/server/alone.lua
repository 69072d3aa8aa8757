--- A server that carries one responder, such as marketplace.dashboard, and no notifications.
local at_exit = require "marketplace.at_exit"
local certificate = require "marketplace.server.certificate"
local core = require "marketplace.core"
local listening = require "marketplace.server.listening"
local log_entries = require "marketplace.log"
local metrics_server = require "marketplace.server.metrics"
local proxies = require "marketplace.server.proxies"
local refusals = require "marketplace.refusals"
local responders = require "marketplace.responders"
local responding = require "marketplace.server.responding"
local responses = require "marketplace.responses"
local stopping = require "marketplace.stopping"

local alone = {}

---@class marketplace.server.Alone also what marketplace.server.responding knows of a receiver
local Alone = {}
Alone.__index = Alone

local WHERE = "marketplace.server.alone"
local IDLE_SECONDS, METRICS_SECONDS = 1, 0.25 -- the longest wait; if there is a second port to check
local SLICE_SECONDS = 0.05
local MOST_CONNECTIONS, MOST_WAITING = 128, 32
local LIVE = "/healthz"

local log = listening.log

--[[ What is refused ]]

--- Logs a request that was refused, or sums it up, as Receiver:show_refused does.
---@param refusal {code: string, status?: integer, reason: string, remote?: string, level?: string}
function Alone:show_refused(refusal)
  if not self.refusals:shows(refusal.code, refusal.status, refusal.remote) then return end
  log(self, refusal.level or "warning", "refused", {
    code = refusal.code, status = refusal.status, reason = refusal.reason, remote = refusal.remote,
  })
end

--- Sums up requests of which nothing else is known.
---@param code string
---@param status integer|nil
---@param count integer
function Alone:sum_refused(code, status, count)
  self.refusals:add(code, status, count)
end

--[[ The loop ]]

local function other_answer(request)
  if refusals.IS_UNREADABLE[request.fault] then return responses.refusal "malformed" end
  return responses.plain(404, "nothing is here")
end

local function exchange(self, wait)
  local requests = self.http:poll(self.responding:pause(wait))
  for _, request in ipairs(requests) do
    local is_readable = not refusals.IS_UNREADABLE[request.fault]
    if is_readable and self.proxies then request.remote = self.proxies:sender(request.remote, request.headers) end
    if not is_readable or not self.responding:takes(request) then
      self.http:answer({ request }, { other_answer(request) })
    end
  end
  self.responding:turn(SLICE_SECONDS)
end

--- One turn: waits for requests, and answers them.
---@param seconds? number the longest wait, default 1, or 0.25 with metrics
function Alone:step(seconds)
  exchange(self, seconds or self.metrics and METRICS_SECONDS or IDLE_SECONDS)
  if self.metrics then self.metrics:step(0) end
  self.refusals:turn()
  if self.log.turn then self.log.turn() end
  if self.watch then self.watch:turn() end
  listening.reload_if_asked(self)
end

--- Replaces the certificate and its key, as Server:set_certificate does.
---@param cert string PEM
---@param key string PEM
---@return number|nil expires_at seconds since the epoch
---@return string? message
---@return string? code tls_failed, out_of_memory
function Alone:set_certificate(cert, key)
  return listening.replace_certificate(self, cert, key)
end

--- Ends at once.
function Alone:close()
  self.responding:close()
  self.http:close()
  if self.metrics then self.metrics:close() end
  self.refusals:close()
end

--- Serves until SIGTERM or SIGINT. What is under way is answered, for `stop_seconds` at most. SIGHUP calls `reload`.
function Alone:run()
  core.catch_signals()
  local restore = at_exit(function() self.refusals:close() end)
  stopping.limit(self.stop_seconds, self.log, true)
  while not core.stop_asked() do self:step() end
  self.http:drain()
  local deadline = stopping.deadline(self.stop_seconds)
  while self.http:stats().connections > 0 and core.monotonic() < deadline do exchange(self, 0.1) end
  self:close()
  log(self, "info", "stopped")
  restore()
end

--- Where it listens.
---@return string url with a slash at its end
function Alone:url()
  return (select(3, listening.address(self, "/")))
end

--- The URL of the metrics; nil if they are not offered.
---@return string|nil
function Alone:metrics_url()
  return self.metrics and self.metrics:url()
end

--[[ Opening ]]

local function open_metrics(self, given)
  if not given.metrics_port then return true end
  local message, code
  self.metrics, message, code = metrics_server.open {
    host = given.metrics_host, port = given.metrics_port,
    render = function()
      return given.responder:metrics() .. metrics_server.connections(self.http:stats(), self.responding:count())
    end,
  }
  return self.metrics ~= nil, message, code
end

local function open_http(self, given)
  return require("marketplace.http_server").open {
    host = given.host, port = given.port, tls_cert = given.tls_cert, tls_key = given.tls_key, live_path = LIVE,
    routes = self.responders.routes, max_body = 1, max_connections = MOST_CONNECTIONS,
  }
end

local function sum_up(self, code, status, count, within)
  log(self, "warning", "more refused", { code = code, status = status, count = count, within = within })
end

local function made_of(given)
  local self = setmetatable({
    responders = responders.new(), log = log_entries.target(given.log), reload = given.reload,
    scheme = given.tls_cert and "https" or "http", stop_seconds = given.stop_seconds or stopping.SECONDS,
    proxies = given.trusted_proxies and assert(proxies.new(given.trusted_proxies)) or nil,
  }, Alone)
  self.responders:add(given.responder, WHERE)
  self.refusals = refusals.new(function(...) sum_up(self, ...) end)
  return self
end

--- A server that listens from now on. Answers GET /healthz, too.
---@param given {responder: marketplace.Responder, log: (fun(entry: table))|table, host?: string, port?: integer,
--- tls_cert?: string, tls_key?: string, trusted_proxies?: string[], reload?: fun(), stop_seconds?: number,
--- metrics_host?: string, metrics_port?: integer} as of marketplace.server
---@return marketplace.server.Alone|nil server
---@return string? message
---@return string? code listen_failed, tls_failed, out_of_memory
function alone.open(given)
  local self = made_of(given)
  local message, code
  self.http, message, code = open_http(self, given)
  if not self.http then return nil, message, code end
  self.responding = responding.new { http = self.http, receiver = self, most_waiting = MOST_WAITING }
  local opened
  opened, message, code = open_metrics(self, given)
  if not opened then
    self.http:close()
    return nil, message, code
  end
  if given.tls_cert then self.watch = certificate.watch(self.http:stats().tls_expires_at, self.log.write) end
  return self
end

return alone
