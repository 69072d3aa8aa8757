--- What a device has answered, as its metrics show it.
local metrics = require "marketplace.metrics"

local counts = {}

---@class marketplace.device.Counts
local Counts = {}
Counts.__index = Counts

local BOUNDS = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60 } -- seconds

--- Counts an answer.
---@param endpoint string
---@param status integer
---@param seconds number how long it took
function Counts:answer(endpoint, status, seconds)
  metrics.count_answers(self.answers, endpoint, status, 1)
  self.seconds:observe(seconds)
end

--- Counts what was refused before it came here.
---@param endpoint string
---@param status integer
---@param count integer
function Counts:refused(endpoint, status, count)
  metrics.count_answers(self.answers, endpoint, status, count)
end

--- Counts install verification tokens.
---@param count integer
function Counts:add_tokens(count)
  self.tokens = self.tokens + count
end

--- All of it, as text for Prometheus.
---@return string
function Counts:text()
  local lines = {}
  metrics.add_answers(lines, "marketplace_device_answers_total", "Answers to devices, by endpoint and status.",
    "endpoint", self.answers)
  metrics.add(lines, "marketplace_device_tokens_total", "counter", "Install verification tokens made.",
    { { self.tokens } })
  metrics.add_histogram(lines, "marketplace_device_seconds", "How long an answer to a device took.", self.seconds)
  return metrics.text(lines)
end

---@param endpoints string[] shown from 0 on
---@return marketplace.device.Counts
function counts.new(endpoints)
  local self = setmetatable({ answers = {}, tokens = 0, seconds = metrics.histogram(BOUNDS) }, Counts)
  for _, endpoint in ipairs(endpoints) do
    for _, status in ipairs { 200, 503 } do metrics.count_answers(self.answers, endpoint, status, 0) end
  end
  return self
end

return counts
