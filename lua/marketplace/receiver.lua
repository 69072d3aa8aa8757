--- The receiver: answers requests, stores what is authentic in the inbox, and runs callbacks for it.
---
--- It does no I/O of its own: a server, nginx or a test hands it requests. docs/notifications.md has the table of
--- its answers. Verification comes before parsing, and nothing unverified reaches the inbox.
local core = require "marketplace.core"
local dead_record = require("marketplace.inbox.record").dead
local dispatcher = require "marketplace.dispatcher"
local memory = require "marketplace.inbox.memory"
local metrics = require "marketplace.metrics"
local options = require "marketplace.options"
local outage = require "marketplace.outage"
local request_outcomes = require "marketplace.request_outcomes"
local readiness = require "marketplace.readiness"
local new_request_id = require("marketplace.request_id").new
local refusals = require "marketplace.refusals"
local request_faults = require "marketplace.request_faults"
local request_head = require "marketplace.request_head"
local responders = require "marketplace.responders"
local responses = require "marketplace.responses"
local signature = require "marketplace.signature"
local stored_as = require("marketplace.inbox.record").stored_as
local traceparent = require "marketplace.traceparent"
local too_old_reason = require("marketplace.inbox.retention").too_old_reason

local receiver = {}

---@class marketplace.Receiver
---@field inbox marketplace.Inbox
---@field dispatcher marketplace.Dispatcher runs its callbacks
---@field responders marketplace.Responders what its carrier answers beside notifications
local Receiver = {}
Receiver.__index = Receiver

local head_of = request_head.of

local MOST_BODY = core.limits.body_bytes

local COMMIT_BOUNDS = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5 } -- seconds

--- Adds a callback; see Dispatcher:on.
---@param name string an event's name, one of Apple's type names, or "*" for everything
---@param callback (fun(n: marketplace.Notification, ctx: marketplace.Context): any, string?)|marketplace.Forward
---@return marketplace.Receiver self
function Receiver:on(name, callback)
  local dispatches = self.dispatcher
  dispatches.callbacks:add(name, dispatches.forwards:callback_of(callback, "receiver:on"), "receiver:on")
  return self
end

--- Adds a responder, such as marketplace.device, whose paths the receiver's carrier answers beside notifications:
--- `marketplace serve` and marketplace.nginx do. Add it before a server is opened for the receiver.
---@param responder marketplace.Responder
---@return marketplace.Receiver self
function Receiver:add_responder(responder)
  self.responders:add(responder, "receiver:add_responder")
  return self
end

--[[ Requests ]]

local function tally(self, outcome, reason, count)
  local name = reason and outcome .. ":" .. reason or outcome
  self.counted[name] = (self.counted[name] or 0) + (count or 1)
end

local function log_refused(self, refusal)
  self.log.write {
    level = refusal.level or "warning", message = "refused", at = self.clock(), code = refusal.code,
    status = refusal.status, reason = refusal.reason, remote = refusal.remote, request = refusal.request,
    secrets = refusal.secrets,
  }
end

--- Counts a request that was refused, and logs it or sums it up: for a carrier that refuses some on its own.
---@param refusal {code: string, status?: integer, reason: string, remote?: string|fun(): string, level?: string} code:
--- the reason as the metrics have it; remote: the sender's address; level: default "warning"
function Receiver:refused(refusal)
  tally(self, "refused", refusal.code)
  refusal.secrets = refusal.status == 401 and self.live or nil
  self:show_refused(refusal)
end

--- Logs a request that was refused, or sums it up: for a carrier, of a responder that counts its own.
---@param refusal {code: string, status?: integer, reason: string, remote?: string|fun(): string, level?: string} as of
--- `refused`
function Receiver:show_refused(refusal)
  if type(refusal.remote) == "function" then refusal.remote = refusal.remote() end
  if self.refusals:shows(refusal.code, refusal.status, refusal.remote) then log_refused(self, refusal) end
end

--- Counts requests of which a carrier that refused them knows nothing else any more, and sums them up in the log.
---@param code string the reason as the metrics have it
---@param status integer|nil of the answer
---@param count integer how many
function Receiver:refused_many(code, status, count)
  tally(self, "refused", code, count)
  self:sum_refused(code, status, count)
