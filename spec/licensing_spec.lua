-- Licences: what devices ask, what the sidecar is asked, and all that it may answer.
local base64 = require "marketplace.base64"
local core = require "marketplace.core"
local json = require "marketplace.json"
local raw = require "support.raw_http"
local shell = require "support.shell"
local sidecars = require "support.sidecar"

local LICENCE = base64.encode "a licence"
local REFUSED = "the licence request cannot be read\n"

describe("a licence", function()
  local sidecar

  setup(function()
    sidecar = sidecars.open()
    sidecar:publish("v1", "1", "10", "asset-1")
    sidecar:publish("v2", "2", "20", "asset-2")
  end)

  teardown(function() sidecar:close() end)

  before_each(function() sidecar:begin_anew() end)

  local APPS = { ["1"] = { appleVersionId = "10", assetPublicId = "asset-1" } }

  local function licensed() return sidecars.json { license = LICENCE } end

  local function logged(message)
    local found = {}
    for _, entry in ipairs(sidecar.store.entries) do
      if entry.message == message then found[#found + 1] = entry end
    end
    return found
  end

  describe("is asked for", function()
    before_each(function() sidecar:listen() end)

    it("by a device, of the sidecar, with the request opened and the key blobs", function()
      local question = sidecar:question({
        ["1"] = { appleVersionId = "10", assetPublicId = "asset-1" },
        ["2"] = { appleVersionID = "020", assetPublicId = "asset-2" },
      }, "what a device sealed\0\255")
      local status, document, headers = sidecar:ask(question,
        sidecars.json { license = LICENCE, unlicensedApps = json.list { "2" } },
        { headers = { ["X-Account"] = "somebody", ["X-Territory"] = "DEU" } })
      assert.same({ 200, { license = LICENCE, unlicensedApps = { "2" } }, "no-store" },
        { status, document, headers["cache-control"] })
      local asked = sidecar.seen[1]
      assert.same({ "POST", "/license", "application/json", 1 },
        { asked.method, asked.path, asked.headers["content-type"], #sidecar.seen })
      assert.same({
        kind = "dynamic", account = "somebody", territory = "DEU",
        licenseRequest = base64.encode "what a device sealed\0\255",
        apps = {
          { appleItemId = "1", appleVersionId = "10", assetPublicId = "asset-1", available = true,
            keyBlob = "blob of asset-1" },
          { appleItemId = "2", appleVersionId = "020", assetPublicId = "asset-2", available = true,
            keyBlob = "blob of asset-2" },
        },
      }, json.decode(asked.body))
    end)

    it("in place of one that ends soon", function()
      local sealed = sidecar:sealed "renew"
      local question = { renewalRequest = sealed.request, licenseKey = sealed.key }
      local status, document = sidecar:ask(question,
        sidecars.json { license = LICENCE, ineligibleLicenses = { "7", "18446744073709551615" } },
        { endpoint = "license/renewal" })
      assert.same({ 200, { license = LICENCE, ineligibleLicenses = { "7", "18446744073709551615" } } },
        { status, document })
      assert.same({
        kind = "renewal", account = "somebody", territory = json.null, licenseRequest = base64.encode "renew",
      }, json.decode(sidecar.seen[1].body))
    end)

    it("without a key blob if the app is taken down, held, unknown, or not the asset's", function()
      sidecar:publish("v3", "3", "30", "asset-3")
      sidecar:publish("v4", "4", "40", "asset-4")
      assert(sidecar.store.store:availability { scope = "app", id = "2", territories = { "FRA" }, available = false })
      assert(sidecar.store.packages:hold { version = "v3" })
      local status, document = sidecar:ask(sidecar:question {
        ["1"] = { appleVersionId = "10", assetPublicId = "asset-4" },
        ["2"] = { appleVersionId = "20", assetPublicId = "asset-2" },
        ["3"] = { appleVersionId = "30", assetPublicId = "asset-3" },
        ["4"] = { appleVersionId = "41", assetPublicId = "asset-4" },
        ["5"] = { appleVersionId = "50", assetPublicId = "asset-1" },
        [("9"):rep(40)] = { appleVersionId = ("9"):rep(40), assetPublicId = "asset-1" },
      }, licensed, { headers = { ["X-Account"] = "somebody", ["X-Territory"] = "FRA" } })
      local blobs, available = {}, {}
      for _, app in ipairs(json.decode(sidecar.seen[1].body).apps) do
        if app.keyBlob ~= json.null then blobs[#blobs + 1] = app.keyBlob end
        available[app.appleItemId] = app.available
      end
      assert.same({}, blobs)
      assert.same({ ["1"] = true, ["2"] = false, ["3"] = false, ["4"] = false, ["5"] = false, [("9"):rep(40)] = false },
        available)
      -- whatever the sidecar says, what is not available has no licence
      assert.same({ 200, LICENCE, { "2", "3", "4", "5", ("9"):rep(40) } },
        { status, document.license, document.unlicensedApps })
    end)

    it("without the key blob of another version's asset", function()
      sidecar:publish("v5", "1", "11", "asset-5")
      local function blob_of(version, asset)
        sidecar:ask(sidecar:question { ["1"] = { appleVersionId = version, assetPublicId = asset } }, licensed)
        return json.decode(sidecar.seen[#sidecar.seen].body).apps[1].keyBlob
      end
      assert.same({ json.null, json.null, "blob of asset-5", "blob of asset-1" },
        { blob_of("10", "asset-5"), blob_of("11", "asset-1"), blob_of("11", "asset-5"), blob_of("010", "asset-1") })
    end)

    it("of those whom authenticate knows alone, before anything is opened", function()
      local device = sidecar.store:device { licensing = sidecar:licensing(), authenticate = function(request)
        if request.headers["x-again"] then return false end
        return nil
      end }
      local broken = { licenseRequest = "!", licenseKey = "!", appsById = {} }
      assert.equal(401, (sidecar:ask(broken, licensed, { device = device })))
      assert.equal(403, (sidecar:ask(broken, licensed, { device = device, headers = { ["X-Again"] = "1" } })))
      assert.equal(0, #sidecar.seen)
    end)

    it("for a thousand apps at most", function()
      local apps = {}
      for i = 1, 1000 do
        apps[("%d"):format(i)] = { appleVersionId = "10", assetPublicId = core.random_hex(18) }
      end
      local device = sidecar.store:device { licensing = sidecar:licensing(), max_body = 1048576 }
      local status, document = sidecar:ask(sidecar:question(apps), licensed, { device = device })
      assert.same({ 200, 999 }, { status, #document.unlicensedApps })
      apps["1001"] = apps["1"]
      local text
      status, text = sidecar:ask(sidecar:question(apps), licensed, { device = device })
      assert.same({ 400, "appsById has more than the 1000 apps that are licensed at once\n" }, { status, text })
      assert.equal(1, #sidecar.seen)
    end)
  end)

  describe("is refused with the member's name if the request", function()
    local function refused(text, change)
      local question = sidecar:question(APPS)
      change(question)
      local status, body = sidecar:ask(question)
      assert.same({ 400, text .. "\n" }, { status, body })
    end

    it("is not of devices' form", function()
      refused("licenseRequest must be base64", function(q) q.licenseRequest = nil end)
      refused("licenseRequest must be base64", function(q) q.licenseRequest = "a request" end)
      refused("licenseRequest must be base64", function(q) q.licenseRequest = { "" } end)
      refused("licenseKey must be base64", function(q) q.licenseKey = q.licenseKey:sub(2) end)
      refused("appsById must be an object", function(q) q.appsById = nil end)
      refused("appsById must be an object", function(q) q.appsById = "1" end)
      refused("appsById must be an object", function(q) q.appsById = { APPS["1"] } end)
      refused("appsById must be an object", function(q) q.appsById = json.list {} end)
      refused("appsById has no app", function(q) q.appsById = {} end)
      local numbers = "appsById must have decimal numbers as its members' names"
      refused(numbers, function(q) q.appsById = { ["1a"] = APPS["1"] } end)
      refused(numbers, function(q) q.appsById = { [""] = APPS["1"] } end)
      refused("each member of appsById must be an object", function(q) q.appsById = { ["1"] = "10" } end)
      refused("each member of appsById must be an object", function(q) q.appsById = { ["1"] = json.list {} } end)
      refused("appleVersionID must be a decimal number in a string", function(q)
        q.appsById = { ["1"] = { assetPublicId = "a" } }
      end)
      for _, id in ipairs { "", "../a", "a b", ("a"):rep(129), 7 } do
        refused("assetPublicId must be the id of an asset", function(q)
          q.appsById = { ["1"] = { appleVersionId = "10", assetPublicId = id } }
        end)
      end
      local status, text = sidecar:ask("{}", nil, { endpoint = "license/renewal" })
      assert.same({ 400, "renewalRequest must be base64\n" }, { status, text })
      assert.equal(400, (sidecar:ask("{")))
    end)

    it("is too large", function()
      assert.equal(413, (sidecar:ask(("x"):rep(262145))))
    end)
  end)

  it("may be asked for with members that come twice: the last one counts, here and in what the sidecar gets", function()
    sidecar:listen()
    local question = json.encode(sidecar:question(APPS))
    local twice = question:gsub("^{", '{"appsById":{"2":{"appleVersionId":"20","assetPublicId":"asset-2"}},')
    assert.equal(200, (sidecar:ask(twice, licensed)))
    assert.equal("1", json.decode(sidecar.seen[1].body).apps[1].appleItemId)
  end)

  describe("whose request cannot be opened", function()
    before_each(function() sidecar:listen() end)

    local function changed(name, change)
      local question = sidecar:question(APPS, ("text "):rep(10))
      question[name] = base64.encode(change(base64.decode(question[name])))
      return question
    end

    local function flip(at)
      return function(bytes)
        at = at % #bytes + 1
        return bytes:sub(1, at - 1) .. string.char((bytes:byte(at) + 1) % 256) .. bytes:sub(at + 1)
      end
    end

    local CASES = {
      { "licenseKey", flip(0), "the key was not encrypted for this server's key" },
      { "licenseKey", flip(-1), "the key was not encrypted for this server's key" },
      { "licenseKey", function() return ("\0"):rep(384) end, "the key was not encrypted for this server's key" },
      { "licenseKey", function(bytes) return bytes:sub(1, 256) end, "the key is not 384 bytes long" },
      { "licenseKey", function(bytes) return bytes .. "x" end, "the key is not 384 bytes long" },
      { "licenseRequest", function(bytes) return bytes:sub(1, -17) end, "the request's padding is wrong" },
      { "licenseRequest", function(bytes) return bytes:sub(1, -2) end, "the request is not of whole blocks" },
      { "licenseRequest", function() return "" end, "the request is not of whole blocks" },
    }

    it("is refused in the same words whatever is wrong, and the log alone says what", function()
      for _, case in ipairs(CASES) do
        sidecar:begin_anew()
        sidecar:listen()
        local status, text, headers = sidecar:ask(changed(case[1], case[2]), licensed)
        assert.same({ 400, REFUSED, "text/plain; charset=utf-8" }, { status, text, headers["content-type"] })
        assert.equal(case[3], logged "licence request refused"[1].reason)
        -- the sidecar is asked all the same, so that the time tells nothing, and never gets what was sealed
        assert.equal(1, #sidecar.seen)
        local given = base64.decode(json.decode(sidecar.seen[1].body).licenseRequest)
        assert.is_nil(given:find("text", 1, true))
      end
    end)

    it("is refused in the same words if only the sidecar cannot read it", function()
      local status, text = sidecar:ask(sidecar:question(APPS), sidecars.json({}, 400))
      assert.same({ 400, REFUSED }, { status, text })
      assert.equal("the sidecar cannot read it", logged "licence request refused"[1].reason)
    end)

    it("has the answer of any other while the sidecar is away", function()
      for _, question in ipairs { sidecar:question(APPS), changed("licenseKey", flip(0)) } do
        local status, text = sidecar:ask(question, sidecars.json({}, 500))
        assert.same({ 503, "try again later\n" }, { status, text })
      end
    end)

    it("does not fill the log", function()
      for _ = 1, 20 do sidecar:ask(changed("licenseKey", flip(0)), licensed) end
      assert.is_true(#logged "licence request refused" <= 10)
      sidecar.device:close()
      local sums = logged "more licence requests refused"
      assert.equal(20, #logged "licence request refused" + sums[1].count)
    end)
  end)

  describe("is not given, and the log says why, if the sidecar", function()
    local function failed(reason, answer, more)
      local before = #logged "licences not given"
      local status, text, headers = sidecar:ask(sidecar:question(APPS), answer, more)
      assert.same({ 503, "try again later\n", "5" }, { status, text, headers["retry-after"] })
      local entries = logged "licences not given"
      assert.equal(before + 1, #entries)
      local found = entries[#entries].reason
      assert.is_truthy(found:find(reason, 1, true), found)
      assert.is_truthy(found:find(sidecar.socket, 1, true), found)
      -- each is to be told
      sidecar.device = sidecar.store:device { licensing = sidecar:licensing(more and more.licensing) }
    end

    it("is away", function()
      failed "it takes no connections: start it"
      sidecar:listen()
      sidecar:stop_listening()
      failed "it takes no connections: start it"
    end)

    it("lets as many wait for it as its socket holds", function()
      local unix, waiting = require "socket.unix", {}
      local listener = assert(unix())
      assert(listener:bind(sidecar.socket))
      assert(listener:listen(0))
      repeat
        waiting[#waiting + 1] = assert(unix())
        waiting[#waiting]:settimeout(0)
      until not waiting[#waiting]:connect(sidecar.socket)
      failed "or have it accept them sooner"
      for _, client in ipairs(waiting) do client:close() end
      listener:close()
    end)

    it("hangs, or answers too slowly", function()
      sidecar:listen()
      sidecar.device = sidecar.store:device { licensing = sidecar:licensing { timeout = 0.2 } }
      failed("it did not answer in time", function() return nil end)
    end)

    it("can be asked no longer, as all the time has passed", function()
      sidecar:listen()
      sidecar.device = sidecar.store:device { licensing = sidecar:licensing { timeout = 1e-9 } }
      failed "no time was left to ask it"
      assert.equal(0, #sidecar.seen)
    end)

    it("closes without an answer, or answers something else", function()
      sidecar:listen()
      failed("", { status = 444 })
      for reason, answer in pairs {
        ["it answered 500"] = { status = 500 },
        ["it answered 301"] = { status = 301, headers = { location = "http://localhost/" } },
        ["it answered 201"] = sidecars.json({ license = LICENCE }, 201),
        ["its answer is not a JSON object"] = { status = 200, body = "licence" },
        ["answer is not a JSON object"] = { status = 200, body = '"licence"' },
        ["its license is not base64"] = sidecars.json { license = "a licence" },
        ["license is not base64"] = sidecars.json { license = 7 },
        ["license is not"] = sidecars.json { license = "" },
        ["it gave neither a license nor a reason"] = sidecars.json {},
        ["neither a license nor a reason"] = sidecars.json { license = json.null, unlicensedApps = json.list {} },
        ["its unlicensedApps is no list of apps that were asked for"] = sidecars.json {
          license = LICENCE, unlicensedApps = { "2" },
        },
        ["unlicensedApps is no list of apps that were asked for"] = sidecars.json {
          license = LICENCE, unlicensedApps = { "1", "1" },
        },
        ["unlicensedApps is no list of apps"] = sidecars.json { license = LICENCE, unlicensedApps = { 1 } },
        ["unlicensedApps is no list"] = sidecars.json { license = LICENCE, unlicensedApps = { a = "1" } },
        ["unlicensedApps is no list of"] = { status = 200, body = '{"license":"AAAA","unlicensedApps":{}}' },
        ["answer is not a JSON"] = { status = 200, body = "[]" },
        ["unlicensedApps is no"] = sidecars.json { license = LICENCE, unlicensedApps = "1" },
      } do
        failed(reason, answer)
      end
    end)

    describe("sends", function()
      local HEAD = "HTTP/1.1 200 OK\r\n"
      local MILLION = ("x"):rep(1000000)
      for name, case in pairs {
        ["no HTTP"] = { "hello\r\n\r\n", reason = "" },
        ["half a head"] = { "HTTP/1.1 200 O", reason = "" },
        ["fewer bytes than it promised"] = { HEAD .. "Content-Length: 100\r\n\r\n{}", reason = "" },
        ["a chunk without an end"] = { HEAD .. "Transfer-Encoding: chunked\r\n\r\n5\r\n{}", reason = "" },
        ["a chunk that is none"] = { HEAD .. "Transfer-Encoding: chunked\r\n\r\nx\r\n{}", reason = "" },
        ["a body that is zipped"] = { HEAD .. "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\31\139\8\0",
          reason = "its answer is not a JSON object" },
        ["header lines without an end"] = { HEAD, ("X-A: %s\r\n"):format(("a"):rep(5000)), reason = "" },
        ["interim answers without an end"] = { "HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n",
          timeout = 0.3, reason = "" },
        ["a hundred million bytes"] = { HEAD .. "\r\n", MILLION, reason = "its answer is larger than 4194304 bytes" },
        ["a hundred million bytes that it promises"] = { HEAD .. "Content-Length: 100000000\r\n\r\n", MILLION,
          reason = "its answer is larger than 4194304 bytes" },
        ["byte after byte"] = { HEAD .. "Content-Length: 100000000\r\n\r\n", "x", timeout = 0.3,
          reason = "it did not answer in time" },
      } do
        it(name, function()
          sidecar:listen_raw(function(count) return case[count + 1] or #case > 1 and case[#case] or nil end)
          sidecar.device = sidecar.store:device { licensing = sidecar:licensing { timeout = case.timeout or 20 } }
          failed(case.reason)
        end)
      end
    end)

    it("sends too much", function()
      sidecar:listen()
      local body = ('{"license":"%s"}'):format(("A"):rep(4194304))
      failed("its answer is larger than 4194304 bytes", { status = 200, body = body })
    end)
  end)

  it("is not given if a renewal's answer is none", function()
    sidecar:listen()
    local many = {}
    for i = 1, 10001 do many[i] = ("%d"):format(i) end
    local sealed = sidecar:sealed "renew"
    for _, answer in ipairs {
      {}, { license = LICENCE, ineligibleLicenses = "7" }, { license = LICENCE, ineligibleLicenses = { "x" } },
      { license = LICENCE, ineligibleLicenses = { ("1"):rep(21) } }, { license = LICENCE, ineligibleLicenses = many },
      { license = LICENCE, ineligibleLicenses = { 7 } },
    } do
      assert.equal(503, (sidecar:ask({ renewalRequest = sealed.request, licenseKey = sealed.key },
        sidecars.json(answer), { endpoint = "license/renewal" })))
    end
  end)

  describe("of an app that is taken down while the sidecar makes it", function()
    local HEADERS = { ["X-Account"] = "somebody", ["X-Territory"] = "DEU" }

    local function ask_during_takedown(app, territories)
      sidecar:listen()
      sidecar:publish("v" .. app, app, "1", "asset-" .. app)
      local apps = { [app] = { appleVersionId = "1", assetPublicId = "asset-" .. app } }
      return sidecar:ask(sidecar:question(apps), function()
        assert(sidecar.store.store:availability {
          scope = "app", id = app, available = false, territories = territories,
        })
        return licensed()
      end, { headers = HEADERS })
    end

    it("is not given", function()
      for app, territories in pairs { ["71"] = "*", ["72"] = { "DEU", "FRA" } } do
        local status, body, headers = ask_during_takedown(app, territories)
        assert.same({ 503, "try again later\n", "5" }, { status, body, headers["retry-after"] })
        sidecar:begin_anew()
      end
    end)

    it("is given in other territories", function()
      local status, document = ask_during_takedown("73", { "FRA" })
      assert.same({ 200, LICENCE }, { status, document.license })
    end)
  end)

  it("may be missing if all are refused", function()
    sidecar:listen()
    local status, document = sidecar:ask(sidecar:question(APPS), sidecars.json { unlicensedApps = { "1" } })
    assert.same({ 200, { unlicensedApps = { "1" } } }, { status, document })
    local sealed = sidecar:sealed "renew"
    status, document = sidecar:ask({ renewalRequest = sealed.request, licenseKey = sealed.key },
      sidecars.json { ineligibleLicenses = { "7" } }, { endpoint = "license/renewal" })
    assert.same({ 200, { ineligibleLicenses = { "7" } } }, { status, document })
  end)

  it("keeps the sidecar's other requests apart", function()
    sidecar:listen()
    local given, statuses = {}, {}
    local function ask_as(account)
      local status, _, body = sidecar.device:handle {
        method = "POST", path = "/device/license", headers = { ["X-Account"] = account },
        body = json.encode(sidecar:question(APPS)),
      }
      statuses[#statuses + 1], given[account] = status, json.decode(body).license
    end
    sidecar:run(function()
      local scheduler = require "marketplace.client.scheduler"
      local tasks, left = scheduler.new(core.monotonic, function() end), 0
      for i = 1, 20 do
        left = left + 1
        tasks:add(function() ask_as("account-" .. i) end, function() left = left - 1 end)
      end
      local wait = scheduler.pause()
      while left > 0 do
        tasks:turn()
        wait(0)
      end
    end, function(_, document) return sidecars.json { license = base64.encode(document.account) } end)
    for i = 1, 20 do assert.equal(base64.encode("account-" .. i), given["account-" .. i]) end
    assert.equal(20, #statuses)
  end)

  it("is logged without a key blob, a request or a licence", function()
    sidecar:listen()
    sidecar:ask(sidecar:question(APPS, "what a device sealed"), licensed)
    sidecar:ask(sidecar:question(APPS, "what a device sealed"), { status = 500, body = "blob of asset-1" })
    for _, entry in ipairs(sidecar.store.entries) do
      for _, value in pairs(entry) do
        assert.is_nil(tostring(value):find("blob", 1, true) or tostring(value):find("sealed", 1, true))
      end
    end
  end)

  describe("has addresses in the well-known file", function()
    local function license_of(more, license)
      local device = sidecar.store:device { licensing = sidecar:licensing(more), license = license }
      local _, _, body = device:handle { method = "GET", path = "/.well-known/marketplace-kit" }
      return json.decode(body).license, device
    end

    it("by themselves, and serves the certificates", function()
      local license, device = license_of { resolution_url = "https://market.example/why" }
      assert.same({
        dynamicLicenseURL = "https://market.example/device/license",
        licenseRenewalURL = "https://market.example/device/license/renewal",
        licenseResolutionURL = "https://market.example/why",
        signingCertificateURL = "https://market.example/device/license/signing-certificate",
        encryptionCertificateURL = "https://market.example/device/license/encryption-certificate",
      }, license)
      for _, name in ipairs { "signing", "encryption" } do
        local path = ("/device/license/%s-certificate"):format(name)
        local status, headers, body = device:handle { method = "GET", path = path .. "?x" }
        assert.same({ 200, "application/pkix-cert", raw.read_file(sidecar:path "certificate") },
          { status, headers["content-type"], body })
        assert.equal(405, (device:handle { method = "POST", path = path }))
        assert.is_true(device:answers(path))
      end
      assert.is_truthy(device:metrics():find('endpoint="license/signing-certificate",status="405"} 1', 1, true))
    end)

    it("by which a certificate in PEM is served, too", function()
      shell.run(("cd %s && openssl x509 -inform DER -in certificate -out certificate.pem"):format(sidecar.folder))
      local _, device = license_of { signing_certificate_file = sidecar:path "certificate.pem" }
      local _, headers, body = device:handle { method = "GET", path = "/device/license/signing-certificate" }
      assert.same({ "application/pem-certificate-chain", raw.read_file(sidecar:path "certificate.pem") },
        { headers["content-type"], body })
    end)

    it("of which `license` overrides single ones", function()
      local elsewhere = "https://cdn.example/e.cer"
      local license, device = license_of({ encryption_certificate_file = false },
        { encryptionCertificateURL = elsewhere })
      assert.equal(elsewhere, license.encryptionCertificateURL)
      assert.equal("https://market.example/device/license", license.dynamicLicenseURL)
      assert.is_false(device:answers "/device/license/encryption-certificate")
    end)

    it("and none of its endpoints without the option", function()
      local device = sidecar.store:device()
      assert.is_false(device:answers "/device/license")
      assert.is_nil(json.decode((select(3, device:handle {
        method = "GET", path = "/.well-known/marketplace-kit",
      }))).license)
    end)
  end)

  describe("is made with options that", function()
    local function refused(pattern, more, license)
      local ok, problem = pcall(function()
        return sidecar.store:device { licensing = sidecar:licensing(more), license = license }
      end)
      assert.is_false(ok, pattern)
      assert.is_truthy(tostring(problem):find(pattern, 1, true), problem)
    end

    it("raise if they are wrong", function()
      refused("licensing: unknown option 'sockets'", { sockets = "x" })
      refused("licensing: option 'socket' is missing", { socket = false })
      refused("option 'licensing.socket' must be a path of 1 to 107 bytes", { socket = "" })
      refused("'licensing.socket' must be a path", { socket = ("x"):rep(108) })
      refused("option 'licensing' needs either 'key' or 'key_file'", { key_file = false })
      refused("needs either 'key' or 'key_file'", { key = "k" })
      refused("option 'licensing.timeout' must be more than 0 and at most 60 seconds", { timeout = 61 })
      refused("'licensing.timeout' must be", { timeout = 0 })
      refused("'licensing.timeout' must", { timeout = 0 / 0 })
      refused("option 'licensing.resolution_url' must be an https:// URL", { resolution_url = "http://a.example" })
      refused("option 'licensing.signing_certificate_file' is needed, or 'license.signingCertificateURL'",
        { signing_certificate_file = false })
    end)

    it("say what is wrong with a key or a certificate", function()
      local function path(name, command)
        shell.run(("cd %s && %s 2>&1"):format(sidecar.folder, command))
        return sidecar:path(name)
      end
      refused("licensing: the key is not an RSA key", {
        key_file = path("ec", "openssl ecparam -name prime256v1 -genkey -noout -out ec"),
      })
      refused("has another size than the 3072 bits", { key_file = path("small", "openssl genrsa -out small 2048") })
      refused("licensing: the key is not that of the certificate", {
        key_file = path("other", "openssl genrsa -out other 3072"),
      })
      refused("licensing: the key file cannot be read", { key_file = sidecar:path "missing" })
      refused("licensing: the certificate " .. sidecar:path "key" .. " cannot be used: it is no X.509 certificate", {
        signing_certificate_file = sidecar:path "key",
      })
      refused("licensing: the certificate", { encryption_certificate_file = sidecar:path "missing" })
    end)
  end)
end)
