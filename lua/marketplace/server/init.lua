--- The standalone server: carries requests to a receiver and answers back, and runs callbacks in between.
---
--- One thread does both in turns, so a slow callback delays the answers; meanwhile another one goes on with the sockets
--- and says that the process lives (csrc/server). The requests that one poll brings are answered as one batch, with one
--- commit of the inbox.
local at_exit = require "marketplace.at_exit"
local certificate = require "marketplace.server.certificate"
local core = require "marketplace.core"
local listening = require "marketplace.server.listening"
local log_entries = require "marketplace.log"
local metrics_server = require "marketplace.server.metrics"
local options = require "marketplace.options"
local proxies = require "marketplace.server.proxies"
local responding = require "marketplace.server.responding"
local refusals = require "marketplace.refusals"
local request_id = require "marketplace.request_id"
local responses = require "marketplace.responses"
local stopping = require "marketplace.stopping"

local server = {}

---@class marketplace.Server
local Server = {}
Server.__index = Server

local IDLE_SECONDS = 1       -- the longest wait: a signal that comes just before it is noticed after it
local SLICE_SECONDS = 0.05   -- of callbacks between two polls
local MOST_CONNECTIONS = 512 -- the usual limit
local METRICS_SECONDS = 0.25 -- the longest wait if there is a second port to check
local LIVE, READY = "/healthz", "/readyz"

local log = listening.log

--[[ Requests ]]

local function not_found(self, request)
  self.receiver:refused(refusals.not_found({
    method = request.method, path = request.path, is_signed = request.headers["x-apple-signature"] ~= nil,
    remote = request.remote,
  }, "notifications go to " .. self.path))
  return responses.plain(404, "nothing is here")
end

-- A GET of /healthz is answered by the front.
local function probed(self, request)
  if responses.not_get(request.method) then
    self.receiver:refused(refusals.not_get(request.path, request.remote))
  end
  return responses.readiness(request.method, self.stopping, function() return self.receiver:is_ready() end)
end

-- A bug here must not look like a verdict on the request: Apple must send the notification again.
local function handle_all(self, requests)
  if #requests == 0 then return {} end
  local ok, answers = pcall(self.receiver.receive_many, self.receiver, requests)
  if ok then return answers end
  local failures = {}
  for i = 1, #requests do
    self.receiver:refused {
      code = "failed", status = 503, level = "error", reason = tostring(answers), remote = requests[i].remote,
    }
    failures[i] = responses.refusal "unavailable"
  end
  return failures
end

local function without_last_slash(path)
  return path:match("^(.*[^/])/$") or path
end

local function with_and_without_slash(path)
  local paths = { [path] = true }
  if path ~= "/" then paths[path .. "/"] = true end
  return paths
end

-- What the receiver reads of a request, beside what has the same name here.
local function name_headers(request)
  local headers = request.headers
  request.signature, request.encoding = headers["x-apple-signature"], headers["content-encoding"]
  request.length, request.traceparent = headers["content-length"], headers.traceparent
end

-- The receiver also logs and counts what cannot be read.
local function is_for_receiver(self, request)
  return refusals.IS_UNREADABLE[request.fault] or self.receiving_paths[request.path]
end

