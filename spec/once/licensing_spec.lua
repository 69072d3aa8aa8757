-- Licences as an operator has them: the simulator's sidecar and one that hangs, behind `serve` and nginx.
local core = require "marketplace.core"
local device_support = require "support.device"
local json = require "marketplace.json"
local licences = require "marketplace.simulator.licences"
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local shell = require "support.shell"
local sidecars = require "support.sidecar"

local OPTIONS = [[return {
  packages = "%s", token = { key_id = "K", marketplace_id = "67", key_file = "%s" },
  base_url = "https://market.example/device",
  authenticate = function(request) return request.headers["x-account"], "DEU" end,
  licensing = {
    socket = "%s", key_file = "%s", encryption_certificate_file = "%s", signing_certificate_file = "%s", timeout = %s,
  },
}]]

local APPS = { ["1"] = { appleVersionId = "10", assetPublicId = "asset-1" } }

describe("licences, with processes,", function()
  local setup_

  before_each(function()
    setup_ = sidecars.open()
    setup_:publish("v1", "1", "10", "asset-1")
    setup_:publish("v2", "2", "20", "asset-2")
    assert(core.replace_file(setup_:path "install.p8", device_support.KEY))
  end)

  after_each(function() setup_:close() end)

  local function options(timeout)
    local certificate = setup_:path "certificate"
    return OPTIONS:format(setup_.store.root, setup_:path "install.p8", setup_.socket, setup_:path "key", certificate,
      certificate, timeout or "55")
  end

  local function request_of(path, question)
    local body = json.encode(question)
    return ("POST /device/%s HTTP/1.1\r\nHost: a\r\nX-Account: somebody\r\nContent-Length: %d\r\n" ..
      "Connection: close\r\n\r\n%s"):format(path, #body, body)
  end

  local function question_of(apps)
    local ids = {}
    for id in pairs(apps) do ids[#ids + 1] = id end
    return setup_:question(apps, licences.request { device_id = "phone", apps = ids })
  end

  local function renewal_of(ids)
    local sealed = setup_:sealed(licences.request { device_id = "phone", licence_ids = ids })
    return { renewalRequest = sealed.request, licenseKey = sealed.key }
  end

  local function with_sidecar(use, more)
    return shell.with_server(shell.marketplace(("simulate licences --json --socket %s %s"):format(setup_.socket,
      more or "")), use)
  end

  -- post(path, question) -> status, document or text
  local function given_by_the_simulator(post)
    local status, answer = post("license", question_of(APPS))
    local found = licences.read(answer.license)
    assert.same({ 200, {}, "1", 86400 }, { status, answer.unlicensedApps, found.licences[1].app,
      found.licences[1].duration })
    local renewed
    status, renewed = post("license/renewal", renewal_of { found.licences[1].id, "999" })
    assert.same({ 200, { "999" }, found.licences[1].id },
      { status, renewed.ineligibleLicenses, licences.read(renewed.license).licences[1].id })
    status, answer = post("license", question_of { ["2"] = { appleVersionId = "20", assetPublicId = "asset-2" } })
    assert.same({ 200, { "2" }, {} }, { status, answer.unlicensedApps, licences.read(answer.license).licences })
    local text
    status, text = post("license", setup_:question(APPS, "not a simulated device's"))
    assert.same({ 400, "the licence request cannot be read\n" }, { status, text })
    local broken = question_of(APPS)
    broken.licenseKey = setup_:question(APPS).licenseKey
    status, text = post("license", broken)
    assert.same({ 400, "the licence request cannot be read\n" }, { status, text })
  end

  local function read_response(client)
    local bytes = client:receive "*a"
    client:close()
    local response = raw.responses(bytes)[1]
    local document = json.decode(response.body)
    return response.status, document or response.body
  end

  local function poster(connect)
    return function(path, question) return read_response(connect(request_of(path, question))) end
  end

  -- A sidecar that takes connections and says nothing.
  local function hanging(backlog)
    local listener = require "socket.unix"()
    assert(listener:bind(setup_.socket))
    assert(listener:listen(backlog or 16))
    return listener
  end

  local function await_connection(listener)
    listener:settimeout(10)
    return assert(listener:accept())
  end

  describe("in serve,", function()
    local function serve(use, timeout)
      assert(core.replace_file(setup_:path "handlers.lua", "return function() end"))
      assert(core.replace_file(setup_:path "device.lua", options(timeout)))
      return shell.with_server(shell.marketplace(
        ("serve --json --port 0 --inbox memory --device-config %s %s"):format(setup_:path "device.lua",
          setup_:path "handlers.lua"), "env MARKETPLACE_SECRET=secret"), function(url)
        use(function(bytes) return raw.connect(url, bytes) end)
      end)
    end

    it("are given, renewed and refused; and asked for in vain without a sidecar", function()
      local output = serve(function(connect)
        local post = poster(connect)
        assert.equal(503, (post("license", question_of(APPS))))
        with_sidecar(function() given_by_the_simulator(post) end, "--unlicensed 2")
        assert.is_false(shell.exists(setup_.socket))
        assert.equal(503, (post("license", question_of(APPS))))
      end)
      assert.is_truthy(output:find('"message":"licences not given"', 1, true), output)
      assert.is_truthy(output:find("it takes no connections: start it", 1, true), output)
      assert.is_truthy(output:find("the key was not encrypted for this server's key", 1, true)
        or output:find("the request's padding is wrong", 1, true), output)
    end)

    it("hold nothing else up while the sidecar hangs, and end in time", function()
      local listener = hanging()
      finally(function() listener:close() end)
      serve(function(connect)
        local waits = connect(request_of("license", question_of(APPS)))
        local taken = await_connection(listener)
        local status, answer = poster(connect)("updates", {
          apps = { { appleItemId = "1", appleVersionId = "0" } }, platform = "iOS", osVersion = "18",
        })
        assert.same({ 200, "10" }, { status, answer.updates[1].appleVersionId })
        assert.equal(503, (read_response(waits)))
        taken:close()
      end, "1.5")
    end)

    it("are asked for no longer once the device has gone", function()
      local listener = hanging()
      finally(function() listener:close() end)
      serve(function(connect)
        local waits = connect(request_of("license", question_of(APPS)))
        local taken = await_connection(listener)
        waits:close()
        taken:settimeout(10)
        local _, why = taken:receive "*a"
        assert.is_nil(why) -- the end, not a timeout
        taken:close()
      end)
    end)
  end)

  describe("in nginx,", function()
    local server

    local function start(timeout)
      server = assert(nginx_server.start {
        files = { ["device.lua"] = options(timeout) }, main = "thread_pool marketplace threads=2;",
        http = [[
          init_by_lua_block {
            require("marketplace.nginx").init {
              secrets = "a secret of the specs", inbox = "memory", dispatch = true, handlers = function() end,
              device_config = "<folder>/device.lua",
            }
          }
          init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
        ]],
        server = [[location / { content_by_lua_block { require("marketplace.nginx").device() } }]],
      })
    end

    local function connect(bytes)
      local client = server:connect()
      client:settimeout(10)
      assert(client:send(bytes))
      return client
    end

    after_each(function()
      if server then server:stop() end
      server = nil
    end)

    it("are given, renewed and refused", function()
      start()
      with_sidecar(function() given_by_the_simulator(poster(connect)) end, "--unlicensed 2")
      assert.is_truthy(server:error_log():find("licence request refused", 1, true))
      assert.is_nil(server:error_log():find("blob of", 1, true))
      local client = connect "GET /device/license/signing-certificate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
      local response = raw.responses((client:receive "*a"))[1]
      assert.same({ 200, raw.read_file(setup_:path "certificate") }, { response.status, response.body })
    end)

    it("hold nothing else up while the sidecar hangs, and end in time", function()
      local listener = hanging()
      finally(function() listener:close() end)
      start "1.5"
      local waiting = {}
      for i = 1, 5 do waiting[i] = connect(request_of("license", question_of(APPS))) end
      local taken = {}
      for i = 1, 5 do taken[i] = await_connection(listener) end
      local status, answer = poster(connect)("updates", {
        apps = { { appleItemId = "1", appleVersionId = "0" } }, platform = "iOS", osVersion = "18",
      })
      assert.same({ 200, "10" }, { status, answer.updates[1].appleVersionId })
      for i = 1, 5 do assert.equal(503, (read_response(waiting[i]))) end
      for i = 1, 5 do taken[i]:close() end
    end)

    it("wait in so great a number only that a worker has connections for others", function()
      local listener = hanging(512)
      finally(function() listener:close() end)
      start "4"
      local waiting = {}
      local bytes = request_of("license", question_of(APPS))
      for i = 1, 300 do waiting[i] = connect(bytes) end
      server:wait(function()
        return server:error_log():find("too many requests wait for it already", 1, true) ~= nil
      end, "a request that does not wait")
      for i = 1, 300 do assert.equal(503, (read_response(waiting[i]))) end
    end)
  end)

  it("are made at a socket at which nobody else listens", function()
    local function failed(text, arguments)
      local pipe = io.popen(shell.marketplace("simulate licences " .. arguments) .. " 2>&1")
      local output = pipe:read "*a"
      pipe:close()
      assert.is_truthy(output:find(text, 1, true), output)
    end
    failed("--socket PATH is missing", "")
    failed("--duration must be a whole number", "--duration 0 --socket " .. setup_.socket)
    with_sidecar(function() failed("Address already in use", "--socket " .. setup_.socket) end)
  end)
end)
