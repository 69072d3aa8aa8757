--- The current request, answered by the responder of a receiver's whose path it has: marketplace.device, or another.
local refusals = require "marketplace.refusals"
local request = require "marketplace.nginx.request"
local responders = require "marketplace.responders"
local responses = require "marketplace.responses"

local responding = {}

local function send(answer)
  if answer.status >= 400 then ngx.req.discard_body() end -- does nothing if it was read
  request.answer(answer.status, answer.headers, answer.body)
end

local function not_found(receiver, asked)
  receiver:refused(refusals.not_found({
    method = asked.method, path = asked.path, is_signed = asked.headers["x-apple-signature"] ~= nil,
    remote = asked.remote,
  }, "no responder answers there"))
  send(responses.plain(404, "nothing is here"))
end

local function show(receiver, ...)
  receiver:show_refused(responders.refused(...))
end

-- What keeps its responder from it: an answer, or nil. Only what is posted has a body for it.
local function body_fault(receiver, responder, asked)
  local refusal = responders.fault_answer(asked, responder.max_body)
  if refusal or asked.method ~= "POST" then return refusal end
  local body, fault, problem = request.read_body(responder.max_body)
  if body and #body <= responder.max_body then
    asked.body = body
    return nil
  end
  if fault ~= "unreadable" then return responses.refusal "too_large" end
  show(receiver, responder, asked, 503, "the body cannot be read back from its temporary file: " .. problem, "error")
  return responses.refusal "unavailable"
end

local function handle(responder, asked)
  local status, headers, body, reason = responder:handle {
    method = asked.method, path = request.with_query(asked.path), headers = asked.headers, body = asked.body,
    remote = asked.remote,
  }
  if type(status) ~= "number" or type(headers) ~= "table" or type(body) ~= "string" then
    error "the responder returned no status, headers and body"
  end
  return { status = status, headers = headers, body = body, reason = reason }
end

-- The answer, and whether it is the responder's own.
local function answer_of(receiver, responder, asked)
  local fault = body_fault(receiver, responder, asked)
  if fault then return fault, false end
  local ok, answer = xpcall(handle, debug.traceback, responder, asked)
  if ok then return answer, true end
  show(receiver, responder, asked, 503, tostring(answer), "error")
  return responses.refusal "unavailable", false
end

-- Nil if none answers there. A question mark in the path was percent-encoded: a responder would take it for the
-- beginning of the query.
local function responder_of(receiver, only, path)
  if path:find("?", 1, true) then return nil end
  if not only then return receiver.responders:find(path) end
  return only:answers(path) and only or nil
end

--- Answers it.
---@param receiver marketplace.Receiver
---@param only? marketplace.Responder nobody else answers; default those of the receiver
function responding.answer(receiver, only)
  local asked = request.whole()
  local responder = responder_of(receiver, only, asked.path)
  if not responder then return not_found(receiver, asked) end
  local answer, is_own = answer_of(receiver, responder, asked)
  if not is_own and responder.refused then responder:refused(asked.path, answer.status) end
  if responders.is_refusal(answer.status) then
    show(receiver, responder, asked, answer.status, answer.reason or responders.first_line(answer.body))
  end
  send(answer)
end

return responding
