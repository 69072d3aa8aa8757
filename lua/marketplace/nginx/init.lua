--- Notifications received in nginx or OpenResty, by the same receiver and the same handlers file as everywhere.
---
---     init_by_lua_block { require("marketplace.nginx").init { handlers = ..., secret_file = ..., inbox = ... } }
---     init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
---     log_by_lua_block { require("marketplace.nginx").log() }
---     location = /notifications { content_by_lua_block { require("marketplace.nginx").handle() } }
---
--- What is held here belongs to one worker. Nothing is connected before a worker asks for it.
if not rawget(_G, "ngx") then error("marketplace.nginx runs inside nginx only", 0) end

local alert_options = require "marketplace.alerts.from_options"
local at_exit = require "marketplace.at_exit"
local core = require "marketplace.core"
local dashboards = require "marketplace.nginx.dashboard"
local device_config = require "marketplace.device.config"
local from_prefix = require "marketplace.nginx.from_prefix"
local handlers = require "marketplace.handlers"
local inbox_url = require "marketplace.inbox.url"
local inboxes = require "marketplace.nginx.inbox"
local marketplace_receiver = require "marketplace.receiver"
local nginx_log = require "marketplace.nginx.log"
local options = require "marketplace.options"
local ready = require "marketplace.nginx.ready"
local refused = require "marketplace.nginx.refused"
local refusals = require "marketplace.refusals"
local request = require "marketplace.nginx.request"
local responding = require "marketplace.nginx.responding"
local responses = require "marketplace.responses"
local secret_file = require "marketplace.secret_file"
local shared_metrics = require "marketplace.nginx.metrics"
local worker = require "marketplace.nginx.worker"

local nginx = {}

local WHERE = "marketplace.nginx.init"
local SUM_SECONDS = 1 -- between two looks at whether the sum of refused requests is to be logged
local ALERT_SECONDS = 0.5 -- between two turns of alerts

-- What init made: {receiver=, worker=, metrics=, watch=, pid=, has_worker=}. Each Lua state has its own, and so each
-- worker.
local state

local function fail(message, ...)
  error(WHERE .. ": " .. message:format(...), 0)
end

--[[ Start ]]

local function secrets_of(given)
  if (given.secrets == nil) == (given.secret_file == nil) then
    fail("one of the options 'secrets' and 'secret_file' is needed")
  end
  if given.secrets then
    local list = type(given.secrets) == "table" and given.secrets or { given.secrets }
    secret_file.advise(list, "the option 'secrets'", nginx_log.advise)
    return list
  end
  local list, problem = secret_file.read(from_prefix(given.secret_file), nginx_log.advise)
  return list or fail("%s", problem)
end

local function check_memory(given)
  if ngx.worker.count() > 1 then
    fail("the memory inbox belongs to one process: set worker_processes 1, or name an inbox that all workers reach")
  end
  if not given.dispatch then fail("the memory inbox needs dispatch = true: no other process can run its callbacks") end
end

local function inbox_of(given)
  if type(given.inbox) == "table" then return given.inbox end
  if inbox_url.is_memory(given.inbox) then check_memory(given) end
  local inbox, problem = inboxes.open(given.inbox)
  return inbox or fail("%s", problem)
end

local function dict_of(given)
  if not given.dict then return nil end
  return ngx.shared[given.dict] or fail("there is no lua_shared_dict '%s'", given.dict)
end

local function add_handlers(given, receiver)
  local ok, problem
  if type(given.handlers) == "function" then
    ok, problem = handlers.add(given.handlers, receiver)
  else
    ok, problem = handlers.load(from_prefix(given.handlers), receiver)
  end
  if not ok then fail("%s", problem) end
end

local function add_device(given, receiver)
  if not given.device_config then return end
  local device, problem = device_config.open(from_prefix(given.device_config), nginx_log.target)
  if not device then fail("option 'device_config': %s", problem) end
  receiver:add_responder(device)
end

-- Apart from other responders, as it must not be where devices ask.
local function add_dashboard(given, receiver)
  if not given.dashboard then return nil end
  local dashboard, problem = dashboards.open(given.dashboard, receiver)
  if not dashboard then fail("option 'dashboard': %s", problem) end
  receiver.responders:add_apart(dashboard, WHERE)
  return dashboard
end

