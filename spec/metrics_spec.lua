-- What Prometheus is told, through a reader of its format.
local exposition = require "support.exposition"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local metrics = require "marketplace.metrics"
local samples = require "marketplace.samples"
local shell = require "support.shell"

local SECRET = "the secret"
local HAS_PROMTOOL = select(2, shell.capture "command -v promtool") == 0

local function text_of(add)
  local lines = {}
  add(lines)
  return metrics.text(lines)
end

describe("the specs' reader of metrics", function()
  local GOOD = '# HELP a_total Help.\n# TYPE a_total counter\na_total{b="c"} 1\n'
  local HISTOGRAM = '# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n'

  it("refuses what Prometheus would", function()
    assert.equal(1, exposition.read(GOOD).value 'a_total{b="c"}')
    assert.equal(2, exposition.read(HISTOGRAM).value 'h_bucket{le="+Inf"}')
    for _, change in ipairs {
      { GOOD, "\n$", "" }, { GOOD, "# HELP[^\n]*\n", "" }, { GOOD, "# TYPE[^\n]*\n", "" },
      { GOOD, "counter", "count" }, { GOOD, "TYPE a_total", "TYPE b_total" }, { GOOD, "a_total{", "b_total{" },
      { GOOD, " 1\n", " x\n" }, { GOOD, " 1\n", " 1,5\n" }, { GOOD, " 1\n", " -1\n" }, { GOOD, '"c"', '"c\\d"' },
      { GOOD, '"c"', '"c' }, { GOOD, "b=", "1b=" }, { GOOD, '"c"', '"c"d="e"' }, { GOOD, '"c"', '"c",b="e"' },
      { GOOD, "$", 'a_total{b="c"} 2\n' }, { GOOD, "$", GOOD }, { GOOD, "a_total", "a" },
      { GOOD, "a_total{[^\n]*\n", "" }, { GOOD, "Help%.", "\\x" }, { HISTOGRAM, 'le="1"', 'le="2",le="3"' },
      { HISTOGRAM, 'bucket{le="1"}', "bucket" }, { HISTOGRAM, "} 1\n", "} 3\n" },
      { HISTOGRAM, "count 2", "count 3" }, { HISTOGRAM, "h_sum 3\n", "" }, { HISTOGRAM, '"%+Inf"', '"2"' },
      { HISTOGRAM, '"%+Inf"', '"0.5"' }, { HISTOGRAM, "h_sum", "h_max" },
    } do
      local broken = change[1]:gsub(change[2], (change[3]:gsub("%%", "%%%%")), 1)
      assert.not_equal(change[1], broken)
      assert.is_false((pcall(exposition.read, broken)), broken)
    end
  end)
end)

describe("metrics", function()
  it("have a label's value escaped, whatever it holds", function()
    local value = 'a\\b"c\nd\\n,}{='
    local read = exposition.read(text_of(function(lines)
      metrics.add(lines, "things_total", "counter", "Things.", { { 5, "one", value, "two", "" } })
    end))
    assert.same({ name = "things_total", labels = { one = value, two = "" }, value = 5 }, read.families[1].samples[1])
  end)

  it("count a value that is a bound in its bucket, and one above all bounds in the last", function()
    local histogram = metrics.histogram { 0.5, 1, 2.5 }
    for _, value in ipairs { 0, 0.5, 0.75, 2.5, 2.75 } do histogram:observe(value) end
    local read = exposition.read(text_of(function(lines)
      metrics.add_histogram(lines, "took_seconds", "Time.", histogram)
    end))
    local counts = {}
    for i, le in ipairs { "0.5", "1", "2.5", "+Inf" } do
      counts[i] = read.value(('took_seconds_bucket{le="%s"}'):format(le))
    end
    assert.same({ 2, 3, 4, 5 }, counts)
    assert.same({ 6.5, 5 }, { read.value "took_seconds_sum", read.value "took_seconds_count" })
  end)
end)

