-- What devices are told of their apps: updates and restore, case by case.
local json = require "marketplace.json"
local support = require "support.device"

local ask = support.ask

-- Versions of apps: id of the app, then each version's id and what its manifest has besides.
local APPS = {
  ["1001"] = { -- several versions, each of a later system
    { "10", minimumSystemVersions = { ios = "17.2" } }, { "20", minimumSystemVersions = { ios = "17.4" } },
    { "30", minimumSystemVersions = { ios = "18.0" } },
  },
  ["1002"] = { { "100", revision = 1 }, { "100", revision = 2 } },
  ["1003"] = { { "9" }, { "10" }, { "100" } },
  ["1004"] = { { "9007199254740992" }, { "9007199254740993" }, { "18446744073709551616" } },
  ["1005"] = { { "5" } },
  ["1006"] = { { "5" }, { "6" } },
  ["1007"] = { { "5" }, { "6" } },
  ["1008"] = { { "5" } },
  ["1009"] = { { "5" }, { "6", package = "P9" } },
  ["1010"] = { { "5", platforms = { "ios", "visionos" }, minimumSystemVersions = { ios = "18.0", visionos = "2.0" } } },
  ["1011"] = { { "5" } },
  ["1013"] = { { "5" }, { "6", package = "P13" } },
  ["1014"] = { { "5", minimumSystemVersions = json.decode "{}" } },
  ["1015"] = { { "5", app = "2015" } },
  ["1016"] = {
    { "5", minimumSystemVersions = { ios = "17.10" } }, { "6", minimumSystemVersions = { ios = "26.0.1" } },
  },
  ["1017"] = { { "5" }, { "6" } },
  ["1018"] = { { "5" }, { "6", package = "P18" } },
  ["1019"] = { { "5" }, { "6", package = "P19" } },
  ["1020"] = { { "5" }, { "6" } },
  ["99999999999999999999"] = { { "99999999999999999998" }, { "99999999999999999999" } },
}

