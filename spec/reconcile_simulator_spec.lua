-- The receiver, the inbox, the client and reconcile together, with a simulated App Store Connect that goes on
-- delivering while nothing receives. No network, and a clock that moves as it is told.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local shell = require "support.shell"
local simulator = require "marketplace.simulator"

local START = 1769860800 -- 2026-01-31T12:00:00Z
local MARKETPLACE, SECRET, ISSUER = "6740012345", "the webhook's secret", "57246542-96fe-1a63-e053-0824d011072a"
local HOURS, DOWN_SINCE, DOWN_UNTIL = 4, 60, 120 -- an event a minute; minutes in which nothing receives

describe("an hour in which the receiver was down", function()
  local key = assert(core.generate_key())
  local now, folder, sim, client, receiver, is_up, ran

  local function clock() return now end

  -- Now there is nobody, now there is somebody who cannot.
  local function refuse(done)
    if now % 120 == 0 then return done(nil, "connection refused") end
    done { status = 500, body = "" }
  end

  local function send(request, done)
    if not is_up then return refuse(done) end
    local headers = {}
    for _, line in ipairs(request.headers) do
      local name, value = line:match "^([^:]+): (.*)$"
      headers[name] = value
    end
    local status, _, body = receiver:handle { method = request.method, headers = headers, body = request.body }
    done { status = status, body = body }
  end

  local function begin(inbox)
    sim = simulator.new {
      keys = { K1 = assert(key:public_pem()) }, issuer_id = ISSUER, apps = { MARKETPLACE }, clock = clock, send = send,
      strict_deliveries = true,
    }
    client = assert(marketplace.client {
      key = assert(key:private_pem()), key_id = "K1", issuer_id = ISSUER, clock = clock, transport = sim:transport(),
      sleep = function(seconds) now = now + seconds end, random = function() return 0.5 end, log = function() end,
    })
    receiver = marketplace.receiver { secrets = SECRET, inbox = inbox, clock = clock, log = function() end }
    receiver:on("*", function(n) ran[n.id] = (ran[n.id] or 0) + 1 end)
    assert(client.webhooks:create {
      app = MARKETPLACE, name = "a webhook", url = "https://marketplace.example/notifications", secret = SECRET,
      enabled = true, eventTypes = require("marketplace.event_types").MARKETPLACE,
    })
  end

  before_each(function()
    now, is_up, ran = START, true, {}
    folder = shell.run "mktemp -d"
  end)

  after_each(function() shell.run("rm -rf " .. folder) end)

  -- The ids of what happened.
  local function live_through()
    local ids = {}
    for minute = 0, HOURS * 60 - 1 do
      now = START + minute * 60
      is_up = minute < DOWN_SINCE or minute >= DOWN_UNTIL
      local event = sim:event(minute % 3 == 0 and "version_available" or "app_unavailable", {
        app = tostring(6740067890 + minute % 7), generation = 2, variants = 0,
      })
      ids[#ids + 1] = event.notifications[1].id
      if minute == DOWN_SINCE then
        assert(client.webhookPings:create { webhook = client.webhooks:list({ app = MARKETPLACE })[1].id })
      end
      sim:tick()
      receiver:dispatch()
    end
    return ids
  end

  local function run(inbox, state_file)
    local report = assert(marketplace.reconcile {
      client = client, inbox = inbox, apps = { MARKETPLACE }, state_file = state_file or folder .. "/state.json",
      clock = clock, log = function() end,
    })
    sim:tick()
    receiver:dispatch()
    return report
  end

  local function expect_all_once(ids)
    for _, id in ipairs(ids) do
      assert.equal(1, ran[id], id)
      ran[id] = nil
    end
    assert.is_nil((next(ran)))
  end

  local function figures(report)
    return { report.events, report.missing, report.stored, report.redelivered, #report.failed, #report.problems }
  end

  local DOWN, ALL = DOWN_UNTIL - DOWN_SINCE, HOURS * 60

  local INBOXES = {
    memory = function() return memory.new { clock = clock } end,
    SQLite = function() return assert(marketplace.inbox("sqlite:" .. folder .. "/inbox.db", { clock = clock })) end,
  }

  for name, open in pairs(INBOXES) do
    it("leaves nothing missing and nothing run twice, in the inbox in " .. name, function()
      local inbox = open()
      begin(inbox)
      local ids = live_through()
      local report = run(inbox)
      assert.same({ ALL, DOWN, DOWN, DOWN, 0, 0 }, figures(report))
      assert.is_true(report.complete)
      assert.equal(ids[DOWN_SINCE + 1], report.entries[1].id)
      assert.equal(ids[DOWN_UNTIL], report.entries[DOWN].id)
      expect_all_once(ids)
      -- what was redelivered is acknowledged as a duplicate, and App Store Connect has nothing left to repeat
      assert.equal(DOWN, receiver:counts().duplicate)
      now = now + 60
      report = run(inbox)
      assert.same({ 0, 0, 0, 0, 0 }, { report.missing, report.stored, report.redelivered, #report.failed,
        #report.problems })
      inbox:close()
    end)

    it("does so too if the first run ends before it wrote how far it came, in " .. name, function()
      local inbox = open()
      begin(inbox)
      local ids = live_through()
      local states = folder .. "/states"
      shell.run("mkdir " .. states)
      inbox.put = function(...)
        inbox.put = nil
        shell.run("rm -r " .. states)
        return inbox.put(...)
      end
      local report = run(inbox, states .. "/state.json")
      assert.same({ ALL, DOWN, DOWN, DOWN, 0, 1 }, figures(report))
      assert.is_false(report.complete)
      shell.run("mkdir " .. states)
      report = run(inbox, states .. "/state.json")
      assert.same({ ALL, 0, 0, 0, 0, 0 }, figures(report))
      expect_all_once(ids)
      inbox:close()
    end)
  end

  it("is made good even if App Store Connect itself fails now and then", function()
    local inbox = memory.new { clock = clock }
    begin(inbox)
    local ids = live_through()
    sim:fault { kind = "502_html", method = "GET", path = "/v1/webhooks/" }
    sim:fault { kind = "500", method = "POST", path = "/v1/webhookDeliveries", skip = 3 }
    local report = run(inbox)
    assert.same({ ALL, DOWN, DOWN, DOWN - 1, 1, 0 }, figures(report))
    assert.equal("api_error", report.failed[1].code)
    assert.is_false(report.complete)
    report = run(inbox)
    assert.equal(1, report.redelivered)
    assert.is_true(report.complete)
    expect_all_once(ids)
    assert.equal(DOWN, receiver:counts().duplicate)
  end)
end)
