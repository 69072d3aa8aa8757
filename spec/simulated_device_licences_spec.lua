-- The simulated device's licences: it seals what it asks, and takes what a server gives.
local base64 = require "marketplace.base64"
local core = require "marketplace.core"
local json = require "marketplace.json"
local licences = require "marketplace.simulator.licences"
local packages = require "support.packages"
local phone = require "support.phone"
local raw = require "support.raw_http"
local shell = require "support.shell"

local APP, URL, one = phone.APP, phone.URL, phone.one

describe("a simulated device", function()
  local folder, key, certificate, fixture, m, sidecar, asked

  setup(function()
    folder = shell.run "mktemp -d"
    shell.run(("cd %s && openssl req -x509 -newkey rsa:3072 -nodes -keyout key -out certificate -subj /CN=a -days 2 " ..
      "2>&1"):format(folder))
    key, certificate = assert(core.envelope_key_file(folder .. "/key")), raw.read_file(folder .. "/certificate")
  end)

  teardown(function() shell.run("rm -r " .. folder) end)

  -- What marketplace.device does between a device and the sidecar.
  local function front(kind, member)
    return function(request)
      local document = json.decode(request.body)
      asked[#asked + 1] = document
      local text = assert(key:open(base64.decode(document.licenseKey), base64.decode(document[member])))
      local question = { kind = kind, licenseRequest = base64.encode(text), apps = json.list {} }
      for app in pairs(document.appsById or {}) do
        table.insert(question.apps, { appleItemId = app, available = true, keyBlob = "eA==" })
      end
      return sidecar:handle { method = "POST", path = "/license", body = json.encode(question) }
    end
  end

  before_each(function()
    fixture, sidecar, asked = phone.new(), licences.new(), {}
    m = fixture.market
    m.known.license = {
      dynamicLicenseURL = URL .. "/license", licenseRenewalURL = URL .. "/renewal",
      signingCertificateURL = URL .. "/signing", encryptionCertificateURL = URL .. "/encryption",
    }
    m.answers["/license"] = front("dynamic", "licenseRequest")
    m.answers["/renewal"] = front("renewal", "renewalRequest")
    m.files["/signing"], m.files["/encryption"] = certificate, certificate
  end)

  it("asks for a licence for the file that it is about to download", function()
    local device = fixture:open { headers = { "Authorization: Bearer x" } }
    local app, warnings = one(device:install { app = APP })
    assert.same({ "installed", {} }, { app.outcome, warnings })
    assert.same({ [APP] = { appleVersionId = "1", assetPublicId = packages.uuid(12) } }, asked[1].appsById)
    local paths = fixture:paths()
    assert.same({ "GET /signing", "GET /encryption", "POST /license", "GET /packages/1/" .. phone.variant(12) },
      { paths[5], paths[6], paths[7], paths[8] })
    assert.equal("Authorization: Bearer x", m.requests[7].headers[3])
    assert.equal("1", device:apps()[1].licence)

    assert.equal("updated", one(device:update()).outcome)
    assert.equal(packages.uuid(25), asked[2].appsById[APP].assetPublicId)
    assert.equal("2", device:apps()[1].licence)
  end)

  it("renews what it has", function()
    local device = fixture:installed()
    assert.equal("renewed", one(device:renew()).outcome)
    sidecar = licences.new()
    local app = one(device:renew { apps = { APP } })
    assert.same({ "failed", "invalidLicense", "the licence is not renewed" }, { app.outcome, app.error, app.reason })
  end)

  it("renews the licences of several apps with one question", function()
    local device = fixture:installed()
    local other = m:add_package("3", "0")
    other.appleItemId = "12"
    m:save(other)
    m.answers["/device/install"] = m:offer("3", { appleItemId = "12" })
    assert.equal("installed", one(device:install { app = "12" }).outcome)
    local before = #asked
    local report = assert(device:renew())
    assert.same({ "12", "renewed", APP, "renewed", true },
      { report.apps[1].app, report.apps[1].outcome, report.apps[2].app, report.apps[2].outcome, report.ok })
    assert.equal(before + 1, #asked)
    m.answers["/renewal"] = { ineligibleLicenses = json.list {} }
    report = assert(device:renew())
    assert.matches("the answer says nothing of its licence", report.apps[2].reason)
  end)

  it("has nothing to renew if it has no licence", function()
    local device = fixture:open { licences = false }
    assert.equal("installed", one(device:install { app = APP }).outcome)
    assert.same({}, asked)
    assert.matches("the device has no licence for it", one(device:renew()).reason)
  end)

  it("takes a licence that somebody else made as it is", function()
    m.answers["/license"] = { license = base64.encode "Apple's" }
    local device = fixture:installed()
    assert.is_nil(device:apps()[1].licence)
  end)

  local function license(change) return function() change(m.known.license) end end
  local function answer(document) return function() m.answers["/license"] = document end end

  for _, case in ipairs {
    { "wants an encryption certificate", change = license(function(l) l.encryptionCertificateURL = nil end),
      error = "invalidLicense", reason = "has no encryptionCertificateURL" },
    { "wants a signing certificate", change = license(function(l) l.signingCertificateURL = nil end),
      error = "invalidLicense", reason = "has no signingCertificateURL" },
    { "wants certificates that are there", change = function() m.files["/encryption"] = nil end,
      error = "invalidLicense", reason = "/encryption answers 404" },
    { "wants small ones", change = function() m.files["/encryption"] = ("x"):rep(65537) end,
      error = "invalidLicense", reason = "/encryption is larger than 65536 bytes" },
    { "wants certificates that are some", change = function() m.files["/encryption"] = "a certificate" end,
      error = "invalidLicense", reason = "/encryption: " },
    { "wants signing certificates that are some", change = function() m.files["/signing"] = "a certificate" end,
      error = "invalidLicense", reason = "/signing: " },
    { "wants a licence for the app", change = function() sidecar = licences.new { unlicensed = { APP } } end,
      error = "invalidLicense", reason = "/license gives no licence for app " .. APP },
    { "wants one that is there", change = answer { unlicensedApps = json.list {} }, error = "invalidLicense",
      reason = "there is no licence for app" },
    { "wants base64", change = answer { license = "?" }, error = "invalidLicense", reason = "license is not base64" },
    { "wants a text", change = answer { license = 1 }, error = "unknown", reason = "license is 1, not a text" },
    { "wants a list", change = answer { license = "eA==", unlicensedApps = "none" }, error = "invalidLicense",
      reason = 'unlicensedApps is "none", not a list' },
    { "tells that the server cannot read the request", change = answer { status = 400, body = "no" },
      error = "request_failed", reason = "/license answers 400: no" },
    { "has the person sign in", change = answer { status = 401 }, error = "sign_in", reason = "401" },
  } do
    it(case[1], function() fixture:expect(case) end)
  end

  it("is not misled by what looks like a licence", function()
    local real = json.decode(assert(sidecar:handle { method = "POST", path = "/license", body = json.encode {
      kind = "dynamic", apps = { { appleItemId = APP, available = true, keyBlob = "eA==" } },
      licenseRequest = base64.encode(licences.request { device_id = "x", apps = { APP } }),
    } }).body)
    local note = json.decode(base64.decode(real.license)).note
    for _, content in ipairs { json.null, "x", { 1 }, { {} }, { { app = APP } }, { { app = APP, id = 1 } } } do
      m.answers["/license"] = { license = base64.encode(json.encode { note = note, licences = content }) }
      assert.equal("invalidLicense", one(fixture:install()).error)
    end
  end)

  it("tells if there is nobody to renew licences", function()
    local device = fixture:installed()
    m.known.license.licenseRenewalURL = nil
    assert.same({ nil, "the well-known file has no licenseRenewalURL", "invalidLicense", { warnings = {} } },
      { device:renew() })
  end)
end)