-- endpoint, app, version, system, territory, what is expected: the version, "-" for nothing, or "404"; the platform.
local CASES = {
  -- several versions, and the least system of each
  { "updates", "1001", "10", "17.2", nil, "-" },
  { "updates", "1001", "10", "17.3.1", nil, "-" },
  { "updates", "1001", "10", "17.4", nil, "20" },
  { "updates", "1001", "10", "17.4.0", nil, "20" },
  { "updates", "1001", "10", "17.7.2", nil, "20" },
  { "updates", "1001", "10", "18", nil, "30" },
  { "updates", "1001", "10", "18.0", nil, "30" },
  { "updates", "1001", "10", "26.1", nil, "30" },
  { "updates", "1001", "20", "17.4", nil, "-" },
  { "updates", "1001", "20", "18.1", nil, "30" },
  { "updates", "1001", "30", "18.1", nil, "-" },
  { "updates", "1001", "30", "17.2", nil, "-" },
  { "updates", "1001", "15", "17.4", nil, "20" }, -- a version that was never here
  { "updates", "1001", "31", "18.1", nil, "-" },  -- nor this one, which is newer than all
  { "updates", "1001", "10", "17", nil, "-" },
  { "updates", "1001", "0", "17.1", nil, "-" },
  { "restore", "1001", "10", "17.2", nil, "10" },
  { "restore", "1001", "20", "17.4", nil, "20" },
  { "restore", "1001", "20", "17.3", nil, "404" },
  { "restore", "1001", "30", "17.4", nil, "404" },
  { "restore", "1001", "30", "18.0", nil, "30" },
  { "restore", "1001", "10", "26.1", nil, "10" }, -- that very version, although there are newer ones
  { "restore", "1001", "15", "18.0", nil, "404" },
  { "updates", "1016", "0", "17.9", nil, "-" },
  { "updates", "1016", "0", "17.10", nil, "5" },
  { "updates", "1016", "0", "17.11", nil, "5" },
  { "updates", "1016", "5", "26.0", nil, "-" },
  { "updates", "1016", "5", "26.0.1", nil, "6" },
  { "updates", "1016", "5", "26.0.10", nil, "6" },
  { "restore", "1016", "6", "26.0.0.9", nil, "404" },
  -- "0" asks for the newest; of a restore it names no version
  { "updates", "1001", "0", "18.0", nil, "30" },
  { "updates", "1001", "0", "17.2", nil, "10" },
  { "updates", "1001", "000", "17.5", nil, "20" },
  { "restore", "1001", "0", "18.0", nil, "404" },
  -- revisions of one version
  { "updates", "1002", "100", "18.0", nil, "-" },
  { "updates", "1002", "99", "18.0", nil, "100" },
  { "restore", "1002", "100", "18.0", nil, "100" },
  -- numbers, not texts
  { "updates", "1003", "9", "18.0", nil, "100" },
  { "updates", "1003", "10", "18.0", nil, "100" },
  { "updates", "1003", "99", "18.0", nil, "100" },
  { "updates", "1003", "100", "18.0", nil, "-" },
  { "updates", "1003", "0100", "18.0", nil, "-" },
  { "restore", "1003", "009", "18.0", nil, "9" },
  { "restore", "1003", "1", "18.0", nil, "404" },
  -- longer than a double or an integer
  { "updates", "1004", "9007199254740992", "18.0", nil, "18446744073709551616" },
  { "updates", "1004", "18446744073709551615", "18.0", nil, "18446744073709551616" },
  { "updates", "1004", "18446744073709551616", "18.0", nil, "-" },
  { "updates", "1004", "18446744073709551617", "18.0", nil, "-" },
  { "updates", "1004", ("9"):rep(400), "18.0", nil, "-" },
  { "restore", "1004", "9007199254740993", "18.0", nil, "9007199254740993" },
  { "restore", "1004", "9007199254740994", "18.0", nil, "404" },
  { "restore", "1004", ("9"):rep(400), "18.0", nil, "404" },
  { "updates", "99999999999999999999", "99999999999999999998", "18.0", nil, "99999999999999999999" },
  { "restore", "99999999999999999999", "99999999999999999998", "18.0", nil, "99999999999999999998" },
  -- unknown apps
  { "updates", "4040", "1", "18.0", nil, "404" },
  { "updates", "4040", "0", "18.0", nil, "404" },
  { "restore", "4040", "1", "18.0", nil, "404" },
  { "updates", ("4"):rep(400), "1", "18.0", nil, "404" },
  { "updates", "1012", "1", "18.0", nil, "404" }, -- being fetched
  { "restore", "1012", "5", "18.0", nil, "404" },
  -- taken down everywhere
  { "updates", "1005", "5", "18.0", nil, "404" },
  { "updates", "1005", "4", "18.0", "DEU", "404" },
  { "restore", "1005", "5", "18.0", "DEU", "404" },
  -- taken down in one territory
  { "updates", "1006", "5", "18.0", "FRA", "404" },
  { "updates", "1006", "6", "18.0", "FRA", "404" },
  { "updates", "1006", "7", "18.0", "FRA", "404" },
  { "updates", "1006", "5", "18.0", "DEU", "6" },
  { "updates", "1006", "5", "18.0", nil, "6" },
  { "restore", "1006", "5", "18.0", "FRA", "404" },
  { "restore", "1006", "5", "18.0", "DEU", "5" },
  { "updates", "1015", "4", "18.0", "FRA", "404" }, -- by the other id of the app
  { "updates", "1015", "4", "18.0", "ESP", "5" },
  -- distributed in one territory only
  { "updates", "1011", "4", "18.0", "DEU", "5" },
  { "updates", "1011", "4", "18.0", "FRA", "404" },
  { "updates", "1011", "4", "18.0", nil, "404" },
  { "restore", "1011", "5", "18.0", "DEU", "5" },
  { "restore", "1011", "5", "18.0", nil, "404" },
  -- holds
  { "updates", "1007", "5", "18.0", nil, "-" },
  { "updates", "1007", "6", "18.0", nil, "404" },
  { "updates", "1007", "4", "18.0", nil, "5" },
  { "restore", "1007", "6", "18.0", nil, "404" },
  { "restore", "1007", "5", "18.0", nil, "5" },
  { "updates", "1008", "4", "18.0", nil, "404" },
  { "restore", "1008", "5", "18.0", nil, "404" },
  -- a version whose folder was found damaged: nobody took it down
  { "updates", "1017", "6", "18.0", nil, "-" },
  { "updates", "1017", "4", "18.0", nil, "5" },
  { "restore", "1017", "6", "18.0", nil, "404" },
  -- and one that was, or is held, after its folder had been found damaged
  { "updates", "1018", "6", "18.0", nil, "404" },
  { "updates", "1018", "5", "18.0", nil, "-" },
  { "updates", "1019", "6", "18.0", "FRA", "404" },
  { "updates", "1019", "6", "18.0", "DEU", "-" },
  { "updates", "1020", "6", "18.0", nil, "404" },
  -- one that was taken down before it was ever published
  { "updates", "1021", "6", "18.0", nil, "404" },
  { "updates", "1021", "5", "18.0", nil, "-" },
  -- a package that was taken down, everywhere or in one territory, and an older version that was not
  { "updates", "1009", "6", "18.0", nil, "404" },
  { "updates", "1009", "5", "18.0", nil, "-" },
  { "updates", "1009", "4", "18.0", nil, "5" },
  { "restore", "1009", "6", "18.0", nil, "404" },
  { "updates", "1013", "5", "18.0", "FRA", "-" },
  { "updates", "1013", "5", "18.0", "DEU", "6" },
  { "updates", "1013", "6", "18.0", "FRA", "404" },
  { "updates", "1013", "4", "18.0", "FRA", "5" },
  { "restore", "1013", "6", "18.0", "FRA", "404" },
  -- platforms
  { "updates", "1010", "4", "18.0", nil, "5", "iOS" },
  { "updates", "1010", "4", "18.0", nil, "5", "ios" },
  { "updates", "1010", "4", "17.9", nil, "-", "iOS" },
  { "updates", "1010", "4", "18.0", nil, "5", "iPadOS" }, -- which manifests do not name
  { "updates", "1010", "4", "17.9", nil, "-", "iPadOS" },
  { "restore", "1010", "5", "18.0", nil, "5", "iPadOS" },
  { "restore", "1010", "5", "17.9", nil, "404", "ipados" },
  { "updates", "1010", "4", "2.0", nil, "5", "visionOS" },
  { "updates", "1010", "4", "1.9", nil, "-", "visionOS" },
  { "updates", "1010", "4", "18.0", nil, "-", "macOS" },
  { "restore", "1010", "5", "2.1", nil, "5", "visionOS" },
  { "restore", "1010", "5", "2.1", nil, "404", "iOS" },
  { "restore", "1010", "5", "18.0", nil, "404", "tvOS" },
  { "updates", "1014", "4", "1.0", nil, "5" }, -- without a least system
}

