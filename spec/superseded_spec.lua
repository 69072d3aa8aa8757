local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local superseded = require "marketplace.dispatcher.superseded"

local function about(event, more)
  local n = { event = event }
  for name, value in pairs(more or {}) do n[name] = value end
  return n
end

local function packages(...) return { package_ids = { ... } } end
local function territories(...) return { territories = { ... } } end

describe("marketplace.dispatcher.superseded", function()
  it("knows what undoes what", function()
    local function by(earlier, later) return superseded.by(earlier, later.event, superseded.scope(later)) end
    for i, case in ipairs {
      { about "app_unavailable", about "app_restored", true },
      { about "app_unavailable", about "app_unavailable", false },
      { about "app_unavailable", about "ping", false },
      { about "app_unavailable", about("version_available", { package_id = "p" }), true },
      { about("app_unavailable", territories "FRA"), about("version_available", { package_id = "p" }), false },
      { about("app_unavailable", territories "FRA"), about("app_restored", territories("DEU", "FRA")), true },
      { about("app_unavailable", territories("FRA", "ITA")), about("app_restored", territories("DEU", "FRA")), false },
      { about("app_unavailable", territories "FRA"), about "app_restored", true },
      { about "app_unavailable", about("app_restored", territories "FRA"), false },
      { about("app_restored", territories "FRA"), about "app_unavailable", true },
      { about("version_available", { package_id = "p" }), about("versions_unavailable", packages("o", "p")), true },
      { about("version_available", { package_id = "p" }), about("versions_unavailable", packages "o"), false },
      { about("version_available", { package_id = "p" }), about "app_unavailable", true },
      { about("version_available", { package_id = "p" }), about("app_unavailable", territories "FRA"), false },
      { about("versions_unavailable", packages "p"), about("versions_restored", packages "p"), true },
      { about("versions_unavailable", packages("p", "o")), about("versions_restored", packages "p"), false },
      { about("versions_unavailable", packages "p"), about("version_available", { package_id = "p" }), true },
      { about("versions_unavailable", packages "p"), about("app_restored", territories "FRA"), false },
      -- generation 2 announces a version without naming its package, which need not be the one that is gone
      { about("versions_unavailable", packages "p"), about "version_available", false },
      { about "version_available", about("versions_unavailable", packages "p"), false },
      { about "version_available", about "app_unavailable", true },
      { about "app_unavailable", about "version_available", true },
      { about "other", about "app_unavailable", false },
    } do
      assert.equal(case[3], by(case[1], case[2]), "case " .. i)
    end
  end)

  it("has a scope for what can be undone only", function()
    assert.is_nil(superseded.scope(about "ping"))
    assert.equal("", superseded.scope(about "app_unavailable"))
    assert.equal("p\n\nFRA\nDEU", superseded.scope(about("versions_unavailable",
      { package_ids = { "p" }, territories = { "FRA", "DEU" } })))
  end)
end)

describe("ctx:superseded", function()
  local SECRET = "the secret"
  local receiver, inbox, told

  before_each(function()
    inbox, told = memory.new { clock = function() return 1769860800 end }, {}
    receiver = marketplace.receiver { secrets = SECRET, inbox = inbox, log = function() end }
    receiver:on("*", function(n, ctx) told[n.id] = ctx:superseded() or false end)
  end)

  local function post(type, id, second, attributes)
    local time = ('"eventTimestamp":"2026-01-31T12:00:%02dZ"'):format(second)
    local body = ('{"data":{"type":"%s","version":1,"id":"%s","attributes":{"appId":"7",%s%s}}}'):format(
      type, id, attributes or "", time)
    local status = receiver:handle {
      method = "POST", headers = { ["x-apple-signature"] = marketplace.sign(SECRET, body) }, body = body,
    }
    assert.equal(200, status)
  end

  local VERSION = '"alternativeDistributionPackageId":"p","alternativeDistributionPackageVersionId":"v",'
  local VERSIONS = '"alternativeDistributionPackageIds":["p"],'

  it("tells of a later opposite that is done already", function()
    post("AlternativeDistributionPackageVersionAvailable", "newer", 30, VERSION)
    receiver:dispatch()
    post("AppVersionsUnavailable", "late", 10, VERSIONS)
    receiver:dispatch()
    assert.is_false(told.newer)
    assert.equal("newer", told.late.id)
    assert.equal("version_available", told.late.event)
    assert.equal(20, told.late.time - 1769860810)
  end)

  it("tells of a later opposite that still waits, or is dead", function()
    post("AppUnavailable", "late", 10)
    post("AlternativeDistributionPackageVersionAvailable", "newer", 30, VERSION)
    receiver:dispatch()
    assert.equal("newer", told.late.id)
  end)

  it("is nil for what is the latest, for other apps' and for what has no time", function()
    post("AppUnavailable", "first", 10)
    post("AlternativeDistributionPackageVersionAvailable", "second", 30, VERSION)
    post("AppUnavailable", "third", 40)
    receiver:dispatch()
    assert.is_false(told.third)
    assert.equal("third", told.second.id)
    assert.equal("second", told.first.id)
    receiver:handle {
      method = "POST", body = '{"data":{"type":"AppUnavailable","id":"x","attributes":{"appId":"7"}}}',
      headers = { ["x-apple-signature"] =
        marketplace.sign(SECRET, '{"data":{"type":"AppUnavailable","id":"x","attributes":{"appId":"7"}}}') },
    }
    receiver:dispatch()
    assert.is_false(told.x)
  end)

  it("is nil if what is later says the same", function()
    post("AppUnavailable", "late", 10)
    post("AppUnavailable", "newer", 30)
    receiver:dispatch()
    assert.is_false(told.late)
  end)

  it("makes the callback fail if the inbox cannot tell", function()
    inbox.later = function() return nil, "gone", "inbox_unavailable" end
    post("AppUnavailable", "a", 10)
    receiver:dispatch()
    assert.matches("gone", inbox:get("a").reason)
    assert.equal("ready", inbox:get("a").state)
  end)
end)
