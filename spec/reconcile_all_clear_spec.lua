--- What a reconciliation must not pass over: whatever could not be compared is named, and nothing moves past it.
local core = require "marketplace.core"
local event_types = require "marketplace.event_types"
local fake_deliveries = require "support.fake_deliveries"
local json = require "marketplace.json"
local log = require "marketplace.log"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local samples = require "marketplace.samples"
local shell = require "support.shell"
local simulator = require "marketplace.simulator"

local HOUR, DAY = 3600, 86400
local START = 1769860800 -- 2026-01-31T12:00:00Z
local URL = "https://marketplace.example/notifications"

describe("reconcile's all-clear", function()
  local now, apple, inbox, folder, entries

  local function clock() return now end

  before_each(function()
    now, entries = START, {}
    apple = fake_deliveries.new(clock)
    inbox = memory.new()
    folder = shell.run "mktemp -d"
  end)

  after_each(function() shell.run("rm -rf " .. folder) end)

  local function run(more)
    return fake_deliveries.reconcile({
      client = apple, inbox = inbox, apps = { "a1" }, clock = clock, state_file = folder .. "/state.json",
      log = function(entry) entries[#entries + 1] = entry end,
    }, more)
  end

  local function deliver(id, at, more)
    local made = {
      id = "delivery-" .. id, at = at, state = "SUCCEEDED", event = {
        id = "event-" .. id, payload = samples.body("app_unavailable", { id = id, time = at }),
        createdDate = log.timestamp(at),
      },
    }
    for name, value in pairs(more or {}) do made[name] = value end
    apple:deliver(made)
    return made
  end

  local function codes(report)
    local list = {}
    for i, problem in ipairs(report.problems) do list[i] = problem.code end
    return table.concat(list, " ")
  end

  -- Each problem is in the log too.
  local function expect_problems(expected, more)
    entries = {}
    local report = assert(run(more))
    assert.equal(expected, codes(report))
    assert.equal(expected == "", report.complete)
    local logged = {}
    for _, entry in ipairs(entries) do
      if entry.message == "not reconciled" then logged[#logged + 1] = entry.reason end
    end
    for i, problem in ipairs(report.problems) do assert.equal(problem.message, logged[i]) end
    assert.equal(#report.problems, #logged)
    return report
  end

  local function remembered(id)
    return json.decode((core.read_file(folder .. "/state.json"))).webhooks[id or "w1"]
  end

  local function write_state(known)
    local file = assert(io.open(folder .. "/state.json", "wb"))
    file:write(json.encode { version = 1, webhooks = { w1 = known } })
    file:close()
  end

  describe("is not given for a webhook that App Store Connect sends too little:", function()
    local function change(what)
      apple.changed.w1 = what
    end

    it("one that is disabled", function()
      expect_problems ""
      local before = remembered()
      change { enabled = false }
      now = now + HOUR
      local report = expect_problems "webhook_disabled"
      assert.matches("^webhook w1 of app a1 is disabled, so nothing is sent to it: enable it, or delete it$",
        report.problems[1].message)
      assert.same({ "w1", "a1" }, { report.problems[1].webhook, report.problems[1].app })
      assert.same({ before.checked, before.seen }, { remembered().checked, remembered().seen })
    end)

    it("one that is disabled and named by its id", function()
      change { enabled = false }
      expect_problems("webhook_disabled", { apps = "none", webhooks = { "w1" } })
    end)

    it("one that lacks a type of event that concerns marketplaces", function()
      for i, missing in ipairs(event_types.MARKETPLACE) do
        local types = { "BUILD_UPLOAD_STATE_UPDATED" }
        for j, name in ipairs(event_types.MARKETPLACE) do
          if j ~= i then types[#types + 1] = name end
        end
        change { eventTypes = types }
        local message = expect_problems("event_types_missing").problems[1].message
        assert.equal(("webhook w1 of app a1 does not send %s, and no other that is compared does"):format(missing),
          message)
        expect_problems("event_types_missing", { apps = "none", webhooks = { "w1" } })
      end
      change { eventTypes = {} }
      expect_problems "event_types_missing"
      assert.is_nil(remembered().checked)
    end)

    it("one of which App Store Connect does not say what it sends", function()
      for _, what in ipairs {
        { enabled = "none" }, { eventTypes = "none" }, { enabled = "yes" }, { eventTypes = 5 },
      } do
        change(what)
        expect_problems "webhook_unclear"
      end
    end)

    it("one that has no URL, as it may be the receiver's", function()
      apple.apps.a1 = { "w1", "w2" }
      apple.changed.w2 = { url = "none" }
      expect_problems "webhook_unclear"
      expect_problems("webhook_unclear", { url = URL })
    end)

    it("but is if another of the app's sends what it lacks", function()
      apple.apps.a1 = { "w1", "w2" }
      local first, second, third = event_types.MARKETPLACE[1], event_types.MARKETPLACE[2], event_types.MARKETPLACE[3]
      apple.changed = { w1 = { eventTypes = { first } }, w2 = { eventTypes = { second, third } } }
      expect_problems ""
      expect_problems("", { apps = "none", webhooks = { "w1", "w2" } })
      apple.changed.w2.url = "https://other.example/"
      expect_problems("event_types_missing", { url = URL, state_file = "none" })
      apple.changed.w2 = { eventTypes = { second, third }, enabled = false }
      expect_problems("webhook_disabled event_types_missing", { state_file = "none" })
    end)

    it("nor, once it is enabled, for the time until then, which is a gap until it is acknowledged", function()
      expect_problems ""
      now = now + HOUR
      change { enabled = false }
      expect_problems "webhook_disabled"
      now = now + HOUR
      change {}
      deliver("a", now - 60)
      for _ = 1, 2 do
        local report = expect_problems "history_expired"
        assert.matches("webhook w1 was not compared from 2026%-01%-31T12:00:00.000Z to 2026%-01%-31T14:00:00.000Z",
          report.problems[1].message)
      end
      expect_problems("", { accept_gap = true })
      expect_problems ""
    end)

    it("nor for that time if the first run found it disabled", function()
      change { enabled = false }
      expect_problems("webhook_disabled", { accept_gap = true })
      change {}
      now = now + HOUR
      expect_problems "history_expired"
    end)
  end)

  describe("is not given for an event that cannot be compared:", function()
    local function expect_held(code, pattern, made)
      local report = expect_problems(code)
      local problem = report.problems[1]
      assert.matches(pattern, problem.message)
      assert.same({ "w1", made.id }, { problem.webhook, problem.delivery })
      -- later ones are compared, and the run after that looks again
      now = now + 5 * HOUR
      deliver("later", now - 60)
      report = expect_problems(code)
      assert.equal(1, report.stored)
      assert.is_truthy(report.since < made.at)
      expect_problems(code)
      return problem.event
    end

    it("its payload is null or missing", function()
      local made = deliver("a", START - 300)
      made.event.payload = nil
      expect_held("payload_missing", "^event event%-a of webhook w1, delivered at 2026%-01%-31T11:55:00.000Z, could " ..
        "not be compared: the event has no payload$", made)
    end)

    it("its payload is no string", function()
      for _, payload in ipairs { {}, { data = {} }, 5, true } do
        apple.deliveries, inbox = {}, memory.new()
        local made = deliver("a", now - 300)
        made.event.payload = payload
        os.remove(folder .. "/state.json")
        expect_held("payload_missing", "the event's payload is not a string$", made)
      end
    end)

    it("its payload is empty", function()
      local made = deliver("a", START - 300)
      made.event.payload = ""
      expect_held("payload_missing", "the event's payload is empty$", made)
      assert.same({ ready = 1, leased = 0, done = 0, dead = 0 }, inbox:counts())
    end)

    it("the event is not included", function()
      expect_held("payload_missing", "the event is not included in the answer$",
        deliver("a", START - 300, { untold = true }))
    end)

    it("the delivery names no event", function()
      local id = expect_held("payload_missing", "the delivery names no event$",
        deliver("a", START - 300, { untold = true, unrelated = true }))
      assert.equal("delivery:delivery-a", id)
    end)

    it("the event is none", function()
      local made = deliver("a", START - 300)
      local each = apple.webhookDeliveries.each
      for _, event in ipairs { 5, "text", true } do
        os.remove(folder .. "/state.json")
        apple.webhookDeliveries.each = function(...)
          local iterator, progress = each(...)
          return function(...)
            local delivery = iterator(...)
            if delivery then delivery.event = event end
            return delivery
          end, progress
        end
        assert.equal("delivery-a", expect_problems("payload_missing").problems[1].delivery)
      end
      apple.webhookDeliveries.each = each
      made.event.payload = nil
      expect_problems "payload_missing"
    end)

    it("App Store Connect is still delivering it, and gives no payload", function()
      expect_held("payload_missing", "not included", deliver("a", START - 300, { untold = true, state = "PENDING" }))
    end)

    it("it was asked for again", function()
      expect_held("payload_missing", "not included", deliver("a", START - 300, { untold = true, state = "FAILED" }))
      assert.equal(3, #apple.redelivered)
    end)

    it("nobody knows when it was delivered", function()
      for _, created in ipairs { false, "", "yesterday", 5 } do
        apple.deliveries, inbox = {}, memory.new()
        os.remove(folder .. "/state.json")
        local report
        deliver("a", now - 300, { createdDate = created })
        for _ = 1, 2 do report = expect_problems "time_invalid" end
        assert.matches("could not be compared: delivery delivery%-a does not say when it was created$",
          report.problems[1].message)
        assert.equal(now - 300 - HOUR, report.since)
        assert.same({ ready = 1, leased = 0, done = 0, dead = 0 }, inbox:counts())
      end
    end)

    it("neither the delivery nor the event says when it was made", function()
      local made = deliver("a", START - 300, { createdDate = false })
      made.event.createdDate = nil
      for _ = 1, 2 do
        local report = expect_problems "time_invalid"
        assert.equal(now - 10 * DAY + 600, report.since)
      end
    end)

    it("it was delivered in the future, by a clock that is wrong", function()
      deliver("a", START + 301)
      deliver("b", START - 300)
      local report = expect_problems "time_invalid"
      assert.matches("event%-a .* from the future: is a clock wrong%?$", report.problems[1].message)
      assert.same({ 2, 2 }, { report.events, report.stored })
      now = now + 302
      expect_problems ""
      assert.is_nil((next(remembered().uncompared)))
    end)

    it("its payload cannot be read, until the inbox has it as dead", function()
      local made = deliver("a", START - 300)
      made.event.payload = "{"
      local report = expect_problems "payload_unreadable"
      assert.matches("^event event%-a of webhook w1, .* its payload cannot be read: ", report.problems[1].message)
      assert.same({ "event-a", 1 }, { report.problems[1].event, report.stored })
      assert.equal(1, inbox:counts().dead)
      expect_problems ""
    end)

    it("its payload has the id of another's, and another content", function()
      deliver("a", START - 300)
      local made = deliver("b", START - 200)
      made.event.payload = samples.body("app_restored", { id = "a", time = START - 200 })
      local report = expect_problems "id_conflict"
      assert.matches("another event with the id a of its payload has another content$", report.problems[1].message)
      expect_problems "id_conflict"
      -- the same, written in another way, is the same
      made.event.payload = apple.deliveries[1].event.payload:gsub('":', '": ')
      expect_problems ""
    end)

    it("one of the payloads that it is given with is not in the inbox", function()
      local made = deliver("a", START - 300)
      local other = { id = made.event.id, payload = samples.body("app_unavailable", { id = "other", time = START }) }
      apple:deliver { id = "again", event = other, at = START - 200, state = "SUCCEEDED" }
      assert.equal(2, expect_problems("").stored)
      assert.is_table(inbox:get "a")
      assert.is_table(inbox:get "other")
    end)

    it("it is called a ping, and its payload is none", function()
      local made = deliver("a", START - 300)
      made.event.ping = true
      assert.equal(1, expect_problems("").stored)
    end)

    it("until it can be compared", function()
      local made = deliver("a", START - 300, { untold = true })
      expect_problems "payload_missing"
      assert.is_truthy(remembered().uncompared["event-a"])
      made.untold = false
      assert.equal(1, expect_problems("").stored)
      assert.is_nil((next(remembered().uncompared)))
      expect_problems ""
    end)

    it("after App Store Connect lists it no longer", function()
      deliver("a", START - 300, { untold = true })
      expect_problems "payload_missing"
      now = now + 6 * DAY
      expect_problems "payload_missing"
      now = now + 6 * DAY
      deliver("b", now - 300)
      for _ = 1, 2 do
        local report = expect_problems "event_unlisted"
        assert.matches("^event event%-a of webhook w1, delivered at 2026%-01%-31T11:55:00.000Z, could not be " ..
          "compared, and is not listed now$", report.problems[1].message)
        assert.equal("event-a", report.problems[1].event)
      end
      expect_problems("", { accept_gap = true, dry_run = true })
      expect_problems "event_unlisted"
      expect_problems("", { accept_gap = true })
      expect_problems ""
    end)
  end)

  describe("is given in spite of an event that cannot be compared", function()
    local function noticed(report)
      local list = {}
      for i, notice in ipairs(report.notices) do list[i] = notice.code .. " " .. notice.event end
      return table.concat(list, ", ")
    end

    it("once the operator accepts it", function()
      deliver("a", START - 300, { untold = true, state = "FAILED" })
      deliver("b", START - 200, { untold = true })
      expect_problems "payload_missing payload_missing"
      local report = expect_problems("payload_missing", { accept = { "event-a" } })
      assert.equal("event-b", report.problems[1].event)
      assert.equal("accepted event-a", noticed(report))
      assert.equal(1, #apple.redelivered)
      expect_problems("", { accept = { "event-b" } })
      report = expect_problems ""
      assert.same({ "", 2 }, { noticed(report), report.events })
    end)

    it("and moves past it", function()
      deliver("a", START - 5 * HOUR, { untold = true })
      deliver("b", START - 300)
      expect_problems("", { accept = { "event-a" } })
      assert.equal(START - 300 - HOUR, expect_problems("").since)
    end)

    it("once the operator accepts what is not listed any more", function()
      deliver("a", START - 300, { untold = true })
      expect_problems "payload_missing"
      now = now + 9 * DAY
      expect_problems "payload_missing"
      now = now + 9 * DAY
      expect_problems "event_unlisted"
      assert.equal("accepted event-a", noticed(expect_problems("", { accept = { "event-a" } })))
      expect_problems ""
    end)

    it("for that run, if nothing is remembered", function()
      deliver("a", START - 300, { untold = true })
      expect_problems("", { accept = { "event-a" }, state_file = "none" })
      expect_problems("payload_missing", { state_file = "none" })
    end)

    it("and not of another, and says that there was no such event", function()
      deliver("a", START - 300, { untold = true })
      local report = expect_problems("payload_missing", { accept = { "event-x" } })
      assert.equal("accept_unused event-x", noticed(report))
      assert.equal("event event-x is not one that could not be compared", report.notices[1].message)
    end)

    it("and asks again if its delivery is listed more than ten days later", function()
      local made = deliver("a", START - 300, { untold = true })
      expect_problems("", { accept = { "event-a" } })
      apple:deliver { id = "again", event = made.event, at = START + 9 * DAY, state = "SUCCEEDED", untold = true }
      now = START + 9 * DAY + 10
      expect_problems ""
      now = START + 18 * DAY
      expect_problems ""
      assert.is_truthy(remembered().accepted["event-a"])
    end)
  end)

  describe("is not given if the list is not whole:", function()
    it("there are fewer deliveries than App Store Connect counts", function()
      deliver("a", START - 300)
      apple.total = 2
      local report = expect_problems "list_incomplete"
      assert.equal("App Store Connect listed only 1 of 2 deliveries", report.problems[1].message)
      assert.equal("w1", report.problems[1].webhook)
      assert.is_nil(remembered().seen)
      apple.total = 1
      expect_problems ""
    end)

    it("the newest that was listed before is not there any more", function()
      deliver("a", START - 5 * HOUR)
      deliver("b", START - 300)
      expect_problems ""
      local before = remembered()
      table.remove(apple.deliveries)
      now = now + HOUR
      for _ = 1, 2 do
        local report = expect_problems "list_changed"
        assert.matches("no longer lists the delivery to webhook w1 of 2026%-01%-31T11:55:00.000Z",
          report.problems[1].message)
      end
      assert.same(before, remembered())
      expect_problems("", { accept_gap = true })
      expect_problems ""
    end)

    it("but is if the newest is too old to be listed", function()
      deliver("a", START - 300)
      expect_problems ""
      now = now + 9 * DAY
      expect_problems ""
      now = now + 2 * DAY
      expect_problems ""
    end)

    it("an app has more webhooks than its first page, and the next cannot be had", function()
      apple.apps.a1 = { "w1", "w2" }
      local each = apple.webhooks.each
      apple.webhooks.each = function(...)
        local iterator, progress = each(...)
        local count = 0
        return function()
          count = count + 1
          if count == 1 then return iterator() end
          progress.problem = { message = "no answer", code = "timeout", detail = {} }
        end, progress
      end
      local report = expect_problems "timeout"
      assert.equal("a1", report.problems[1].app)
    end)

    it("a webhook that is named cannot be asked for", function()
      apple.gone.w9 = true
      local report = expect_problems("api_error", { webhooks = { "w9" } })
      assert.same({ "w9", "no such webhook" }, { report.problems[1].webhook, report.problems[1].message })
    end)

    it("it begins later than what is due", function()
      expect_problems ""
      now = now + 3 * DAY
      local report = expect_problems("not_covered", { since = now - DAY })
      assert.is_false(report.covers)
      assert.matches("^webhook w1 was compared only since 2026%-02%-02T12:00:00.000Z, although since .* is due$",
        report.problems[1].message)
      expect_problems ""
    end)
  end)

  describe("is not given for a webhook that was compared before and is not any more:", function()
    it("one that was deleted", function()
      apple.apps.a1 = { "w1", "w2" }
      expect_problems ""
      apple.apps.a1 = { "w1" }
      now = now + 20 * DAY
      for _ = 1, 2 do
        local report = expect_problems("webhook_gone history_expired")
        assert.equal("webhook w2 of app a1 no longer exists: it was compared last at 2026-01-31T12:00:00.000Z",
          report.problems[1].message)
      end
      expect_problems("", { accept_gap = true })
      assert.is_nil(remembered "w2")
      expect_problems ""
    end)

    it("one that was named by its id and then deleted", function()
      apple.apps.a1 = { "w1", "w2" }
      expect_problems("", { apps = "none", webhooks = { "w2" } })
      apple.apps.a1 = { "w1" }
      expect_problems "webhook_gone"
    end)

    it("one that has another URL now", function()
      apple.apps.a1 = { "w1", "w2" }
      expect_problems("", { url = URL })
      apple.changed.w2 = { url = "https://other.example/" }
      for _ = 1, 2 do
        local report = expect_problems("webhook_moved", { url = URL })
        assert.matches("^webhook w2 of app a1 has another URL now: it was compared last at ",
          report.problems[1].message)
      end
      expect_problems("", { url = URL, webhooks = { "w2" } })
      expect_problems("", { url = URL, accept_gap = true })
      expect_problems("", { url = URL })
    end)

    it("but is if another receiver's run has the same state", function()
      apple.apps.a1 = { "w1", "w2" }
      apple.changed.w2 = { url = "https://other.example/" }
      expect_problems("", { url = URL })
      expect_problems("", { url = "https://other.example/" })
      expect_problems("", { url = URL })
    end)
  end)

  describe("is not given if the state cannot be trusted:", function()
    it("it was written by a clock that was ahead, and what came since may not be listed", function()
      write_state { checked = log.timestamp(START + DAY), inbox = inbox:id() }
      local report = expect_problems "time_invalid history_expired"
      assert.matches("^webhook w1 was not compared before 2026%-01%-21T", report.problems[2].message)
      expect_problems "history_expired"
      expect_problems("", { accept_gap = true })
      expect_problems ""
    end)

    it("but the time is not lost if what it saw last is recent enough", function()
      deliver("a", START - 300)
      write_state { checked = log.timestamp(START + DAY), seen = log.timestamp(START - 300), inbox = inbox:id() }
      expect_problems "time_invalid"
      expect_problems ""
    end)

    it("but a clock may be five minutes ahead", function()
      write_state { checked = log.timestamp(START + 300), seen = log.timestamp(START + 300), inbox = inbox:id() }
      deliver("a", START + 300)
      expect_problems ""
      write_state { checked = log.timestamp(START + 300.001), inbox = inbox:id() }
      expect_problems "time_invalid history_expired"
      write_state { seen = log.timestamp(START + 300.001), inbox = inbox:id() }
      expect_problems "time_invalid"
    end)

    it("it saw a delivery from the future, which does not hide what comes until then", function()
      deliver("a", START + 2 * DAY)
      expect_problems "time_invalid"
      deliver("b", START + DAY)
      now = START + 3 * DAY
      expect_problems ""
      assert.is_table(inbox:get "b")
    end)

    it("the last run is so long ago that a delivery that was listed late may be missing", function()
      expect_problems ""
      now = now + 10 * DAY - 600 - HOUR + 1
      expect_problems "history_expired"
    end)

    it("a time or a text in it is malformed", function()
      local time = log.timestamp(START)
      for _, known in ipairs {
        { checked = "yesterday" }, { checked = 5 }, { seen = "" }, { deaf = false }, { inbox = 5 }, { app = {} },
        { witness = "a" }, { witness = { key = "a" } }, { witness = { key = "a", at = "x" } }, { unseen = {} },
        { unseen = { from = "x", to = time } }, { uncompared = "x" }, { uncompared = { a = 5 } },
        { accepted = { a = "x" } }, { asked = 5 }, { left = { a = {} } },
      } do
        write_state(known)
        local report, message, code = run()
        assert.is_nil(report)
        assert.equal("state_invalid", code)
        assert.matches("damaged", message)
      end
      write_state { checked = time, seen = time, inbox = inbox:id(), unseen = { to = time } }
      expect_problems "list_changed history_expired"
    end)
  end)

  describe("is not given for what another inbox may lack:", function()
    it("one that lacks even the oldest that is listed", function()
      deliver("a", START - 300)
      expect_problems ""
      inbox = memory.new()
      local report = expect_problems "history_expired"
      assert.matches("^webhook w1 was not compared before 2026%-01%-21T", report.problems[1].message)
      expect_problems "history_expired"
      expect_problems("", { accept_gap = true })
      expect_problems ""
    end)

    it("one of another id, if what was seen last cannot be true either", function()
      write_state {
        seen = log.timestamp(START + DAY), checked = log.timestamp(START - HOUR), inbox = "another",
        witness = { key = "a", at = log.timestamp(START - HOUR) },
      }
      expect_problems "time_invalid history_expired"
    end)

    it("but only a whole list shows what it lacks", function()
      local made = deliver("a", START - 5 * HOUR)
      deliver("b", START - 300)
      expect_problems ""
      inbox = memory.new()
      inbox:put({ require("marketplace.inbox.record").of(made.event.payload) }, now)
      expect_problems("not_covered", { since = START - HOUR })
      apple.fails_after = 1
      inbox = memory.new()
      expect_problems "timeout"
      apple.fails_after = nil
      expect_problems "history_expired"
    end)

    it("but is for one that has it", function()
      local made = deliver("a", START - 300)
      deliver("b", START - 200)
      expect_problems ""
      inbox = memory.new()
      inbox:put({ require("marketplace.inbox.record").of(made.event.payload) }, now)
      local report = expect_problems ""
      assert.same({ "inbox_changed", 1 }, { report.notices[1].code, report.stored })
    end)

    it("an inbox that cannot be asked, and nothing is remembered", function()
      deliver("a", START - 300)
      expect_problems ""
      local before = core.read_file(folder .. "/state.json")
      deliver("b", START - 200)
      inbox.get = function() return nil, "no answer", "inbox_unavailable" end
      local report, message, code = run()
      assert.same({ "no answer", "inbox_unavailable" }, { message, code })
      assert.is_nil(report)
      assert.equal(before, (core.read_file(folder .. "/state.json")))
    end)

    it("an inbox that answers no more in the middle of it, which stores and asks for nothing", function()
      deliver("a", START - 300, { state = "FAILED" })
      deliver("b", START - 200, { state = "FAILED" })
      local get, asked = inbox.get, 0
      inbox.get = function(...)
        asked = asked + 1
        if asked == 2 then return nil, "no answer", "inbox_unavailable" end
        return get(...)
      end
      local report, message, code = run()
      assert.same({ 2, "no answer", "inbox_unavailable" }, { asked, message, code })
      assert.is_nil(report)
      assert.same({ ready = 0, leased = 0, done = 0, dead = 0 }, inbox:counts())
      assert.equal(0, apple.asked)
      assert.equal("", shell.run("ls " .. folder))
    end)
  end)

  describe("with a simulated App Store Connect", function()
    local MARKETPLACE, ISSUER = "6740012345", "57246542-96fe-1a63-e053-0824d011072a"
    local key = assert(core.generate_key())
    local sim, change, webhook

    before_each(function()
      change = nil
      sim = simulator.new {
        keys = { K1 = assert(key:public_pem()) }, issuer_id = ISSUER, apps = { MARKETPLACE }, clock = clock,
        send = function(_, done) done { status = 200, body = "" } end, strict_deliveries = true,
      }
      local transport = sim:transport()
      local client = assert(marketplace.client {
        key = assert(key:private_pem()), key_id = "K1", issuer_id = ISSUER, clock = clock, log = function() end,
        sleep = function(seconds) now = now + seconds end, transport = function(request, ...)
          local response, message, code = transport(request, ...)
          if change and request.method == "GET" and request.url:find("/deliveries", 1, true) then
            local document = json.decode(response.body)
            change(document)
            response.body = json.encode(document)
          end
          return response, message, code
        end,
      })
      webhook = assert(client.webhooks:create {
        app = MARKETPLACE, name = "a webhook", url = URL, secret = "s", enabled = true,
        eventTypes = event_types.MARKETPLACE,
      })
      apple = client
      sim:event("app_unavailable", { app = "1", generation = 2 })
      sim:tick()
    end)

    local function compare(expected)
      local report = expect_problems(expected, { apps = { MARKETPLACE } })
      now = now + 1
      return report
    end

    it("is given if all that happened is in the inbox", function()
      assert.equal(1, compare("").stored)
      compare ""
    end)

    it("is not given for a webhook that is disabled, or has other types of events", function()
      compare ""
      assert(apple.webhooks:update(webhook.id, { enabled = false }))
      compare "webhook_disabled"
      assert(apple.webhooks:update(webhook.id, { enabled = true, eventTypes = { "BUILD_UPLOAD_STATE_UPDATED" } }))
      compare "event_types_missing"
      assert(apple.webhooks:update(webhook.id, { eventTypes = event_types.MARKETPLACE }))
      compare "history_expired"
    end)

    it("is not given for a webhook that was deleted and made again", function()
      compare ""
      assert(apple.webhooks:delete(webhook.id))
      assert(apple.webhooks:create { app = MARKETPLACE, name = "another", url = URL, secret = "s", enabled = true,
        eventTypes = event_types.MARKETPLACE })
      compare "webhook_gone"
    end)

    local CHANGES = {
      ["payload is null"] = function(whole) whole.included[1].attributes.payload = json.null end,
      ["payload is an object"] = function(whole) whole.included[1].attributes.payload = { data = { id = "x" } } end,
      ["payload is missing"] = function(whole) whole.included[1].attributes.payload = nil end,
      ["event has no attributes"] = function(whole) whole.included[1].attributes = nil end,
      ["event is not included"] = function(whole) table.remove(whole.included, 1) end,
      ["delivery has no relationships"] = function(whole) whole.data[1].relationships = nil end,
      ["delivery names no event"] = function(whole) whole.data[1].relationships.event = nil end,
    }

    for name, changed in pairs(CHANGES) do
      it("is not given if the " .. name .. ", and is once it can be compared", function()
        change = changed
        local report = compare "payload_missing"
        assert.same({ 1, 1, 0 }, { report.deliveries, report.events, report.missing })
        now = now + DAY
        sim:event("app_restored", { app = "1", generation = 2 })
        sim:tick()
        change = function(whole)
          -- the newest is first
          table.insert(whole.data, 1, table.remove(whole.data))
          for i, included in ipairs(whole.included) do
            if included.id == whole.data[1].relationships.event.data.id then
              table.insert(whole.included, 1, table.remove(whole.included, i))
            end
          end
          changed(whole)
        end
        report = compare "payload_missing"
        assert.equal(2, report.deliveries)
        change = nil
        compare ""
        assert.equal(2, inbox:counts().ready)
      end)
    end

    it("is not given if nothing is included", function()
      change = function(whole) whole.included = nil end
      compare "payload_missing"
      change = function(whole) whole.included = json.null end
      compare "payload_missing"
    end)

    it("is not given if a delivery has no attributes", function()
      change = function(whole) whole.data[1].attributes = nil end
      compare "time_invalid"
    end)

    it("is not given if a page has fewer deliveries than there are", function()
      change = function(whole) whole.meta.paging.total = 2 end
      compare "list_incomplete"
    end)
  end)
end)
