-- The simulated device: what it fetches, updates and restores, of which one thing at a time is wrong; what it keeps.
local core = require "marketplace.core"
local devices = require "marketplace.simulator.device"
local json = require "marketplace.json"
local market = require "support.market"
local phone = require "support.phone"

local URL, APP, variant, delta = phone.URL, phone.APP, phone.variant, phone.delta
local one = phone.one

describe("a simulated device", function()
  local fixture, m

  before_each(function()
    fixture = phone.new()
    m = fixture.market
  end)

  local function open(more) return fixture:open(more) end
  local function install(given, more) return fixture:install(given, more) end
  local function installed(more) return fixture:installed(more) end
  local function expect(case)
    it(case[1], function() fixture:expect(case) end)
  end

  local function redirect(status, location) return { status = status, headers = { location = location } } end

  describe("that fetches a package", function()
    local function manifest(change)
      return function()
        change(m.one)
        m:save(m.one)
      end
    end
    local function file(name, answer)
      return function() m.files["/packages/1/" .. name] = answer end
    end
    local function without(list, name) return manifest(function(d) d[list][2][name] = nil end) end
    local ASSET = variant(12)

    for _, case in ipairs {
      { "wants a manifest", change = file("manifest.json", nil), error = "invalidManifest", reason = "answers 404" },
      { "follows no redirect", change = file("manifest.json", redirect(302, "https://cdn.example/x")),
        error = "invalidManifest", reason = 'redirects to "https://cdn.example/x"' },
      { "wants JSON", change = file("manifest.json", "{"), error = "invalidManifest", reason = "not JSON" },
      { "wants at most 16 MiB", change = file("manifest.json", (" "):rep(2 ^ 24 + 1)), error = "invalidManifest",
        reason = "larger than 16777216 bytes" },
      { "wants its members", change = manifest(function(d) d.bundleId = nil end), error = "invalidManifest",
        reason = "bundleId is missing" },
      { "wants install targets", change = without("variants", "installTargets"), error = "invalidManifest",
        reason = "variants%[2%].installTargets is missing, not a list" },
      { "wants targets with a model", change = manifest(function(d) d.variants[2].installTargets[1].device = 1 end),
        error = "invalidManifest", reason = "variants%[2%].installTargets%[1%] must have device and os" },
      { "wants a signature", change = file("signature", nil),
        error = "invalidAlternativeDistributionPackageSignature", reason = "signature answers 404" },
      { "wants bytes in it", change = file("signature", ""),
        error = "invalidAlternativeDistributionPackageSignature", reason = "is empty" },
      { "wants its platform", change = manifest(function(d) d.platforms = { "tvos" } end),
        error = "unsupportedPlatform", reason = 'for "tvos"' },
      { "wants a system that is old enough", options = { system = "17.1.9" }, change = function() end,
        error = "minimumPlatformVersionNotSatisfied", reason = 'needs "17.2", and the device has 17.1.9' },
      { "wants what it can do", options = { lacks = { "metal", "nfc" } }, change = function() end,
        error = "missingCapabilities", reason = "lacks metal$" },
      { "says once what it cannot do", options = { lacks = { "metal" } },
        change = manifest(function(d) d.requiredDeviceCapabilities = { "metal", "arm64", "metal", "metal" } end),
        error = "missingCapabilities", reason = "lacks metal$" },
      { "wants a variant for its model", options = { model = "iPhone12,1" }, change = function() end,
        error = "noSupportedVariant", reason = "none of the 4 variants is for iPhone12,1 with iOS 18.6" },
      { "wants a variant for its system", options = { model = "iPhone17,3", system = "17.6" }, change = function() end,
        error = "noSupportedVariant", reason = "iPhone17,3 with iOS 17.6" },
      { "wants the file", change = file(ASSET, nil), error = "networkError", reason = "ipa answers 404" },
      { "wants all of the file", change = file(ASSET, ("x"):rep(100)), error = "unknown",
        reason = "ends after 100 of 4000 bytes" },
      { "notices a wrong byte", change = function()
        local bytes = m.files["/packages/1/" .. ASSET]
        m.files["/packages/1/" .. ASSET] = bytes:sub(1, 2500) .. "?" .. bytes:sub(2502)
      end, error = "unknown", reason = "chunk 3 of 4 has another digest" },
      { "notices a byte too many", change = function()
        m.files["/packages/1/" .. ASSET] = m.files["/packages/1/" .. ASSET] .. "?"
      end, error = "unknown", reason = "larger than the 4000 bytes" },
    } do expect(case) end

    it("does not read on once it is wrong", function()
      m.files["/packages/1/" .. ASSET] = ("x"):rep(2 ^ 20)
      assert.matches("chunk 1 of 4", one(install()).reason)
    end)

    it("does not install what is there", function()
      local device = installed()
      local app = one(device:install { app = APP })
      assert.equal("mismatchedInstallType", app.error)
      assert.matches("is on the device, in version 1", app.reason)
      assert.equal("removed", one(device:remove(APP)).outcome)
      assert.equal("installed", one(device:install { app = APP }).outcome)
    end)
  end)

  describe("that asks for updates", function()
    local function answer(name, document)
      return function() m.answers["/device/" .. name] = type(document) == "function" and document() or document end
    end

    it("takes the delta from the version that it has", function()
      local device = installed()
      local app = one(device:update())
      assert.same({ "updated", "2", "1.2", delta(25), 1500 },
        { app.outcome, app.apple_version_id, app.short_version, app.asset, app.bytes })
      assert.same({
        apps = { { appleItemId = APP, appleVersionId = "1" } }, platform = "iOS", osVersion = devices.SYSTEM,
      }, json.decode(m.requests[2].body))
      assert.equal("2", device:apps()[1].apple_version_id)
    end)

    it("takes the whole variant if the delta is not for it", function()
      m.two.deltas[1].sourceVariant.appleVersionId = "9"
      m:save(m.two)
      assert.equal(variant(22), one(installed():update()).asset)
      m.two.deltas[1].sourceVariant = { appleVersionId = "1", installTargets = { { device = "iPad1,1", os = "17" } } }
      m:save(m.two)
      assert.equal(variant(22), one(installed():update()).asset)
    end)

    it("takes the whole variant if the delta fails, and says so", function()
      m.files["/packages/2/" .. delta(25)] = "short"
      local app, warnings = one(installed():update())
      assert.same({ "updated", variant(22) }, { app.outcome, app.asset })
      assert.matches("ends after 5 of 1500 bytes; the device takes the whole variant", table.concat(warnings, "\n"))
    end)

    it("warns of a token that it has had already", function()
      local token = m.token()
      m.answers["/device/install"] = m:offer("1", { installVerificationToken = token })
      m.answers["/device/updates"] = { updates = { m:offer("2", { installVerificationToken = token }) } }
      local app, warnings = one(installed():update())
      assert.equal("updated", app.outcome)
      assert.matches("^the install verification token was used for app " .. APP .. " already", warnings[1])
    end)

    it("is current if there is nothing for the app", function()
      local device = installed()
      m.answers["/device/updates"] = { updates = json.list {}, failures = json.list {} }
      assert.same({ "current", "1" }, { one(device:update()).outcome, one(device:update()).apple_version_id })
    end)

    it("shows that an app is not available, and keeps it", function()
      local device = installed()
      m.answers["/device/updates"] = { updates = json.list {}, failures = { m.failure(404) } }
      local app = one(device:update())
      assert.same({ "unavailable", 404, 'App Not Available: "the app is gone"' }, { app.outcome, app.code, app.reason })
      assert.equal("1", device:apps()[1].apple_version_id)
    end)

    it("warns of what it did not ask for, of what comes twice, and of what lacks a name", function()
      local device = installed()
      local function bare() return m:offer("2", { shortVersionString = false }) end
      m.answers["/device/updates"] = function()
        return { updates = { bare(), bare(), m:offer("2", { appleItemId = "5" }) }, failures = { m.failure(404) } }
      end
      local app, warnings = one(device:update())
      assert.equal("updated", app.outcome)
      assert.matches("updates%[2%] is a second one.*updates%[3%] is about app 5.*both updates and fail.*lacks short",
        table.concat(warnings, "\n"))
    end)

    it("stops warning in time", function()
      local device = installed()
      local list = {}
      for i = 1, 1000 do list[i] = m:offer("2", { appleItemId = tostring(i) }) end
      m.answers["/device/updates"] = { updates = list }
      local report = assert(device:update())
      assert.same({ 100, "there are more warnings" }, { #report.warnings, report.warnings[100] })
    end)

    for _, case in ipairs {
      { "wants newer ones", change = answer("updates", function() return { updates = { m:offer "1" } } end),
        error = "mismatchedInstallType", reason = "the device has 1, and 1 is no update" },
      { "wants a list", change = answer("updates", { updates = { a = 1 } }), code = "unknown",
        reason = "updates: updates is an object, not a list" },
      { "wants a list that is none if it is empty, too", change = answer("updates", { updates = {} }), code = "unknown",
        reason = "updates: updates is an object, not a list" },
      { "wants objects", change = answer("updates", { updates = { 1 } }), code = "unknown",
        reason = "updates%[1%] is 1, not an object" },
      { "wants an answer", change = answer("updates", { answer = 42 }), code = "unknown",
        reason = "neither updates nor failures" },
      { "wants failures with a code", change = answer("updates", { failures = { { appleItemId = APP,
        appleVersionId = "1", failure = {} } } }), code = "unknown", reason = "failures%[1%].failure.code is missing" },
      { "tells of other codes", change = answer("updates", { failures = { market.new(URL).failure(410) } }),
        error = "unknown", reason = 'code 410: "the app is gone"' },
      { "tells what a server says, and nothing that steers a terminal", change = answer("updates", { status = 503,
        body = "\27]0;x\7\226\128\174" }), code = "request_failed", reason = "503: \\x1b%]0;x\\x07\\u202e$" },
    } do
      case.does = "update"
      expect(case)
    end

    it("asks for several apps at once, and takes for each what is for it", function()
      local device = installed()
      local other = m:add_package("3", "0")
      other.appleItemId = "12"
      m:save(other)
      m.answers["/device/install"] = m:offer("3", { appleItemId = "12" })
      assert.equal("installed", one(device:install { app = "12" }).outcome)
      m.requests = {}
      m.answers["/device/updates"] = { updates = { m:offer "2" }, failures = json.list {} }
      local report = assert(device:update())
      assert.same({ { "12", "current" }, { APP, "updated" } }, {
        { report.apps[1].app, report.apps[1].outcome }, { report.apps[2].app, report.apps[2].outcome },
      })
      assert.equal(2, #json.decode(m.requests[2].body).apps)
      assert.equal("12", device:apps()[1].app)
      assert.equal(1, #assert(device:update { apps = { "12", "12" } }).apps)
    end)

    it("is about apps that are there", function()
      assert.same({ nil, "no app is on the device: install one first", "appNotInstalled", { warnings = {} } },
        { open():update() })
      assert.equal("app 5 is not on the device", select(2, installed():update { apps = { "5" } }))
    end)
  end)

  describe("that is restored", function()
    it("fetches the whole variant of that very version", function()
      local device = installed()
      local app = one(device:restore())
      assert.same({ "restored", "1", variant(12) }, { app.outcome, app.apple_version_id, app.asset })
      assert.equal("POST /device/restore", fixture:paths()[2])
    end)

    for _, case in ipairs {
      { "wants no other version", error = "mismatchedInstallType", reason = "version 1 was asked for, and 2 is offered",
        change = function() m.answers["/device/restore"] = { restores = { m:offer "2" } } end },
      { "wants to be told", error = "unknown", reason = "among neither restores nor failures",
        change = function() m.answers["/device/restore"] = { restores = json.list {} } end },
    } do
      case.does = "restore"
      expect(case)
    end
  end)

  describe("with a state", function()
    local path

    before_each(function() path = os.tmpname() end)
    after_each(function() os.remove(path) end)

    it("has what it had, and is what it was", function()
      os.remove(path)
      local device = installed { state = path, model = "iPhone15,2", system = "17.5" }
      local before = device:apps()
      assert.same({ nil, "another device is running with this state: " .. path, "locked" },
        { devices.open { state = path } })
      device:close()
      device = assert(devices.open { state = path, transport = m:transport() })
      assert.same(before, device:apps())
      assert.equal("updated", one(device:update()).outcome)
      local question = json.decode(m.requests[2].body)
      assert.same({ "17.5", variant(23) }, { question.osVersion, "variant/" .. device:apps()[1].variant .. ".ipa" })
      device:close()
    end)

    it("does not use one that is damaged, and leaves it alone", function()
      local function app(more)
        local kept = {
          app = "5", apple_version_id = "1", short_version = "1", build = "1", revision = 1, bundle_id = "b",
          package = "p", variant = "v", nonce = "n",
        }
        for name, value in pairs(more) do kept[name] = value end
        return { version = 1, id = "i", domain = "x", model = "x", system = "18", apps = { ["5"] = kept } }
      end
      for _, text in ipairs {
        "", "{", "[]", "null", "1", '{"version":2}', '{"version":1}', json.encode(app { app = "6" }),
        json.encode(app { apple_version_id = "one" }), json.encode(app { variant = json.null }),
        json.encode(app { revision = "1" }), json.encode(app { licence = 1 }),
        (json.encode(app {}):gsub('"domain":"x"', '"domain":"a/b"')),
        (json.encode(app {}):gsub('"18"', '"eighteen"')), (json.encode(app {}):gsub('"model":"x"', '"model":"a b"')),
      } do
        assert(core.replace_file(path, text))
        local device, message, code = devices.open { state = path }
        assert.same({ nil, "state_invalid" }, { device, code }, text)
        assert.matches("Remove it to begin with a new device$", message)
        assert.equal(text, core.read_file(path))
      end
      assert(core.replace_file(path, json.encode(app {})))
      local device = assert(devices.open { state = path })
      assert.equal("5", device:apps()[1].app)
      device:close()
    end)

    it("says that it cannot keep what it has", function()
      assert.equal("file_failed", select(3, devices.open { state = "/nowhere/phone.json" }))
    end)
  end)

end)
