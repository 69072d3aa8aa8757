-- `marketplace check` against a real marketplace: nginx with TLS before `marketplace serve`, which carries the device
-- and the receiver, the packages as files, and a simulator as App Store Connect. Then against servers that are broken
-- in ways that only a network shows.
local certificates = require "support.certificates"
local checked_market = require "support.checked_market"
local core = require "marketplace.core"
local json = require "marketplace.json"
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local shell = require "support.shell"
local simulated_api = require "support.simulated_api"
local socket = require "socket"

local SESSION = "Bearer somebodys-session"

local DEVICE = [[
return {
  packages = "%s",
  token = { key_id = "%s", marketplace_id = "%s", key_file = "%s" },
  base_url = "https://market.example/device", packages_url = "https://packages.market.example",
  license = {
    dynamicLicenseURL = "https://market.example/asked/1", licenseRenewalURL = "https://market.example/asked/2",
    signingCertificateURL = "https://market.example/read/3", encryptionCertificateURL = "https://market.example/read/4",
  },
  authenticate = function(request)
    if request.headers.authorization == "%s" then return "somebody" end
  end,
}
]]

local TLS = "ssl_certificate <folder>/%s.crt; ssl_certificate_key <folder>/%s.key;"

local SERVER = TLS:format("server", "server") .. [[
  root %s/public;
  location /device/ { proxy_pass %s; proxy_pass_request_headers on; }
  location = /.well-known/marketplace-kit { proxy_pass %s; }
  location = /notifications { proxy_pass %s; }
  location /asked/ { return 401; }
  location /read/ { return 200 "a certificate"; }
]]

-- Broken ones, each on a port of its own.
local BROKEN = {
  expired = TLS:format("expired", "server"),
  early = TLS:format("early", "server"),
  lonely = TLS:format("lonely", "lonely"),
  redirecting = TLS:format("server", "server") .. "return 301 https://www.market.example$request_uri;",
  huge = TLS:format("server", "server") .. "location / { root <folder>; try_files /huge =404; }",
  silent = TLS:format("server", "server") .. "location / { content_by_lua_block { ngx.sleep(60) } }",
  dripping = TLS:format("server", "server") .. [[location / { content_by_lua_block {
    for _ = 1, 600 do ngx.print(" ") ngx.flush(true) ngx.sleep(0.1) end } }]],
  failing = TLS:format("server", "server") .. "return 500;",
  whole = TLS:format("server", "server") .. "root %s/public; max_ranges 0;",
  old = TLS:format("server", "server") .. "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;",
}

