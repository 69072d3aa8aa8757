--- GET /metrics on a port of its own, so that the public one never shows them.
local metrics = require "marketplace.metrics"
local refusals = require "marketplace.refusals"
local responses = require "marketplace.responses"

local metrics_server = {}

local MetricsServer = {}
MetricsServer.__index = MetricsServer

local MAX_CONNECTIONS = 16

local function respond(self, request)
  if refusals.IS_UNREADABLE[request.fault] then return responses.refusal "malformed" end
  if request.path ~= "/metrics" then return { status = 404, headers = {}, body = "see /metrics\n" } end
  return responses.metrics(request.method, self.render)
end

--- Waits for requests, `wait` seconds at most, and answers them.
function MetricsServer:step(wait)
  local requests, answers = self.http:poll(wait), {}
  for i, request in ipairs(requests) do answers[i] = respond(self, request) end
  if #requests > 0 then self.http:answer(requests, answers) end
end

---@return string
function MetricsServer:url()
  local host, port = self.http:address()
  return ("http://%s:%d/metrics"):format(host:find(":", 1, true) and "[" .. host .. "]" or host, port)
end

function MetricsServer:close()
  self.http:close()
end

--- What has become of a listening port's connections, and what waits, as text for Prometheus.
---@param stats {connections: integer, accepted: integer, evicted: integer, refused: integer, tls_expires_at?: number}
---@param waiting integer requests of responders
---@return string
function metrics_server.connections(stats, waiting)
  local lines = {}
  metrics.add(lines, "marketplace_connections", "gauge", "Open connections.", { { stats.connections } })
  metrics.add(lines, "marketplace_connections_total", "counter", "Connections, by outcome.", {
    { stats.accepted, "outcome", "accepted" }, { stats.evicted, "outcome", "evicted" },
    { stats.refused, "outcome", "refused" },
  })
  metrics.add(lines, "marketplace_responders_waiting", "gauge", "Requests of responders that wait for their answers.",
    { { waiting } })
  if stats.tls_expires_at then
    metrics.add(lines, "marketplace_tls_expires_at", "gauge", "When the certificate expires, in seconds since 1970.",
      { { stats.tls_expires_at } })
  end
  return metrics.text(lines)
end

--- Opens a server that listens from now on.
---@param given {host?: string, port: number, render: fun(): string} host: default "127.0.0.1"; port: 0: the system
--- chooses; render: returns the text
---@return table|nil server
---@return string? message
---@return string? code listen_failed, out_of_memory
function metrics_server.open(given)
  local http, message, code = require("marketplace.http_server").open {
    host = given.host, port = given.port, max_connections = MAX_CONNECTIONS, max_body = 1,
  }
  if not http then return nil, message, code end
  return setmetatable({ http = http, render = given.render }, MetricsServer)
end

return metrics_server