-- Workers begin with the same state of math.random, and would try again all at once.
local function random()
  return tonumber(core.random_hex(6), 16) / 2 ^ 48
end

local function watch_of(given, receiver)
  return alert_options.watch({
    inbox = receiver.inbox, on_alert = given.on_alert, alert_age = given.alert_age,
    alert_state = given.alert_state and from_prefix(given.alert_state),
  }, WHERE, nginx_log.target)
end

---@class marketplace.NginxOptions
---@field handlers string|fun(receiver: marketplace.Receiver) path of a handlers file, or what such a file returns
---@field secret_file? string path, one secret a line; this or `secrets` is needed
---@field secrets? string|string[] up to 8
---@field inbox string|marketplace.Inbox URL, see marketplace.nginx.inbox, or an inbox whose methods do not block
---@field device_config? string path of a Lua file that returns the options of marketplace.device, with which `device`
--- answers; default none: a handlers file can add a device, too
---@field dashboard? marketplace.NginxDashboardOptions {token_file=, path=, packages=, hosts=} of the operator's web
--- page, which `dashboard` answers with; default none
---@field dict? string name of a lua_shared_dict that sums up the metrics of all workers, default none: each has its own
---@field dispatch? boolean run the callbacks in nginx too, default false: `marketplace work` does
---@field max_body? integer bytes, default 1048576
---@field lease? number seconds that a callback may take, default 60
---@field retry? marketplace.RetryOptions
---@field keep? number seconds for which the inbox keeps the bodies of done ones, default a week
---@field on_alert? fun(alert: marketplace.Alert): any, string? is told in one worker what an operator should know, see
--- docs/alerts.md; it may use cosockets
---@field alert_age? number seconds that a notification may wait before that is an alert, default 900
---@field alert_state? string path of a file that remembers what was told, default none: until nginx reloads
local OPTIONS = {
  handlers = "!string|function", secret_file = "string", secrets = "string|table", inbox = "!string|table",
  device_config = "string", dashboard = "table", dict = "string", dispatch = "boolean", max_body = "number",
  lease = "number", retry = "table", keep = "number", on_alert = "function", alert_age = "number",
  alert_state = "string",
}

--- Prepares the one receiver of this nginx: in init_by_lua. If something is wrong, it raises, so that nginx does not
--- start, or keeps what it has at a reload, which reads secrets and handlers anew. Relative paths begin at nginx's
--- prefix.
---@param given marketplace.NginxOptions
function nginx.init(given)
  if state then error(WHERE .. ": it was called before; one nginx has one receiver, with up to 8 secrets", 2) end
  options.check(WHERE, given, OPTIONS)
  local dict, runs = dict_of(given), nil
  local receiver = marketplace_receiver.new {
    secrets = secrets_of(given), inbox = inbox_of(given), max_body = given.max_body,
    log = nginx_log.target, lease = given.lease, retry = given.retry, keep = given.keep, random = random,
    stop_asked = function() return runs:stop_asked() end,
  }
  runs = worker.new(receiver, nginx_log.target)
  add_handlers(given, receiver)
  add_device(given, receiver)
  local dashboard = add_dashboard(given, receiver)
  state = {
    dashboard = dashboard,
    receiver = receiver, worker = given.dispatch and runs or nil, pid = ngx.worker.pid(), has_worker = false,
    metrics = dict and shared_metrics.new(receiver, dict) or nil, watch = watch_of(given, receiver),
  }
end

local function started(where)
  if not state then error(where .. ": call marketplace.nginx's init in init_by_lua first", 3) end
  return state
end

-- A worker that ends calls it a last time.
local function sum_up_refused(is_last, receiver)
  receiver:sum_up_refused(is_last)
end

-- One worker looks: what it sees is the same for all.
local function turn_alerts(is_last, watch)
  if not is_last and not ngx.worker.exiting() then watch:turn() end
end

--- Starts the callbacks and, in one worker, what looks for alerts, and logs it if the inbox cannot be reached: in
--- init_worker_by_lua.
function nginx.init_worker()
  started "marketplace.nginx.init_worker"
  state.has_worker = true
  inboxes.probe(state.receiver.inbox)
  if state.worker then state.worker:start() end
  if state.metrics then state.metrics:start() end
  if state.watch and ngx.worker.id() == 0 then assert(ngx.timer.every(ALERT_SECONDS, turn_alerts, state.watch)) end
  assert(ngx.timer.every(SUM_SECONDS, sum_up_refused, state.receiver))
  at_exit(function() sum_up_refused(true, state.receiver) end)