describe("marketplace check", function()
  local folder, api, nginx, serve, ports, environment

  local function write(name, text)
    assert(core.replace_file(folder .. "/" .. name, text))
    return folder .. "/" .. name
  end

  local function make_certificates()
    certificates.make(folder, certificates.EXPIRED, nil, "DNS:localhost,DNS:market.example,DNS:*.market.example")
    shell.run(("cd %s && cp server.crt expired.crt"):format(folder))
    certificates.renew(folder, certificates.VALID, nil, "20900101000000Z")
    shell.run(("cd %s && cp server.crt early.crt"):format(folder))
    certificates.renew(folder, certificates.VALID)
    local cert, key = raw.certificate()
    write("lonely.crt", cert)
    write("lonely.key", key)
  end

  local function start_serve(key_id)
    local config = write("device.lua", DEVICE:format(checked_market.folder(), key_id, api.app,
      write("install.p8", checked_market.KEY), SESSION))
    local handlers = write("handlers.lua", "return function(receiver) receiver:on('*', function() end) end")
    local command = shell.marketplace(("serve %s --device-config %s --port 0 --inbox sqlite:%s/inbox.db"):format(
      handlers, config, folder), "MARKETPLACE_SECRET='the secret of the webhook'")
    local pipe, pid = shell.in_background("env " .. command .. " 2>&1")
    local line
    repeat line = assert(pipe:read "*l", "serve did not start") until line:find "url=%S+"
    serve = { pipe = pipe, pid = pid, url = line:match "url=(http://[%d.]+:%d+)" }
  end

  local function start_nginx()
    local servers = {}
    ports = {}
    for name, text in pairs(BROKEN) do
      ports[name] = shell.free_port()
      servers[#servers + 1] = ("server { listen 127.0.0.1:%d ssl; %s }"):format(ports[name],
        (text:gsub("%%s/public", checked_market.folder() .. "/public")))
    end
    nginx = assert(nginx_server.start {
      listen = "ssl", http = table.concat(servers, "\n"):gsub("<folder>", folder),
      server = SERVER:gsub("<folder>", folder):format(checked_market.folder(), serve.url, serve.url, serve.url),
    })
    ports.good = nginx.port
  end

  local function register()
    local client = api:client()
    assert(client.alternativeDistributionDomains:create { domain = "market.example", referenceName = "ours" })
    local key = assert(client.alternativeDistributionKeys:create { publicKey = checked_market.PUBLIC })
    return key.id, client
  end

  setup(function()
    folder = shell.run "mktemp -d"
    shell.run("chmod 755 " .. folder)
    make_certificates()
    shell.run(("truncate -s 1G %s/huge"):format(folder))
    api = simulated_api.start(("--ca-file %s/ca.crt"):format(folder))
    local key_id, client = register()
    start_serve(key_id)
    start_nginx()
    local events = require "marketplace.event_types"
    assert(client.webhooks:create {
      app = api.app, name = "ours", url = ("https://localhost:%d/notifications"):format(ports.good),
      secret = "the secret of the webhook", enabled = true, eventTypes = events.MARKETPLACE,
    })
    environment = api:environment()
  end)

  teardown(function()
    nginx:stop()
    shell.run("kill -TERM " .. serve.pid)
    serve.pipe:close()
    api:stop()
    checked_market.remove()
    raw.remove_files()
    shell.run("rm -rf " .. folder)
  end)

  local function check(arguments, variables)
    return shell.capture(shell.marketplace("check " .. arguments, variables))
  end

  local function whole(more)
    local headers = write("headers.txt", "# of a test\nAuthorization: " .. SESSION .. "\n")
    shell.run("chmod 600 " .. headers)
    return ("--device-config %s/device.lua --connect 127.0.0.1:%d --ca-file %s/ca.crt --app %s --header-file %s %s")
      :format(folder, ports.good, folder, api.app, headers, more or "")
  end

  it("finds nothing wrong with a sound marketplace, and shows no secret", function()
    local output, status = check(whole(), environment)
    for line in output:gmatch "[^\n]+" do assert.is_truthy(line:find "^ok  " or line:find "^%d+ ok, ", line) end
    assert.same({ 0, "25 ok, 0 warnings, 0 errors, 0 not looked at" }, { status, output:match "([^\n]+)\n$" })
    assert.is_nil(output:find("somebodys-session", 1, true))
  end)

  it("writes an object a line", function()
    local output, status = check(whole "--json --no-ping", environment)
    local levels, count = {}, 0
    for line in output:gmatch "[^\n]+" do
      local one = assert(json.decode(line), line)
      assert.same({ "string", "string", "string" }, { type(one.check), type(one.about), type(one.message) })
      levels[one.level], count = true, count + 1
    end
    assert.same({ 0, 25, { ok = true, skipped = true } }, { status, count, levels })
  end)

  it("asks nobody at App Store Connect without a key, and says so", function()
    local output, status = check(whole())
    assert.equal(0, status, output)
    assert.matches("skipped  App Store Connect: no key of App Store Connect's API was given", output)
    assert.matches("0 errors, 5 not looked at\n$", output)
  end)

  local NAMES = {
    expired = "error    market.example: the certificate has expired. To do: renew it",
    early = "error    market.example: the certificate is not valid yet. To do: if this machine's clock",
    lonely = "error    market.example: the certificate is self%-signed, and no device trusts it",
    redirecting = "error    %S+: the answer is 301, to https://www.market.example/%S+. To do: devices follow no",
    huge = "error    %S+: the answer is larger than 1.04 MB",
    silent = "error    %S+: no answer came within 1 s. To do: the server's log may say what it waits for",
    dripping = "error    %S+: no answer came within 1 s",
    failing = "error    %S+: the answer is 500. To do: the server's log says why",
    old = "error    market.example: no TLS connection can be made: .*To do: check whether the server speaks TLS 1.2",
  }

  for name, expected in pairs(NAMES) do
    it("says what is wrong with a server that is " .. name, function()
      -- in an address space that has no room for a large answer
      local output, status = shell.capture("ulimit -v 1000000; " .. shell.marketplace(
        ("check --domain market.example --connect 127.0.0.1:%d --ca-file %s/ca.crt --timeout 1"):format(ports[name],
          folder)))
      assert.equal(1, status, output)
      assert.matches(expected, output)
    end)
  end

  local function says(expected, arguments)
    local output, status = check(arguments)
    assert.equal(1, status, output)
    assert.matches(expected, output)
  end

  it("says what is wrong with names, ports and authorities", function()
    local at = ("--connect 127.0.0.1:%d"):format(ports.good)
    local ca = (" --ca-file %s/ca.crt"):format(folder)
    says("error    other.example: the certificate is for localhost, market.example, %*.market.example, not for " ..
      "other.example. To do: get one that is for other.example", "--domain other.example " .. at .. ca)
    says("error    market.example: no authority that is known here vouches for the certificate. To do: have the server",
      "--domain market.example " .. at)
    says("error    %S+: cannot connect: .*To do: check whether the server runs",
      "--domain market.example --connect 127.0.0.1:" .. shell.free_port() .. ca)
    says("error    %S+: cannot connect: ", "--domain market.example --connect '[::1]:1'" .. ca)
    says("error    %S+: no address is known for market.invalid. To do: make its DNS record",
      "--domain market.invalid" .. ca)
    says("error    market.example: the certificates to trust cannot be read. To do: look at what %-%-ca%-file names",
      "--domain market.example --ca-file /nowhere " .. at)
    says("error    %S+: no TLS connection can be made", ("--domain market.example --connect %s%s"):format(
      serve.url:match "//(.*)$", ca))
  end)

  it("says that parts of packages cannot be had, and reads no more of them", function()
    says("error    https://packages.market.example/%S+: variant/%S+: the whole file comes although a part was",
      ("--device-config %s/device.lua --connect 127.0.0.1:%d --ca-file %s/ca.crt"):format(folder, ports.whole, folder))
  end)

  it("looks at a server over IPv6", function()
    local listener = socket.tcp6()
    finally(function() listener:close() end)
    assert(listener:bind("::1", 0))
    assert(listener:listen(1))
    local _, port = listener:getsockname()
    -- who connects is heard, and never answered
    says("error    %S+: no answer came within 1 s", ("--domain market.example --connect '[::1]:%d' --timeout 1"):format(
      port))
  end)

  it("says what is wrong with its usage", function()
    for arguments, expected in pairs {
      [""] = "nothing is named to look at: give %-%-domain",
      ["--domain https://market.example"] = "check: %-%-domain must be a host name",
      ["--domain a --connect a:b"] = "%-%-connect must be host:port",
      ["--domain a --header nothing"] = "%-%-header must be a line such as",
      ["--domain a --sample 0"] = "%-%-sample must be a whole number from 1 to 900",
      ["--domain a --within x"] = "%-%-within must be a number of seconds",
      ["--domain a --key-id K"] = "%-%-key%-file is missing",
    } do
      local output, status = check(arguments)
      assert.equal(2, status, output)
      assert.matches(expected, output)
    end
    for _, arguments in ipairs { "--device-config /nowhere/device.lua", "--domain a --header-file /nowhere/headers" } do
      local output, status = check(arguments)
      assert.equal(1, status, output)
      assert.matches("/nowhere/", output)
    end
  end)

  it("says which line of a file of headers is none, without what it holds", function()
    local path = write("headers", "# of a test device\nAuthorization: Bearer a\n\nBearer something-secret\n")
    local output, status = check("--domain a --header-file " .. path)
    assert.equal(1, status, output)
    assert.matches(path .. ': line 4 is no header, "Name: value"', output, 1, true)
    assert.is_nil(output:find("something", 1, true))
  end)

  it("says what is wrong with the device's options, with which no server would start", function()
    local sound = 'base_url = "https://market.example", authenticate = print, packages = "/nowhere", ' ..
      'token = { key_id = "K", marketplace_id = "67", key_file = "/nowhere/key" }'
    for more, expected in pairs {
      ["base_url = 5"] = "option 'base_url' must be a string, not a number",
      ["packges = 1"] = "unknown option 'packges'",
      ["polling_interval = 86400"] = "option 'polling_interval' is 86400, which can only be seconds",
      ["token = {}"] = "marketplace.device: token: option 'key_id' is missing",
      ['token = { key_id = "K", marketplace_id = "67", key_file = "/nowhere/key", lifetime = 10 }'] =
        "token: option 'lifetime' must be more than 60",
    } do
      local path = raw.write_file(("return { %s, %s }"):format(sound, more))
      local output, status = check("--device-config " .. path)
      os.remove(path)
      assert.equal(1, status, output)
      assert.matches(path .. ": marketplace.device: ", output, 1, true)
      assert.matches(expected, output, 1, true)
      assert.is_nil(output:find("token.lua", 1, true))
    end
  end)
end)
