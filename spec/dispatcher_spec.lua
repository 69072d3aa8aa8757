local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local samples = require "marketplace.samples"

local unpack = require("marketplace.runtime").unpack

local SECRET = "the secret"

describe("receiver:dispatch", function()
  local receiver, inbox, entries, now

  local function clock() return now end

  local function new(more)
    local settings = {
      secrets = SECRET, inbox = inbox, log = function(entry) entries[#entries + 1] = entry end,
      clock = clock, random = function() return 0.5 end,
    }
    for name, value in pairs(more or {}) do settings[name] = value end
    receiver = marketplace.receiver(settings)
  end

  before_each(function()
    inbox, entries, now = memory.new { clock = clock }, {}, 1000
    new()
  end)

  local function post(name, settings)
    local body = samples.body(name, settings) or name
    local status = receiver:handle {
      method = "POST", headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) }, body = body,
    }
    assert.equal(200, status)
  end

  local function state_of(id) return inbox:get(id).state end
  local function last() return entries[#entries] end

  it("runs what waits, once, and tells how many", function()
    local seen = {}
    receiver:on("ping", function(n, ctx) seen[#seen + 1] = { n.id, ctx.attempt, ctx.id } end)
    post("ping", { id = "a" })
    post("ping", { id = "b" })
    assert.equal(2, receiver:dispatch())
    assert.equal(0, receiver:dispatch())
    assert.same({ { "a", 1, "a" }, { "b", 1, "b" } }, seen)
    assert.same({ ready = 0, leased = 0, done = 2, dead = 0 }, inbox:counts())
    assert.equal("done", last().message)
    assert.is_number(last().took)
  end)

  it("runs no more than the limit", function()
    for _ = 1, 40 do post "ping" end
    assert.equal(3, receiver:dispatch { limit = 3 })
    assert.equal(20, receiver:dispatch { limit = 20 })
    assert.equal(17, receiver:dispatch { limit = 100 })
    assert.equal(0, receiver:dispatch { limit = 0 })
  end)

  it("refuses bounds that are none", function()
    post "ping"
    for _, given in ipairs {
      { limit = -1 }, { limit = 1.5 }, { limit = 0 / 0 }, { seconds = -1 }, { seconds = 0 / 0 },
    } do
      local ok, problem = pcall(function() return (receiver:dispatch(given)) end)
      assert.is_false(ok)
      assert.matches("receiver:dispatch: option '" .. next(given), problem)
    end
    assert.equal(1, receiver:dispatch { limit = math.huge, seconds = math.huge })
  end)

  it("gives up an event that a marketplace must act on if no callback takes it, and raises an alarm", function()
    local runs_it = false
    for _, event in ipairs {
      "version_available", "versions_unavailable", "app_unavailable", "versions_restored", "app_restored",
    } do
      post(event, { id = event, app_id = event })
      assert.equal(1, receiver:dispatch())
      local entry = inbox:get(event)
      assert.same({ "dead", "no_callback" }, { entry.state, entry.code })
      assert.equal(("no callback takes %s: add one, then replay the notification"):format(event), entry.reason)
      assert.is_string(entry.body)
      assert.same({ "error", "no callback", event, entry.reason },
        { last().level, last().message, last().id, last().reason })
      receiver:on(event, function() runs_it = true end)
      inbox:replay { id = event }
      receiver:dispatch()
      assert.is_true(runs_it)
      runs_it = false
    end
  end)

  it("takes a callback for the type or for everything as one that takes the event", function()
    receiver:on("AppUnavailable", function() end)
    post("app_unavailable", { id = "a" })
    receiver:dispatch()
    receiver:on("*", function() end)
    post("app_restored", { id = "b" })
    receiver:dispatch()
    assert.same({ "done", "done" }, { state_of "a", state_of "b" })
  end)

  it("warns of anything else that no callback is there for, which is done all the same", function()
    post("ping", { id = "a" })
    post '{"data":{"type":"somethingQuiteNew","id":"b"}}'
    receiver:dispatch()
    assert.same({ "no callback", "warning" }, { last().message, last().level })
    assert.same({ "done", "done" }, { state_of "a", state_of "b" })
  end)

  it("tries what raised again, later and later, twenty times, then gives up", function()
    local waits, hours = {}, 0
    receiver:on("ping", function() error "broken" end)
    post("ping", { id = "a" })
    for attempt = 1, 20 do
      assert.equal(1, receiver:dispatch())
      assert.equal(attempt, last().attempt)
      assert.matches("broken", last().reason)
      waits[attempt] = last().again_in
      if attempt < 20 then
        now = now + waits[attempt] - 0.01
        assert.equal(0, receiver:dispatch())
        now = now + 0.01
        hours = hours + waits[attempt] / 3600
      end
    end
    assert.same({ 3.75, 7.5, 15, 30, 60, 120, 240, 480, 960, 1920 }, { unpack(waits, 1, 10) })
    assert.same({ 2700, 2700 }, { waits[11], waits[19] })
    assert.is_true(hours > 7, hours)
    assert.same({ "gave up", "error" }, { last().message, last().level })
    assert.same({ "dead", "failed" }, { state_of "a", inbox:get("a").code })
    assert.matches("broken", inbox:get("a").reason)
    now = now + 1e9
    assert.equal(0, receiver:dispatch())
  end)

  it("waits for at least half of the time, and at most all of it", function()
    for random, wait in pairs { [0] = 50, [0.5] = 75, [1 - 2 ^ -53] = 100 } do
      inbox = memory.new { clock = clock }
      new { retry = { base = 100 }, random = function() return random end }
      receiver:on("ping", function() error "broken" end)
      post "ping"
      receiver:dispatch()
      assert.is_true(math.abs(wait - last().again_in) < 1e-9)
    end
  end)

  it("tells the inbox each wait up to the longest, after what ended its process", function()
    local function count_waits(retry)
      local count
      inbox.recover = function(_, waits)
        count = #waits
        return 0
      end
      new { retry = retry }
      receiver:dispatch()
      return count
    end
    assert.equal(1, count_waits { attempts = 1000, base = 0 })
    assert.equal(3, count_waits { attempts = 3, base = 1 })
    assert.equal(4, count_waits { attempts = 1000, base = 1, cap = 8 })
    assert.equal(1, count_waits { attempts = math.huge, base = 9, cap = 8 })
  end)

  it("tries again what returned nil and a message, and is content with anything else", function()
    local result
    local function answer() return result() end
    receiver:on("ping", answer)
    for i, case in ipairs {
      { function() return nil, "no" end, "ready" }, { function() return false, "no" end, "ready" },
      { function() return nil end, "done" }, { function() return false end, "done" },
      { function() return 1, "fine" end, "done" },
    } do
      result = case[1]
      post("ping", { id = "n" .. i })
      receiver:dispatch()
      assert.equal(case[2], state_of("n" .. i), tostring(i))
      inbox = memory.new { clock = clock }
      new()
      receiver:on("ping", answer)
    end
  end)

  it("keeps the reason of the last failure while it is to be tried again, and none once it is done", function()
    local problem = "the first"
    receiver:on("ping", function() return not problem or nil, problem end)
    post("ping", { id = "a" })
    receiver:dispatch()
    assert.equal("the first", inbox:get("a").reason)
    problem, now = "the second", now + 60
    receiver:dispatch()
    assert.equal("the second", inbox:get("a").reason)
    problem, now = nil, now + 60
    receiver:dispatch()
    assert.same({ "done", nil }, { state_of "a", inbox:get("a").reason })
  end)

  it("has its pauses as they were asked for", function()
    new { retry = { attempts = 3, base = 100, cap = 150 } }
    receiver:on("ping", function() error "x" end)
    post("ping", { id = "a" })
    receiver:dispatch()
    assert.equal(75, last().again_in)
    now = now + 75
    receiver:dispatch()
    assert.equal(112.5, last().again_in)
    now = now + 112.5
    receiver:dispatch()
    assert.equal("dead", state_of "a")
  end)

  it("runs all callbacks of a notification even if one fails, and other notifications too", function()
    local ran = {}
    receiver:on("app_unavailable", function() error "broken" end)
    receiver:on("app_unavailable", function() ran[#ran + 1] = "second" end)
    receiver:on("*", function(n) ran[#ran + 1] = n.event end)
    post "app_unavailable"
    post "ping"
    assert.equal(2, receiver:dispatch())
    assert.same({ "second", "app_unavailable", "ping" }, ran)
  end)

  it("bears a callback that raises anything", function()
    for i, problem in ipairs {
      false, {}, 5, setmetatable({}, { __tostring = function() return "told" end }),
      setmetatable({}, { __tostring = function(self) error(self) end }),
      setmetatable({}, { __tostring = function(self) return self end }),
    } do
      inbox = memory.new { clock = clock }
      new()
      receiver:on("ping", function() error(problem) end)
      post("ping", { id = "n" .. i })
      assert.equal(1, receiver:dispatch())
      assert.equal("ready", state_of("n" .. i))
      assert.is_string(last().reason)
    end
  end)

  it("tells where a callback broke", function()
    local function read(n) return n.attributes.nothing.field end
    receiver:on("ping", function(n)
      local value = read(n)
      return value
    end)
    post "ping"
    receiver:dispatch()
    assert.matches("^[^\n]*dispatcher_spec.lua:%d+: attempt to index [^\n]*\n" ..
      "  called from [^\n]*dispatcher_spec.lua:%d+$", last().reason)
  end)

  it("tells in few words that a callback called itself without end", function()
    local other
    local function endless(n)
      return 1 + other(n)
    end
    other = function(n)
      return 1 + endless(n)
    end
    receiver:on("ping", endless)
    post "ping"
    receiver:dispatch()
    assert.matches("^[^\n]*stack overflow", last().reason)
    local _, callers = last().reason:gsub("\n  called from ", "")
    assert.is_true(callers <= 10, last().reason)
  end)

  it("holds the rest of an app back until its first is done, but not other apps", function()
    local ran, broken = {}, true
    receiver:on("*", function(n)
      ran[#ran + 1] = n.id
      if n.id == "a1" and broken then error "not yet" end
    end)
    post("app_unavailable", { id = "a1" })
    post("version_available", { id = "a2" })
    post '{"data":{"type":"AppUnavailable","id":"b1","attributes":{"appId":"other"}}}'
    receiver:dispatch()
    assert.same({ "a1", "b1" }, ran)
    broken, now = false, now + 10
    receiver:dispatch()
    assert.same({ "a1", "b1", "a1", "a2" }, ran)
  end)

  it("snoozes without counting the attempt", function()
    local attempts = {}
    receiver:on("ping", function(_, ctx)
      attempts[#attempts + 1] = ctx.attempt
      if #attempts < 3 then ctx:snooze(60) end
    end)
    post("ping", { id = "a" })
    receiver:dispatch()
    assert.equal("snoozed", last().message)
    for _ = 1, 2 do
      now = now + 59
      assert.equal(0, receiver:dispatch())
      now = now + 1
      assert.equal(1, receiver:dispatch())
    end
    assert.same({ 1, 1, 1 }, attempts)
    assert.equal("done", state_of "a")
  end)

  it("cancels with a reason", function()
    receiver:on("ping", function(_, ctx) ctx:cancel "not ours" end)
    post("ping", { id = "a" })
    receiver:dispatch()
    assert.same({ "dead", "cancelled" }, { state_of "a", inbox:get("a").code })
    assert.equal("not ours", inbox:get("a").reason)
  end)

  it("raises in the callback for a wrong snooze or cancel", function()
    local problems = {}
    receiver:on("ping", function(_, ctx)
      for _, seconds in ipairs { -1, "60", 0 / 0, false, math.huge } do
        problems[#problems + 1] = select(2, pcall(ctx.snooze, ctx, seconds))
      end
      problems[#problems + 1] = select(2, pcall(ctx.cancel, ctx))
    end)
    post("ping", { id = "a" })
    receiver:dispatch()
    for i = 1, 5 do assert.matches("ctx:snooze: seconds must be", problems[i]) end
    assert.matches("ctx:cancel: the reason must be a string", problems[6])
    assert.equal("done", state_of "a")
  end)

  it("shows a callback its attempt and its id, and nothing of the lease", function()
    local shown = {}
    receiver:on("ping", function(_, ctx)
      for name, value in pairs(ctx) do shown[name] = value end
    end)
    post("ping", { id = "a" })
    receiver:dispatch()
    assert.same({ attempt = 1, id = "a" }, shown)
  end)

  it("takes no more from a context whose callbacks have ended", function()
    local kept
    receiver:on("ping", function(_, ctx) kept = ctx end)
    post("ping", { id = "a" })
    receiver:dispatch()
    for _, method in ipairs { "snooze", "cancel", "heartbeat", "superseded" } do
      local ok, problem = pcall(function() kept[method](kept, method == "snooze" and 1 or "x") end)
      assert.is_false(ok)
      assert.matches("^spec/dispatcher_spec.lua:%d+: ctx:" .. method .. ": the callbacks of this notif", problem)
    end
    assert.equal("done", state_of "a")
  end)

  it("snoozes for up to 366 days", function()
    receiver:on("ping", function(_, ctx) ctx:snooze(366 * 86400) end)
    post("ping", { id = "a" })
    receiver:dispatch()
    assert.equal(366 * 86400, last().again_in)
    receiver:on("app_unavailable", function(_, ctx) ctx:snooze(366 * 86400 + 1) end)
    post "app_unavailable"
    receiver:dispatch()
    assert.matches("dispatcher_spec.lua:%d+: ctx:snooze: seconds must be a number from 0 to a year", last().reason)
  end)

  it("snoozes for the longest that was asked for", function()
    receiver:on("ping", function(_, ctx) ctx:snooze(60) end)
    receiver:on("ping", function(_, ctx) ctx:snooze(30) end)
    post "ping"
    receiver:dispatch()
    assert.equal(60, last().again_in)
  end)

  it("tells callbacks and the log the id that tells a notification from another one of the same id", function()
    local ids = {}
    receiver:on("*", function(_, ctx) ids[#ids + 1] = ctx.id end)
    post("app_unavailable", { id = "a", time = 1000 })
    post("app_unavailable", { id = "a", time = 2000 })
    local conflict = inbox:list()[2].id
    assert.matches("^a#%x+$", conflict)
    assert.same({ "conflict", conflict }, { last().message, last().id })
    receiver:dispatch()
    assert.same({ "a", conflict }, ids)
    assert.same({ "done", conflict }, { last().message, last().id })
  end)

  it("runs what ended its process alone and at once, later after its wait, and gives it up in the end", function()
    local ran, waits = 0, {}
    receiver:on("ping", function() ran = ran + 1 end)
    post("ping", { id = "a" })
    for attempt = 1, 20 do
      assert.equal(1, #inbox:claim(1, 60))
      now = now + 60
      assert.equal(0, receiver:dispatch { limit = 0 })
      waits[attempt] = inbox:next_in()
      now = now + waits[attempt]
    end
    assert.same({ 0, 7.5, 15, 30 }, { unpack(waits, 1, 4) })
    assert.same({ 2700, 2700 }, { waits[11], waits[20] })
    assert.equal(1, receiver:dispatch())
    assert.equal(0, ran)
    assert.same({ "dead", "failed" }, { state_of "a", inbox:get("a").code })
    assert.equal("attempt 20 of 20 ended its process, or took longer than its lease: mend the callbacks, then " ..
      "replay the notification", last().reason)
  end)

  it("gives up what can no longer be read, and says why", function()
    local body = "not JSON"
    assert(inbox:put({ { key = "a", digest = "a", type = "Ping", event = "ping", body = body } }))
    local _, problem = marketplace.parse(body)
    assert.equal(1, receiver:dispatch())
    assert.same({ "dead", "invalid" }, { state_of "a", inbox:get("a").code })
    assert.equal(problem, last().reason)
  end)

  it("says so when a lease passed to another while its callback ran", function()
    receiver:on("ping", function()
      now = now + 61
      inbox:recover { 0 }
      inbox:claim(1, 60)
    end)
    post("ping", { id = "a" })
    assert.equal(1, receiver:dispatch())
    assert.same({ "lease lost", "a" }, { last().message, last().id })
    assert.equal("leased", state_of "a")
  end)

  it("says so when an operator cancelled what ran", function()
    receiver:on("ping", function() inbox:cancel({ id = "a" }, "enough") end)
    post("ping", { id = "a" })
    assert.equal(1, receiver:dispatch())
    assert.equal("lease lost", last().message)
    assert.matches("an operator cancelled it", last().reason)
    assert.same({ "dead", "cancelled", "enough" }, { state_of "a", inbox:get("a").code, inbox:get("a").reason })
  end)

  it("says so when the inbox cannot tell or cannot store", function()
    post "ping"
    local claim = inbox.claim
    inbox.claim = function() return nil, "gone", "inbox_unavailable" end
    assert.same({ nil, "gone", "inbox_unavailable" }, { receiver:dispatch() })
    inbox.claim = claim
    inbox.finish = function() return nil, "full", "inbox_unavailable" end
    assert.same({ nil, "full", "inbox_unavailable" }, { receiver:dispatch() })
  end)

  it("claims as many at a time as fit into 50 ms, by how long those before took, and at most 64", function()
    local core = require "marketplace.core"
    local monotonic, elapsed, seconds = core.monotonic, 0, 0
    core.monotonic = function() return elapsed end
    local claims, claim = {}, inbox.claim
    inbox.claim = function(self, limit, ...)
      claims[#claims + 1] = limit
      return claim(self, limit, ...)
    end
    receiver:on("ping", function() elapsed = elapsed + seconds end)
    for _, given in ipairs { { 0, 100 }, { 0.0625, 66 }, { 0.0078125, 16 } } do
      seconds = given[1]
      for _ = 1, given[2] do post "ping" end
      receiver:dispatch { limit = given[2] }
    end
    core.monotonic = monotonic
    assert.same({ 1, 64, 35 }, { claims[1], claims[2], claims[3] })
    assert.same({ 64, 1, 1, 1 }, { claims[4], claims[5], claims[6], claims[7] })
    local last_claims = {}
    for i = #claims - 3, #claims do last_claims[#last_claims + 1] = claims[i] end
    assert.same({ 1, 6, 6, 3 }, last_claims)
  end)

  it("runs more than the largest batch holds", function()
    local ran = 0
    receiver:on("ping", function() ran = ran + 1 end)
    for _, count in ipairs { 64, 65, 129 } do
      receiver.dispatcher.batch = 64
      for i = 1, count do post("ping", { id = ("n%d of %d"):format(i, count) }) end
      ran = 0
      assert.equal(count, receiver:dispatch())
      assert.equal(count, ran)
    end
  end)

  it("gives back what it has not begun when it is asked to stop", function()
    local stop, ran = false, 0
    new { stop_asked = function() return stop end }
    receiver:on("ping", function() ran, stop = ran + 1, true end)
    receiver.dispatcher.batch = 64
    for i = 1, 5 do post("ping", { id = "n" .. i }) end
    assert.equal(1, receiver:dispatch())
    assert.equal(1, ran)
    assert.same({ ready = 4, leased = 0, done = 1, dead = 0 }, inbox:counts())
    assert.equal(0, inbox:get("n5").attempt)
  end)

  it("is not disturbed by a callback that changes its notification", function()
    receiver:on("versions_unavailable", function(n)
      for i, id in ipairs(n.package_ids) do n.package_ids[i] = { id = id } end
      n.event, n.territories = "ping", 5
    end)
    post("versions_unavailable", { id = "a" })
    receiver:dispatch()
    assert.equal("done", state_of "a")
    assert.matches("^%d", inbox:get("a").scope)
  end)

  it("counts a mistake of the inbox's or its own against one notification only", function()
    local context = require "marketplace.dispatcher.context"
    local original = context.open
    context.open = function(item, ...)
      if item.key == "a" then error "a mistake" end
      return original(item, ...)
    end
    receiver:on("ping", function() end)
    receiver.dispatcher.batch = 64
    for _, id in ipairs { "a", "b" } do post("ping", { id = id }) end
    local ok, count = pcall(receiver.dispatch, receiver)
    context.open = original
    assert.is_true(ok)
    assert.equal(2, count)
    assert.same({ "ready", "done" }, { state_of "a", state_of "b" })
    assert.matches("a mistake", inbox:get("a").reason)
  end)

  it("begins no more of a batch when its seconds are over, however fast the batch before was", function()
    local core = require "marketplace.core"
    local monotonic, elapsed = core.monotonic, 0
    core.monotonic = function() return elapsed end
    receiver:on("ping", function() elapsed = elapsed + 1 / 32 end)
    receiver.dispatcher.batch = 64
    for i = 1, 64 do post("ping", { id = "n" .. i }) end
    local count = receiver:dispatch { seconds = 1 / 32 }
    core.monotonic = monotonic
    assert.equal(1, count)
    assert.same({ ready = 63, leased = 0, done = 1, dead = 0 }, inbox:counts())
  end)

  it("bears a log that raises", function()
    new { log = function() error "the disk is full" end }
    local stderr, told = io.stderr, {}
    rawset(io, "stderr", { write = function(_, ...) told[#told + 1] = table.concat({ ... }) end })
    receiver:on("ping", function() end)
    local ok = pcall(function()
      post("ping", { id = "a" })
      receiver:dispatch()
    end)
    rawset(io, "stderr", stderr)
    assert.is_true(ok)
    assert.equal("done", state_of "a")
    assert.matches("id=a.*the disk is full", told[#told])
  end)

  it("takes the smallest settings that make sense", function()
    new { retry = { attempts = 1, base = 0, cap = 0 }, lease = 366 * 86400 }
    receiver:on("ping", function() error "broken" end)
    post("ping", { id = "a" })
    receiver:dispatch()
    assert.equal("dead", state_of "a")
    new { retry = { base = 0 } }
    receiver:on("ping", function() error "broken" end)
    post("ping", { id = "b" })
    receiver:dispatch()
    assert.equal(0, last().again_in)
  end)

  it("refuses settings that make no sense, and blames its caller", function()
    for _, more in ipairs {
      { retry = { attempts = 0 } }, { retry = { base = -1 } }, { retry = { cap = 0 / 0 } }, { retry = { tries = 1 } },
      { lease = 0 }, { lease = 0 / 0 }, { lease = math.huge }, { log = {} }, { keep = -1 }, { keep = 0 / 0 },
      { keep = 90 * 86400 + 1 },
    } do
      local ok, problem = pcall(new, more)
      assert.is_false(ok)
      assert.matches("^spec/dispatcher_spec.lua:%d+: marketplace.receiver: ", problem)
    end
  end)

  it("runs what snoozes for no time once in a dispatch", function()
    local ran = 0
    receiver:on("ping", function(_, ctx)
      ran = ran + 1
      ctx:snooze(0)
    end)
    post("ping", { id = "a" })
    for dispatches = 1, 2 do
      assert.equal(1, receiver:dispatch())
      assert.equal(dispatches, ran)
    end
    assert.same({ ready = 1, leased = 0, done = 0, dead = 0 }, inbox:counts())
    assert.equal(0, inbox:get("a").attempt)
  end)

  it("keeps a lease by a heartbeat, and tells when it was lost", function()
    local held = {}
    receiver:on("ping", function(_, ctx)
      now = now + 50
      held[1] = ctx:heartbeat()
      now = now + 50
      inbox:recover { 0 }
      assert.same({}, inbox:claim(1, 60))
      now = now + 61
      inbox:recover { 0 }
      inbox:claim(1, 60)
      held[2] = ctx:heartbeat()
    end)
    post "ping"
    receiver:dispatch()
    assert.same({ true, false }, held)
    assert.equal("lease lost", last().message)
  end)

  it("begins no more after the seconds it was given", function()
    local core = require "marketplace.core"
    local monotonic, elapsed = core.monotonic, 0
    core.monotonic = function() return elapsed end
    receiver:on("ping", function() elapsed = elapsed + 1 end)
    for i = 1, 5 do post("ping", { id = "n" .. i }) end
    local first, second = receiver:dispatch { seconds = 2 }, receiver:dispatch { seconds = 0 }
    core.monotonic = monotonic
    assert.same({ 2, 1 }, { first, second })
  end)

  it("makes text of any complaint, short enough for every inbox", function()
    for i, complaint in ipairs {
      "a\0b", "\255\254", ("\195\164"):rep(3000), setmetatable({}, { __tostring = function() error "no" end }),
    } do
      receiver = nil
      inbox = memory.new { clock = clock }
      new()
      receiver:on("ping", function() return nil, complaint end)
      post("ping", { id = "n" .. i })
      receiver:dispatch()
      local reason = inbox:get("n" .. i).reason
      assert.is_true(#reason <= 4000)
      assert.is_true(require("marketplace.core").is_utf8(reason))
      assert.is_nil(reason:find("%z"))
    end
    assert.is_nil(inbox:get "n1")
  end)

  it("is what a failed one's duplicate asks for again, but not that of a cancelled one", function()
    new { retry = { attempts = 1 } }
    local complaint = "broken"
    receiver:on("ping", function(n, ctx)
      if complaint and n.id == "a" then return nil, complaint end
      if complaint then ctx:cancel(complaint) end
    end)
    for _, id in ipairs { "a", "b" } do post("ping", { id = id, time = 1000 }) end
    receiver:dispatch()
    complaint = nil
    for id, message in pairs { a = "rearmed", b = "duplicate" } do
      post("ping", { id = id, time = 1000 })
      assert.equal(message, last().message)
    end
    receiver:dispatch()
    assert.same({ "done", "dead" }, { state_of "a", state_of "b" })
  end)

  it("may be called from a callback, and a callback may hand in notifications", function()
    local order = {}
    receiver:on("ping", function(n)
      order[#order + 1] = n.id
      if n.id == "a" then
        post("ping", { id = "b" })
        receiver:dispatch()
      end
    end)
    post("ping", { id = "a" })
    receiver:dispatch()
    assert.same({ "a", "b" }, order)
    assert.same({ ready = 0, leased = 0, done = 2, dead = 0 }, inbox:counts())
  end)

  it("writes only what somebody should look at if no log was given", function()
    local receiver_without = marketplace.receiver { secrets = SECRET, inbox = inbox }
    receiver_without:on("ping", function() end)
    post "ping"
    local count = #entries
    assert.equal(1, receiver_without:dispatch())
    assert.equal(count, #entries)
  end)

  it("refuses an option that it does not know", function()
    assert.is_false((pcall(receiver.dispatch, receiver, { limt = 1 })))
  end)

  it("tells how many wait", function()
    assert.equal(0, receiver.dispatcher:waiting())
    post "ping"
    assert.equal(1, receiver.dispatcher:waiting())
    receiver:dispatch()
    assert.equal(0, receiver.dispatcher:waiting())
  end)
end)

describe("dispatcher:turn", function()
  local core = require "marketplace.core"
  local monotonic = core.monotonic
  local runs, inbox, entries, now, elapsed, ran

  before_each(function()
    inbox, entries, now, elapsed, ran = memory.new { clock = function() return now end }, {}, 1000, 0, {}
    core.monotonic = function() return elapsed end
    runs = marketplace.dispatcher {
      inbox = inbox, log = function(entry) entries[#entries + 1] = entry end, clock = function() return now end,
      random = function() return 1 - 2 ^ -53 end,
    }
    runs:on("*", function(n)
      ran[#ran + 1], elapsed = n.id, elapsed + 0.5
      if n.id == "fails" then return nil, "not yet" end
    end)
  end)

  after_each(function() core.monotonic = monotonic end)

  local function put(...)
    for _, id in ipairs { ... } do
      local body = samples.body("ping", { id = id })
      assert(inbox:put({ { key = id, digest = core.sha256(body), type = "ping", event = "ping", body = body } }))
    end
  end

  it("runs callbacks for its seconds, and asks for no pause while more wait", function()
    put("a", "b", "c")
    assert.equal(0, runs:turn(1))
    assert.same({ "a", "b" }, ran)
    assert.equal(1, runs:turn(1))
    assert.same({ "a", "b", "c" }, ran)
  end)

  it("asks for a pause until the next is due, and for no more than a second", function()
    assert.equal(1, runs:turn(1))
    put "fails"
    assert.equal(1, runs:turn(1))
    now = now + 4.5
    assert.equal(0.5, runs:turn(1))
    now = now + 0.5
    assert.equal(1, runs:turn(1))
    assert.same({ "fails", "fails" }, ran)
    -- whoever has a lease may die before it ends
    inbox.next_in = function() return 3600 end
    assert.equal(1, runs:turn(1))
  end)

  it("tells when it was last active: when it claims, begins a run, extends a lease and finishes", function()
    local seen = {}
    local function note(method)
      local original = inbox[method]
      inbox[method] = function(...)
        elapsed = elapsed + 1
        seen[#seen + 1] = runs.active_at
        return original(...)
      end
    end
    for _, method in ipairs { "claim", "extend", "finish" } do note(method) end
    runs:on("ping", function(_, ctx)
      seen[#seen + 1] = runs.active_at
      elapsed = elapsed + 10
      ctx:heartbeat()
      seen[#seen + 1] = runs.active_at
      elapsed = elapsed + 10
    end)
    put "a"
    runs:dispatch { limit = 1 }
    seen[#seen + 1] = runs.active_at
    -- at 1 it has claimed; the callback for "*", which takes half a second, comes last
    assert.same({ 0, 1, 1, 12, 12, 23.5 }, seen)
  end)

  it("asks for a short pause if what is due is not given to it, as another process may take it", function()
    inbox.next_in = function() return 0 end
    assert.equal(0.01, runs:turn(1))
  end)

  it("looks for leases that ended in each dispatch, and about once a second in turns", function()
    local looks, recover = 0, inbox.recover
    inbox.recover = function(self, waits)
      looks = looks + 1
      assert.same({ 5, 10, 20 }, { unpack(waits, 1, 3) })
      assert.equal(3600, waits[#waits])
      return recover(self, waits)
    end
    for _ = 1, 2 do runs:dispatch() end
    assert.equal(2, looks)
    for _, expected in ipairs { 2, 3, 3, 4 } do
      elapsed = elapsed + 0.51
      runs:turn(1)
      assert.equal(expected, looks)
    end
  end)

  it("tells the inbox no more waits than there are attempts", function()
    local told
    inbox.recover = function(_, waits)
      told = waits
      return 0
    end
    marketplace.dispatcher({ inbox = inbox, retry = { attempts = 2 }, random = function() return 0 end }):dispatch()
    assert.same({ 2.5, 5 }, told)
  end)

  it("looks for leases that ended at once if something is due that cannot be claimed", function()
    put "a"
    inbox:claim(1, 0.5)
    assert.equal(0.5, runs:turn(1))
    now, elapsed = now + 0.5, elapsed + 0.5
    assert.equal(0.01, runs:turn(1))
    elapsed = elapsed + 0.01
    runs:turn(1)
    assert.same({ "a" }, ran)
  end)

  it("logs what keeps callbacks from running, and tries again after a second, however often it is called", function()
    for _, method in ipairs { "recover", "claim", "finish", "next_in" } do
      for i, fail in ipairs { function() return nil, "gone", "inbox_unavailable" end, function() error "gone" end } do
        put(method .. i)
        inbox[method] = fail
        entries = {}
        assert.equal(1, runs:turn(1))
        elapsed = elapsed + 0.5
        assert.equal(0.5, runs:turn(1))
        elapsed = elapsed + 0.5
        local told = 0
        for _, entry in ipairs(entries) do
          if entry.message == "callbacks cannot run" then
            told = told + 1
            assert.same({ "error", now }, { entry.level, entry.at })
            assert.matches("gone", entry.reason)
          end
        end
        assert.equal(1, told, method)
        elapsed = elapsed + 60
      end
      inbox[method] = nil
    end
    now = now + 61
    runs:turn(10)
    assert.equal(8, inbox:counts().done)
  end)

  it("logs once a minute that callbacks cannot run, and once that they run again", function()
    inbox.claim = function() return nil, "gone", "inbox_unavailable" end
    for _ = 1, 61 do
      runs:turn(1)
      elapsed = elapsed + 1
    end
    inbox.claim = nil
    for _ = 1, 2 do runs:turn(1) end
    local told = {}
    for i, entry in ipairs(entries) do told[i] = entry.message .. ": " .. entry.reason end
    assert.same({
      "callbacks cannot run: gone", "callbacks cannot run: gone", "callbacks run again: 61 failed within 60.0 s",
    }, told)
  end)
end)
