--- Answers that every way to carry requests gives alike: that all is well, the metrics, and that something failed here.
local responses = {}

local METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

--- A line of text.
---@param status integer
---@param text string without a line feed
---@param headers? table<string, string> kept and added to
---@return {status: integer, headers: table, body: string}
function responses.plain(status, text, headers)
  headers = headers or {}
  headers["content-type"] = "text/plain; charset=utf-8"
  return { status = status, headers = headers, body = text .. "\n" }
end

--- For a notification that a mistake of ours kept from being stored: App Store Connect shall send it again.
---@return table response
function responses.unavailable()
  return responses.plain(503, "try again later", { ["retry-after"] = "5" })
end

local function not_get(method)
  if method == "GET" or method == "HEAD" then return nil end
  return responses.plain(405, "only GET is answered here", { allow = "GET, HEAD" })
end

--- Whether notifications are taken.
---@param method string
---@param is_stopping boolean
---@return table response
function responses.health(method, is_stopping)
  return not_get(method) or is_stopping and responses.plain(503, "stopping") or responses.plain(200, "ok")
end

--- The metrics for Prometheus.
---@param method string
---@param render fun(): string
---@return table response
function responses.metrics(method, render)
  local refusal = not_get(method)
  if refusal then return refusal end
  local ok, text = pcall(render)
  if not ok then return responses.plain(500, "the metrics cannot be told") end
  return { status = 200, headers = { ["content-type"] = METRICS_TYPE }, body = text }
end

return responses