describe("a device", function()
  local setup_, answers

  setup(function()
    setup_ = support.open()
    for item, versions in pairs(APPS) do
      for i, one in ipairs(versions) do
        setup_:publish(("%s-%d"):format(item, i), {
          appleItemId = item, appleVersionId = one[1], distributionPackageRevision = one.revision,
          platforms = one.platforms and json.list(one.platforms), minimumSystemVersions = one.minimumSystemVersions,
        }, { package = one.package, app = one.app })
      end
    end
    setup_:stage("1012-1", { appleItemId = "1012", appleVersionId = "5" })
    setup_:publish("1021-1", { appleItemId = "1021", appleVersionId = "5" })
    setup_:stage("1021-2", { appleItemId = "1021", appleVersionId = "6" }, { package = "P21" })
    local store = setup_.store
    for _, id in ipairs { "1017-2", "1018-2", "1019-2", "1020-2" } do
      assert(store:change(id, function(_, change)
        change:withdrawn "damaged"
        return true
      end))
    end
    for _, event in ipairs {
      { scope = "app", id = "1005" }, { scope = "app", id = "1006", territories = { "FRA", "ITA" } },
      { scope = "app", id = "1011", at = 100 },
      { scope = "app", id = "1011", territories = { "DEU" }, available = true, at = 200 },
      { scope = "package", id = "P9" }, { scope = "package", id = "P13", territories = { "FRA" } },
      { scope = "app", id = "2015", territories = { "FRA" } },
      { scope = "package", id = "P18" }, { scope = "package", id = "P19", territories = { "FRA" } },
      { scope = "package", id = "P21" },
    } do
      event.available = event.available or false
      assert(store:availability(event))
    end
    assert(store:hold { scope = "version", id = "1007-2" })
    assert(store:hold { scope = "app", id = "1008" })
    assert(store:hold { scope = "version", id = "1020-2" })
    assert(store:change("1011-1", function(_, change)
      change:published()
      return true
    end))
    answers = setup_:device()
  end)

  teardown(function() setup_:close() end)

  local function asked(app, version, system, platform)
    return {
      apps = { { appleItemId = app, appleVersionId = version } }, platform = platform or "iOS", osVersion = system,
    }
  end

  local function outcome(endpoint, question, territory)
    local status, document = ask(answers, endpoint, question, { ["X-Account"] = "a", ["X-Territory"] = territory })
    assert.equal(200, status, document)
    local offers = document[endpoint == "updates" and "updates" or "restores"]
    local offer, failure = offers[1], document.failures[1]
    assert.is_true(#offers + #document.failures <= 1)
    if failure then
      assert.same({ question.apps[1].appleItemId, question.apps[1].appleVersionId, 404 },
        { failure.appleItemId, failure.appleVersionId, failure.failure.code })
      return "404"
    end
    return offer and offer.appleVersionId or "-"
  end

  for _, case in ipairs(CASES) do
    local endpoint, app, version, system, territory, expected, platform =
      case[1], case[2], case[3], case[4], case[5], case[6], case[7]
    local name = ("is told %s by %s of app %s, version %s, on %s %s in %s"):format(expected, endpoint, app:sub(1, 20),
      version:sub(1, 20), platform or "iOS", system, territory or "an unknown territory")
    it(name, function()
      assert.equal(expected, outcome(endpoint, asked(app, version, system, platform), territory))
    end)
  end

  it("is given the revision that is current", function()
    for _, endpoint in ipairs { "updates", "restore" } do
      local _, document = ask(answers, endpoint, asked("1002", endpoint == "updates" and "99" or "100", "18.0"))
      local offer = (document.updates or document.restores)[1]
      assert.equal("https://packages.example/1002/100/1002-2/", offer.alternativeDistributionPackage)
    end
  end)

  it("is answered once for each app whose updates it asks for", function()
    local question = asked("1003", "9", "18.0")
    for _, version in ipairs { "9", "10", "100" } do
      question.apps[#question.apps + 1] = { appleItemId = "1003", appleVersionId = version }
    end
    for _ = 1, 2 do question.apps[#question.apps + 1] = { appleItemId = "4040", appleVersionId = "1" } end
    local _, document = ask(answers, "updates", question)
    assert.same({ 1, 1 }, { #document.updates, #document.failures })
  end)

  it("is answered once for each version that it restores", function()
    local question = asked("1003", "9", "18.0")
    for _, version in ipairs { "9", "0009", "10", "7", "7" } do
      question.apps[#question.apps + 1] = { appleItemId = "1003", appleVersionId = version }
    end
    local _, document = ask(answers, "restore", question)
    local restored = {}
    for i, offer in ipairs(document.restores) do restored[i] = offer.appleVersionId end
    assert.same({ { "9", "10" }, 1 }, { restored, #document.failures })
  end)

  it("is answered in the order in which it asks", function()
    local question = asked("1006", "1", "18.0")
    question.apps[2] = { appleItemId = "1003", appleVersionId = "1" }
    local _, document = ask(answers, "updates", question)
    assert.same({ "1006", "1003" }, { document.updates[1].appleItemId, document.updates[2].appleItemId })
  end)
end)
