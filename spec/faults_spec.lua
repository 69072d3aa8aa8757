-- Each of the simulator's faults, once, for each method: how many requests reached it, how many it executed, and what
-- the caller is told. No POST may be executed twice, and none may be sent again that could have been executed.
local unpack = require("marketplace.runtime").unpack
local simulated_api = require "support.simulated_api"

local NOBODY = "http://127.0.0.1:1/"
local ATTEMPT = 0.5 -- seconds

-- Kind; arrived and executed, and whether the call succeeded, for GET, PATCH and DELETE; the same for POST.
local TABLE = {
  { "429", 2, 1, true, 2, 1, true },
  { "429_date", 2, 1, true, 2, 1, true },
  { "401", 2, 1, true, 2, 1, true },
  { "403", 1, 0, false, 1, 0, false },
  { "500", 2, 1, true, 1, 0, false },
  { "500_after", 2, 2, true, 1, 1, false },
  { "502_html", 2, 1, true, 1, 0, false },
  { "502_html_after", 2, 2, true, 1, 1, false },
  { "503_html", 2, 1, true, 1, 0, false },
  { "slow", 2, 2, true, 1, 1, false },
  { "cut_before", 2, 1, true, 1, 0, false },
  { "cut_after", 2, 2, true, 1, 1, false },
  { "empty", 1, 1, false, 1, 1, false },
  { "incomplete", 1, 1, false, 1, 1, false },
  { "wrong_type", 1, 1, false, 1, 1, false },
}
-- Of answers without a body there is nothing to spoil; and what was deleted is not there to be deleted again.
local WITHOUT_BODY = { empty = true, incomplete = true, wrong_type = true }
local DELETED_ONCE = { ["500_after"] = true, ["502_html_after"] = true, slow = true, cut_after = true }

describe("of the simulator's faults", function()
  local api, client, created

  setup(function()
    api = simulated_api.start()
    client = api:client { attempt_timeout = ATTEMPT, sleep = function() end }
  end)

  teardown(function() api:stop() end)

  before_each(function()
    created = assert(client.webhooks:create {
      app = api.app, name = "a webhook", url = NOBODY, secret = "a secret", enabled = true,
      eventTypes = { "BUILD_UPLOAD_STATE_UPDATED" },
    })
  end)

  after_each(function()
    api:control("DELETE", "/faults")
    client.webhooks:delete(created.id)
  end)

  local CALLS = {
    GET = { "/v1/webhooks/%s", function() return client.webhooks:get(created.id) end },
    PATCH = { "/v1/webhooks/%s", function() return client.webhooks:update(created.id, { name = "another" }) end },
    DELETE = { "/v1/webhooks/%s", function() return client.webhooks:delete(created.id) end },
    POST = { "/v1/webhookPings", function() return client.webhookPings:create { webhook = created.id } end },
  }

  local function difference(before, now)
    before = before or { arrived = 0, executed = 0 }
    return { now.arrived - before.arrived, now.executed - before.executed }
  end

  for _, row in ipairs(TABLE) do
    local kind = row[1]
    for method, call in pairs(CALLS) do
      local first = method == "POST" and 5 or 2
      local arrived, executed, succeeds = row[first], row[first + 1], row[first + 2]
      if not (method == "DELETE" and WITHOUT_BODY[kind]) then
        it(("%s meets %s: %d arrived"):format(kind, method, arrived), function()
          local path = call[1]:format(created.id)
          local before = api:requests()[method .. " " .. path]
          api:control("POST", "/faults", { kind = kind, method = method, path = path, seconds = 2 * ATTEMPT })
          local result, message, _, detail = call[2]()
          assert.equal(succeeds, result ~= nil, message)
          if method == "DELETE" and DELETED_ONCE[kind] then executed = 1 end
          assert.same({ arrived, executed }, difference(before, api:requests()[method .. " " .. path]))
          if method == "POST" and executed > 0 and not succeeds then assert.is_true(detail.may_have_run) end
        end)
      end
    end
  end

  it("none, again and again, makes a POST be executed twice", function()
    for _, row in ipairs(TABLE) do
      local kind, again = row[1], row[1]:find "^4" ~= nil
      local before = api:requests()["POST /v1/webhookPings"]
      api:control("POST", "/faults", { kind = kind, method = "POST", times = 100, seconds = 2 * ATTEMPT })
      assert.is_nil((client.webhookPings:create { webhook = created.id }))
      api:control("DELETE", "/faults")
      local arrived, executed = unpack(difference(before, api:requests()["POST /v1/webhookPings"]))
      assert.is_true(executed <= 1 and (again or arrived == 1), ("%s: %d, %d"):format(kind, arrived, executed))
    end
  end)
end)
