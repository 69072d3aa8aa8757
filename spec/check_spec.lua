-- What a check of a marketplace says: of a sound one that all is well, and of one that is broken in one way what that
-- is and what to do. The network, TLS and the command are in spec/once/check_spec.lua.
local checked_market = require "support.checked_market"
local core = require "marketplace.core"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local simulation = require "support.simulation"
local token = require "marketplace.token"

local WELL_KNOWN = "/.well-known/marketplace-kit"
local NONE = json.null

describe("marketplace.check", function()
  local market

  before_each(function() market = checked_market.new() end)
  after_each(function() market:close() end)
  teardown(checked_market.remove)

  -- Lines "level check about: message. To do: action" of what is not ok.
  local function complaints(more)
    local lines = {}
    local list, counts = marketplace.check(market:options(more))
    for _, one in ipairs(list) do
      local action = one.action and ". To do: " .. one.action or ""
      if one.level ~= "ok" then
        lines[#lines + 1] = ("%s %s %s: %s%s"):format(one.level, one.check, one.about, one.message, action)
      end
    end
    return lines, counts, list
  end

  it("finds nothing wrong with a sound marketplace, and looks at all of it", function()
    local lines, counts, list = complaints()
    assert.same({}, lines)
    assert.same({ ok = 26, warning = 0, error = 0, skipped = 0 }, counts)
    local looked_at = {}
    for _, one in ipairs(list) do looked_at[one.check] = true end
    for _, name in ipairs {
      "app_store_connect", "clock", "domain", "tls", "well_known", "updates", "restore", "license", "token", "packages",
      "key_blobs", "takedowns", "webhook", "deliveries", "receiver", "ping",
    } do
      assert.is_true(looked_at[name], name)
    end
  end)

  it("changes nothing but for a ping", function()
    complaints()
    for _, row in ipairs(market.simulation.sim:requests()) do
      if row.method ~= "GET" and row.path ~= "/v1/webhookPings" then
        -- those that set it up
        assert.is_truthy(("/v1/alternativeDistributionDomains /v1/alternativeDistributionKeys /v1/webhooks"):find(
          row.path, 1, true), row.path)
        assert.equal(1, row.arrived)
      end
    end
    assert.equal(1, market.simulation.sim:requests("POST", "/v1/webhookPings").executed)
  end)

  --[[ Ways to break it ]]

  local function answer_at(path, status, headers, body)
    market.before = function(request)
      if request.path == path then return { status = status, headers = headers or {}, body = body or "" } end
    end
  end

  local function fail_at(host, message, code, detail)
    market.before = function(request)
      if request.host == host then return nil, message, code, detail end
    end
  end

  -- Changes the JSON that is answered at a path with 200.
  local function edit(path, change)
    market.after = function(request, response)
      if request.path ~= path or response.status ~= 200 then return end
      local document = json.decode(response.body)
      response.body = json.encode(change(document) or document)
    end
  end

  -- To one that options which nobody has given here have made.
  local function edit_well_known(change)
    market.device_options = { packages = market.packages, token = market.device_options.token }
    edit(WELL_KNOWN, change)
  end

  -- Has all install tokens be others.
  local function sign_otherwise(more)
    local given = {
      kind = "install", key = checked_market.KEY, key_id = market.key_id, marketplace_id = simulation.APP,
      dtype = "download", bundle_id = "com.example.game", now = market.now,
    }
    for name, value in pairs(more) do given[name] = value end
    edit("/device/updates", function(document)
      for _, one in ipairs(document.updates) do one.installVerificationToken = assert(token.new(given)) end
    end)
  end

  local function change_file(pattern, change)
    market.after = function(request, response)
      if request.host == checked_market.PACKAGES and request.path:find(pattern) then change(response, request) end
    end
  end

  local function answer_apple(kind, path)
    market.simulation.sim:fault { kind = kind, path = path, times = 100 }
  end

  local DOMAIN, HOOK = checked_market.DOMAIN, checked_market.HOOK

  --[[ What is said then: all that is not ok ]]

  local CASES = {
    -- TLS
    { "the certificate has expired", function()
      fail_at(DOMAIN, "SSL certificate problem: certificate has expired", "tls_failed")
    end, { "error tls market.example: the certificate has expired. To do: renew it" }, also_skips = true },
    { "the certificate is not valid yet", function()
      fail_at(DOMAIN, "SSL certificate problem: certificate is not yet valid", "tls_failed")
    end, { "error tls market.example: the certificate is not valid yet. To do: if this machine's clock" },
      also_skips = true },
    { "the certificate is for others", function()
      fail_at(DOMAIN, "SSL: no alternative certificate subject name matches target host name 'market.example'",
        "tls_failed", { certificate = { names = { "a.example", "b.example", "c", "d", "e", "f", "g" } } })
    end, { "error tls market.example: the certificate is for a.example, b.example, c, d, e, 2 more, not for " ..
      "market.example. To do: get one that is for market.example" }, also_skips = true },
    { "the chain is not whole", function()
      fail_at(DOMAIN, "SSL certificate problem: unable to get local issuer certificate", "tls_failed")
    end, { "error tls market.example: no authority that is known here vouches for the certificate. To do: have the " ..
      "server send the whole chain" }, also_skips = true },
    { "the authorities cannot be read", function()
      fail_at(DOMAIN, "error adding trust anchors from file: /nowhere", "tls_failed")
    end, { "error tls market.example: the certificates to trust cannot be read. To do: look at what %-%-ca%-file" },
      also_skips = true },
    { "the certificate was revoked", function()
      fail_at(DOMAIN, "SSL certificate problem: certificate revoked", "tls_failed")
    end, { "error tls market.example: the certificate was revoked. To do: get another one" }, also_skips = true },
    { "TLS fails in a way that is not known", function()
      fail_at(DOMAIN, "SSL certificate problem: EE certificate key too weak", "tls_failed")
    end, { "error tls market.example: TLS failed: .*key too weak. To do: look at the server's certificate" },
      also_skips = true },
    { "the certificate expires soon", function()
      market.after = function(request, response)
        if request.certificate and request.host == DOMAIN then
          response.certificate.expires_at = market.now + 10 * 86400
        end
      end
    end, { "warning tls market.example: the certificate is trusted and for this host; it expires at %S+, in 10 " ..
      "days. " ..
      "To do: renew it now" } },
    { "the certificate expires tomorrow", function()
      market.after = function(request, response)
        if request.certificate and request.host == DOMAIN then
          response.certificate.expires_at = market.now + 86400
        end
      end
    end, { "error tls market.example: .*in 1.0 days. To do: renew it now" } },
    -- the way there
    { "no name leads there", function()
      fail_at(DOMAIN, "Could not resolve host: market.example", "connect_failed")
    end, { "error well_known https://market.example/%S+: no address is known for market.example. To do: make " ..
      "its DNS " ..
      "record; .*%-%-connect" }, also_skips = true },
    { "nobody listens", function()
      fail_at(DOMAIN, "Failed to connect to market.example port 443 after 0 ms: Connection refused", "connect_failed")
    end, { "error well_known .*: cannot connect: .*Connection refused. To do: check whether the server runs" },
      also_skips = true },
    { "the server does not answer", function()
      fail_at(DOMAIN, "Operation timed out", "timeout")
    end, {
      "error well_known .*: no answer came within 10 s. To do: the server's log",
      "error updates .*: no answer came within 10 s",
    }, also_skips = true },
    { "the certificate of another host expires", function()
      market.after = function(request, response)
        if request.certificate and request.host == checked_market.PACKAGES then
          response.certificate.expires_at = market.now + 3600
        end
      end
    end, { "error tls packages.market.example: .*in 0.0 days. To do: renew it now" } },
    { "the clock of another host is off", function()
      market:serve { base_url = "https://devices.market.example/device" }
      market.device_options = { token = market.device_options.token, packages = market.packages,
        packages_url = "https://" .. checked_market.PACKAGES, base_url = "https://devices.market.example/device",
        license = market.device_options.license }
      market.before = function(request)
        if request.host == "devices.market.example" then request.host = DOMAIN end
      end
      market.after = function(request, response)
        if request.path == "/device/updates" then response.headers.date = "Thu, 28 May 2026 20:26:10 GMT" end
      end
    end, { "warning clock devices.market.example: the clock is 30 s behind, by App Store Connect's" } },
    -- the file
    { "the file is elsewhere", function()
      answer_at(WELL_KNOWN, 301, { location = "https://www.market.example" .. WELL_KNOWN })
    end, { "error well_known .*: the answer is 301, to https://www.market.example/%S+. To do: devices follow no " ..
      "redirect: answer at this very address" } },
    { "the file is not there", function() answer_at(WELL_KNOWN, 404) end,
      { "error well_known .*: the answer is 404. To do: check whether the server passes this address on" } },
    { "the file asks for a password", function() answer_at(WELL_KNOWN, 401) end,
      { "error well_known .*: the answer is 401. To do: let everybody read it" } },
    { "the file is a page", function()
      answer_at(WELL_KNOWN, 200, { ["content-type"] = "text/html" }, "<html>Welcome</html>")
    end, {
      "warning well_known .*: its content type is not application/json: text/html",
      "error well_known .*: it is not a JSON object: <html>Welcome</html>. To do: find out what answers",
    } },
    { "the file is a list", function() edit_well_known(function() return json.list { "a" } end) end,
      { "error well_known .*: it is not a JSON object: %[\"a\"%]" }, also_skips = true },
    { "the file is of 100 MB", function()
      answer_at(WELL_KNOWN, 200, { ["content-type"] = "application/json" }, (" "):rep(2 ^ 20 + 1))
    end, {
      "skipped tls market.example: no certificate was seen",
      "error well_known .*: the answer is larger than 1.04 MB. To do: find out what answers there",
    } },
    { "the file is compressed", function()
      answer_at(WELL_KNOWN, 200, { ["content-encoding"] = "gzip" }, "\31\139")
    end, { "error well_known .*: it is encoded, though nobody asked for that: gzip" } },
    { "the interval is in seconds", function()
      edit_well_known(function(document) document.updates.pollingInterval = 43200 end)
    end, {
      "error well_known .*: updates.pollingInterval is 43200, which can only be seconds: it is in hours, and " ..
        "devices " ..
        "would next ask for updates in 4.9 years. To do: give it in hours, such as 24",
    } },
    { "the interval is short", function()
      market.device_options = market:serve { polling_interval = 1 }
    end, { "warning well_known .*: updates.pollingInterval is 1: devices take less than 24 hours as 24" } },
    { "members have wrong types", function()
      edit_well_known(function()
        return { restore = 7, updates = { url = NONE, pollingInterval = "24" }, license = { "a" },
          overridesByAppleItemID = { game = { restore = "http://a.example" }, ["7"] = "x" }, extra = true }
      end)
    end, {
      "warning well_known .*: extra is not a member that devices know",
      "error well_known .*: restore is a number, not a URL",
      "error well_known .*: updates.url is null, not a URL",
      "error well_known .*: updates.pollingInterval is a string, not a number",
      "error well_known .*: license is a list, not an object",
      "error well_known .*: overridesByAppleItemID%[7%] is a string, not an object",
      "error well_known .*: overridesByAppleItemID%[game%] is not named by Apple's id of an app",
      "error well_known .*: overridesByAppleItemID%[game%].restore is http://a.example: devices take nothing but https",
      "skipped updates updates of market.example: no https:// address to ask is known. To do: correct the file",
      "skipped restore restore of market.example: no https:// address to ask is known",
      "skipped token install tokens: no answer had one",
      "skipped packages packages: it is not known at which address they are served. To do: name the device's options",
    } },
    { "empty lists stand for objects, as PHP writes them", function()
      edit_well_known(function(document)
        document.license, document.overridesByAppleItemID = json.list {}, json.list {}
        return document
      end)
    end, {
      "error well_known .*: license is a list, not an object",
      "error well_known .*: overridesByAppleItemID is a list, not an object",
    } },
    { "members are missing", function()
      edit_well_known(function()
        return { license = { dynamicLicenseURL = "https://market.example/licences/new" } }
      end)
    end, {
      "error well_known .*: restore is missing", "error well_known .*: updates is missing",
      "warning well_known .*: license.licenseRenewalURL is missing: licences need it",
      "warning well_known .*: license.signingCertificateURL is missing",
      "warning well_known .*: license.encryptionCertificateURL is missing",
    }, also_skips = true },
    { "there is no licence server", function()
      market.device_options.license = nil
      market:serve {}
    end, { "warning well_known .*: license is missing: a device installs no app without a licence" } },
    { "the server has other options", function() market:serve { polling_interval = 48 } end,
      { "warning well_known .*: it is not what the device's options here would give. To do: have the server " ..
        "load them" } },
    -- endpoints
    { "nobody is refused", function()
      market:serve { authenticate = function() return "everybody" end }
    end, {
      "warning updates .*: a device that has not signed in is answered with 200. To do: have authenticate return nil",
      "warning restore .*: a device that has not signed in is answered with 200",
    } },
    { "the header is refused", function()
      market:serve { authenticate = function(request)
        if request.headers.authorization then return false end
      end }
    end, {
      "error updates .*: the header that was given is refused with 403. To do: sign in anew",
      "error restore .*: the header that was given is refused with 403",
      "skipped token install tokens: no answer had one",
    } },
    { "no header is given", function() end, {
      "skipped updates .*: no header of a device that has signed in was given, .*To do: give one with %-%-header",
      "skipped restore", "skipped token install tokens: no answer had one",
    }, options = { headers = NONE } },
    { "an endpoint is not there", function() answer_at("/device/updates", 404) end, {
      "error updates .*: the answer is 404 to a device that has not signed in, in place of 401. To do: check whether",
      "error updates .*: the answer is 404. To do: check whether the server passes",
    } },
    { "an endpoint fails", function()
      market:serve { authenticate = function() error "the database is down" end }
    end, {
      "error updates .*: the answer is 503 to a device that has not signed in, in place of 401. To do: the server's",
      "error updates .*: the answer is 503.", "error restore .*: the answer is 503 to", "error restore .*: the " ..
        "answer is",
      "skipped token install tokens: no answer had one",
    } },
    { "an answer is a page", function()
      market.after = function(request, response)
        if request.path == "/device/restore" and response.status == 200 then response.body = "<html>" end
      end
    end, { "error restore .*: the answer is not a JSON object: <html>" } },
    { "an answer has no list", function()
      edit("/device/restore", function(document) document.restores = nil end)
    end, { "error restore .*: the answer's member restores is missing" } },
    { "a failure has no code", function()
      edit("/device/restore", function(document) document.failures[1].failure.code = "404" end)
    end, { "error restore .*: an entry of failures is not as devices read it" } },
    { "an empty object stands for a list", function()
      edit("/device/updates", function(document) document.failures = {} end)
    end, { "error updates .*: the answer's member failures is not a list" } },
    { "what is unknown is no failure", function()
      edit("/device/updates", function(document) document.failures = json.list {} end)
    end, { "warning updates .*: an app that does not exist is not among the failures with code 404. To do: name" } },
    { "apps are not offered", function()
      edit("/device/updates", function(document) document.updates = json.list { document.updates[1] } end)
    end, { "warning updates .*: 1 of 2 apps that are served are not offered: 6499000002. To do: unless the " ..
      "account's territory" } },
    { "an offer has no token", function()
      edit("/device/restore", function(document) document.restores[2].installVerificationToken = nil end)
    end, { "error restore .*: restores%[2%]: installVerificationToken is missing or not a text" } },
    { "packages are on another domain", function()
      edit("/device/restore", function(document)
        document.restores[1].alternativeDistributionPackage = "https://cdn.example/a/"
      end)
    end, { "error restore .*: restores%[1%]: alternativeDistributionPackage is on cdn.example, which is not " ..
      "below the " ..
      "registered domain. To do: serve packages from a host below it" } },
    -- licences
    { "the licence server is not there", function() answer_at("/licences/new", 404) end,
      { "error license .*/new: dynamicLicenseURL: the answer is 404 to an empty request. To do" } },
    { "the licence server takes anything", function() answer_at("/licences/renewal", 200) end,
      { "error license .*/renewal: licenseRenewalURL: the answer is 200 to an empty request" } },
    { "the licence server is elsewhere", function()
      answer_at("/licences/signing", 302, { location = "https://a.example/" })
    end, { "error license .*: signingCertificateURL: the answer is 302, to https://a.example/. To do: devices" } },
    { "a certificate for licences is empty", function() answer_at("/licences/encryption", 200) end,
      { "error license .*: encryptionCertificateURL is empty. To do: serve the certificate there" } },
    { "the licence server does not answer", function()
      market.before = function(request)
        if request.path == "/licences/new" then return nil, "timed out", "timeout" end
      end
    end, { "error license .*: no answer came within 10 s" } },
    -- tokens
    { "the key id is another one", function() sign_otherwise { key_id = "OTHER" } end,
      { "error token install tokens: 2 of 5 are wrong: the key id OTHER is not that of a registered alternative " ..
        "distribution key: %S+. To do: sign with the key that is registered" } },
    { "the key is another one", function() sign_otherwise { key = simulation.PRIVATE } end,
      { "error token install tokens: 2 of 5 are wrong: the signature is not that of the key %S+. To do: name " ..
        "the file" } },
    { "the options' key is another one", function()
      market.device_options.token.key = simulation.PRIVATE
    end, { "error token the device's options: the key is not the one that is registered as" } },
    { "the options' key id is another one", function()
      market.device_options.token = { key_id = "OTHER", marketplace_id = simulation.APP, key = checked_market.KEY }
    end, { "error token the device's options: the key id OTHER is not that of a registered" } },
    { "the options' key cannot be read", function()
      market.device_options.token = { key_id = "K", marketplace_id = simulation.APP, key_file = "/nowhere/install.p8" }
    end, { "error token /nowhere/install.p8: the key cannot be read: .*To do: look at token.key_file" } },
    { "no key is registered", function()
      market.simulation:expect(204, "DELETE /v1/alternativeDistributionKeys/" .. market.key_id)
    end, {
      "error token App Store Connect: no alternative distribution key is registered",
      "error token the device's options: the key id %S+ is not that of a registered alternative distribution key: none",
      "error token install tokens: 5 of 5 are wrong: the key id %S+ is not that",
    } },
    { "App Store Connect does not give the public key", function()
      for _, record in ipairs(market.simulation.sim.store:list "alternativeDistributionKeys") do
        record.attributes.publicKey = "in a form that nobody knows"
      end
    end, {
      "skipped token the device's options: the id %S+ is registered; App Store Connect does not give its key",
      "skipped token install tokens: 5 name a registered key .*so that their signatures were not verified",
    } },
    { "App Store Connect gives the public key without its frame", function()
      for _, record in ipairs(market.simulation.sim.store:list "alternativeDistributionKeys") do
        record.attributes.publicKey = record.attributes.publicKey:gsub("%-%-%-[^\n]+", ""):gsub("%s", "")
      end
    end, {} },
    { "tokens begin later", function() sign_otherwise { now = market.now + 300, back_dated = 60 } end,
      { "error token install tokens: 2 of 5 are wrong: it begins in 240 s. To do: set the clock of the server" } },
    { "tokens have ended", function() sign_otherwise { now = market.now - 400 } end,
      { "error token install tokens: 2 of 5 are wrong: it ended 160 s ago. To do: set the clock" } },
    { "tokens are for another app", function() sign_otherwise { bundle_id = "com.example.other" } end,
      { "error token install tokens: 2 of 5 are wrong: bid is com.example.other, and the app's bundle id is " ..
        "com.example.game" } },
    { "tokens are another marketplace's", function() sign_otherwise { marketplace_id = "77" } end,
      { "error token install tokens: 2 of 5 are wrong: iss is 77, and the options' marketplace_id is 6740012345" } },
    { "tokens share a nonce", function() sign_otherwise { nonce = "always-the-same" } end,
      { "error token install tokens: 1 of 5 are wrong: nonce is the same as in another token" } },
    { "a token is none", function()
      edit("/device/updates", function(document) document.updates[1].installVerificationToken = "a.b" end)
    end, { "error token install tokens: 1 of 5 are wrong: it is no JSON Web Token" } },
    -- packages
    { "a package is not there", function() market.before = function(request)
      if request.path:find "/v1/manifest.json$" then return { status = 404, headers = {}, body = "" } end
    end end, { "error packages https://packages.market.example/%d+/%d+/v1/: manifest.json: the answer is 404" } },
    { "a manifest was written anew", function()
      change_file("/v1/manifest.json$", function(response) response.body = response.body .. "\n" end)
    end, { "error packages .*/v1/: manifest.json: its %d+ bytes are not those that are published here" } },
    { "a signature is another one", function()
      change_file("/v2/signature$", function(response) response.body = "another" end)
    end, { "error packages .*/v2/: signature: its 7 bytes are not those that are published here. To do: have no " ..
      "cache" } },
    { "parts cannot be had", function()
      change_file("/v1/variant/", function(response) response.status = 200 end)
    end, { "error packages .*/v1/: variant/%S+: the whole file comes although a part was asked for with Range" } },
    { "an asset is of another size", function()
      change_file("/v1/variant/", function(response) response.headers["content-range"] = "bytes 0-9/10" end)
    end, { "error packages .*: the file has another size than the manifest's 251: bytes 0%-9/10" } },
    { "an asset has other bytes", function()
      change_file("/v1/variant/", function(response) response.body = response.body:upper() end)
    end, { "error packages .*: variant/%S+: its bytes are not those that are published here" } },
    { "packages are redirected", function()
      change_file("/v1/signature$", function(response)
        response.status, response.headers.location = 302, "https://login.example/"
      end)
    end, { "error packages .*/v1/: signature: the answer is 302, to https://login.example/. To do: devices " ..
      "follow no" } },
    { "packages come compressed", function()
      change_file("/v1/manifest.json$", function(response) response.headers["content-encoding"] = "br" end)
    end, { "error packages .*: manifest.json: it is encoded, though nobody asked for that: br" } },
    { "key blobs are missing", function()
      market.device_options.packages, market.copy = checked_market.copy_packages()
      assert(market.device_options.packages.keys.database:transact(function(link)
        link:run "DELETE FROM blobs WHERE version = 'v1'"
        return true
      end))
    end, { "error key_blobs package version v1: 3 of 3 assets have no key blob: no device gets a licence for them. " ..
      "To do: marketplace packages fetch v1" } },
    { "what was taken down is still there", function()
      change_file("/gone/", function(response)
        response.status, response.body = 200, checked_market.withdrawn_manifest()
      end)
    end, { "error takedowns https://packages%S+/gone/manifest.json: it was taken down, and is still served. To do" } },
    { "everything is answered with a page", function()
      change_file("/gone/", function(response) response.status, response.body = 200, "<html>" end)
    end, { "warning takedowns .*: it was taken down, and the answer is 200, with something else. To do: answer 404" } },
    { "key blobs can be read", function()
      change_file("^/state/", function(response) response.status, response.body = 206, "SQLite format 3\0" end)
    end, { "error packages https://packages.market.example/state/keys.db: everybody can read the key blobs. To do" } },
    { "the folder is not there", function() end, {
      "error packages /nowhere/packages: there are no packages in this folder",
      "skipped token install tokens: no answer had one",
    }, options = { packages = "/nowhere/packages" } },
    -- App Store Connect
    { "the domain is not registered", function() end, {
      "error domain other.example: it is not registered at App Store Connect: market.example is. To do: register it",
    }, options = { domain = "other.example" }, only = "^%S+ domain" },
    { "no domain is registered", function()
      local list = market.simulation:expect(200, "GET /v1/alternativeDistributionDomains")
      market.simulation:expect(204, "DELETE /v1/alternativeDistributionDomains/" .. list.data[1].id)
    end, { "error domain market.example: it is not registered at App Store Connect: no domain is" }, only = "domain" },
    { "no key of the API is given", function() end, {
      "skipped app_store_connect App Store Connect: no key of App Store Connect's API was given, so that it was not",
      "skipped token the device's options: the key can be read; it is not known whether it is registered",
      "skipped token install tokens: 5 say what Apple asks for; it is not known whether their key is registered",
      "skipped webhook app 6740012345: no key of App Store Connect's API was given",
    }, options = { client = NONE } },
    { "the key of the API is refused", function() answer_apple "401" end,
      { "error app_store_connect App Store Connect: .*401.*To do: check whether the key file, %-%-key%-id" },
      only = "^error" },
    { "agreements wait", function() answer_apple("403", "/v1/alternativeDistributionDomains") end,
      { "error app_store_connect App Store Connect: .*403.*To do: have the account holder sign the agreements" } },
    { "too many calls were made", function() answer_apple "429" end,
      { "error app_store_connect App Store Connect: .*429.*try again in 1 s. To do: wait" }, only = "^error" },
    { "the app is not known", function() end,
      { "error webhook app 99: .*404.*To do: look at the ids that were given, such as %-%-app" },
      options = { apps = { "99" }, device = NONE }, only = "^error" },
    { "App Store Connect fails", function() answer_apple("500", "/v1/apps/") end,
      { "error webhook app 6740012345: .*500.*To do: try again; https://developer.apple.com/system%-status/" } },
    { "App Store Connect answers a page", function() answer_apple("502_html", "/v1/alternativeDistributionKeys") end, {
      "error token App Store Connect: .*502 Bad Gateway.*To do: try again",
      "skipped token the device's options", "skipped token install",
    } },
    { "somebody else answers for App Store Connect", function() answer_apple("wrong_type", "/v1/apps/") end,
      { "error webhook app 6740012345: .*To do: find out whether it is Apple that answers" } },
    { "this machine's clock is ahead", function() market.apple_ahead = -45 end, {
      "warning clock this machine: the clock is 45 s ahead, by App Store Connect's. To do: set it by NTP",
      "warning clock market.example: the clock is 45 s ahead, by App Store Connect's",
    } },
    { "the server's clock is behind", function()
      market.after = function(request, response)
        if request.host == DOMAIN then response.headers.date = "Thu, 28 May 2026 20:24:40 GMT" end
      end
    end, { "error clock market.example: the clock is 120 s behind, by App Store Connect's. To do: set it by NTP" } },
    -- webhooks
    { "the webhook is disabled", function() market:update("webhooks", market.webhook, { enabled = false }) end,
      { "error webhook webhook %S+ of app 6740012345: it is disabled: nothing is sent to it. To do: marketplace " ..
        "webhooks update %S+ %-%-enabled" } },
    { "the webhook does not send all", function()
      market:update("webhooks", market.webhook, { eventTypes = json.list {
        "ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED", "BUILD_UPLOAD_STATE_UPDATED",
      } })
    end, { "error webhook .*: it does not send versions_unavailable,versions_restored,app_unavailable,app_restored. " ..
      "To do: marketplace webhooks update %S+ .*%-%-event app_unavailable %-%-event BUILD_UPLOAD_STATE_UPDATED$" } },
    { "the webhook leads elsewhere", function()
      market:update("webhooks", market.webhook, { url = "https://old.example/hook" })
    end, { "error webhook app 6740012345: its webhook leads to https://old.example/hook, and not to " ..
      "https://hooks.example/notifications. To do: marketplace webhooks update %S+ %-%-url https://hooks" } },
    { "the webhook leads to a port without TLS", function()
      market:update("webhooks", market.webhook, { url = "http://hooks.example/notifications" })
      market.hook = "http://hooks.example/notifications"
    end, { "error webhook .*: it does not lead to an https:// address: http://hooks.example/notifications" } },
    { "there is no webhook", function()
      market.simulation:expect(204, "DELETE /v1/webhooks/" .. market.webhook)
    end, { "error webhook app 6740012345: it has no webhook: .*To do: marketplace webhooks create %-%-app" } },
    { "there is only the account's webhook", function()
      market.simulation:expect(204, "DELETE /v1/webhooks/" .. market.webhook)
      market.simulation:marketplace_webhook()
    end, { "warning webhook app 6740012345: only the account's webhook of generation 1, .*leads to " ..
      "https://one.example/" },
      options = { webhook_url = NONE }, only = "^warning" },
    { "the last delivery failed", function()
      market.receiver:set_secrets { "another secret" }
      market.simulation.sim:event("app_unavailable", { app = "77" })
      market.simulation.sim:tick()
      market.receiver:set_secrets { checked_market.SECRET }
    end, { "skipped ping .*: no ping was asked for", "error deliveries webhook %S+ of app %d+: the last delivery " ..
      "failed, at %S+: the receiver answered 401. To do: give the webhook and the receiver the same secret: " ..
      "marketplace webhooks rotate%-secret" }, options = { ping = false } },
    { "the last delivery before the ping failed", function()
      market.receiver:set_secrets { "another secret" }
      market.simulation.sim:event("app_unavailable", { app = "77" })
      market.simulation.sim:tick()
      market.receiver:set_secrets { checked_market.SECRET }
      market.now = market.now + 60
      market.simulation.now = market.now
    end, { "warning deliveries .*: 0 of 1 events of the last day arrived, and 1 did not. To do: marketplace " ..
      "reconcile %-%-app" } },
    { "some deliveries failed", function()
      market.receiver:set_secrets { "another secret" }
      market.simulation.sim:event("app_unavailable", { app = "77" })
      market.simulation.sim:tick()
      market.receiver:set_secrets { checked_market.SECRET }
      market.now = market.now + 60
      market.simulation.now = market.now
      market.simulation.sim:event("app_unavailable", { app = "78" })
      market.simulation.sim:tick()
    end, { "warning deliveries .*: 1 of 2 events of the last day arrived, and 1 did not. To do: marketplace " ..
      "reconcile %-%-app" } },
    -- the receiver
    { "the secrets differ", function() market.receiver:set_secrets { "another secret" } end,
      { "error ping webhook %S+ of app %d+: App Store Connect's ping did not arrive: the receiver answered 401. " ..
        "To do: " ..
        "give the webhook and the receiver the same secret: marketplace webhooks rotate%-secret" } },
    { "the ping is not delivered", function() market.is_stuck = true end,
      { "warning ping .*: a ping was asked for, and was not delivered within 30 s. To do: look again later" } },
    { "no ping is wanted", function() end,
      { "skipped ping .*: no ping was asked for, so that it is not known whether its secret is the receiver's" },
      options = { ping = false } },
    { "everything is taken", function()
      market.before = function(request)
        if request.url == HOOK then return { status = 200, headers = {}, body = "ok" } end
      end
    end, { "error receiver https://hooks.example/notifications: a notification without a signature is accepted with " ..
      "200. To do: find out" } },
    { "the receiver is elsewhere", function()
      market.before = function(request)
        if request.url == HOOK then return { status = 308, headers = { location = "/" }, body = "" } end
      end
    end, { "error receiver .*: the answer is 308, to / to a notification without a signature, in place of 401. " ..
      "To do: App Store Connect" } },
    { "the receiver is not there", function()
      fail_at("hooks.example", "Connection refused", "connect_failed")
    end, { "error receiver https://hooks.example/notifications: cannot connect: Connection refused" } },
    { "no app is named", function() end,
      { "skipped webhook App Store Connect: no app was named, so no webhook was looked at. To do: name the" },
      options = { apps = NONE } },
    { "no domain is named", function() end, {
      "skipped domain devices: no domain was named", "skipped packages packages: no folder of packages was named",
    }, options = { domain = NONE, device = NONE } },
  }

  -- The lines that matter; those of what could not be looked at, as TLS failed or nobody answered, follow from that.
  local function expected_lines(lines, case)
    local chosen = {}
    for _, line in ipairs(lines) do
      local follows = case.also_skips and line:find "^skipped"
      if not follows and (not case.only or line:find(case.only)) then chosen[#chosen + 1] = line end
    end
    return chosen
  end

  for _, case in ipairs(CASES) do
    it("says so if " .. case[1], function()
      case[2]()
      local lines = expected_lines(complaints(case.options), case)
      assert.equal(#case[3], #lines, table.concat(lines, "\n"))
      for i, pattern in ipairs(case[3]) do
        assert.matches("^" .. pattern, lines[i])
      end
    end)
  end

  it("asks no more of a server that cannot be reached, and says so", function()
    fail_at(DOMAIN, "Connection refused", "connect_failed")
    local lines = table.concat(complaints(), "\n")
    local asked = 0
    for _, request in ipairs(market.requests) do asked = asked + (request.host == DOMAIN and 1 or 0) end
    assert.equal(1, asked)
    local line = "skipped updates https://market.example/device/updates: not asked, as https://market.example could " ..
      "not be reached"
    local from, to = lines:find(line, 1, true)
    assert.is_truthy(from, lines)
    assert.is_nil(lines:find(line, to, true), lines)
  end)

  it("ends in time, and says what was not looked at", function()
    market.before = function(request)
      market.now = market.now + request.timeout
      return nil, "timed out", "timeout"
    end
    local began = market.now
    local lines = table.concat(complaints { within = 15 }, "\n")
    assert.is_true(market.now - began <= 15 + 0.1)
    assert.matches("skipped receiver %S+: the 15 s for the whole check were over", lines)
  end)

  it("shows neither a header nor anything that could control a terminal", function()
    local evil = "\27[2J\226\128\174" .. checked_market.AUTHORIZATION .. "\r\n\194\155"
    market.before = function(request)
      if request.host == DOMAIN then return { status = 302, headers = { location = evil }, body = evil } end
      if request.host == checked_market.PACKAGES then
        return { status = 200, headers = { ["content-encoding"] = evil }, body = evil }
      end
    end
    market:update("webhooks", market.webhook, { url = "https://a.example/" .. evil:gsub("[%c ]", "") })
    local _, _, list = complaints { webhook_url = NONE }
    local whole = json.encode(list)
    assert.is_nil(whole:find("somebodys-session", 1, true))
    for _, one in ipairs(list) do
      for _, said in pairs(one) do
        local value = tostring(said)
        assert.is_nil(value:find "%c", value)
        assert.is_nil(value:find("\226\128\174", 1, true), value)
        assert.is_nil(value:find("\194\155", 1, true), value)
      end
    end
    assert.matches("(hidden)", whole, 1, true)
  end)

  it("shows no part of a header either, such as one of a cookie's values", function()
    for header, said in pairs {
      ["Cookie: lang=de; session=c2Vzc2lvbi1v; theme=dark"] = "c2Vzc2lvbi1v",
      ["Cookie: session=c2Vzc2lvbi1vZg=="] = "c2Vzc2lvbi1vZg==",
      ['Authorization: Digest username="somebody", response="6629fae49393a053"'] = "6629fae49393a053",
    } do
      market.before = function(request)
        if request.host == DOMAIN then return { status = 302, headers = { location = "/?s=" .. said }, body = "" } end
      end
      local _, _, list = complaints { headers = { header } }
      local whole = json.encode(list)
      assert.is_nil(whole:find(said, 1, true), header)
      assert.matches("(hidden)", whole, 1, true)
    end
  end)

  it("shows no more than the beginning of what is very long", function()
    market.after_apple = function(request, response)
      if not request.url:find "/webhooks%?" then return end
      local document = json.decode(response.body)
      document.data[1].id, document.data[1].attributes.enabled = ("x"):rep(100000), false
      response.body = json.encode(document)
    end
    local _, _, list = complaints()
    for _, one in ipairs(list) do
      for _, value in pairs(one) do assert.is_true(#tostring(value) <= 1003) end
    end
  end)

  it("says how many deliveries were looked at, whatever App Store Connect says that there are", function()
    market.after_apple = function(request, response)
      if not request.url:find("/deliveries?", 1, true) then return end
      local document = json.decode(response.body)
      document.meta.paging.total = 2 ^ 70
      response.body = json.encode(document)
    end
    local _, _, list = complaints()
    local said = {}
    for _, one in ipairs(list) do said[#said + 1] = one.message end
    assert.matches("no event was sent in the last day; only 1 of 1180591620717411303424 deliveries were looked at",
      table.concat(said, "\n"))
  end)

  it("compares the issuer of tokens with the app that is named, without options", function()
    local lines = complaints { apps = { "99" }, device = NONE, packages = market.packages }
    assert.matches("error token install tokens: 5 of 5 are wrong: iss is 6740012345, and not the marketplace's Apple",
      table.concat(lines, "\n"))
  end)

  it("tells each finding at once", function()
    local told = {}
    local list = marketplace.check(market:options { on_finding = function(one) told[#told + 1] = one end })
    assert.same(list, told)
  end)

  it("opens a folder of packages, and makes none", function()
    market.device_options.packages = NONE
    local lines = complaints { packages = market.root }
    assert.same({}, lines)
    local missing = market.root .. "/none"
    complaints { packages = missing }
    assert.is_nil(core.file_id(missing))
  end)

  it("looks at some of many packages", function()
    local _, _, list = complaints { sample = 1 }
    local lines = {}
    for _, one in ipairs(list) do lines[#lines + 1] = one.message end
    assert.matches("1 of 3 that are current %(1 were looked at%)", table.concat(lines, "\n"))
  end)

  it("refuses options that are wrong", function()
    for pattern, given in pairs {
      ["one of the options 'domain'"] = {}, ["unknown option 'domains'"] = { domains = "a" },
      ["'domain' must be a host name"] = { domain = "https://a.example" },
      ["'webhook_url' must be an http or https URL"] = { webhook_url = "a.example/hook" },
      ["'headers' must be a list of lines"] = { domain = "a", headers = { "a\r\nb: c" } },
      ["'apps' must be a list of ids"] = { domain = "a", apps = { "" } },
      ["'connect_to' must be host:port"] = { domain = "a", connect_to = "a:b" },
      ["'timeout' must be more than 0"] = { domain = "a", timeout = 0 },
      ["'within' must be more than 0"] = { domain = "a", within = 0 / 0 },
      ["'sample' must be a whole number from 1 to 900"] = { domain = "a", sample = 1000 },
    } do
      assert.error_matches(function() marketplace.check(given) end, pattern)
    end
  end)
end)
