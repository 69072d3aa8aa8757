--- The answers, however requests are carried. They say no more than their status does.
local json = require "marketplace.json"

local responses = {}

local METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
local RETRY_AFTER = "5" -- seconds: a full disk or a lost connection rarely ends sooner

local REFUSALS = {
  not_post = { 405, "only POST is answered here", "allow", "POST" },
  malformed = { 400, "the request is malformed" },
  no_length = { 411, "a content-length is needed" },
  timeout = { 408, "the body did not arrive in time" },
  too_large = { 413, "the body is larger than the limit" },
  encoded = { 415, "only plain bodies are taken", "accept-encoding", "identity" },
  refused = { 401, "the signature is missing or wrong" },
  unavailable = { 503, "try again later", "retry-after", RETRY_AFTER },
}

--- A line of text.
---@param status integer
---@param text string without a line feed
---@param header? string name of one more header
---@param value? string
---@return {status: integer, headers: table<string, string>, body: string}
function responses.plain(status, text, header, value)
  local headers = { ["content-type"] = "text/plain; charset=utf-8" }
  if header then headers[header] = value end
  return { status = status, headers = headers, body = text .. "\n" }
end

--- A document for the one who asked, and for no cache.
---@param status integer
---@param document table
---@return {status: integer, headers: table<string, string>, body: string}
function responses.json(status, document)
  return {
    status = status, body = json.encode(document),
    headers = { ["content-type"] = "application/json", ["cache-control"] = "no-store" },
  }
end

--- For a notification that was not stored.
---@param kind "malformed"|"no_length"|"not_post"|"timeout"|"too_large"|"encoded"|"refused"|"unavailable" unavailable
--- also if a bug here kept it from being stored, so that App Store Connect sends it again
---@return {status: integer, headers: table<string, string>, body: string}
function responses.refusal(kind)
  local refusal = REFUSALS[kind]
  return responses.plain(refusal[1], refusal[2], refusal[3], refusal[4])
end

--- For what is only got; nil if it is.
---@param method string
---@return {status: integer, headers: table<string, string>, body: string}|nil
function responses.not_get(method)
  if method == "GET" or method == "HEAD" then return nil end
  return responses.plain(405, "only GET is answered here", "allow", "GET, HEAD")
end

--- Whether the process lives. The standalone server's are in csrc/server/health.c.
---@param method string
---@param is_stopping boolean
---@return {status: integer, headers: table<string, string>, body: string}
function responses.health(method, is_stopping)
  return responses.not_get(method) or is_stopping and responses.plain(503, "stopping") or responses.plain(200, "ok")
end

--- Whether notifications are taken.
---@param method string
---@param is_stopping boolean
---@param is_ready fun(): boolean is only asked if that matters
---@return {status: integer, headers: table<string, string>, body: string}
function responses.readiness(method, is_stopping, is_ready)
  local answer = responses.health(method, is_stopping)
  if answer.status ~= 200 or is_ready() then return answer end
  return responses.plain(503, "inbox unavailable")
end

--- The metrics for Prometheus.
---@param method string
---@param render fun(): string
---@return {status: integer, headers: table<string, string>, body: string}
function responses.metrics(method, render)
  local refusal = responses.not_get(method)
  if refusal then return refusal end
  local ok, text = pcall(render)
  if not ok then return responses.plain(500, "the metrics cannot be shown") end
  return { status = 200, headers = { ["content-type"] = METRICS_TYPE }, body = text }
end

return responses