end

--- Sums up, in the log, requests that a carrier refused, of a responder that counts its own.
---@param code string
---@param status integer|nil of the answer
---@param count integer
function Receiver:sum_refused(code, status, count)
  self.refusals:add(code, status, count)
end

local function sum_up(self, code, status, count, within)
  self.log.write {
    level = "warning", message = "more refused", at = self.clock(), code = code, status = status, count = count,
    within = within,
  }
end

-- The carrier may have answered already, or closed the connection in the face of what was no request.
local function status_of(head, answer)
  if head.fault == "no_request" then return nil end
  return head.answered or answer.status
end

local function with_id(answer, head)
  answer.headers["x-request-id"] = head.request_id
  return answer
end

local function refuse(self, head, kind, reason, code, level)
  local answer = responses.refusal(kind)
  self:refused {
    code = code, status = status_of(head, answer), reason = reason, remote = head.remote, level = level,
    request = head.request_id,
  }
  return nil, with_id(answer, head)
end

local function body_of(head)
  return head.body, head.fault
end

local function refuse_signature(self, head, message, code)
  return refuse(self, head, code == "crypto_failed" and "unavailable" or "refused", message, code)
end

-- A record for the inbox, or nil and the response.
local function check(self, head, read_body)
  head.request_id = head.request_id or new_request_id()
  local kind, reason, code = request_faults.of_head(head, self.keyring, self.max_body)
  if kind then return refuse(self, head, kind, reason, code) end
  local body, fault, problem = read_body(head)
  body = body or ""
  local level
  kind, reason, code, level = request_faults.of_body(body, self.max_body, fault, problem)
  if not kind and self.draining then kind, reason, code = "unavailable", "shutting down", "draining" end
  if kind then return refuse(self, head, kind, reason, code, level) end
  local secret, record, message
  secret, record, message, code = self.keyring:receive(body, head.signature)
  if not secret then return refuse_signature(self, head, record, message) end
  if not record then record, message, code = dead_record(body, message, code) end
  if not record then return refuse(self, head, "unavailable", message, code) end
  local fingerprint = self.fingerprints[secret]
  self.verified[fingerprint] = self.verified[fingerprint] + 1
  record.verified_by = fingerprint
  record.traceparent = head.traceparent and traceparent.checked(head.traceparent)
  return record
end

-- What an operator should know of an outcome.
local REASONS = {
  conflict = "this id arrived before with another body",
  too_old = too_old_reason .. ", so it may have run before: see what it says, and replay it if it has not",
}

local function log_stored(self, record, head, id, outcome, took, level, reason)
  local is_dead = record.reason or outcome == "too_old"
  self.log.write {
    level = level, message = is_dead and "kept as dead (" .. outcome .. ")" or outcome, at = self.clock(),
    id = id, type = record.type, event = record.event, app_id = record.app_id,
    secret = self.secret_of[record.verified_by], verified_by = record.verified_by, took = took,
    request = head.request_id, reason = reason,
  }
end

local function report_stored(self, record, head, answer, took)
  local id, outcome = stored_as(record, answer)
  local is_invalid = record.reason and outcome ~= "too_old"
  tally(self, is_invalid and "dead" or outcome)
  local reason = is_invalid and record.reason or REASONS[outcome]
  if reason then
    log_stored(self, record, head, id, outcome, took, "warning", reason)
  elseif self.log.wants_info then
    log_stored(self, record, head, id, outcome, took, "info")
  end
end

local function report_unavailable(self, record, head, message, code)
  tally(self, "unavailable", code)
  self.outage:failed {
    level = "error", message = "not stored", at = self.clock(), status = 503, id = record.key, type = record.type,
    event = record.event, app_id = record.app_id, request = head.request_id, reason = message,
  }
  return with_id(responses.refusal "unavailable", head)
end

-- One commit for all of them.
local function commit(self, records)
  local started = core.monotonic()
  local outcomes, message, code = self.inbox:put(records)
  local took = core.monotonic() - started
  self.commit_seconds:observe(took)
  self.readiness:found(outcomes ~= nil)
  if outcomes then self.outage:worked(self.clock()) end
  return outcomes, took, message, code
end

