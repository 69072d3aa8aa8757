-- The simulated device: what it reads, asks and is offered, of which one thing at a time is wrong.
local devices = require "marketplace.simulator.device"
local json = require "marketplace.json"
local phone = require "support.phone"
local shell = require "support.shell"

local URL, APP, variant = phone.URL, phone.APP, phone.variant
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

  describe("that installs", function()
    it("asks as the marketplace's app does, and fetches manifest, signature and the variant for it", function()
      local app = one(install({ app = APP }, { headers = { "Authorization: Bearer x" } }))
      assert.same({
        app = APP, outcome = "installed", apple_version_id = "1", short_version = "1.1", build = "42", revision = 1,
        asset = variant(12), bytes = 4000, proof = "chunks",
      }, app)
      assert.same({
        "GET /.well-known/marketplace-kit", "POST /device/install", "GET /packages/1/manifest.json",
        "GET /packages/1/signature", "GET /packages/1/" .. variant(12),
      }, fixture:paths())
      assert.same({ appleItemId = APP, platform = "iOS", osVersion = devices.SYSTEM }, json.decode(m.requests[2].body))
      assert.equal("Authorization: Bearer x", m.requests[2].headers[3])
      for _, place in ipairs { 1, 3, 4, 5 } do assert.is_nil(m.requests[place].headers) end
    end)

    for model, cases in pairs {
      ["iPhone16,1"] = { ["17.4"] = 11, ["17.10"] = 11, ["18.0"] = 12, ["26.1"] = 12 },
      ["iPhone15,2"] = { ["17.4.1"] = 13 }, ["iPad14,6-A"] = { ["18"] = 14 },
    } do
      for system, number in pairs(cases) do
        it(("takes the variant for an %s with %s"):format(model, system), function()
          assert.equal(variant(number), one(install(nil, { model = model, system = system })).asset)
        end)
      end
    end

    it("is an iPad with iPadOS if that is its model, and has apps for iOS", function()
      assert.equal("installed", one(install(nil, { model = "iPad14,6-A" })).outcome)
      assert.equal("iPadOS", json.decode(m.requests[2].body).platform)
    end)

    it("sees from the size alone whether a file without digests is right", function()
      for _, entry in ipairs(m.one.variants) do entry.variantDetails.hashes[1].encryptedChunkDigests = json.list {} end
      m:save(m.one)
      assert.equal("size", one(install()).proof)
    end)

    it("follows the link of a page", function()
      local function encoded(text) return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)) end
      local offer = m:offer "1"
      m.files["/apps/1"] = ('<a href="marketplace-kit://install?alternativeDistributionPackage=%s&amp;' ..
        'installVerificationToken=%s&#38;account=a%%20b">Get</a>'):format(
        encoded(offer.alternativeDistributionPackage), encoded(offer.installVerificationToken))
      assert.equal("installed", one(install { page = URL .. "/apps/1" }).outcome)
    end)

    it("knows the token's key, if it is told", function()
      local public = shell.run("openssl pkey -pubout << 'END'\n" .. require("support.device").KEY .. "END")
      assert.equal("installed", one(install(nil, { token_key = public })).outcome)
      local other = shell.run "openssl ecparam -name prime256v1 -genkey -noout | openssl pkey -pubout"
      local app = one(install(nil, { token_key = other }))
      assert.same({ "failed", "unknown" }, { app.outcome, app.error })
      assert.matches("not signed with the marketplace's key", app.reason)
      assert.same({ nil, "key_invalid" }, { (devices.open { token_key = "?", domain = "x" }),
        select(3, devices.open { token_key = "?", domain = "x" }) })
    end)

    it("says that a licence is missing, and installs", function()
      local _, warnings = one(install())
      assert.matches("dynamicLicenseURL.*invalidLicense", warnings[1])
    end)
  end)

  describe("that reads the well-known file", function()
    local function known(change) return function() change(m.known) end end
    local function file(answer) return function() m.answers["/.well-known/marketplace-kit"] = answer end end

    for _, case in ipairs {
      { "wants it", change = file(nil), code = "unknown", reason = "kit answers 404$" },
      { "follows no redirect", change = file(redirect(301, URL .. "/other")), code = "unknown",
        reason = 'redirects to "https://market.example/other", which a device does not follow' },
      { "wants JSON", change = file "<html>\27[2J", code = "unknown", reason = "not a JSON object: <html>\\x1b%[2J" },
      { "wants an object", change = file "[1]", code = "unknown", reason = "not a JSON object" },
      { "is not impressed by depth", change = file(("["):rep(100000)), code = "unknown", reason = "not a JSON object" },
      { "wants less than 8 MiB", change = file((" "):rep(2 ^ 23 + 1)), code = "unknown", reason = "larger than 8 MiB" },
      { "wants restore", change = known(function(k) k.restore = nil end), code = "unknown",
        reason = "kit: restore is missing, not a text" },
      { "wants texts", change = known(function(k) k.restore = json.null end), code = "unknown",
        reason = "restore is null, not a text" },
      { "wants updates", change = known(function(k) k.updates = URL end), code = "unknown",
        reason = 'updates is "https://market.example", not an object' },
      { "wants updates.url", change = known(function(k) k.updates.url = nil end), code = "unknown",
        reason = "updates.url is missing" },
      { "wants pollingInterval", change = known(function(k) k.updates.pollingInterval = nil end), code = "unknown",
        reason = "updates.pollingInterval is missing, not a number" },
      { "wants a number of hours", change = known(function(k) k.updates.pollingInterval = "24" end), code = "unknown",
        reason = 'updates.pollingInterval is "24", not a number' },
      { "wants https://", change = known(function(k) k.restore = "http://market.example/restore" end),
        code = "invalidURL", reason = '"http://market.example/restore": a device takes nothing but https://' },
      { "wants whole addresses", change = known(function(k) k.updates.url = "/device/updates" end), code = "invalidURL",
        reason = 'updates.url is "/device/updates"' },
      { "wants addresses of licences", change = known(function(k) k.license = { dynamicLicenseURL = "http://x/" } end),
        code = "invalidURL", reason = "license.dynamicLicenseURL is" },
      { "wants objects as overrides", change = known(function(k) k.overridesByAppleItemID = { [APP] = 1 } end),
        code = "unknown", reason = "overridesByAppleItemID%." .. APP .. " is 1, not an object" },
      { "wants ids of apps", change = known(function(k) k.overridesByAppleItemID = { game = {} } end),
        code = "unknown", reason = 'overridesByAppleItemID%["game"%]: no id' },
      { "tells that nobody answers", options = { domain = "other.example" }, change = function() end,
        code = "networkError", reason = "^https://other.example/.well%-known/marketplace%-kit: cannot connect$" },
    } do expect(case) end

    it("warns of an interval that can only be seconds", function()
      m.known.updates.pollingInterval = 43200
      local _, warnings = one(install())
      assert.matches("pollingInterval is 43200. It is in hours, .* every 4.9 years: write 24", warnings[1])
    end)

    it("warns of an interval that is no whole number of hours", function()
      m.known.updates.pollingInterval = 24.5
      assert.matches("24.5, and should be whole hours", select(2, one(install()))[1])
    end)

    it("asks elsewhere about an app with overrides", function()
      m.known.overridesByAppleItemID = { [APP] = { updates = { url = URL .. "/mine", pollingInterval = 24 } } }
      m.answers["/mine"] = m.answers["/device/updates"]
      local device = installed()
      assert.equal("updated", one(device:update()).outcome)
      assert.equal("POST /mine", fixture:paths()[2])
    end)
  end)

  describe("that is given an offer", function()
    local function offer(more)
      return function() m.answers["/device/install"] = function() return m:offer("1", more) end end
    end
    local function answer(given) return function() m.answers["/device/install"] = given end end
    local function signed(more) return function() offer { installVerificationToken = m.token(more) } () end end
    local PLACE = "alternativeDistributionPackage"
    local ELSEWHERE = "invalidAlternativeDistributionPackageURL"

    for _, case in ipairs {
      { "has the person sign in", change = answer { status = 401 }, code = "sign_in", reason = "401: .* sign in$" },
      { "has the person sign in again", change = answer { status = 403 }, code = "sign_in", reason = "sign in again" },
      { "hands other failures to the extension", change = answer { status = 500, body = "oh\nno" },
        code = "request_failed", reason = "install answers 500: oh | no$" },
      { "follows no redirect with its headers", change = answer(redirect(307, "https://elsewhere.example/")),
        code = "request_failed", reason = "redirects to" },
      { "takes an empty page of 404 for a failure of the server", change = answer { status = 404, body = "<html>" },
        code = "request_failed", reason = "404: <html>" },
      { "wants an object", change = answer "12", code = "unknown", reason = "not a JSON object" },
      { "wants ids as texts", change = offer { appleItemId = 6499000001 }, code = "unknown",
        reason = "install: appleItemId is 6499000001, not a number in a text" },
      { "wants texts", change = offer { [PLACE] = json.null }, code = "unknown", reason = PLACE .. " is null" },
      { "wants a token", change = offer { installVerificationToken = false }, error = "missingInstallVerificationToken",
        reason = "there is no installVerificationToken" },
      { "wants a token that is not empty", change = offer { installVerificationToken = "" },
        error = "missingInstallVerificationToken", reason = "no installVerificationToken" },
      { "wants a token that is one", change = offer { installVerificationToken = "abc" }, error = "unknown",
        reason = "does not have three parts" },
      { "wants a token for this app", change = signed { bundle_id = "com.example.other" }, error = "unknown",
        reason = 'its bid is "com.example.other", and the package is of "com.example.game"' },
      { "wants a token that is still good", change = signed { now = 1e9 }, error = "unknown", reason = "has expired" },
      { "wants a token that is good already", change = signed { now = 4e9 }, error = "unknown", reason = "future" },
      { "wants a package over https://", change = offer { [PLACE] = "http://market.example/packages/1/" },
        error = ELSEWHERE, reason = 'is "http://market.example/packages/1/": a device takes an https:// URL' },
      { "wants a folder's address", change = offer { [PLACE] = URL .. "/packages/1/?v=1" }, error = ELSEWHERE,
        reason = "without a query" },
      { "wants a package within the domain", change = offer { [PLACE] = "https://notmarket.example/packages/1/" },
        error = ELSEWHERE, reason = "notmarket.example, which is not within the registered domain, market.example" },
      { "sees a user's name for what it is", change = offer { [PLACE] = "https://market.example@evil.example/" },
        error = ELSEWHERE, reason = "a device takes" },
      { "tells that nobody answers", change = offer { [PLACE] = "https://cdn.market.example/packages/1/" },
        error = "networkError", reason = "^https://cdn.market.example/packages/1/manifest.json: cannot connect$" },
      { "wants the app that it asked for", change = offer { appleItemId = "12" }, error = "invalidManifest",
        reason = "of app 6499000001, and was offered as app 12" },
      { "wants the version that was offered", change = offer { appleVersionId = "7" }, error = "invalidManifest",
        reason = "of version 1, and was offered as version 7" },
    } do expect(case) end

    it("warns of a page to share that is none", function()
      offer { appShareURL = "/apps/1" } ()
      assert.matches('^appShareURL is "/apps/1", which is no https:// URL$', select(2, one(install()))[1])
    end)

    it("shows that the app is not available", function()
      m.answers["/device/install"] = { status = 404, body = json.encode {
        failure = { code = 404, description = "gone" }, appleItemId = APP } }
      local app = one(install())
      assert.same({ "unavailable", 404, 'App Not Available: "gone"' }, { app.outcome, app.code, app.reason })
    end)
  end)

  describe("that is given a link", function()
    local PACKAGE = "alternativeDistributionPackage=https%3A%2F%2Fmarket.example%2Fpackages%2F1"
    local TOKEN = "&installVerificationToken="
    local function link(text) return { link = "marketplace-kit://install?" .. text } end
    local function nothing() end

    it("takes it", function()
      local rest = "&account=x&account=z&token=y&color=red#top"
      local report = assert(install(link(PACKAGE .. TOKEN .. m.token() .. rest)))
      assert.equal("installed", report.apps[1].outcome)
      assert.equal("the link has account twice: the first counts", report.warnings[1])
      assert.matches('has "color", which Apple does not know', report.warnings[2])
      assert.matches("OAuth", report.warnings[3])
    end)

    for _, case in ipairs {
      { "wants Apple's scheme", given = { link = "marketplace://install?x=1" }, code = "invalidURL",
        reason = "does not begin with marketplace%-kit://install%?" },
      { "wants its verb", given = { link = "marketplace-kit://remove?x=1" }, code = "invalidURL", reason = "install" },
      { "wants a package", given = link "account=1", code = "invalidAlternativeDistributionPackageURL",
        reason = "has no alternativeDistributionPackage" },
      { "wants a token", given = link(PACKAGE), error = "missingInstallVerificationToken", reason = "no install" },
      { "wants percent-encoding", given = link(PACKAGE .. "&account=100%"), code = "invalidURL",
        reason = "account is not percent%-encoded" },
      { "wants no spaces", given = link(PACKAGE .. "&account=a b"), code = "invalidURL", reason = "characters" },
      { "has a limit", given = link(PACKAGE .. ("x"):rep(70000)), code = "invalidURL", reason = "too long" },
    } do
      case.change = nothing
      expect(case)
    end

    local function page(path, text)
      return function() m.files[path] = text end
    end

    for _, case in ipairs {
      { "wants a page of the domain", given = { page = "https://evil.example/" }, change = nothing, code = "invalidURL",
        reason = "evil.example, which is not within the registered domain" },
      { "wants a page over https://", given = { page = "http://market.example/" }, change = nothing,
        code = "invalidURL", reason = "no https:// URL" },
      { "wants a page that is there", given = { page = URL .. "/apps/1" }, change = nothing, code = "networkError",
        reason = "answers 404" },
      { "wants a link in it", given = { page = URL .. "/apps/1" }, change = page("/apps/1", "<html>"),
        code = "invalidURL", reason = "no link that begins with marketplace%-kit://" },
      { "wants one link", given = { page = URL .. "/apps/1" }, code = "invalidURL", reason = "several install links",
        change = page("/apps/1", '"marketplace-kit://install?a=1" "marketplace-kit://install?a=2"') },
    } do expect(case) end

    it("wants the page and the package at the same host", function()
      m.files["/apps/1"] = ("'marketplace-kit://install?%s%sx'"):format(
        (PACKAGE:gsub("market%.", "a.market.")), TOKEN)
      local app = one(install { page = URL .. "/apps/1" })
      assert.equal("invalidAlternativeDistributionPackageURL", app.error)
      assert.matches("both must be the same", app.reason)
    end)
  end)

  it("raises if its options are wrong", function()
    for message, given in pairs {
      ["'domain' must be a domain"] = { domain = "a/b" }, ["'model' must be"] = { model = "my phone" },
      ["'system' must be"] = { system = "17..4" }, ["'platform' must be"] = { platform = "visionOS" },
      ["unknown option 'colour'"] = { colour = "red" },
    } do assert.error_matches(function() devices.open(given) end, message) end
    assert.error_matches(function() open():install {} end, "one of 'link', 'page' and 'app' is needed")
    assert.error_matches(function() open():update { app = "1" } end, "unknown option 'app'")
    assert.error_matches(function() open { read_only = true }:update() end, "it was opened to be looked at")
    assert.equal("no_domain", select(3, assert(devices.open {}):install { app = APP }))
  end)
end)
