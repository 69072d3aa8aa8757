-- hostile.lua URL PAYLOADS.json: puts a notification for each payload into an inbox, with it in each field that others
-- can choose: id, app, type, body and, as a callback's error can repeat what it was given, the reason.
local json = require "marketplace.json"
local marketplace = require "marketplace"
local record = require "marketplace.inbox.record"

local inbox = assert(marketplace.inbox(arg[1]))
local file = assert(io.open(arg[2]))
local payloads = json.decode(file:read "*a")
file:close()

for number, payload in ipairs(payloads) do
  local body = json.encode {
    data = {
      type = payload, id = number .. payload, version = 1, attributes = { appId = payload, [payload] = payload },
    },
  }
  assert(inbox:put { assert(record.of(body)) })
  for _, entry in ipairs(assert(inbox:claim(10, 60))) do
    assert(inbox:finish { { id = entry.id, token = entry.token, state = "dead", code = "failed", reason = payload } })
  end
end
inbox:close()