describe("the metrics of a receiver", function()
  local receiver, inbox, now

  before_each(function()
    inbox, now = memory.new { clock = function() return now end }, 1000
    receiver = marketplace.receiver {
      secrets = { SECRET, "another" }, inbox = inbox, log = function() end,
      retry = { attempts = 2 },
    }
  end)

  local function post(id, settings)
    local given = { id = id, app_id = id }
    for name, value in pairs(settings or {}) do given[name] = value end
    local body = samples.body(given.event or "app_unavailable", given)
    local status = receiver:handle {
      method = "POST", headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) }, body = body,
    }
    assert.equal(200, status)
  end

  local function read() return exposition.read(receiver:metrics()) end

  local function runs()
    local counts = {}
    for _, family in ipairs(read().families) do
      if family.name == "marketplace_runs_total" then
        for _, sample in ipairs(family.samples) do counts[sample.labels.outcome] = sample.value end
      end
    end
    return counts
  end

  it("are of these types, from the start and in each text that holds them", function()
    local function types_of(text)
      local types = {}
      for _, family in ipairs(exposition.read(text).families) do types[family.name] = family.type end
      return types
    end
    local of_runs = {
      marketplace_runs_total = "counter", marketplace_callback_seconds = "histogram",
      marketplace_inbox_forgotten_total = "counter", marketplace_log_dropped_total = "counter",
    }
    local of_requests = {
      marketplace_requests_total = "counter", marketplace_verified_total = "counter",
      marketplace_commit_seconds = "histogram",
    }
    local of_inbox = {
      marketplace_inbox_up = "gauge", marketplace_inbox_notifications = "gauge",
      marketplace_inbox_dead = "gauge", marketplace_inbox_oldest_age_seconds = "gauge",
    }
    local function all(...)
      local merged = {}
      for _, types in ipairs { ... } do
        for name, kind in pairs(types) do merged[name] = kind end
      end
      return merged
    end
    assert.same(all(of_runs, of_requests, of_inbox), types_of(receiver:metrics()))
    assert.same(all(of_runs, of_requests), types_of(receiver:counters()))
    assert.same(all(of_runs, of_inbox), types_of(receiver.dispatcher:metrics()))
  end)

  it("count every outcome of a run, each from 0 on", function()
    assert.same({ done = 0, retry = 0, snoozed = 0, dead = 0, no_callback = 0, unhandled = 0, lost = 0 }, runs())
    post "unheard"
    post("unhandled", { event = "ping" })
    receiver:dispatch()
    receiver:on("*", function(n, ctx)
      if n.id == "fails" then return nil, "not yet" end
      if n.id == "snoozes" then ctx:snooze(600) end
      if n.id == "cancels" then ctx:cancel "never" end
      if n.id == "loses" then inbox:cancel({ id = "loses" }, "an operator's reason") end
    end)
    for _, id in ipairs { "works", "fails", "snoozes", "cancels", "loses" } do post(id) end
    receiver:dispatch()
    -- the run whose lease was lost is counted as what it became, too
    assert.same({ done = 2, retry = 1, snoozed = 1, dead = 1, no_callback = 1, unhandled = 1, lost = 1 }, runs())
    assert.equal(5, read().value "marketplace_callback_seconds_count")
  end)

  it("tell what waits, also while it is leased, and for how long", function()
    local told, waiting
    receiver:on("*", function()
      now = now + 30
      told, waiting = read(), receiver.dispatcher:waiting()
    end)
    post "runs"
    receiver:dispatch()
    local function state(of, name) return of.value(('marketplace_inbox_notifications{state="%s"}'):format(name)) end
    assert.same({ 0, 1, 0 }, { state(told, "ready"), state(told, "leased"), state(told, "dead") })
    assert.equal(30, told.value "marketplace_inbox_oldest_age_seconds")
    assert.equal(1, waiting)
    local after = read()
    assert.same({ 0, 0, 0 }, { state(after, "ready"), state(after, "leased"), state(after, "dead") })
    assert.equal(0, after.value "marketplace_inbox_oldest_age_seconds")
    assert.equal(0, receiver.dispatcher:waiting())
  end)

  it("tell the age since the receipt, also of what waits, and none below 0 if the clock is set back", function()
    receiver:on("*", function(_, ctx) ctx:snooze(3600) end)
    post "a"
    receiver:dispatch()
    now = 1600
    assert.equal(600, read().value "marketplace_inbox_oldest_age_seconds")
    now = 900
    assert.equal(0, read().value "marketplace_inbox_oldest_age_seconds")
  end)

  it("tell how many dead ones have each code, each from 0 on", function()
    local function dead()
      local counts = {}
      for _, family in ipairs(read().families) do
        if family.name == "marketplace_inbox_dead" then
          for _, sample in ipairs(family.samples) do counts[sample.labels.code] = sample.value end
        end
      end
      return counts
    end
    assert.same({ failed = 0, cancelled = 0, invalid = 0, too_old = 0, no_callback = 0 }, dead())
    post "unheard"
    receiver:dispatch()
    receiver:on("*", function(n, ctx)
      if n.id == "cancels" then return ctx:cancel "never" end
      return nil, "broken"
    end)
    for _, id in ipairs { "cancels", "fails-1", "fails-2" } do post(id) end
    now = 1e9
    post("late", { time = 1000 })
    for _ = 1, 2 do
      receiver:dispatch()
      now = now + 5
    end
    assert.same({ failed = 2, cancelled = 1, invalid = 0, too_old = 1, no_callback = 1 }, dead())
    assert.equal(1, read().value 'marketplace_requests_total{outcome="too_old",reason=""}')
  end)

  it("tell that the inbox is down, and nothing that only it knows", function()
    post "a"
    assert.equal(1, read().value "marketplace_inbox_up")
    inbox.backlog = function() return nil, "gone", "inbox_unavailable" end
    local down = read()
    assert.equal(0, down.value "marketplace_inbox_up")
    assert.is_nil(down.value 'marketplace_inbox_notifications{state="ready"}')
    assert.equal("marketplace_inbox_up", down.families[#down.families].name)
    assert.same({ nil, "gone", "inbox_unavailable" }, { receiver.dispatcher:waiting() })
  end)

  it("count what became of requests, and which secret signed them", function()
    local ping = samples.body("ping", { id = "p" })
    local function ask(header)
      receiver:handle { method = "POST", headers = { ["x-apple-signature"] = header }, body = ping }
    end
    ask(marketplace.sign(SECRET, ping))
    ask(marketplace.sign(SECRET, ping))
    ask "hmacsha256=00"
    local told = read()
    local function requests(outcome, reason)
      return told.value(('marketplace_requests_total{outcome="%s",reason="%s"}'):format(outcome, reason or ""))
    end
    assert.same({ 1, 1, 1, 0 }, {
      requests "stored", requests "duplicate", requests("refused", "signature_malformed"), requests "conflict",
    })
    assert.same({ 2, 0 }, {
      told.value(('marketplace_verified_total{secret="%s"}'):format(marketplace.fingerprint(SECRET))),
      told.value(('marketplace_verified_total{secret="%s"}'):format(marketplace.fingerprint "another")),
    })
    assert.equal(2, told.value "marketplace_commit_seconds_count")
  end)

  if HAS_PROMTOOL then
    it("have nothing that promtool complains of", function()
      post "a"
      local path = shell.file(receiver:metrics())
      finally(function() os.remove(path) end)
      assert.same({ "", 0 }, { shell.capture("promtool check metrics < " .. path) })
    end)
  end
end)
