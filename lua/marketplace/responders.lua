--- What a carrier answers beside notifications: each responder has paths of its own.
---
--- A carrier asks `find`. It receives bodies of POSTs only, plain ones of at most `max_body` bytes, and answers what
--- does not come to that itself (`fault_answer`).
local request_head = require "marketplace.request_head"
local responses = require "marketplace.responses"

local responders = {}

---@class marketplace.Responder what can be added: marketplace.device is one
---@field max_body integer bytes of the largest body that it takes
---@field name? string one word, which the log calls what is refused of it; default "responder"
---@field paths fun(self: table): string[] where requests may be its own: each begins with a slash; one that ends with a
--- slash, too, stands for all below it. Asked once
---@field answers fun(self: table, path: string): boolean whether a path, without a query, is its own
---@field handle fun(self: table, request: table): integer, table, string, string? is given {method=, path=, headers=,
--- body=, remote=}, the path with its query; returns the status, the headers and the body; and, if the log is to say
--- of a refusal something else than the body's first line, that. It may wait, as marketplace.client does, wherever its
--- carrier can
---@field refused? fun(self: table, path: string, status: integer, count?: integer) is told what its carrier refused of
--- it, one request or more, to be counted
---@field metrics? fun(self: table): string its counters, as text for Prometheus
---@field close? fun(self: table)

---@class marketplace.Responders
local Responders = {}
Responders.__index = Responders

local MOST_BODY = 16777216 -- bytes
local METHODS = { "paths", "answers", "handle" }

local function problem_of(responder)
  if type(responder) ~= "table" then return "a responder is expected, not a " .. type(responder) end
  for _, name in ipairs(METHODS) do
    if type(responder[name]) ~= "function" then
      return ("the responder has no method '%s': use assert(marketplace.device{...})"):format(name)
    end
  end
  local max_body = responder.max_body
  if not (type(max_body) == "number" and max_body >= 1 and max_body <= MOST_BODY and max_body % 1 == 0) then
    return ("the responder's max_body must be from 1 to %d bytes"):format(MOST_BODY)
  end
end

local function path_problem(paths)
  if type(paths) ~= "table" or #paths == 0 then return "the responder's paths() must return a list of paths" end
  for _, path in ipairs(paths) do
    if type(path) ~= "string" or not path:find "^/[^%s?#]*$" then
      return ("the responder's path %q must begin with a slash, and have no white space, ? or #"):format(tostring(path))
    end
  end
end

--- Raises unless this is a responder.
---@param responder any
---@param where string the public function's name, for the message
---@param level? integer whose call is blamed, as in `error`; default 3: the caller of the function that checks
---@return string[] paths
function responders.check(responder, where, level)
  local problem, paths = problem_of(responder), nil
  if not problem then
    paths = responder:paths()
    problem = path_problem(paths)
  end
  if problem then error(("%s: %s"):format(where, problem), level or 3) end
  return paths
end

--- Adds one. The first that answers a path gets its requests. Raises unless it is one, and if it comes too late.
---@param responder marketplace.Responder
---@param where string the public function's name, for the message; its caller is blamed
function Responders:add(responder, where)
  local paths = responders.check(responder, where, 4)
  if self.is_carried then
    error(where .. ": a server listens for this receiver already: add responders before", 3)
  end
  self.list[#self.list + 1] = responder
  for _, path in ipairs(paths) do
    self.routes[#self.routes + 1] = { path = path, max_body = responder.max_body, responder = responder }
  end
end

--- Adds one that is only counted and closed here: its carrier knows where it answers.
---@param responder marketplace.Responder
---@param where string as for `add`
function Responders:add_apart(responder, where)
  responders.check(responder, where, 4)
  self.apart[#self.apart + 1] = responder
end

--- The responder that answers a path.
---@param path string without a query
---@return marketplace.Responder|nil
function Responders:find(path)
  for _, responder in ipairs(self.list) do
    if responder:answers(path) then return responder end
  end
end

--- Which of these paths, which are a carrier's own, a responder would answer.
---@param paths string[]
---@return string|nil path
function Responders:taken(paths)
  for _, path in ipairs(paths) do
    if self:find(path) then return path end
  end
end

--- What they have counted, for metrics.text.
---@param lines string[] added to
function Responders:add_metrics(lines)
  for _, list in ipairs { self.list, self.apart } do
    for _, responder in ipairs(list) do
      if responder.metrics then lines[#lines + 1] = responder:metrics():gsub("\n$", "") end
    end
  end
end

function Responders:close()
  for _, list in ipairs { self.list, self.apart } do
    for _, responder in ipairs(list) do
      if responder.close then responder:close() end
    end
  end
end

---@return marketplace.Responders
function responders.new()
  return setmetatable({
    list = {}, apart = {},
    --- Whether a server knows the routes, so that none can be added.
    is_carried = false,
    --- {path=, max_body=, responder=} of each path, for carriers that judge heads: one that ends with a slash stands
    --- for all below it.
    routes = {},
  }, Responders)
end

--[[ What keeps a request from its responder ]]

local FAULTS = {
  malformed = "malformed", no_length = "no_length", timeout = "timeout", too_large = "too_large",
  overloaded = "unavailable",
}

-- A kind of marketplace.responses, or nil.
local function fault_of(request, max_body)
  local headers = request.headers or {}
  local encoding = headers["content-encoding"]
  if request.fault == "no_length" then return "no_length" end
  if encoding ~= nil and not request_head.is_identity(encoding) then return "encoded" end
  if request_head.declares_more(headers["content-length"], max_body) then return "too_large" end
  if request.fault == "unread" then return "not_post" end
  return FAULTS[request.fault]
end

--- The answer to a request that its responder is not given; nil if it is.
---@param request {headers: table<string, string|string[]>, fault: string|nil} with its headers in lower case; fault:
--- why there is no body: "no_length", "too_large", "timeout", "overloaded", or "unread", which was none that is taken
---@param max_body integer bytes
---@return {status: integer, headers: table<string, string>, body: string}|nil
function responders.fault_answer(request, max_body)
  local kind = fault_of(request, max_body)
  return kind and responses.refusal(kind) or nil
end

--[[ What the log shows of refused requests ]]

local MOST_SHOWN = 200 -- bytes, of a request's line and of what it was told

--- Whether a responder's answer is one. That something is not there is an answer like any other, and what failed within
--- is the responder's to report.
---@param status any
---@return boolean
function responders.is_refusal(status)
  return type(status) == "number" and status >= 400 and status < 500 and status ~= 404
end

--- What somebody was told, by a body of text.
---@param body any
---@return string
function responders.first_line(body)
  return type(body) == "string" and body:match "^[^\n]*":sub(1, MOST_SHOWN) or ""
end

--- What the log calls what is refused of it.
---@param responder marketplace.Responder
---@return string
function responders.code(responder)
  return responder.name or "responder"
end

--- A refused request, for Receiver:show_refused.
---@param responder marketplace.Responder
---@param request {method: string, path: string, remote: any} path: without the query
---@param status integer
---@param reason string
---@param level? string default "warning"
---@return table
function responders.refused(responder, request, status, reason, level)
  return {
    code = responders.code(responder), status = status, remote = request.remote, level = level,
    reason = ("%s: %s"):format((request.method .. " " .. request.path):sub(1, MOST_SHOWN), reason),
  }
end

return responders