end

--[[ Requests ]]

-- With lua_code_cache off, each request has a Lua state of its own, in which init has run, in this process, but
-- init_worker has not. Otherwise init ran in nginx's master.
local function check_worker()
  if state.worker and not state.has_worker and state.pid ~= ngx.worker.pid() then
    error("call marketplace.nginx's init_worker in init_worker_by_lua", 0)
  end
end

local function wake_worker()
  if not state.worker then return end
  if state.has_worker then state.worker:wake() else state.worker:start_once() end
end

local function read_body()
  local receiver = state.receiver
  local body, fault, problem = request.read_body(receiver.max_body)
  -- the worker may have been told to end while the body arrived: what a memory inbox takes then would never run
  if not receiver.inbox.durable and ngx.worker.exiting() then receiver:drain() end
  return body, fault, problem
end

local function handle()
  check_worker()
  local status, headers, body = state.receiver:receive(request.head(), read_body)
  if status == 200 then
    wake_worker()
  else
    ngx.req.discard_body() -- does nothing if it was read
  end
  request.answer(status, headers, body)
end

-- A bug here must not look like a verdict on the request.
local function guarded(work, ...)
  local ok, problem = xpcall(work, debug.traceback, ...)
  if ok then return end
  local failed = responses.refusal "unavailable"
  state.receiver:refused { code = "failed", status = failed.status, level = "error", reason = tostring(problem) }
  request.answer(failed.status, failed.headers, failed.body)
end

--- Answers the current request: in content_by_lua. docs/notifications.md has the table of answers; nginx itself
--- answers if a body is larger than client_max_body_size or does not arrive within client_body_timeout.
function nginx.handle()
  started "marketplace.nginx.handle"
  guarded(handle)
end

--- Answers the current request with the responder whose path it has, which handlers have added to the receiver, or
--- `device_config`: in content_by_lua. What devices ask is answered in nginx's threads; `authenticate` runs in the
--- worker, and may use cosockets.
function nginx.device()
  started "marketplace.nginx.device"
  guarded(responding.answer, state.receiver)
end

--- Answers the current request with the operator's web page, which `init` was given the option `dashboard` for: in
--- content_by_lua, in a location of its path that only operators reach.
function nginx.dashboard()
  started "marketplace.nginx.dashboard"
  if not state.dashboard then
    error("marketplace.nginx.dashboard: give marketplace.nginx.init the option 'dashboard' first", 2)
  end
  guarded(responding.answer, state.receiver, state.dashboard)
end

--- Counts and logs what nginx refused by itself, such as a body above client_max_body_size, as what the receiver
--- refuses: in log_by_lua, of the whole server.
function nginx.log()
  started "marketplace.nginx.log"
  local refusal = refused.current()
  if refusal then state.receiver:refused(refusal) end
end

local function answer(response)
  if response.status == 405 then
    state.receiver:refused(refusals.not_get(ngx.var.uri, ngx.var.remote_addr))
  end
  request.answer(response.status, response.headers, response.body)
end

--- Answers GET with the metrics for Prometheus, of all workers if init was given a `dict`, otherwise of one: in
--- content_by_lua, on a port that is not public.
function nginx.metrics()
  started "marketplace.nginx.metrics"
  answer(responses.metrics(ngx.req.get_method(), function()
    return state.metrics and state.metrics:render() or state.receiver:metrics()
  end))
end

--- Answers GET with 200, or 503 while the worker ends: in content_by_lua. For a probe that restarts what it finds dead.
function nginx.health()
  started "marketplace.nginx.health"
  answer(responses.health(ngx.req.get_method(), ngx.worker.exiting()))
end

--- Answers GET with 200 if this worker's inbox stores, as its last commit found or, if none came within five seconds,
--- as a probe finds; with 503 if it does not, does not say so within 0.75 seconds, or the worker ends: in
--- content_by_lua. For a probe that decides whether requests are sent here.
function nginx.ready()
  started "marketplace.nginx.ready"
  answer(responses.readiness(ngx.req.get_method(), ngx.worker.exiting(), function()
    return ready.check(state.receiver.readiness)
  end))
end

return nginx
