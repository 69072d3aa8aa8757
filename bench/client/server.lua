-- Answers every request with one webhook. Writes its port; after SIGTERM, how many connections and tokens it saw.
local core = require "marketplace.core"
local http_server = require "marketplace.http_server"

local WEBHOOK = '{"data":{"type":"webhooks","id":"w1","attributes":{"enabled":true,"eventTypes":' ..
  '["ALTERNATIVE_DISTRIBUTION_PACKAGE_AVAILABLE_UPDATED","ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED",' ..
  '"ALTERNATIVE_DISTRIBUTION_TERRITORY_AVAILABILITY_UPDATED"],"name":"marketplace","url":' ..
  '"https://marketplace.example/notifications"},"relationships":{"app":{"data":{"type":"apps","id":"6740012345"}},' ..
  '"deliveries":{"links":{"self":"/v1/webhooks/w1/relationships/deliveries"}}},"links":{"self":"/v1/webhooks/w1"}},' ..
  '"links":{"self":"/v1/webhooks/w1"}}'

core.catch_signals()
local server = assert(http_server.open {})
local response = {
  status = 200, body = WEBHOOK,
  headers = { ["content-type"] = "application/json", ["x-rate-limit"] = "user-hour-lim:3500;user-hour-rem:3499;" },
}
local _, port = server:address()
print(port)
io.stdout:flush()
local tokens, count = {}, 0
while not core.stop_asked() do
  local requests, responses = server:poll(1), {}
  for i, request in ipairs(requests) do
    local token = request.headers.authorization
    if not tokens[token] then tokens[token], count = true, count + 1 end
    responses[i] = response
  end
  server:answer(requests, responses)
end
print(server:stats().accepted, count)
