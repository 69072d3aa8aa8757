local core = require "marketplace.core"
local fake_deliveries = require "support.fake_deliveries"
local log = require "marketplace.log"
local marketplace = require "marketplace"
local is_unsigned = require("marketplace.inbox.record").is_unsigned
local memory = require "marketplace.inbox.memory"
local samples = require "marketplace.samples"
local shell = require "support.shell"

local HOUR, DAY = 3600, 86400
local START = 1769860800 -- 2026-01-31T12:00:00Z

describe("marketplace.reconcile", function()
  local now, apple, inbox, folder, entries

  local function clock() return now end

  before_each(function()
    now, entries = START, {}
    apple = fake_deliveries.new(clock)
    inbox = memory.new { clock = clock }
    folder = shell.run "mktemp -d"
  end)

  after_each(function() shell.run("rm -rf " .. folder) end)

  local function run(more)
    return fake_deliveries.reconcile({
      client = apple, inbox = inbox, webhooks = { "w1" }, clock = clock, state_file = folder .. "/state.json",
      log = function(entry) entries[#entries + 1] = entry end,
    }, more)
  end

  local function event(id, at, more)
    local made = {
      id = "event " .. id, payload = samples.body("app_unavailable", { id = id, time = at }),
      createdDate = log.timestamp(at),
    }
    for name, value in pairs(more or {}) do made[name] = value end
    return made
  end

  local function deliver(id, at, state, more)
    local made = { id = "delivery " .. id, event = event(id, at), at = at, state = state }
    for name, value in pairs(more or {}) do made[name] = value end
    apple:deliver(made)
    return made
  end

  local function keys()
    local list = {}
    for i, entry in ipairs(inbox:list {}) do list[i] = entry.key end
    return list
  end

  local function numbers(report)
    return {
      deliveries = report.deliveries, events = report.events, missing = report.missing, stored = report.stored,
      redelivered = report.redelivered, failed = #report.failed, problems = #report.problems, pending = report.pending,
      complete = report.complete,
    }
  end

  local function expect(expected, report, message)
    assert(report, message)
    for name, value in pairs(numbers(report)) do
      if type(value) == "number" then expected[name] = expected[name] or 0 end
    end
    if expected.complete == nil then expected.complete = true end
    assert.same(expected, numbers(report))
    return report
  end

  it("puts what is missing, oldest first, and asks for the redelivery of what failed", function()
    deliver("b", START - 100, "FAILED")
    deliver("a", START - 200, "FAILED")
    deliver("c", START - 50, "SUCCEEDED")
    local report = expect({ deliveries = 3, events = 3, missing = 3, stored = 3, redelivered = 2 }, run())
    assert.same({ "delivery a", "delivery b" }, apple.redelivered)
    local seen = {}
    for i, one in ipairs(report.entries) do seen[i] = one.id end
    assert.same({ "a", "b", "c" }, seen)
    local first = report.entries[1]
    assert.same({ "app_unavailable", "AppUnavailable", "6740067890", "w1", START - 200, true },
      { first.event, first.type, first.app_id, first.webhook, first.created_at, first.stored })
    local order = {}
    for i = 1, 3 do
      local claimed = inbox:claim(1, 60)[1]
      order[i], claimed.state = claimed.key, "done"
      assert.is_nil(inbox:get(claimed.id).verified_by)
      inbox:finish { claimed }
    end
    assert.same({ "a", "b", "c" }, order)
    assert.same({ "was missing, stored", "info" }, { entries[1].message, entries[1].level })
  end)

  it("reads App Store Connect's own documents, page by page", function()
    local function page(minutes, next_url)
      local document = { data = {}, included = {}, links = { next = next_url } }
      for i, number in ipairs(minutes) do
        local named = event(number, START - 100 * number)
        document.data[i] = {
          type = "webhookDeliveries", id = "d" .. number,
          attributes = { createdDate = named.createdDate, deliveryState = "FAILED" },
          relationships = { event = { data = { type = "webhookEvents", id = named.id } } },
        }
        document.included[i] = {
          type = "webhookEvents", id = named.id,
          attributes = { payload = named.payload, ping = false, createdDate = named.createdDate },
        }
      end
      return document
    end
    local base = "https://api.example"
    local asked = {}
    local client = { base_url = base }
    function client:request(method, path, given) -- luacheck: ignore self
      asked[#asked + 1] = method .. " " .. path
      if method == "POST" then
        assert.equal("webhookDeliveries", given.body.data.relationships.template.data.type)
        return { data = { type = "webhookDeliveries", id = "again" } }, { status = 201, headers = {} }
      end
      if path == "/v1/webhooks/w1" then
        return { data = { type = "webhooks", id = "w1", attributes = {
          enabled = true, eventTypes = require("marketplace.event_types").MARKETPLACE,
        } } }, { status = 200, headers = {} }
      end
      if path:find "page2" then return page { 3 }, { status = 200, headers = {} } end
      return page({ 1, 2 }, base .. "/v1/webhooks/w1/deliveries?page2"), { status = 200, headers = {} }
    end
    require("marketplace.client.resources").attach(client)
    expect({ deliveries = 3, events = 3, missing = 3, stored = 3, redelivered = 3 }, run { client = client })
    assert.equal(6, #asked)
    assert.same({ "GET /v1/webhooks/w1", "GET /v1/webhooks/w1/deliveries", "POST /v1/webhookDeliveries" },
      { asked[1], asked[2], asked[4] })
  end)

  it("finds nothing to do the second time", function()
    deliver("a", START - 200, "FAILED")
    run()
    now = now + 60
    expect({ deliveries = 1, events = 1 }, run())
    assert.equal(1, #apple.redelivered)
  end)

  it("does not put what the inbox knows: waiting, done or dead, with these bytes or others", function()
    local function put(id, body)
      body = body or samples.body("app_unavailable", { id = id, time = START - 20 })
      inbox:put { require("marketplace.inbox.record").of(body) }
    end
    for _, id in ipairs { "done", "dead" } do
      put(id)
      local claimed = inbox:claim(1, 60)
      claimed[1].state, claimed[1].code, claimed[1].reason = id, id == "dead" and "failed" or nil, "x"
      inbox:finish(claimed)
    end
    put "ready"
    local same = deliver("same", START - 10, "FAILED")
    put("same", same.event.payload)
    for _, id in ipairs { "done", "dead", "ready" } do deliver(id, START - 10, "FAILED") end
    expect({ deliveries = 4, events = 4 }, run())
    assert.equal(0, apple.asked)
    assert.same({ ready = 2, leased = 0, done = 1, dead = 1 }, inbox:counts())
  end)

  it("takes what is delivered afterwards for the same, even with other bytes, and keeps what was signed", function()
    local receiver = marketplace.receiver { secrets = "s", inbox = inbox, clock = clock, log = function() end }
    local function receive(body)
      assert.equal(200, (receiver:handle { method = "POST", body = body,
        headers = { ["x-apple-signature"] = marketplace.sign("s", body) } }))
    end
    local made = deliver("a", START - 10, "FAILED")
    run()
    assert.same({ true, made.event.payload }, { is_unsigned(inbox:get("a").digest), inbox:get("a").body })
    local signed = made.event.payload:gsub(":", ": ")
    receive(signed)
    receive(signed)
    assert.same({ duplicate = 2 }, receiver:counts())
    assert.same({ "a" }, keys())
    local entry = inbox:get "a"
    assert.same({ core.sha256(signed), marketplace.fingerprint "s", signed },
      { entry.digest, entry.verified_by, entry.body })
    receive(made.event.payload)
    assert.same({ duplicate = 2, conflict = 1 }, receiver:counts())
  end)

  it("does not count as missing what comes while it looks", function()
    local made = deliver("a", START - 10, "FAILED")
    local get = inbox.get
    inbox.get = function(self, id)
      local entry = get(self, id)
      self:put { require("marketplace.inbox.record").of((made.event.payload:gsub(":", ": "))) }
      return entry
    end
    expect({ deliveries = 1, events = 1, redelivered = 1 }, run())
    assert.same({ "a" }, keys())
  end)

  it("puts events of the same instant in the order in which they are listed", function()
    for _, id in ipairs { "b", "c", "a" } do deliver(id, START - 100, "SUCCEEDED") end
    local seen = {}
    for i, one in ipairs(run().entries) do seen[i] = one.id end
    assert.same({ "c", "b", "a" }, seen)
  end)

  it("puts no ping", function()
    deliver("p", START - 30, "FAILED", { event = event("p", START - 30, { ping = true, payload = "{" }) })
    deliver("q", START - 30, "FAILED", { event = event("q", START - 30, { payload = samples.body "ping" }) })
    apple:deliver { id = "r", event = { id = "event r", ping = true }, at = START - 30, state = "FAILED" }
    expect({ deliveries = 3 }, run())
    assert.same({}, keys())
    assert.equal(0, apple.asked)
  end)

  it("puts what is still being delivered too, and asks for no redelivery of it", function()
    deliver("a", START - 20, "PENDING")
    expect({ deliveries = 1, events = 1, missing = 1, stored = 1, pending = 1 }, run())
    assert.same({ "a" }, keys())
    apple.deliveries[1].state = "FAILED"
    expect({ deliveries = 1, events = 1 }, run())
    assert.equal(0, apple.asked)
  end)

  it("goes by the newest delivery of an event", function()
    local first = deliver("a", START - 300, "FAILED")
    apple:deliver { id = "later", event = first.event, at = START - 100, state = "SUCCEEDED", redelivery = true }
    local second = deliver("b", START - 300, "SUCCEEDED")
    apple:deliver { id = "worse", event = second.event, at = START - 300, state = "FAILED", redelivery = true }
    local third = deliver("c", START - 100, "SUCCEEDED")
    apple:deliver { id = "older", event = third.event, at = START - 300, state = "FAILED", redelivery = true }
    expect({ deliveries = 6, events = 3, missing = 3, stored = 3, redelivered = 1 }, run())
    assert.same({ "worse" }, apple.redelivered)
  end)

  -- the fake lists them in the reverse order of their ids
  it("takes the redelivery for the newer of two of the same instant, in whichever order they are listed", function()
    local at = START - 300
    local function pair(id, first, second)
      local made = event(id, at)
      for i, one in ipairs { first, second } do
        apple:deliver { id = id .. i, event = made, at = at, state = one[1], redelivery = one[2] }
      end
    end
    pair("a", { "FAILED", false }, { "SUCCEEDED", true })
    pair("b", { "SUCCEEDED", true }, { "FAILED", false })
    pair("c", { "SUCCEEDED", false }, { "FAILED", true })
    pair("d", { "FAILED", true }, { "SUCCEEDED", false })
    expect({ deliveries = 8, events = 4, missing = 4, stored = 4, redelivered = 2 }, run())
    table.sort(apple.redelivered)
    assert.same({ "c2", "d1" }, apple.redelivered)
  end)

  it("takes the first listed of two that do not differ", function()
    for i, state in ipairs { "FAILED", "SUCCEEDED" } do
      for _, redelivery in ipairs { true, false } do
        local made = event(("%s %s"):format(state, tostring(redelivery)), START - 300)
        apple:deliver { id = made.id .. 2, event = made, at = START - 300, state = state, redelivery = redelivery }
        apple:deliver { id = made.id .. 1, event = made, at = START - 300, state = i == 1 and "SUCCEEDED" or "FAILED",
          redelivery = redelivery }
      end
    end
    run()
    table.sort(apple.redelivered)
    assert.same({ "event FAILED false2", "event FAILED true2" }, apple.redelivered)
  end)

  it("asks for a redelivery if the payload is not given, as often as it fails", function()
    deliver("a", START - 300, "FAILED", { untold = true })
    deliver("b", START - 300, "SUCCEEDED", { untold = true })
    local function again(redelivered, more)
      expect({ deliveries = 2, events = 2, redelivered = redelivered, problems = 2, complete = false }, run(more))
    end
    again(1)
    again(1)
    assert.same({ "delivery a", "delivery a" }, apple.redelivered)
    again(0, { redeliver = false })
  end)

  it("knows deliveries of one event by their relationships if the event is not included", function()
    local made = deliver("a", START - 300, "FAILED", { untold = true })
    apple:deliver { id = "later", event = made.event, at = START - 200, state = "SUCCEEDED", untold = true }
    expect({ deliveries = 2, events = 1, problems = 1, complete = false }, run())
    assert.same({}, apple.redelivered)
  end)

  it("takes deliveries that name no event for one event each", function()
    deliver("a", START - 300, "FAILED", { untold = true, unrelated = true })
    deliver("b", START - 200, "SUCCEEDED", { untold = true, unrelated = true })
    expect({ deliveries = 2, events = 2, redelivered = 1, problems = 2, complete = false }, run())
    assert.same({ "delivery a" }, apple.redelivered)
  end)

  it("asks for no redelivery if none is wanted", function()
    deliver("a", START - 300, "FAILED")
    expect({ deliveries = 1, events = 1, missing = 1, stored = 1 }, run { redeliver = false })
    assert.same({}, apple.redelivered)
  end)

  it("goes on if a redelivery is refused, reports it, and asks again the next time", function()
    deliver("a", START - 300, "FAILED")
    deliver("b", START - 200, "FAILED")
    apple.refused["delivery a"] = "api_error"
    local report = expect({ deliveries = 2, events = 2, missing = 2, stored = 2, redelivered = 1, failed = 1,
      complete = false }, run())
    assert.same({ webhook = "w1", event = "event a", delivery = "delivery a", message = "not now",
      code = "api_error", detail = { status = 409 } }, report.failed[1])
    now, apple.refused = now + 5 * HOUR, {}
    expect({ deliveries = 2, events = 2, redelivered = 1 }, run())
    assert.same({ "delivery b", "delivery a" }, apple.redelivered)
    expect({ deliveries = 2, events = 2 }, run())
  end)

  describe("leaves redeliveries for the next run", function()
    local function left(report)
      assert.same({ "rate_limited", 1 }, { report.notices[1].code, #report.notices })
      return report.left, report.notices[1].message
    end

    it("at the first that is refused for the limit of requests", function()
      for i = 1, 9 do deliver("e" .. i, START - 5 * HOUR + i, "FAILED") end
      deliver("later", START - 300, "SUCCEEDED")
      apple.refused["delivery e3"] = "rate_limited"
      local report = expect({ deliveries = 10, events = 10, missing = 10, stored = 10, redelivered = 2 }, run())
      local count, message = left(report)
      assert.same({ 7, 3 }, { count, apple.asked })
      assert.equal("redeliveries left for the next run: 7 (App Store Connect accepts no more requests for now)",
        message)
      apple.refused, now = {}, now + 5 * HOUR
      expect({ deliveries = 10, events = 10, redelivered = 7 }, run())
      expect({ deliveries = 1, events = 1 }, run())
      assert.equal(9, #apple.redelivered)
    end)

    it("before a fifth of the requests is all that remains", function()
      for i = 1, 9 do deliver("e" .. i, START - 1000 + i, "FAILED") end
      apple.rate_limit = { limit = 50, remaining = 13 }
      local report = expect({ deliveries = 9, events = 9, missing = 9, stored = 9, redelivered = 4 }, run())
      local count, message = left(report)
      assert.same({ 5, 4 }, { count, apple.asked })
      assert.matches("less than a fifth", message)
      assert.equal(5, left(expect({ deliveries = 9, events = 9 }, run())))
      apple.rate_limit = { limit = 50, remaining = 50 }
      expect({ deliveries = 9, events = 9, redelivered = 5 }, run())
    end)

    it("or not at all, if nothing is remembered", function()
      deliver("a", START - 300, "FAILED")
      apple.rate_limit = { limit = 50, remaining = 1 }
      local _, message = left(run { state_file = "none" })
      assert.matches("^redeliveries not requested: 1 %(", message)
      apple.rate_limit = {}
      expect({ deliveries = 1, events = 1 }, run { state_file = "none" })
    end)

    it("unless they succeed meanwhile", function()
      local made = deliver("a", START - 300, "FAILED")
      apple.rate_limit = { limit = 50, remaining = 1 }
      run()
      apple:deliver { id = "by hand", event = made.event, at = START - 100, state = "SUCCEEDED", redelivery = true }
      expect({ deliveries = 2, events = 1 }, run())
      apple.rate_limit = {}
      apple.deliveries[2].state = "FAILED"
      expect({ deliveries = 2, events = 1 }, run())
    end)
  end)

  it("keeps a payload that cannot be read as dead", function()
    deliver("a", START - 300, "FAILED", { event = { id = "event a", payload = "{", createdDate = "?" } })
    local report = expect({ deliveries = 1, events = 1, missing = 1, stored = 1, redelivered = 1, problems = 1,
      complete = false }, run())
    assert.is_string(report.entries[1].reason)
    assert.same({ "was missing, stored", "warning" }, { entries[2].message, entries[2].level })
    assert.same({ ready = 0, leased = 0, done = 0, dead = 1 }, inbox:counts())
    assert.equal(core.sha256 "{", keys()[1])
  end)

  it("looks again at what could not be read for a reason of its own", function()
    deliver("a", START - 300, "SUCCEEDED", { event = { id = "event a", payload = "{", createdDate = "?" } })
    local sha256 = stub(core, "sha256", function() return nil, "no digest", "crypto_failed" end)
    local report = run()
    sha256:revert()
    expect({ deliveries = 1, events = 1, problems = 1, complete = false }, report)
    assert.same({ "w1", "event a", "crypto_failed" },
      { report.problems[1].webhook, report.problems[1].event, report.problems[1].code })
    assert.matches(": no digest$", report.problems[1].message)
    now = now + 5 * HOUR
    expect({ deliveries = 1, events = 1, missing = 1, stored = 1, problems = 1, complete = false }, run())
    expect({ deliveries = 1, events = 1 }, run())
  end)

  it("forgets after ten days for what it asked", function()
    deliver("a", START - 300, "FAILED")
    run()
    local function state() return core.read_file(folder .. "/state.json") end
    assert.is_truthy(state():find("event a", 1, true))
    now = now + 10 * DAY
    run()
    assert.is_truthy(state():find("event a", 1, true))
    now = now + 1
    run()
    assert.is_nil(state():find("event a", 1, true))
  end)

  it("takes deliveries of one event to two webhooks for one", function()
    local made = deliver("a", START - 300, "FAILED")
    apple:deliver { id = "other", event = made.event, at = START - 300, state = "FAILED", webhook = "w2" }
    apple.apps.a1 = { "w2", "w1" }
    expect({ deliveries = 2, events = 2, missing = 1, complete = false },
      run { webhooks = { "w1" }, apps = { "a1" }, dry_run = true })
    local report = expect({ deliveries = 2, events = 2, missing = 1, stored = 1, redelivered = 2 },
      run { webhooks = { "w1" }, apps = { "a1" } })
    assert.equal(START - 10 * DAY + 600, report.since)
    -- the report is as old as the webhook that was looked at longest ago
    now = now + DAY
    deliver("b", now - 100, "SUCCEEDED")
    run()
    assert.equal(START - 300 - HOUR, run({ webhooks = { "w1" }, apps = { "a1" } }).since)
  end)

  it("puts in batches, and stops at the first that is not stored", function()
    for i = 1, 250 do deliver(("%03d"):format(i), START - 1000 + i, "FAILED") end
    local sizes, put = {}, inbox.put
    inbox.put = function(self, records, at)
      if #sizes == 2 then return nil, "the disk is full", "inbox_unavailable" end
      sizes[#sizes + 1] = #records
      return put(self, records, at)
    end
    local report = expect({ deliveries = 250, events = 250, missing = 250, stored = 200, problems = 1,
      complete = false }, run())
    assert.same({ 100, 100 }, sizes)
    assert.equal("inbox_unavailable", report.problems[1].code)
    assert.is_nil(core.file_id(folder .. "/state.json"))
    inbox.put = put
    expect({ deliveries = 250, events = 250, missing = 50, stored = 50, redelivered = 50 }, run())
    assert.equal(250, #keys())
  end)

  it("changes nothing in a dry run", function()
    deliver("a", START - 300, "FAILED")
    local report = expect({ deliveries = 1, events = 1, missing = 1, complete = false }, run { dry_run = true })
    assert.same({ "a", false }, { report.entries[1].id, report.entries[1].stored })
    assert.same({ { webhook = "w1", event = "event a", delivery = "delivery a", created_at = START - 300,
      asked = false } }, report.redeliveries)
    assert.same({}, run({ dry_run = true, redeliver = false }).redeliveries)
    assert.same({}, keys())
    assert.same({}, apple.redelivered)
    assert.equal("", shell.run("ls " .. folder))
  end)

  describe("looks back", function()
    local function since(more)
      apple.asked_since = {}
      assert(run(more))
      return now - apple.asked_since[1]
    end

    it("almost ten days the first time, then to an hour before the newest that it has seen", function()
      assert.equal(10 * DAY - 600, since())
      deliver("a", START - 300, "SUCCEEDED")
      assert.equal(10 * DAY - 600, since())
      assert.equal(HOUR + 300, since())
      now = now + HOUR
      assert.equal(2 * HOUR + 300, since())
    end)

    it("each time almost ten days without a state", function()
      deliver("a", START - 300, "SUCCEEDED")
      for _ = 1, 2 do assert.equal(10 * DAY - 600, since { state_file = "none" }) end
    end)

    it("to an hour before the oldest of several that could not be compared", function()
      deliver("c", START - 200, "SUCCEEDED", { untold = true })
      deliver("a", START - 300, "SUCCEEDED", { untold = true })
      deliver("b", START - 100, "SUCCEEDED")
      since()
      now = now + 5 * HOUR
      assert.equal(6 * HOUR + 300, since())
      apple.deliveries[2].untold = false
      since()
      assert.equal(6 * HOUR + 200, since())
      apple.deliveries[1].untold = false
      since()
      assert.equal(6 * HOUR + 100, since())
    end)

    it("as far as before if not all could be listed", function()
      deliver("a", START - 300, "SUCCEEDED")
      since()
      now = now + 5 * HOUR
      deliver("b", now - 200, "SUCCEEDED")
      deliver("c", now - 100, "SUCCEEDED")
      apple.fails_after = 1
      expect({ deliveries = 1, events = 1, missing = 1, stored = 1, problems = 1, complete = false }, run())
      apple.fails_after = nil
      assert.equal(6 * HOUR + 300, since())
      assert.same({ "a", "b", "c" }, (function()
        local found = keys()
        table.sort(found)
        return found
      end)())
    end)

    it("as far as it is told, without forgetting what it skipped", function()
      deliver("a", START - 2 * DAY, "SUCCEEDED")
      deliver("b", START - 300, "SUCCEEDED")
      assert.equal(DAY, since { since = now - DAY })
      assert.equal(10 * DAY - 600, since { since = now - 20 * DAY })
      assert.equal(HOUR + 300, since())
      assert.equal(DAY, since { since = now - DAY })
      assert.equal(60, since { since = now - 60 })
      assert.equal(HOUR + 300, since())
    end)

    it("ten days at most, and says so if the last run was before that", function()
      deliver("a", START - 300, "SUCCEEDED")
      since()
      now = now + 9 * DAY
      expect({ deliveries = 1, events = 1 }, run())
      now = now + 9 * DAY
      expect({}, run())
      now = now + 11 * DAY
      assert.equal(10 * DAY - 600, since())
      now = now + 11 * DAY
      local report = expect({ problems = 1, complete = false }, run())
      assert.equal("history_expired", report.problems[1].code)
      local lost = report.problems[1].message
      assert.matches("from 2026%-02%-%d%dT%S+ to 2026%-03%-%d%dT", lost)
      now = now + DAY
      report = expect({ problems = 1, complete = false }, run { since = now - 10 * DAY })
      assert.equal(lost, report.problems[1].message)
      now = now + 11 * DAY
      report = expect({ problems = 1, complete = false }, run())
      assert.equal(lost:match "between (%S+)", report.problems[1].message:match "between (%S+)")
      expect({}, run { accept_gap = true, dry_run = true })
      expect({ problems = 1, complete = false }, run())
      expect({}, run { accept_gap = true })
      expect({}, run())
    end)

    it("as far as a narrow view, and says what it did not cover", function()
      deliver("a", START - 2 * DAY, "SUCCEEDED")
      local report = run { since = now - DAY }
      assert.is_false(report.covers)
      assert.same({ { id = "w1", url = "https://marketplace.example/notifications", since = now - DAY,
        due = now - 10 * DAY + 600, covers = false } }, report.webhooks)
      assert.is_false(report.complete)
      report = run()
      assert.is_true(report.covers)
      assert.equal(now - 10 * DAY + 600, report.since)
      assert.is_true(run({ since = now - 3 * DAY }).covers)
    end)

    local function noticed(report)
      local codes = {}
      for i, notice in ipairs(report.notices) do codes[i] = notice.code end
      return table.concat(codes, " ")
    end

    it("ten days again if the inbox is another one", function()
      deliver("a", START - 300, "FAILED")
      run()
      inbox = memory.new { clock = clock }
      local report = expect({ deliveries = 1, events = 1, missing = 1, stored = 1 }, run { accept_gap = true })
      assert.equal("inbox_changed", noticed(report))
      assert.matches("the last ten days are compared again", report.notices[1].message)
      assert.same({ inbox:id(), now - 10 * DAY + 600 }, { report.inbox, report.since })
      assert.equal("", noticed(expect({ deliveries = 1, events = 1 }, run())))
      assert.equal(HOUR + 300, since())
    end)

    it("ten days again even if another inbox has the newest", function()
      deliver("a", START - 5 * HOUR, "SUCCEEDED")
      local newest = deliver("b", START - 300, "SUCCEEDED")
      run()
      inbox = memory.new { clock = clock }
      inbox:put { require("marketplace.inbox.record").of(newest.event.payload) }
      local report = expect({ deliveries = 2, events = 2, missing = 1, stored = 1, problems = 1, complete = false },
        run())
      assert.equal("inbox_changed", noticed(report))
    end)

    it("ten days again if the inbox was restored from an earlier copy", function()
      local path = folder .. "/inbox.db"
      inbox = assert(marketplace.inbox("sqlite:" .. path, { clock = clock }))
      deliver("a", START - 6 * HOUR, "SUCCEEDED")
      run()
      inbox:close()
      shell.run(("cp %s %s.copy"):format(path, path))
      inbox = assert(marketplace.inbox("sqlite:" .. path, { clock = clock }))
      deliver("b", START - 4 * HOUR, "SUCCEEDED")
      deliver("c", START - 300, "SUCCEEDED")
      run()
      inbox:close()
      shell.run(("rm %s-* ; cp %s.copy %s"):format(path, path, path))
      inbox = assert(marketplace.inbox("sqlite:" .. path, { clock = clock }))
      local report = expect({ deliveries = 3, events = 3, missing = 2, stored = 2 }, run())
      assert.equal("inbox_changed", noticed(report))
      assert.equal("", noticed(run()))
      -- what has been done for long may have been pruned
      inbox:transact(function(link) return link:run "DELETE FROM inbox" end)
      now = now + 11 * DAY
      assert.equal("", noticed(run()))
      inbox:close()
    end)

    it("ten days again if what it remembers is in the future", function()
      deliver("a", START - 300, "SUCCEEDED")
      now = now + 5 * DAY
      run()
      now = START
      local report = expect({ deliveries = 1, events = 1, problems = 1, complete = false }, run())
      assert.equal("time_invalid", report.problems[1].code)
      expect({ deliveries = 1, events = 1 }, run())
      now = START - 301
      local file = assert(io.open(folder .. "/state.json", "wb"))
      file:write(('{"version":1,"webhooks":{"w1":{"seen":"%s","inbox":"%s"}}}'):format(log.timestamp(now + 400),
        inbox:id()))
      file:close()
      report = expect({ deliveries = 1, events = 1, problems = 1, complete = false }, run())
      assert.matches("w1 is from 2026%-01%-31T12:01:39", report.problems[1].message)
      assert.equal(now - 10 * DAY + 600, report.since)
    end)
  end)

  it("moves no further than what was listed if a page cannot be had", function()
    for i = 1, 5 do deliver("e" .. i, START - 100 * i, "SUCCEEDED") end
    apple.fails_after = 3
    local report = expect({ deliveries = 3, events = 3, missing = 3, stored = 3, problems = 1, complete = false },
      run())
    assert.same({ webhook = "w1", message = "no answer", code = "timeout", detail = {} }, report.problems[1])
    apple.fails_after = nil
    expect({ deliveries = 5, events = 5, missing = 2, stored = 2 }, run())
  end)

  it("fails if nothing can be looked at", function()
    local function refused(code, more)
      local report, message, got, detail = run(more)
      assert.is_nil(report)
      assert.is_string(message)
      assert.equal(code, got)
      return detail
    end
    apple.fails_after = 0
    assert.same({}, refused "timeout")
    apple.fails_after = nil
    assert.same({ status = 404 }, refused("api_error", { webhooks = "none", apps = { "nobody" } }))
    refused("webhook_missing", { webhooks = "none", apps = { "a2" } })
    deliver("a", START - 300, "FAILED")
    inbox:close()
    inbox.get = function() return nil, "closed", "inbox_unavailable" end
    refused "inbox_unavailable"
  end)

  it("takes only the webhooks that lead to the receiver", function()
    apple.apps = { a1 = { "w1", "w2" }, a2 = { "w3" } }
    apple.changed.w2 = { url = "https://other.example/" }
    deliver("a", START - 300, "FAILED")
    apple:deliver { id = "theirs", event = event("theirs", START - 300), at = START - 300, state = "FAILED",
      webhook = "w2" }
    local report, message, code, detail = run { webhooks = "none", apps = { "a1", "a2" } }
    assert.is_nil(report)
    assert.equal("webhook_ambiguous", code)
    assert.same({ urls = { "https://marketplace.example/notifications", "https://other.example/" } }, detail)
    assert.matches("https://other.example/", message, 1, true)
    assert.equal(0, apple.asked)
    report = expect({ deliveries = 1, events = 1, missing = 1, stored = 1, redelivered = 1 },
      run { webhooks = "none", apps = { "a1", "a2" }, url = "https://marketplace.example/notifications" })
    assert.same({ "w1", "w3" }, { report.webhooks[1].id, report.webhooks[2].id })
    assert.equal("https://marketplace.example/notifications", report.webhooks[1].url)
    assert.same({ "delivery a" }, apple.redelivered)
    report = run { webhooks = "none", apps = { "a1", "a2" }, url = "https://other.example/" }
    assert.equal("app a2 has no webhook with the URL https://other.example/: make one with `marketplace webhooks " ..
      "create`", report.problems[1].message)
    -- one that is named needs no URL
    expect({ deliveries = 1, events = 1 }, run { webhooks = { "w2" } })
  end)

  it("looks at the rest if one app cannot be looked at", function()
    deliver("a", START - 300, "SUCCEEDED")
    local report = expect({ deliveries = 1, events = 1, missing = 1, stored = 1, problems = 2, complete = false },
      run { webhooks = "none", apps = { "nobody", "a1", "a2" } })
    assert.same({ "nobody", "a2" }, { report.problems[1].app, report.problems[2].app })
  end)

  it("refuses a state that is none, and does not overwrite it", function()
    for _, text in ipairs { "", "{}", "a,b", '{"version":2,"webhooks":{}}', '{"version":1,"webhooks":{"w1":5}}' } do
      local path = shell.file(text)
      local report, message, code = run { state_file = path }
      assert.is_nil(report)
      assert.matches(path, message, 1, true)
      assert.equal("state_invalid", code)
      assert.equal(text, shell.run("cat " .. path))
      os.remove(path)
    end
    local report, _, code = run { state_file = folder }
    assert.is_nil(report)
    assert.equal("file_failed", code)
  end)

  it("runs in a coroutine with a client that yields", function()
    deliver("a", START - 300, "FAILED")
    local each, create = apple.webhookDeliveries.each, apple.webhookDeliveries.create
    apple.webhookDeliveries.each = function(...)
      local iterator, progress = each(...)
      return function(...)
        coroutine.yield()
        return iterator(...)
      end, progress
    end
    apple.webhookDeliveries.create = function(...)
      coroutine.yield()
      return create(...)
    end
    local report
    local thread, resumed = coroutine.create(function() report = run() end), 0
    while coroutine.status(thread) ~= "dead" do
      assert(coroutine.resume(thread))
      resumed = resumed + 1
    end
    assert.equal(4, resumed)
    expect({ deliveries = 1, events = 1, missing = 1, stored = 1, redelivered = 1 }, report)
  end)

  it("lets no other run beside it that has the same state", function()
    deliver("a", START - 300, "FAILED")
    local path = folder .. "/state.json"
    local create, message, code = apple.webhookDeliveries.create, nil, nil
    apple.webhookDeliveries.create = function(...)
      message, code = select(2, run())
      return create(...)
    end
    expect({ deliveries = 1, events = 1, missing = 1, stored = 1, redelivered = 1 }, run())
    assert.matches("another reconciliation is running with this state: " .. path, message, 1, true)
    assert.equal("locked", code)
    expect({ deliveries = 1, events = 1 }, run())
    assert.equal("state.json", shell.run("ls " .. folder))
  end)

  it("lets no other run beside it that names the same state by a link", function()
    run()
    local path, link = folder .. "/state.json", folder .. "/link.json"
    shell.run(("ln -s %s %s"):format(path, link))
    local lock = assert(core.lock_file(path .. ".lock"))
    assert.equal("locked", (select(3, run { state_file = link })))
    lock:close()
    assert.is_table((run { state_file = link }))
    assert.equal("symbolic link", shell.run("stat -c %F " .. link))
  end)

  it("raises for wrong options", function()
    local function problem(more)
      local ok, message = pcall(run, more)
      assert.is_false(ok)
      return message
    end
    assert.matches("option 'client' is missing", problem { client = "none" })
    assert.matches("unknown option 'app'", problem { app = "1" })
    assert.matches("'webhooks' or 'apps' must name at least one", problem { webhooks = {} })
    assert.matches("option 'webhooks' must be a list of ids", problem { webhooks = { 5 } })
    assert.matches("option 'accept' must be a list of ids", problem { accept = { 5 } })
    assert.matches("option 'url' needs option 'apps'", problem { url = "https://a.example/" })
    assert.matches("option 'since' must not be in the future", problem { since = now + 1 })
    assert.matches("option 'since' must be a time", problem { since = 0 / 0 })
  end)

  describe("after an hour in which the receiver was down", function()
    local inboxes = {
      memory = function() return memory.new { clock = clock } end,
      SQLite = function() return assert(marketplace.inbox("sqlite:" .. folder .. "/inbox.db", { clock = clock })) end,
    }

    -- one event a minute for three hours, each delivered at once; nothing answers in the second hour
    local function three_hours(receiver)
      for minute = 0, 179 do
        now = START + minute * 60
        local id = ("e%03d"):format(minute)
        local body = samples.body("app_unavailable", { id = id, time = now })
        local is_up = minute < 60 or minute >= 120
        local status = is_up and receiver:handle { method = "POST", body = body,
          headers = { ["x-apple-signature"] = marketplace.sign("s", body) } }
        deliver(id, now, status == 200 and "SUCCEEDED" or "FAILED", {
          event = { id = "event " .. id, payload = body, createdDate = log.timestamp(now) },
        })
      end
    end

    local function receiver_counting(ran)
      local receiver = marketplace.receiver { secrets = "s", inbox = inbox, clock = clock, log = function() end }
      return receiver:on("app_unavailable", function(n) ran[n.id] = (ran[n.id] or 0) + 1 end)
    end

    local function expect_all_once(ran)
      local count = 0
      for id, times in pairs(ran) do
        assert.equal(1, times, id)
        count = count + 1
      end
      assert.equal(180, count)
    end

    for name, open in pairs(inboxes) do
      it("misses nothing and runs nothing twice, in the inbox in " .. name, function()
        inbox = open()
        local ran = {}
        local receiver = receiver_counting(ran)
        three_hours(receiver)
        receiver:dispatch()
        expect({ deliveries = 180, events = 180, missing = 60, stored = 60, redelivered = 60 }, run())
        receiver:dispatch()
        expect_all_once(ran)
        inbox:close()
      end)

      it("even if it ends before it could write how far it came, in the inbox in " .. name, function()
        inbox = open()
        local ran = {}
        local receiver = receiver_counting(ran)
        three_hours(receiver)
        local state_folder = folder .. "/states"
        shell.run("mkdir " .. state_folder)
        local put = inbox.put
        inbox.put = function(...)
          shell.run("rm -r " .. state_folder)
          return put(...)
        end
        local report = expect({ deliveries = 180, events = 180, missing = 60, stored = 60, redelivered = 60,
          problems = 1, complete = false }, run { state_file = state_folder .. "/state.json" })
        assert.equal("file_failed", report.problems[1].code)
        inbox.put = nil
        receiver:dispatch()
        shell.run("mkdir " .. state_folder)
        expect({ deliveries = 180, events = 180 }, run { state_file = state_folder .. "/state.json" })
        receiver:dispatch()
        expect_all_once(ran)
        inbox:close()
      end)
    end
  end)

  describe("as a command", function()
    local cli = require "marketplace.cli"
    local credentials = require "marketplace.cli.support.credentials"
    local output = require "marketplace.cli.support.output"
    local word, box

    before_each(function()
      now = math.floor(core.now())
      word = "sqlite:" .. folder .. "/inbox.db"
      box = assert(marketplace.inbox(word))
    end)

    after_each(function() box:close() end)

    -- What it writes, what it complains of and its exit status, with the client in place of a real one.
    local function command(...)
      local written, complained, stderr = {}, {}, io.stderr
      local raw = stub(output, "raw", function(bytes) written[#written + 1] = bytes end)
      local client = stub(credentials, "client", function() return apple end)
      rawset(io, "stderr", { write = function(_, ...) complained[#complained + 1] = table.concat({ ... }) end })
      local ok, status = pcall(cli.main, {
        "reconcile", "--inbox", word, "--state", folder .. "/state.json", ...
      })
      rawset(io, "stderr", stderr)
      raw:revert()
      client:revert()
      assert(ok, status)
      return table.concat(written), table.concat(complained), status
    end

    local function expect_command(status, pattern, complaint, ...)
      local how = table.concat({ ... }, " "):find("--json", 1, true) and "--json" or "--table"
      local written, complained, got = command(how, ...)
      assert.matches(pattern, written)
      assert.matches(complaint, complained)
      assert.equal(status, got)
      return written
    end

    it("lists each event that was missing, and then none", function()
      deliver("a", now - 2 * HOUR, "FAILED")
      deliver("b", now - 5000, "FAILED", { event = { id = "event b", payload = "{" } })
      local complaint = "^marketplace: event event b of webhook w1, [^\n]* its payload cannot be read: a member" ..
        "[^\n]* %(to go on without it: %-%-accept event b%)\n$"
      expect_command(1, "^STATE .*\nmissing    %S+Z  app_unavailable  6740067890  a\n.*\nmissing    %S+Z  %-  .*" ..
        "\n    REASON: a member.*\nredeliver  %S+Z  event a  .*\n    DELIVERY: delivery a\n    WEBHOOK: w1\n" ..
        "redeliver  %S+Z  event b  .*\n    DELIVERY: delivery b\n.*\n2 deliveries of 2 events since %S+Z: " ..
        "2 missing, 0 stored, 2 redeliveries would be asked for", complaint,
        "--app", "a1", "--dry-run")
      expect_command(1, "\nstored  %S+Z  app_unavailable  6740067890  a\n.*\nstored .*: 2 missing, 2 stored, 2 redel",
        complaint, "--app", "a1")
      expect_command(0, "\n2 deliveries of 2 events since %S+Z: 0 missing, 0 stored, 0 redel", "^$",
        "--webhook", "w1")
      assert.same({ ready = 1, leased = 0, done = 0, dead = 1 }, box:counts())
    end)

    it("counts deliveries and their events", function()
      local made = deliver("a", now - 2 * HOUR, "FAILED")
      apple:deliver { id = "again", event = made.event, at = now - HOUR, state = "PENDING", redelivery = true }
      expect_command(0, "\n2 deliveries of 1 events since %S+Z: 1 missing, 1 stored, 0 redeliveries asked for, " ..
        "1 still being delivered\n", "^$", "--app", "a1")
    end)

    it("names the webhooks, the state and the inbox", function()
      expect_command(0, "\nwebhook w1 https://marketplace.example/notifications\nstate " .. folder ..
        "/state.json, inbox " .. word .. " %(" .. box:id():gsub("%-", "%%-") .. "%)\n$", "^$", "--app", "a1")
      apple.changed.w1 = { url = "none" }
      expect_command(0, "\nwebhook w1\nstate ", "^$", "--webhook", "w1")
    end)

    it("says when it looked at less than what is due", function()
      deliver("a", now - 2 * HOUR, "SUCCEEDED")
      expect_command(1, "\n0 deliveries ", "^marketplace: webhook w1 was compared only since %S+Z, although since " ..
        "%S+Z is due %(the next run without %-%-since compares the rest%)\n$", "--webhook", "w1", "--since", "1h")
      assert.is_nil(expect_command(0, "1 missing, 1 stored", "^$", "--webhook", "w1"):find "only")
    end)

    it("asks which URL is the receiver's if it cannot know", function()
      apple.apps.a1, apple.changed.w2 = { "w1", "w2" }, { url = "https://other.example/\27[2J" }
      expect_command(2, "^$", "more than one URL; name .- with %-%-url:\n" ..
        "  https://marketplace.example/notifications\n  https://other.example/\\x1b%[2J\n", "--app", "a1")
      local written = expect_command(0, "\nwebhook w1 ", "^$", "--app", "a1", "--url",
        "https://marketplace.example/notifications")
      assert.is_nil(written:find "webhook w2")
    end)

    it("says in one line what is left for the next run, and succeeds all the same", function()
      for i = 1, 83 do deliver("e" .. i, now - 2 * HOUR + i, "FAILED") end
      apple.refused["delivery e1"] = "rate_limited"
      expect_command(0, "83 missing, 83 stored, 0 redeliveries asked for",
        "^marketplace: redeliveries left for the next run: 83 %([^\n]+%)\n$", "--webhook", "w1")
    end)

    it("reports what was not looked at in time until that is accepted", function()
      local file = assert(io.open(folder .. "/state.json", "wb"))
      file:write(('{"version":1,"webhooks":{"w1":{"checked":"%s"}}}'):format(log.timestamp(now - 12 * DAY)))
      file:close()
      for _ = 1, 2 do
        expect_command(1, "\n0 deliveries", "^marketplace: webhook w1 was not compared from [^\n]+ " ..
          "%(to acknowledge that: %-%-accept%-gap%)\n$", "--webhook", "w1")
      end
      expect_command(0, "\n0 deliveries", "^$", "--webhook", "w1", "--accept-gap")
      expect_command(0, "\n0 deliveries", "^$", "--webhook", "w1")
    end)

    it("names what could not be compared and what to do about it, and accepts that", function()
      deliver("a", now - 2 * HOUR, "SUCCEEDED", { untold = true, event = { id = "e1" } })
      apple.changed.w1 = { enabled = false }
      local written = expect_command(1, "", "^marketplace: webhook w1 of app a1 is disabled, [^\n]+ " ..
        "%(marketplace webhooks update w1 %-%-enabled%)\nmarketplace: event e1 of webhook w1, [^\n]+ %(to go on " ..
        "without it: %-%-accept e1%)\n$", "--app", "a1", "--json")
      local json = require "marketplace.json"
      local summary = json.decode(written)
      local disabled, missing = summary.problems[1], summary.problems[2]
      assert.same({ false, 2, 0 }, { summary.complete, #summary.problems, #summary.notices })
      assert.same({ "webhook_disabled", "w1", "a1" }, { disabled.code, disabled.webhook, disabled.app })
      assert.same({ "payload_missing", "w1", "e1", "delivery a" }, { missing.code, missing.webhook, missing.event,
        missing.delivery })
      assert.matches("^event e1 of webhook w1, ", missing.message)
      apple.changed.w1 = { eventTypes = {} }
      expect_command(1, "", "%(marketplace webhooks update w1 %-%-event TYPE; ", "--app", "a1", "--json")
      apple.changed = {}
      expect_command(0, '"notices":%[{"code":"accepted","event":"e1"', "^marketplace: event e1 of webhook w1 is " ..
        "accepted, although it could not be compared\n$", "--accept", "e1", "--accept-gap", "--app", "a1", "--json")
      expect_command(0, '"notices":%[%],.*"problems":%[%]', "^$", "--app", "a1", "--json")
    end)

    it("puts what `inbox show` calls unsigned", function()
      deliver("a", now - 2 * HOUR, "FAILED")
      expect_command(0, "1 stored", "^$", "--webhook", "w1")
      assert.matches("verified_by  %- %(it came without a signature: reconcile put it here%)",
        (shell.run(shell.marketplace("inbox show a --inbox " .. word))))
    end)

    it("writes JSON, one object a line", function()
      deliver("a", now - 2 * HOUR, "FAILED")
      local first, second = expect_command(1, "", "compared only since", "--json", "--webhook", "w1",
        "--no-redeliver", "--since", "3h")
        :match "^([^\n]+)\n([^\n]+)\n$"
      local json = require "marketplace.json"
      local told, summary = json.decode(first), json.decode(second)
      assert.same({ "a", "stored", "w1", log.timestamp(now - 2 * HOUR) },
        { told.id, told.state, told.webhook, told.created_at })
      assert.same({ 1, 0, false, 0 }, { summary.stored, summary.redelivered, summary.complete, summary.failed })
      assert.same({ "not_covered", "w1", 1 }, { summary.problems[1].code, summary.problems[1].webhook,
        #summary.problems })
      assert.same({ 0, false, word, box:id(), folder .. "/state.json", "w1" }, { summary.left, summary.covers,
        summary.inbox, summary.inbox_id, summary.state, summary.webhooks[1].id })
      deliver("b", now - HOUR, "FAILED")
      local redelivery = json.decode(expect_command(1, "", "^$", "--webhook", "w1", "--json", "--dry-run")
        :match "\n([^\n]+)\n[^\n]+\n$")
      assert.same({ "delivery b", false }, { redelivery.delivery, redelivery.asked })
    end)

    it("fails if something could not be done, and says what", function()
      deliver("a", now - 2 * HOUR, "FAILED")
      apple.refused["delivery a"] = "api_error"
      expect_command(1, "1 missing, 1 stored, 0 redel",
        "^marketplace: app a2 has no webhook: make one with [^\n]*\n" ..
        "marketplace: delivery delivery a was not redelivered: not now\n$",
        "--app", "a1", "--app", "a2")
      expect_command(1, "^$", "^marketplace: there is no such app\n$", "--app", "nobody")
      word = "sqlite:" .. folder .. "/none.db"
      expect_command(1, "^$", "there is no inbox at ", "--app", "a1")
    end)

    it("refuses wrong usage", function()
      expect_command(2, "^$", "%-%-app or %-%-webhook is missing")
      expect_command(2, "^$", "%-%-webhook is empty", "--webhook", "")
      expect_command(2, "^$", "%-%-accept is empty", "--app", "a1", "--accept", "")
      expect_command(2, "^$", "%-%-since must be how long ago", "--app", "a1", "--since", "soon")
      expect_command(2, "^$", "%-%-since is in the future", "--app", "a1", "--since",
        (log.timestamp(now + 2 * DAY):gsub("%.%d+Z", "Z")))
      expect_command(2, "^$", "%-%-url needs %-%-app", "--webhook", "w1", "--url", "https://a.example/")
      word = "memory"
      expect_command(2, "^$", "an inbox in memory belongs to the process that receives", "--app", "a1")
    end)
  end)
end)
