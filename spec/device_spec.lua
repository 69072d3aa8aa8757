-- marketplace.device: what it is asked and answers, who may ask, what is too much, and what raises.
local json = require "marketplace.json"
local jwt = require "support.jwt"
local links = require "marketplace.device.links"
local marketplace = require "marketplace"
local raw = require "support.raw_http"
local shell = require "support.shell"
local support = require "support.device"

local ask = support.ask

describe("marketplace.device", function()
  local setup_, answers

  before_each(function()
    setup_ = support.open()
    setup_:publish("v1", { appleItemId = "1", appleVersionId = "10", bundleId = "com.example.one" })
    setup_:publish("v2", {
      appleItemId = "1", appleVersionId = "20", bundleId = "com.example.one", shortVersionString = "2.1",
      bundleVersion = "43", minimumSystemVersions = { ios = "18.0" },
    })
    answers = setup_:device()
  end)

  after_each(function() setup_:close() end)

  local function question(version, system)
    return {
      apps = { { appleItemId = "1", appleVersionId = version } }, platform = "iOS", osVersion = system or "18.0",
    }
  end

  local function get(path, method, device)
    return (device or answers):handle { method = method or "GET", path = path }
  end

  describe("the well-known file", function()
    local PATH = "/.well-known/marketplace-kit"

    it("says whom to ask", function()
      local status, headers, body = get(PATH)
      assert.same({ 200, "application/json" }, { status, headers["content-type"] })
      assert.same({
        restore = "https://market.example/device/restore",
        updates = { url = "https://market.example/device/updates", pollingInterval = 24 },
      }, json.decode(body))
      assert.equal(200, (get(PATH .. "?a=b", "HEAD")))
      assert.equal(405, (get(PATH, "POST")))
    end)

    it("has the licence's addresses, and what is different for an app", function()
      local given = {
        polling_interval = 48, license = {
          dynamicLicenseURL = "https://licence.example/new", licenseRenewalURL = "https://licence.example/renew",
          licenseResolutionURL = "https://market.example/why?from=device",
          signingCertificateURL = "https://licence.example/s.cer",
          encryptionCertificateURL = "https://licence.example/e.cer",
        },
        overrides = { ["6740012345"] = {
          restore = "https://self.example/restore",
          updates = { url = "https://self.example/updates", pollingInterval = 168 },
        } },
      }
      local _, _, body = get(PATH, "GET", setup_:device(given))
      assert.same({
        restore = "https://market.example/device/restore",
        updates = { url = "https://market.example/device/updates", pollingInterval = 48 },
        license = given.license, overridesByAppleItemID = given.overrides,
      }, json.decode(body))
    end)

    it("is refused if it could only be wrong", function()
      for pattern, given in pairs {
        ["'polling_interval' is 43200, which can only be seconds: it is in hours"] = { polling_interval = 43200 },
        ["'polling_interval' is 721, which"] = { polling_interval = 721 },
        ["'polling_interval' must be whole hours, from 1 to 720"] = { polling_interval = 0 },
        ["must be whole hours"] = { polling_interval = 24.5 },
        ["whole hours, from 1"] = { polling_interval = 0 / 0 },
        ["'license.licenseRenewalURL' must be an https:// URL"] = {
          license = { licenseRenewalURL = "http://licence.example/" },
        },
        ["'license' has a member that Apple has not: 'renewal'"] = { license = { renewal = "https://a.example" } },
        ["'license' is empty"] = { license = {} },
        ["'overrides' must be named by Apple's ids of apps"] = { overrides = { { restore = "https://a.example" } } },
        ["'overrides[7].restore' must be an https:// URL"] = { overrides = { ["7"] = { restore = "a.example" } } },
        ["'overrides[7].updates.url' must be"] = { overrides = { ["7"] = { updates = { pollingInterval = 24 } } } },
        ["'overrides[7].updates.pollingInterval' is 86400, which can only be seconds"] = {
          overrides = { ["7"] = { updates = { url = "https://a.example", pollingInterval = 86400 } } },
        },
        ["'overrides[7]' must be a table, not a string"] = { overrides = { ["7"] = "https://a.example" } },
        ["'overrides[7].license' is empty"] = { overrides = { ["7"] = { license = {} } } },
      } do
        local ok, problem = pcall(setup_.device, setup_, given)
        assert.is_false(ok, pattern)
        assert.is_truthy(problem:find(pattern, 1, true), problem)
      end
    end)
  end)

  describe("an answer", function()
    it("about an update has the version's names, its package and a token", function()
      local status, document, headers = ask(answers, "updates", question "10")
      assert.same({ 200, "no-store" }, { status, headers["cache-control"] })
      local update = document.updates[1]
      local token = update.installVerificationToken
      update.installVerificationToken = nil
      assert.same({
        appleItemId = "1", appleVersionId = "20", shortVersionString = "2.1", bundleVersion = "43",
        alternativeDistributionPackage = "https://packages.example/1/20/v2/",
      }, update)
      local header, claims = jwt.parts(token)
      assert.same({ alg = "ES256", typ = "JWT", kid = "K" }, header)
      assert.same({ "67", "AppleDownloadVerification-v1", "com.example.one", "download", 300 },
        { claims.iss, claims.aud, claims.bid, claims.dtype, claims.exp - claims.iat })
    end)

    it("about a restore is of that very version, with a token for another download", function()
      local _, document = ask(answers, "restore", question "10")
      local restore = document.restores[1]
      local _, claims = jwt.parts(restore.installVerificationToken)
      restore.installVerificationToken = nil
      assert.same({
        appleItemId = "1", appleVersionId = "10",
        alternativeDistributionPackage = "https://packages.example/1/10/v1/",
      }, restore)
      assert.equal("redownload", claims.dtype)
    end)

    it("has lists even if they are empty", function()
      local _, _, body = answers:handle {
        method = "POST", path = "/device/updates", headers = { ["x-account"] = "a" },
        body = json.encode(question "20"),
      }
      assert.equal('{"failures":[],"updates":[]}', body)
      _, _, body = answers:handle {
        method = "POST", path = "/device/restore", headers = { ["x-account"] = "a" },
        body = '{"apps":[],"platform":"iOS","osVersion":"18"}',
      }
      assert.equal('{"failures":[],"restores":[]}', body)
    end)

    it("says why a version cannot be restored", function()
      local function description(version)
        local _, document = ask(answers, "restore", question(version, "17.4"))
        return document.failures[1].failure.description
      end
      assert.equal("the version does not run on this platform or system", description "20")
      assert.equal("the app is not available", description "30")
    end)

    it("has a token of its own each time, which openssl verifies", function()
      local seen = {}
      for _, endpoint in ipairs { "updates", "updates", "restore", "restore" } do
        local _, document = ask(answers, endpoint, question "10")
        local token = (document.updates or document.restores)[1].installVerificationToken
        local output, status = jwt.verify(token, support.KEY)
        assert.equal(0, status, output)
        local _, claims = jwt.parts(token)
        assert.is_nil(seen[claims.nonce])
        seen[claims.nonce] = true
      end
    end)

    it("has tokens as its options say", function()
      local device = setup_:device {
        update_dtype = "redownload", clock = function() return 1780000000 end,
        token = { key_id = "K", marketplace_id = "67", key = support.KEY, lifetime = 600, back_dated = 0 },
      }
      local _, document = ask(device, "updates", question "10")
      local _, claims = jwt.parts(document.updates[1].installVerificationToken)
      assert.same({ "redownload", 1780000000, 1780000600 }, { claims.dtype, claims.iat, claims.exp })
    end)

    it("has a page to share if there is one", function()
      local device = setup_:device { share_url = "https://market.example/{bundleId}?id={appleItemId}-{appleVersionId}" }
      local _, document = ask(device, "updates", question "10")
      assert.equal("https://market.example/com.example.one?id=1-20", document.updates[1].appShareURL)
      _, document = ask(answers, "updates", question "10")
      assert.is_nil(document.updates[1].appShareURL)
    end)

    it("has the names in that page percent-encoded", function()
      setup_:publish("v3", { appleItemId = "3", appleVersionId = "1", bundleId = "a b/?" })
      local device = setup_:device { share_url = "https://market.example/{bundleId}" }
      local _, document = ask(device, "updates", {
        apps = { { appleItemId = "3", appleVersionId = "0" } }, platform = "iOS", osVersion = "18.0",
      })
      assert.equal("https://market.example/a%20b%2F%3F", document.updates[1].appShareURL)
    end)

    it("names packages below base_url unless told otherwise", function()
      local device = marketplace.device {
        packages = setup_.packages, token = { key_id = "K", marketplace_id = "67", key = support.KEY },
        base_url = "https://market.example//", authenticate = function() return "a" end,
      }
      local _, _, body = device:handle {
        method = "POST", path = "/restore?x=y", body = json.encode(question "10"),
      }
      assert.equal("https://market.example/packages/1/10/v1/",
        json.decode(body).restores[1].alternativeDistributionPackage)
    end)
  end)

  describe("one install", function()
    it("is a token and a link, of the newest version that runs there", function()
      local status, made = ask(answers, "install", { appleItemId = "1", platform = "iOS", osVersion = "17.5" })
      assert.same({ 200, "10", "2.0", "42" },
        { status, made.appleVersionId, made.shortVersionString, made.bundleVersion })
      assert.equal(0, select(2, jwt.verify(made.installVerificationToken, support.KEY)))
      local _, claims = jwt.parts(made.installVerificationToken)
      assert.equal("download", claims.dtype)
      assert.equal("marketplace-kit://install?alternativeDistributionPackage=" ..
        "https%3A%2F%2Fpackages.example%2F1%2F10%2Fv1%2F&installVerificationToken=" ..
        made.installVerificationToken .. "&account=somebody", made.link)
    end)

    it("is of the version that is named, and may be a repeated one", function()
      local _, made = ask(answers, "install", { appleItemId = "1", appleVersionId = "20", redownload = true })
      assert.equal("20", made.appleVersionId)
      local _, claims = jwt.parts(made.installVerificationToken)
      assert.equal("redownload", claims.dtype)
    end)

    it("is refused if there is nothing to install", function()
      assert(setup_.store:availability { scope = "app", id = "1", territories = { "FRA" }, available = false })
      local in_france = { ["X-Account"] = "a", ["X-Territory"] = "FRA" }
      for _, case in ipairs {
        { { appleItemId = "2" }, "the app is not available" },
        { { appleItemId = "1", appleVersionId = "30" }, "the app is not available" },
        { { appleItemId = "1" }, "the app is not available", in_france },
        { { appleItemId = "1", platform = "macOS" }, "the version does not run on this platform or system" },
        { { appleItemId = "1", platform = "iOS", osVersion = "17" },
          "the version does not run on this platform or system" },
      } do
        local status, document = ask(answers, "install", case[1], case[3])
        assert.same({ 404, 404, case[2], case[1].appleItemId },
          { status, document.failure.code, document.failure.description, document.appleItemId })
      end
    end)

    it("can be had by the program itself, with the token of a restricted download", function()
      local made = assert(answers:install { app = "1", account = "a b", token = "t/1+2=", territory = "DEU" })
      assert.is_truthy(made.link:find("&token=t%2F1%2B2%3D&account=a%20b", 1, true), made.link)
      assert.same({ nil, "the app is not available", "not_found" }, { answers:install { app = "2" } })
      assert.equal("unfit", (select(3, answers:install { app = "1", platform = "macOS" })))
      assert.is_false((pcall(answers.install, answers, { item = "1" })))
    end)
  end)

  it("encodes what a link is made of", function()
    local expected = "marketplace-kit://install?alternativeDistributionPackage=" ..
      "https%3A%2F%2Fa.example%2F1%3Fb%3Dc%26d%2F&installVerificationToken=h.c.s-_&token=%25%20%2B" ..
      "&account=%C3%BC%22%3C%3E%0A&appShareURL=https%3A%2F%2Fb.example%2F%23x"
    assert.equal(expected, links.install {
      alternativeDistributionPackage = "https://a.example/1?b=c&d/", installVerificationToken = "h.c.s-_",
      token = "% +", account = "ü\"<>\n", appShareURL = "https://b.example/#x",
    })
  end)

  describe("who asks", function()
    it("is let in, sent to sign in, or sent to sign in again", function()
      local outcome
      local device = setup_:device { authenticate = function() return outcome end }
      outcome = "somebody"
      assert.equal(200, (ask(device, "updates", question "10")))
      outcome = nil
      local status, text, headers = ask(device, "updates", question "10")
      assert.same({ 401, "sign in\n", "Bearer" }, { status, text, headers["www-authenticate"] })
      outcome = false
      for _, endpoint in ipairs { "updates", "restore", "install" } do
        assert.equal(403, (ask(device, endpoint, question "10")))
      end
    end)

    it("is known by the request", function()
      local seen
      local device = setup_:device { authenticate = function(request)
        seen = request
        return "a"
      end }
      device:handle {
        method = "POST", path = "/device/updates?a=b", body = "{}", remote = "203.0.113.7",
        headers = { Authorization = "Bearer t", ["X-Twice"] = { "1", "2" } },
      }
      assert.same({
        method = "POST", path = "/device/updates", query = "a=b", body = "{}", remote = "203.0.113.7",
        headers = { authorization = "Bearer t", ["x-twice"] = { "1", "2" } },
      }, seen)
    end)

    it("comes before what is asked", function()
      local device = setup_:device { authenticate = function() return nil end }
      assert.equal(401, (ask(device, "updates", "not JSON")))
    end)

    it("is not asked of what is too large, encoded or not a POST", function()
      local asked = 0
      local device = setup_:device { max_body = 100, authenticate = function()
        asked = asked + 1
        return "a"
      end }
      local function status(request)
        request.path, request.method = "/device/updates", request.method or "POST"
        return (device:handle(request))
      end
      assert.same({ 413, 413, 415, 415, 405 }, {
        status { body = ("x"):rep(101) }, status { headers = { ["Content-Length"] = "101" } },
        status { headers = { ["Content-Encoding"] = "gzip" } },
        status { headers = { ["Content-Encoding"] = { "identity", "gzip" } } }, status { method = "GET" },
      })
      assert.equal(0, asked)
      assert.equal(400, status { body = ("x"):rep(100), headers = { ["content-encoding"] = "Identity" } })
    end)

    it("is told to come back if authenticate fails, and the log says why", function()
      for _, case in ipairs {
        { function() error "no database" end, "no database" },
        { function() return true end, "authenticate must return an account, a string, or nil or false, and returned " ..
          "a boolean" },
        { function() return "" end, "authenticate must return an account" },
        { function() return "a", "DE" end, "authenticate returned a territory that is no ISO 3166 alpha-3 code" },
        { function() return "a", 1 end, "authenticate returned a territory" },
      } do
        setup_.entries = {}
        local status, text, headers = ask(setup_:device { authenticate = case[1] }, "updates", question "10")
        assert.same({ 503, "try again later\n", "5" }, { status, text, headers["retry-after"] })
        local entry = setup_.entries[1]
        assert.same({ "error", "devices not answered", 503 }, { entry.level, entry.message, entry.status })
        assert.is_truthy(entry.reason:find(case[2], 1, true), entry.reason)
      end
    end)
  end)

  it("is told to come back while the store fails", function()
    setup_.store:close()
    for _, endpoint in ipairs { "updates", "restore" } do
      assert.equal(503, (ask(answers, endpoint, question "10")))
    end
    assert.equal(503, (ask(answers, "install", { appleItemId = "1" })))
    assert.same({ 1, "devices not answered" }, { #setup_.entries, setup_.entries[1].message })
    assert.matches("store.db is closed", setup_.entries[1].reason)
    assert.equal(200, (get "/.well-known/marketplace-kit"))
  end)

  describe("what is asked", function()
    local function apps(list, more)
      local document = { apps = json.list(list), platform = "iOS", osVersion = "18.0" }
      for name, value in pairs(more or {}) do document[name] = value end
      return document
    end

    it("is refused with what is wrong with it, and nothing of it", function()
      local NUMBER = " must be a decimal number in a string\n"
      local one = { appleItemId = "1", appleVersionId = "1" }
      for _, case in ipairs {
        { "", "the body is not JSON\n" },
        { "{", "the body is not JSON\n" },
        { ("["):rep(65) .. ("]"):rep(65), "the body is not JSON\n" },
        { '{"apps":' .. ("["):rep(64) .. ("]"):rep(64) .. "}", "the body is not JSON\n" },
        { '{"apps":NaN}', "the body is not JSON\n" },
        { "[1]", "the body must be a JSON object\n" },
        { "null", "the body must be a JSON object\n" },
        { '"text"', "the body must be a JSON object\n" },
        { {}, "apps must be a list\n" },
        { { apps = { a = 1 } }, "apps must be a list\n" },
        { '{"apps":{},"platform":"iOS","osVersion":"18.0"}', "apps must be a list\n" },
        { { apps = "1" }, "apps must be a list\n" },
        { { apps = json.null }, "apps must be a list\n" },
        { apps { one, "1" }, "apps[2] must be an object\n" },
        { apps { json.null }, "apps[1] must be an object\n" },
        { apps { one, { appleItemId = "1" } }, "apps[2].appleVersionId" .. NUMBER },
        { apps { { appleVersionId = "1" } }, "apps[1].appleItemId" .. NUMBER },
        { apps { { appleItemId = 1, appleVersionId = "1" } }, "apps[1].appleItemId" .. NUMBER },
        { apps { { appleItemId = "1", appleVersionId = "1.0" } }, "apps[1].appleVersionId" .. NUMBER },
        { apps { { appleItemId = "-1", appleVersionId = "1" } }, "apps[1].appleItemId" .. NUMBER },
        { apps { { appleItemId = "1", appleVersionId = "1\n" } }, "apps[1].appleVersionId" .. NUMBER },
        { apps { { appleItemId = "", appleVersionId = "1" } }, "apps[1].appleItemId" .. NUMBER },
        { { apps = { one }, osVersion = "18" }, 'platform must be a name such as "iOS"\n' },
        { apps({ one }, { platform = "i OS" }), 'platform must be a name such as "iOS"\n' },
        { apps({ one }, { platform = ("i"):rep(33) }), 'platform must be a name such as "iOS"\n' },
        { { apps = { one }, platform = "iOS" }, 'osVersion must be a version such as "17.4"\n' },
        { apps({ one }, { osVersion = 18 }), 'osVersion must be a version such as "17.4"\n' },
        { apps({ one }, { osVersion = "18.0 beta" }), 'osVersion must be a version such as "17.4"\n' },
        { apps({ one }, { osVersion = "18." }), 'osVersion must be a version such as "17.4"\n' },
        { apps({ one }, { osVersion = ".18" }), 'osVersion must be a version such as "17.4"\n' },
        { apps({ one }, { osVersion = "18..1" }), 'osVersion must be a version such as "17.4"\n' },
        { apps({ one }, { osVersion = ("1"):rep(65) }), 'osVersion must be a version such as "17.4"\n' },
      } do
        for _, endpoint in ipairs { "updates", "restore" } do
          local status, text, headers = ask(answers, endpoint, case[1])
          assert.same({ 400, case[2], "text/plain; charset=utf-8" }, { status, text, headers["content-type"] })
        end
      end
    end)

    it("is refused of an install likewise", function()
      for _, case in ipairs {
        { "x", "the body is not JSON\n" }, { {}, "appleItemId must be a decimal number in a string\n" },
        { { appleItemId = "1", appleVersionId = "a" }, "appleVersionId must be a decimal number in a string\n" },
        { { appleItemId = "1", platform = "" }, 'platform must be a name such as "iOS"\n' },
        { { appleItemId = "1", osVersion = "a" }, 'osVersion must be a version such as "17.4"\n' },
        { { appleItemId = "1", redownload = "yes" }, "redownload must be true or false\n" },
      } do
        local status, text = ask(answers, "install", case[1])
        assert.same({ 400, case[2] }, { status, text })
      end
    end)

    it("may have members that nobody knows", function()
      local document = apps { { appleItemId = "1", appleVersionId = "10", more = { 1 } } }
      document.additional = { a = "b" }
      local status, given = ask(answers, "updates", document)
      assert.same({ 200, 1 }, { status, #given.updates })
    end)

    it("is of a thousand apps at most", function()
      local list = {}
      for i = 1, 1000 do list[i] = { appleItemId = tostring(i), appleVersionId = "10" } end
      local status, document = ask(answers, "updates", apps(list))
      assert.same({ 200, 1, 999 }, { status, #document.updates, #document.failures })
      list[1001] = { appleItemId = "1001", appleVersionId = "1" }
      local text
      status, text = ask(answers, "updates", apps(list))
      assert.same({ 400, "apps has 1001 entries, and at most 1000 are answered: ask again for the others\n" },
        { status, text })
    end)

    it("fits into the usual limit if it is of a thousand apps with the longest ids", function()
      local list = {}
      for i = 1, 1000 do
        list[i] = { appleItemId = ("9"):rep(20), appleVersionId = ("%020d"):format(i) }
      end
      assert.is_true(#json.encode(apps(list)) * 2 < answers.max_body)
      assert.equal(200, (ask(answers, "restore", apps(list))))
    end)
  end)

  it("answers its own paths, and no others", function()
    for _, path in ipairs {
      "/device/updates", "/device/restore?a", "/device/install", "/.well-known/marketplace-kit",
    } do
      assert.is_true(answers:answers(path))
    end
    for _, path in ipairs { "/", "", "/device", "/device/updates/", "/updates", "/.well-known/other" } do
      assert.is_false(answers:answers(path))
      assert.equal(404, (get(path)))
    end
  end)

  it("counts what it has answered, for Prometheus", function()
    ask(answers, "updates", question "10")
    ask(answers, "updates", question "10", {})
    ask(answers, "install", { appleItemId = "9" })
    answers:handle { method = "GET", path = "/.well-known/marketplace-kit?a" }
    answers:refused("/device/restore", 413)
    local text = answers:metrics()
    for _, line in ipairs {
      'marketplace_device_answers_total{endpoint="updates",status="200"} 1',
      'marketplace_device_answers_total{endpoint="updates",status="401"} 1',
      'marketplace_device_answers_total{endpoint="updates",status="503"} 0',
      'marketplace_device_answers_total{endpoint="install",status="404"} 1',
      'marketplace_device_answers_total{endpoint="well_known",status="200"} 1',
      'marketplace_device_answers_total{endpoint="restore",status="200"} 0',
      'marketplace_device_answers_total{endpoint="restore",status="413"} 1',
      "marketplace_device_tokens_total 1", "marketplace_device_seconds_count 4",
    } do
      assert.is_truthy(("\n" .. text):find("\n" .. line .. "\n", 1, true), line)
    end
  end)

  it("says which paths are its own", function()
    assert.same({ "/.well-known/marketplace-kit", "/device/install", "/device/restore", "/device/updates" },
      answers:paths())
    local at_root = setup_:device { base_url = "https://market.example" }
    assert.same({ "/.well-known/marketplace-kit", "/install", "/restore", "/updates" }, at_root:paths())
    assert.is_truthy(at_root:metrics():find('{endpoint="updates",status="200"} 0', 1, true))
  end)

  describe("raises, and blames its caller, for", function()
    local function refused(pattern, work)
      local ok, problem = pcall(work)
      assert.is_false(ok, pattern)
      assert.is_truthy(problem:find(pattern, 1, true), problem)
      assert.matches("^spec/[%w_/]+.lua:%d+: ", problem)
    end

    it("options that are wrong", function()
      for pattern, given in pairs {
        ["marketplace.device: unknown option 'polling'"] = { polling = 1 },
        ["option 'base_url' must be an https:// URL without a query"] = { base_url = "http://market.example" },
        ["'base_url' must"] = { base_url = "https://market.example/?a=b" },
        ["'base_url' must be"] = { base_url = "https://user@market.example/" },
        ["'base_url' must be an"] = { base_url = "https://market.example/\n" },
        ["'base_url' must be an https"] = { base_url = "" },
        ["option 'base_url' must have a path without % and without"] = { base_url = "https://market.example/a%20b" },
        ["'base_url' must have a path without"] = { base_url = "https://market.example//a" },
        ["'base_url' must have a path"] = { base_url = "https://market.example/a/.." },
        ["'base_url' must have a"] = { base_url = "https://market.example/./a" },
        ["'packages_url' must"] = { packages_url = "https://a.example/#b" },
        ["'packages_url' must be"] = { packages_url = "ftp://a.example/" },
        ["option 'packages' must be a folder, or what marketplace.packages returned"] = { packages = {} },
        ["'share_url' must be an https:// URL"] = { share_url = "javascript:alert(1)" },
        ["'share_url' must be"] = { share_url = "https://market.example/{appleItemId" },
        ["'share_url' must"] = { share_url = "https://market.example/{appleItemId} of ours" },
        ["'share_url' has {itemId}: it can have {appleItemId}, {appleVersionId} and {bundleId}"] = {
          share_url = "https://market.example/{itemId}",
        },
        ["'share_url' has {}"] = { share_url = "https://market.example/{}" },
        ["'update_dtype' must be"] = { update_dtype = "update" },
        ["'max_body' must be from 1 to 1048576 bytes"] = { max_body = 0 },
        ["'max_body' must be from 1"] = { max_body = 1048577 },
        ["marketplace.device: token: option 'key_id' is missing"] = { token = { marketplace_id = "67", key = "k" } },
        ["token: unknown option 'bundle_id'"] = { token = { bundle_id = "b" } },
        ["token: either 'key' or 'key_file' is needed"] = { token = { key_id = "K", marketplace_id = "67" } },
        ["token: option 'lifetime' must be"] = {
          token = { key_id = "K", marketplace_id = "67", key = support.KEY, lifetime = 86401 },
        },
        ["option 'authenticate' must be a function"] = { authenticate = true },
      } do
        refused(pattern, function() local made = setup_:device(given) return made end)
      end
      refused("option 'authenticate' is missing", function()
        local made = marketplace.device {
          packages = setup_.packages, token = { key_id = "K", marketplace_id = "67", key = support.KEY },
          base_url = "https://market.example",
        }
        return made
      end)
    end)

    it("requests that are none", function()
      for pattern, request in pairs {
        ["device:handle: the request's method must be a string"] = {},
        ["the request's path must be a string"] = { method = "GET" },
        ["the request's headers must be a table"] = { method = "GET", path = "/", headers = 1 },
        ["the request's body must be a string"] = { method = "GET", path = "/", body = {} },
      } do
        refused(pattern, function() local status = answers:handle(request) return status end)
      end
      refused("a request must be a table", function() local status = answers:handle() return status end)
    end)

    it("territories that are none, in which a takedown would not be seen", function()
      refused("device:install: option 'territory' must be an ISO 3166 alpha-3 code", function()
        local made = answers:install { app = "1", territory = "FR" }
        return made
      end)
      refused("packages:served: option 'territory' must be an ISO 3166 alpha-3 code", function()
        local list = setup_.packages:served { apps = {}, territory = "fra" }
        return list
      end)
    end)

    it("packages that are asked for no apps", function()
      refused("packages:served: option 'apps' is missing", function()
        local list = setup_.packages:served {}
        return list
      end)
      refused("packages:served: apps[1] needs 'item_id' and 'apple_version_id', both strings", function()
        local list = setup_.packages:served { apps = { { item_id = 1 } } }
        return list
      end)
      refused("packages:licensable: apps[1] needs 'item_id', 'apple_version_id' and 'public_id'", function()
        local list = setup_.packages:licensable { apps = { { item_id = "1", apple_version_id = "1" } } }
        return list
      end)
      refused("packages:licensable: option 'territory' must be an ISO 3166 alpha-3 code", function()
        local list = setup_.packages:licensable { apps = {}, territory = "fra" }
        return list
      end)
    end)

    it("packages whose catalogue is asked for in pages that would never end, or of no territory", function()
      local cases = {
        ["option 'territories' must be a list, and not empty"] = { territories = { DEU = true } },
        ["territories[2] must be an ISO 3166 alpha-3 code"] = { territories = { "DEU", "fr" } },
      }
      for _, name in ipairs { "limit", "versions" } do
        cases[("option '%s' must be an integer from 1 to 1000000"):format(name)] =
          { territories = { "DEU" }, [name] = 0 }
      end
      for pattern, given in pairs(cases) do
        refused("packages:catalogue: " .. pattern, function()
          local page = setup_.packages:catalogue(given)
          return page
        end)
      end
      for _, count in ipairs { 0, -1, 1.5, 0 / 0, math.huge, "1" } do
        refused("packages:catalogue_pages: the size of a page must be an integer from 1 to", function()
          local pages = setup_.packages:catalogue_pages(count)
          return pages
        end)
      end
    end)
  end)

  it("can be tried out without TLS on this machine alone", function()
    for _, host in ipairs { "127.0.0.1:8080", "localhost", "[::1]:80" } do
      assert.is_truthy(setup_:device { base_url = ("http://%s"):format(host) })
    end
    for _, host in ipairs { "127.0.0.2", "localhost.example", "[::2]", "127.0.0.1.example" } do
      assert.is_false((pcall(setup_.device, setup_, { base_url = ("http://%s"):format(host) })))
    end
  end)

  it("says what is wrong with its key, and never what it holds", function()
    local none, message, code = marketplace.device {
      packages = setup_.packages, token = { key_id = "K", marketplace_id = "67", key = "rubbish" },
      base_url = "https://market.example", authenticate = function() return "a" end,
    }
    assert.same({ nil, "key_invalid" }, { none, code })
    assert.matches("not PEM", message)
    assert.is_nil(message:find("rubbish", 1, true))
  end)

  it("works as its page has it", function()
    local key = shell.file(support.KEY)
    local block = raw.read_file "docs/device.md":match "\n```lua\n(.-)```"
    local program = block:gsub("/srv/packages", setup_.root):gsub("/etc/marketplace/install%.p8", key) ..
      "\nreturn open_device(), answer\n"
    local device, answer = assert((loadstring or load)(program))() -- luacheck: ignore
    finally(function()
      os.remove(key)
      device.packages:close()
    end)
    local status, _, body = answer(device, {
      method = "POST", path = "/device/updates", body = json.encode(question "10"),
      headers = { Authorization = "Bearer the-token-of-a-session" },
    })
    assert.same({ 200, "20" }, { status, json.decode(body).updates[1].appleVersionId })
    assert.equal(401, (answer(device, { method = "POST", path = "/device/updates", body = "{}" })))
    assert.equal(404, (answer(device, { method = "GET", path = "/elsewhere" })))
  end)
end)