local function store(self, records, heads)
  local outcomes, took, message, code = commit(self, records)
  local answers = {}
  for i = 1, #records do
    if outcomes then
      report_stored(self, records[i], heads[i], outcomes[i], took)
      answers[i] = { status = 200, headers = { ["x-request-id"] = heads[i].request_id }, body = "" }
    else
      answers[i] = report_unavailable(self, records[i], heads[i], message, code)
    end
  end
  return answers
end

-- Without a loop: LuaJIT gives up on a loop that always runs once, and on the function around it.
local function store_one(self, record, head)
  local outcomes, took, message, code = commit(self, { record })
  if not outcomes then return report_unavailable(self, record, head, message, code) end
  report_stored(self, record, head, outcomes[1], took)
end

--- Answers requests; what is authentic is in the inbox, with one commit for all of them, before this returns.
---@param requests table[] each {method=, headers=, body=, request_id=}; header names in any case, a repeated header as
--- a list; request_id: what the answer's X-Request-Id and the log call it, default a new one
---@return table[] responses, each {status=, headers=, body=}, in the same order
function Receiver:handle_many(requests)
  if type(requests) ~= "table" then
    error("receiver:handle_many: a list of requests is expected, not a " .. type(requests), 2)
  end
  local heads = {}
  for i = 1, #requests do
    heads[i] = head_of(requests[i], "receiver:handle_many")
  end
  return self:receive_many(heads)
end

