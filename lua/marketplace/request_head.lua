--- The head of a request as Receiver:receive takes it, made of a request whose header names come in any case; and what
--- is asked of every head that comes with a body, a device's too.
local text = require "marketplace.text"

local request_head = {}

-- If two names differ in case only, the header came twice, and its value is a list.
local WANTED = {
  ["x-apple-signature"] = "signature", ["content-encoding"] = "encoding", ["content-length"] = "length",
  traceparent = "traceparent",
}

-- Common headers, as servers write them, which are skipped without converting their case.
local COMMON = {}
for _, name in ipairs { "host", "user-agent", "accept", "accept-encoding", "content-type", "connection" } do
  COMMON[name] = true
end

local function problem_of(request)
  if type(request) ~= "table" then return "a request must be a table, not a " .. type(request) end
  if type(request.method) ~= "string" then return "the request's method must be a string" end
  if request.headers ~= nil and type(request.headers) ~= "table" then return "the request's headers must be a table" end
  if request.body ~= nil and type(request.body) ~= "string" then return "the request's body must be a string" end
end

--- Raises unless this is a request as responders are given.
---@param request any
---@param where string the public function's name, for the message
---@param level integer whose call is blamed, as in `error`
function request_head.check(request, where, level)
  local problem = problem_of(request)
  if not problem and type(request.path) ~= "string" then problem = "the request's path must be a string" end
  if problem then error(("%s: %s"):format(where, problem), level + 1) end
end

local function read_header(head, name, value)
  local field = WANTED[name] or type(name) == "string" and WANTED[name:lower()]
  if field then head[field] = head[field] == nil and value or { head[field], value } end
end

--- Raises, and blames the caller of the function that calls this, if that is no request.
---@param request {method: string, headers?: table, body?: string, fault?: string, answered?: integer, remote?: any,
--- request_id?: string}
---@param where string the public function's name, for the message
---@return table head with the request's body
function request_head.of(request, where)
  local problem = problem_of(request)
  if problem then error(("%s: %s"):format(where, problem), 3) end
  local head = {
    method = request.method, remote = request.remote, body = request.body, fault = request.fault,
    answered = request.answered, request_id = request.request_id,
  }
  for name, value in pairs(request.headers or {}) do
    if not COMMON[name] then read_header(head, name, value) end
  end
  return head
end

--- Whether a content-encoding leaves a body as it is.
---@param encoding any the header's value
---@return boolean
function request_head.is_identity(encoding)
  if type(encoding) ~= "string" then return false end
  local name = text.trim(encoding):lower()
  return name == "" or name == "identity"
end

--- Whether a content-length is above the limit.
---@param length any the header's value
---@param max_body integer bytes
---@return boolean
function request_head.declares_more(length, max_body)
  local bytes = tonumber(length)
  return bytes ~= nil and bytes > max_body
end

return request_head