local function respond(self, requests)
  local answers, notifications, places = {}, {}, {}
  for i = 1, #requests do
    local request = requests[i]
    if is_for_receiver(self, request) then
      name_headers(request)
      notifications[#notifications + 1] = request
      places[#notifications] = i
    else
      local is_probe = request.path == LIVE or request.path == READY
      answers[i] = is_probe and probed(self, request) or not_found(self, request)
    end
  end
  local handled = handle_all(self, notifications)
  for i = 1, #handled do answers[places[i]] = handled[i] end
  return answers
end

-- What a proxy that is trusted says of them: who sent them, and how it calls them.
local function name_senders(trusted, requests)
  for _, request in ipairs(requests) do
    local is_readable = not refusals.IS_UNREADABLE[request.fault]
    if is_readable then
      if trusted:has(request.remote) then request.request_id = request_id.checked(request.headers["x-request-id"]) end
      request.remote = trusted:sender(request.remote, request.headers)
    end
  end
end

-- While Lua was away, the front refused more than it kept.
local function count_refused(self)
  for _, refused in ipairs(self.http:refused()) do
    local name = ("%s %d"):format(refused.code, refused.route or 0)
    local route, more = self.receiver.responders.routes[refused.route], refused.count - (self.refused[name] or 0)
    self.refused[name] = refused.count
    if more > 0 and route then
      self.responding:count_refused(route, refused.status, more)
    elseif more > 0 then
      self.receiver:refused_many(refused.code, refused.status, more)
    end
  end
end

local function poll(self, wait)
  local requests, refused = self.http:poll(wait)
  if refused ~= self.refused_in_all then
    self.refused_in_all = refused
    count_refused(self)
  end
  if self.proxies then name_senders(self.proxies, requests) end
  return requests
end

-- Whether Receiver or this answers it, and not a responder.
local function is_ours(self, request)
  return is_for_receiver(self, request) or request.path == LIVE or request.path == READY
    or not self.responding:takes(request)
end

-- Those of responders are taken, and answered in a turn of theirs.
local function without_responders(self, requests)
  local ours = {}
  for _, request in ipairs(requests) do
    if is_ours(self, request) then ours[#ours + 1] = request end
  end
  return ours
end

-- Notifications are answered first.
local function exchange(self, wait)
  local requests = without_responders(self, poll(self, self.responding:pause(wait)))
  if #requests > 0 then self.http:answer(requests, respond(self, requests)) end
  self.responding:turn(SLICE_SECONDS)
end

-- What the front has refused is still to be told; what else has come is not answered, and so comes again.
local function tell_refused(self)
  local answered = {}
  for _, request in ipairs(poll(self, 0)) do
    if request.answered then answered[#answered + 1] = request end
  end
  respond(self, without_responders(self, answered))
  self.receiver:sum_up_refused(true)
end

--[[ The loop ]]

--- One turn: waits for requests, answers them, runs some callbacks.
---@param seconds? number the longest wait, default 1, or 0.25 with metrics
function Server:step(seconds)
  exchange(self, math.min(self.pause, seconds or self.metrics and METRICS_SECONDS or IDLE_SECONDS))
  if self.dispatches then
    self.pause = self.receiver.dispatcher:turn(SLICE_SECONDS)
  else
    self.pause = self.receiver.dispatcher:turn_alerts()
  end
  if self.metrics then self.metrics:step(0) end
  self.receiver:sum_up_refused()
  if self.log.turn then self.log.turn() end
  if self.watch then self.watch:turn() end
  listening.reload_if_asked(self)
end

--- Replaces the certificate and its key, which must belong together: connections that are open keep theirs, new ones
--- get these. If they cannot be used, the old ones stay.
---@param cert string certificates, PEM
---@param key string their private key, PEM
---@return number|nil expires_at seconds since the epoch
---@return string? message
---@return string? code tls_failed, out_of_memory
function Server:set_certificate(cert, key)
  return listening.replace_certificate(self, cert, key)
end

local function run_what_would_be_lost(self, deadline)
  if not self.dispatches or self.receiver.inbox.durable then return end
  local dispatcher = self.receiver.dispatcher
  repeat
    local pause = dispatcher:turn(SLICE_SECONDS)
  until pause > 0 and not dispatcher:await_forward(pause) or core.monotonic() >= deadline
end

local function report_stopped(self)
  local dispatcher = self.receiver.dispatcher
  local ok, left, message = pcall(dispatcher.waiting, dispatcher)
  if not ok or not left then
    log(self, "warning", "stopped", {
      reason = "cannot count the notifications that still wait: " .. tostring(message or left),
    })
    return
  end
  local is_lost = left > 0 and not self.receiver.inbox.durable
  log(self, is_lost and "warning" or "info", "stopped", {
    reason = left > 0 and ("notifications %s: %d"):format(
      is_lost and "lost before their callbacks ran" or "still waiting for their callbacks", left) or nil,
  })
end

--- Ends at once, before it has served anything.
function Server:close()
  self.responding:close()
  self.http:close()
  if self.metrics then self.metrics:close() end
end

-- Requests of responders that wait get half of the time.
local function answer_last(self, now, deadline)
  local responders_until = now + (deadline - now) / 2
  while self.http:stats().connections > 0 and core.monotonic() < deadline do
    exchange(self, 0.1)
    if core.monotonic() >= responders_until then self.responding:close() end
  end
end

--- Ends gracefully: answers what is under way (notifications with 503), runs what would otherwise be lost, and closes.
--- Takes `stop_seconds` at most since the stop was asked for, unless a callback or the inbox takes longer.
function Server:stop()
  if self.stopping then return end
  self.stopping = true
  self.receiver:drain()
  self.http:drain()
  local deadline = stopping.deadline(self.stop_seconds)
  answer_last(self, core.monotonic(), deadline)
  exchange(self, 0) -- what the front has refused has no connection any more
  run_what_would_be_lost(self, deadline)
  if self.dispatches then self.receiver.dispatcher:stop(math.max(0, deadline - core.monotonic())) end
  self:close()
  self.receiver:sum_up_refused(true)
  report_stopped(self)
end

--- Serves until SIGTERM or SIGINT, then stops gracefully. If that takes longer than `stop_seconds`, as a callback or
--- the inbox does, the process is ended by that signal: what was not finished runs again. SIGHUP calls `reload`.
function Server:run()
  core.catch_signals()
  local restore = at_exit(function() tell_refused(self) end)
  stopping.limit(self.stop_seconds, self.log, self.receiver.inbox.durable)
  while not core.stop_asked() do self:step() end
  self:stop()
  restore()
end

--- The URL of the metrics; nil if they are not offered.
---@return string|nil
function Server:metrics_url()
  return self.metrics and self.metrics:url()
end

--- Where it listens: the numeric address, the port, the URL for notifications.
---@return string host
---@return integer port
---@return string url
function Server:address()
  return listening.address(self, self.path)
end

local function http_options(given, receiving_path)
  local names = { "host", "port", "tls_cert", "tls_key", "max_connections", "max_body", "header_timeout",
    "body_timeout", "idle_timeout" }
  local chosen = {}
  for _, name in ipairs(names) do chosen[name] = given[name] end
  chosen.max_body, chosen.path = chosen.max_body or given.receiver.max_body, receiving_path
  chosen.live_path, chosen.ready_path, chosen.routes = LIVE, READY, given.receiver.responders.routes
  return chosen
end

local function http_server()
  local ok, module = pcall(require, "marketplace.http_server")
  if ok then return module end
  error("marketplace.server needs marketplace.http_server: luarocks install lua-marketplace-server\n" .. module, 3)
end

local function open_metrics(given, http, waiting)
  if not given.metrics_port then return true end
  return metrics_server.open {
    host = given.metrics_host, port = given.metrics_port,
    render = function()
      return given.receiver:metrics() .. metrics_server.connections(http:stats(), waiting:count())
    end,
  }
end

local function trusted_proxies(given)
  if given.trusted_proxies then return proxies.new(given.trusted_proxies) end
end

--- Why a path cannot be the one that notifications are posted to; nil if it can.
---@param path string
---@return string|nil problem
function server.path_problem(path)
  if path:find("^/[^%s?#]*$") and path ~= LIVE and path ~= READY then return nil end
  return ("must begin with a slash, have no white space, ? or #, and be neither %s nor %s"):format(LIVE, READY)
end

--- Why an address cannot be listened on; nil if it may.
---@param host string
---@return string|nil problem
function server.host_problem(host)
  return host:find "^unix:" and "must be an address or a name: a Unix socket tells no sender's address" or nil
end

local function check_places(given, path)
  local function check(name, problem)
    if problem then error(("marketplace.server.open: option '%s' %s"):format(name, problem), 4) end
  end
  check("path", server.path_problem(path))
  for _, name in ipairs { "host", "metrics_host" } do check(name, given[name] and server.host_problem(given[name])) end
end

local function taken_message(path)
  return ("a responder has the path %s, which is the server's own: give it, or notifications, another"):format(path)
end

-- The rest is for notifications, and for what needs not wait.
local function most_waiting(connections)
  return math.max(1, math.floor(connections / 4))
end

local function watch_certificate(self)
  local alerts, _, _, url = self.receiver.dispatcher:alerts(), self:address()
  return certificate.watch(self.http:stats().tls_expires_at, self.log.write, { alerts = alerts, about = url })
end

---@class marketplace.ServerOptions
---@field receiver marketplace.Receiver is given what arrives; it has its responders
---@field log fun(entry: table)|table see marketplace.log
---@field host? string address to listen on, default "127.0.0.1"
---@field port? integer default 0: the system chooses one
---@field path? string of the requests, with or without a slash at its end, default "/notifications"
---@field tls_cert? string certificates, PEM; default none: HTTP
---@field tls_key? string their private key, PEM
---@field max_body? integer bytes, default the receiver's
---@field max_connections? integer default 512
---@field header_timeout? number seconds for a request's header, default 10
---@field body_timeout? number seconds for its body, default 30; less if it comes at less than 500 bytes a second
---@field idle_timeout? number seconds between two requests of a connection, default 75
---@field trusted_proxies? string[] addresses and networks whose X-Forwarded-For or Forwarded is believed; default none
---@field dispatch? boolean run callbacks, default true; false: only receive
---@field reload? fun() called after SIGHUP, default nothing
---@field stop_seconds? number after which `run` ends the process if it has not stopped, default 10
---@field metrics_host? string address to answer GET /metrics on, default "127.0.0.1"
---@field metrics_port? integer default none: no metrics
local OPTIONS = {
  receiver = "!table", log = "!function|table", host = "string", port = "number", path = "string", tls_cert = "string",
  tls_key = "string", max_body = "number", max_connections = "number", header_timeout = "number",
  body_timeout = "number", idle_timeout = "number", trusted_proxies = "table", dispatch = "boolean",
  reload = "function", stop_seconds = "number", metrics_host = "string", metrics_port = "number",
}

--- Opens a server that listens from now on.
---@param given marketplace.ServerOptions
---@return marketplace.Server|nil server
---@return string? message
---@return string? code listen_failed, tls_failed, out_of_memory, path_taken
function server.open(given)
  options.check("marketplace.server.open", given, OPTIONS)
  local path = given.path or "/notifications"
  check_places(given, path)
  local trusted, problem = trusted_proxies(given)
  if problem then error("marketplace.server.open: option 'trusted_proxies': " .. problem, 2) end
  local receiving_path = without_last_slash(path)
  local taken = given.receiver.responders:taken { receiving_path, receiving_path .. "/", LIVE, READY }
  if taken then return nil, taken_message(taken), "path_taken" end
  local http, message, code = http_server().open(http_options(given, receiving_path))
  if not http then return nil, message, code end
  local own = responding.new {
    http = http, receiver = given.receiver, most_waiting = most_waiting(given.max_connections or MOST_CONNECTIONS),
  }
  local metrics
  metrics, message, code = open_metrics(given, http, own)
  if not metrics then
    http:close()
    return nil, message, code
  end
  local target = log_entries.target(given.log)
  given.receiver.responders.is_carried = true
  local self = setmetatable({
    metrics = metrics ~= true and metrics or nil, refused_in_all = 0, refused = {},
    http = http, receiver = given.receiver, responding = own, log = target, path = path,
    receiving_paths = with_and_without_slash(receiving_path), proxies = trusted, reload = given.reload,
    scheme = given.tls_cert and "https" or "http", dispatches = given.dispatch ~= false,
    stop_seconds = given.stop_seconds or stopping.SECONDS, pause = given.dispatch == false and math.huge or 0,
  }, Server)
  self.watch = given.tls_cert and watch_certificate(self) or nil
  return self
end

return server