--- Answers requests, as handle_many does, for a caller that knows the headers that matter and has read the bodies.
---@param heads table[] as of `receive`; each has its `body` or, as its `fault`, why there is none
---@return table[] responses as of handle_many
function Receiver:receive_many(heads)
  local answers, records, places, stored_heads = {}, {}, {}, {}
  for i = 1, #heads do
    local record, refusal = check(self, heads[i], body_of)
    answers[i] = refusal
    if record then
      records[#records + 1] = record
      places[#records], stored_heads[#records] = i, heads[i]
    end
  end
  if #records > 0 then
    local stored = store(self, records, stored_heads)
    for i = 1, #stored do answers[places[i]] = stored[i] end
  end
  return answers
end

--- Answers one request, as handle does, for a caller that knows the headers that matter and reads the body only if the
--- head is fine.
---@param head table {method=, signature=, encoding=, length=, traceparent=, request_id=, fault=, answered=, remote=}:
--- the values of x-apple-signature, content-encoding, content-length and traceparent, nil for none, a list if the
--- header came more than once; request_id: as of handle_many; fault: what the carrier found wrong, "malformed",
--- "no_length" or "no_request"; answered: the status that it has answered with; remote: the peer's address, or a
--- function that returns it
---@param read_body fun(head: table): string|nil, string?, string? returns the body; or nil, why there is none
--- ("timeout", "too_large", "overloaded", "unread" or "unreadable") and, for the log, what the system said
---@return integer status
---@return table headers
---@return string body
function Receiver:receive(head, read_body)
  local record, answer = check(self, head, read_body)
  if record then answer = store_one(self, record, head) end
  if not answer then return 200, { ["x-request-id"] = head.request_id }, "" end
  return answer.status, answer.headers, answer.body
end

--- Answers one request, as handle_many does.
---@param request table as of handle_many
---@return integer status
---@return table headers
---@return string body
function Receiver:handle(request)
  return self:receive(head_of(request, "receiver:handle"), body_of)
end

--- Runs the callbacks of what the inbox holds and can be run now; see Dispatcher:dispatch.
---@param settings? marketplace.DispatchOptions
---@return integer|nil count of notifications run
---@return string? message
---@return string? code inbox_unavailable
function Receiver:dispatch(settings)
  return self.dispatcher:dispatch(settings)
end

local function use_secrets(self, secrets, where)
  -- both, before either is used: a secret of one set must not get the fingerprint of another
  local keyring, fingerprints = signature.keyring(secrets, where, 4), signature.fingerprints(secrets)
  self.keyring, self.fingerprints, self.secret_of = keyring, fingerprints, {}
  self.live = table.concat(self.fingerprints, ",")
  for index, fingerprint in ipairs(self.fingerprints) do
    self.secret_of[fingerprint] = self.secret_of[fingerprint] or index
    self.verified[fingerprint] = self.verified[fingerprint] or 0
  end
end

--- Replaces the secrets, while running: for a rotation.
---@param secrets string|string[]
function Receiver:set_secrets(secrets)
  use_secrets(self, secrets, "receiver:set_secrets")
end

--- Closes the inbox, and what responders opened.
function Receiver:close()
  self.refusals:close()
  self.responders:close()
  self.dispatcher:close()
end

--- Logs the sums of refused requests that are due; see marketplace.refusals. Call it about once a second.
---@param all? boolean all of them, as nothing follows
function Receiver:sum_up_refused(all)
  if all then self.refusals:close() else self.refusals:turn() end
end

--- From now on every notification is answered with 503: the process is about to end.
function Receiver:drain()
  self.draining = true
end

--- Whether notifications are taken: false while it drains, and if the inbox does not store, as the last commit found
--- or, if none came within five seconds, as a probe finds, which may take as long as a call of the inbox may.
---@return boolean
function Receiver:is_ready()
  if self.draining then return false end
  local known = self.readiness:known()
  if known ~= nil then return known end
  return self.readiness:probe()
end

--- How many requests had which outcome since the start: stored, duplicate, conflict, rearmed, too_old,
--- dead, "refused:<code>", "unavailable:<code>".
---@return table<string, integer>
function Receiver:counts()
  local copy = {}
  for name, n in pairs(self.counted) do copy[name] = n end
  return copy
end

local function add_counters(self, lines)
  metrics.add(lines, "marketplace_requests_total", "counter", "Requests, by outcome and reason.",
    request_outcomes.counted(self.counted))
  metrics.add(lines, "marketplace_verified_total", "counter",
    "Authentic requests, by the fingerprint of the secret that signed them.", request_outcomes.verified(self.verified))
  metrics.add_histogram(lines, "marketplace_commit_seconds", "How long it took to store what arrived together.",
    self.commit_seconds)
  self.dispatcher.report:add_counters(lines)
  self.responders:add_metrics(lines)
end

--- What has happened so far, as text for Prometheus; asks the inbox nothing.
---@return string
function Receiver:counters()
  local lines = {}
  add_counters(self, lines)
  return metrics.text(lines)
end

--- What has happened so far and what waits, as text for Prometheus.
---@return string
function Receiver:metrics()
  local lines = {}
  add_counters(self, lines)
  self.dispatcher:add_inbox_metrics(lines)
  return metrics.text(lines)
end

---@class marketplace.ReceiverOptions: marketplace.DispatcherOptions
---@field secrets string|string[] the webhook's secret, or up to 8, any of which may have signed; each byte counts:
--- marketplace.secret_file.lines takes them out of a variable's text
---@field inbox? marketplace.Inbox default one in memory, even if this is nil: use assert(marketplace.inbox(...))
---@field max_body? integer bytes, default 1048576, at most 16777216
local OPTIONS = options.extend(dispatcher.OPTIONS, {
  secrets = "!string|table", inbox = "table", max_body = "number",
})

--- A receiver.
---@param given marketplace.ReceiverOptions
---@return marketplace.Receiver receiver
function receiver.new(given)
  options.check("marketplace.receiver", given, OPTIONS)
  local max_body = given.max_body or 1048576
  if not (max_body >= 1 and max_body <= MOST_BODY) then
    error(("marketplace.receiver: option 'max_body' must be from 1 to %d bytes"):format(MOST_BODY), 2)
  end
  local own = { inbox = given.inbox or memory.new { clock = given.clock } }
  for name in pairs(dispatcher.OPTIONS) do own[name] = own[name] or given[name] end
  local runs = dispatcher.from(own, "marketplace.receiver", "receiver")
  local self = setmetatable({
    inbox = runs.inbox, max_body = max_body, clock = runs.clock, log = runs.log, dispatcher = runs, counted = {},
    verified = {}, commit_seconds = metrics.histogram(COMMIT_BOUNDS), outage = outage.new(runs.log, "stored again"),
    readiness = readiness.new(runs.inbox), responders = responders.new(),
  }, Receiver)
  self.refusals = refusals.new(function(...) sum_up(self, ...) end)
  use_secrets(self, given.secrets, "marketplace.receiver")
  return self
end

return receiver
