-- What is looked at for alerts, and what is said of it; spec/alerts_spec.lua has when it is told.
local alerts = require "marketplace.alerts"
local conditions = require "marketplace.alerts.conditions"
local inbox_watch = require "marketplace.alerts.inbox_watch"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local samples = require "marketplace.samples"

local SECRET, DAY = "s", 86400

describe("alerts of an inbox", function()
  local now, told, entries, inbox, is_away, looks

  before_each(function()
    now, told, entries, is_away, looks = 1780000000, {}, {}, false, 0
    inbox = memory.new { clock = function() return now end }
    local probe = inbox.probe
    function inbox:probe()
      looks = looks + 1
      if is_away then return nil, "a full disk", "inbox_unavailable" end
      return probe(self)
    end
  end)

  local function watch()
    return inbox_watch.new {
      inbox = inbox, monotonic = function() return now end,
      alerts = alerts.new {
        tell = function(alert)
          told[#told + 1] = alert
          return { result = function() return true end, close = function() end }
        end, log = { write = function(entry) entries[#entries + 1] = entry end },
        clock = function() return now end, monotonic = function() return now end,
      },
    }
  end

  local function pass(watched, seconds)
    for _ = 1, seconds * 2 do
      now = now + 0.5
      watched:turn()
    end
  end

  local function receiver(callback)
    local made = marketplace.receiver {
      secrets = SECRET, inbox = inbox, clock = function() return now end, log = function() end,
      retry = { attempts = 1 },
    }
    if callback then made:on("*", callback) end
    return made
  end

  local function put(runs, event, values)
    local body = samples.body(event, values)
    assert.equal(200, (runs:handle {
      method = "POST", body = body, headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) },
    }))
    runs:dispatch()
  end

  local function shown()
    local list = {}
    for i, alert in ipairs(told) do list[i] = alert.name .. " " .. alert.state end
    table.sort(list)
    return list
  end

  it("are none if all is well", function()
    local watched = watch()
    put(receiver(function() end), "app_unavailable", { id = "a" })
    pass(watched, 120)
    assert.same({}, shown())
    assert.is_true(looks >= 8 and looks <= 9)
  end)

  it("tell of what is dead, by its code, and that it is over a minute after the replay", function()
    local watched = watch()
    put(receiver(function() return nil, "broken" end), "app_unavailable", { id = "a", app_id = "1" })
    put(receiver(), "app_unavailable", { id = "b", app_id = "2" })
    put(receiver(function(_, ctx) ctx:cancel "not ours" end), "app_unavailable", { id = "c", app_id = "3" })
    put(receiver(function() end), "app_unavailable", { id = "d", app_id = "4", time = now - 100 * DAY })
    pass(watched, 20)
    assert.same({ "dead_letters begins", "no_callback begins", "too_old begins" }, shown())
    assert.equal(3, #inbox:replay { state = "dead", code = "failed" } + #inbox:replay { state = "dead", code =
      "no_callback" } + #inbox:replay { state = "dead", code = "too_old" })
    receiver(function() end):dispatch()
    pass(watched, 59)
    assert.equal(3, #told)
    pass(watched, 30)
    assert.same({ "dead_letters begins", "dead_letters ends", "no_callback begins", "no_callback ends",
      "too_old begins", "too_old ends" }, shown())
  end)

  it("tell of what waits for longer than it may, and is not run", function()
    local watched = watch()
    local body = samples.body("ping", { id = "a" })
    local runs = receiver(function() end)
    runs:handle { method = "POST", body = body, headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) } }
    pass(watched, 890)
    assert.same({}, shown())
    pass(watched, 30)
    assert.same({ "oldest_age begins" }, shown())
    assert.matches("^a notification has waited for 15 minutes: .*marketplace inbox list %-%-state ready %-%-oldest$",
      told[1].message)
    runs:dispatch()
    pass(watched, 80)
    assert.same({ "oldest_age begins", "oldest_age ends" }, shown())
  end)

  it("tell that it does not store, if that lasts, and that it does again", function()
    local watched = watch()
    is_away = true
    pass(watched, 3)
    is_away = false
    pass(watched, 60)
    assert.same({}, shown())
    is_away = true
    pass(watched, 30)
    assert.same({ "inbox_unavailable begins" }, shown())
    assert.matches("answered with 503: a full disk; see", told[1].message)
    is_away = false
    pass(watched, 30)
    is_away = true
    pass(watched, 30)
    is_away = false
    pass(watched, 50)
    assert.equal(1, #told)
    pass(watched, 70)
    assert.same({ "inbox_unavailable begins", "inbox_unavailable ends" }, shown())
  end)

  it("look less often at an inbox that takes long to answer", function()
    local watched = watch()
    local backlog = inbox.backlog
    function inbox:backlog()
      now = now + 0.9
      return backlog(self)
    end
    pass(watched, 200)
    assert.is_true(looks >= 4 and looks <= 5)
  end)

  it("do not end callbacks if looking raises", function()
    local watched = watch()
    function inbox.backlog() error("a bug", 0) end
    pass(watched, 30)
    assert.same({ "inbox_unavailable begins" }, shown())
    watched.alerts.observe = function() error("a bug", 0) end
    pass(watched, 30)
    assert.equal("a bug", entries[#entries].reason)
  end)
end)

describe("the options of alerts", function()
  local function problem(given)
    given.secrets = "s"
    local ok, message = pcall(marketplace.receiver, given)
    return not ok and message or nil
  end

  it("have a dispatcher's turn call on_alert, once", function()
    local told, answers = {}, { { nil, "no network" }, { true } }
    local runs = marketplace.receiver {
      secrets = "s", log = function() end, retry = { attempts = 1 },
      on_alert = function(alert)
        told[#told + 1] = alert
        return answers[#told][1], answers[#told][2]
      end,
    }
    runs:on("*", function() error "broken" end)
    local body = samples.body("ping", { id = "a" })
    runs:handle { method = "POST", body = body, headers = { ["x-apple-signature"] = marketplace.sign("s", body) } }
    runs:dispatch()
    runs.dispatcher:turn(1)
    assert.equal(1, #told)
    assert.same({ "dead_letters", "begins" }, { told[1].name, told[1].state })
    runs:close()
  end)

  it("are checked", function()
    assert.matches("'on_alert' and 'alert_command' exclude each other", problem {
      on_alert = print, alert_command = "true",
    })
    assert.matches("'alert_command': there is no program no%-such in PATH", problem { alert_command = "no-such" })
    for _, age in ipairs { 0, -1, 0 / 0, 367 * DAY } do
      assert.matches("'alert_age' must be more than 0 seconds", problem { on_alert = print, alert_age = age })
    end
    assert.is_nil(problem { on_alert = print, alert_age = 1 })
    assert.is_nil(problem { alert_command = "echo a | cat" })
  end)
end)

describe("alerts of packages", function()
  local function on(jobs)
    local names = {}
    for _, one in ipairs(conditions.of_jobs(jobs)) do
      if one.is_on then names[#names + 1] = one.name end
    end
    return names
  end

  it("are about what was given up, and a full disk", function()
    assert.same({}, on {})
    assert.same({}, on {
      { state = "ended", code = "replaced" }, { state = "ended", code = "unavailable" },
      { state = "wanted", code = "forbidden" }, { state = "wanted" },
    })
    assert.same({ "packages_given_up" }, on { { state = "ended", code = "gone", version = "v", message = "gone" } })
    assert.same({ "packages_disk_full" }, on { { state = "wanted", code = "disk_full", message = "no room" } })
  end)

  it("say of which version, why, and how many more there are", function()
    local one = conditions.of_jobs {
      { state = "ended", code = "gone", version = "v1", message = "it is not there" },
      { state = "ended", code = "forbidden", package = "p2" },
    }[1]
    assert.matches("^2 package versions were given up, the first of them v1: it is not there; look at them with " ..
      "marketplace packages list %-%-state ended", one.message)
  end)
end)

describe("an alert of a certificate", function()
  local function of(days)
    local one = conditions.certificate_expiring("https://m.example", 1000 * DAY, (1000 - days) * DAY, "renew it")
    return one.is_on, one.level, one.message
  end

  it("begins 14 days before its end, and is an error two days before", function()
    assert.is_false(of(14))
    assert.same({ true, "warning" }, { (select(1, of(13.9))), (select(2, of(13.9))) })
    assert.equal("error", (select(2, of(1.9))))
    assert.equal("the certificate of https://m.example expires at 1972-09-27T00:00:00.000Z: renew it",
      (select(3, of(1))))
    assert.matches("expired at", (select(3, of(-1))))
  end)
end)
