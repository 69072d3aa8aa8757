-- What devices ask of a real nginx: marketplace.nginx.device(), whose answers are made in nginx's threads.
local json = require "marketplace.json"
local jwt = require "support.jwt"
local nginx_server = require "support.nginx_server"
local raw = require "support.raw_http"
local shell = require "support.shell"
local support = require "support.device"

local HANDLERS = [[
  local marketplace = require "marketplace"
  return function(receiver)
    local options = dofile "<folder>/device.lua"
    options.packages = assert(marketplace.packages { folder = options.packages })
    receiver:add_responder(assert(marketplace.device(options)))
  end
]]

local OPTIONS = [[
  local accounts = {}
  function accounts.raises() error "the sessions are gone" end
  function accounts.waits() ngx.sleep(0.05) return "somebody", "DEU" end
  return {
    packages = "%s", base_url = "https://market.example/device", packages_url = "https://packages.example",
    token = { key_id = "K", marketplace_id = "67", key_file = "<folder>/install.p8" },
    share_url = "https://market.example/apps/{appleItemId}",
    authenticate = function(request)
      local name = request.headers["x-account"]
      return (accounts[name] or function() return name, request.headers["x-territory"] end)()
    end,
  }
]]

local INIT = [[
  init_by_lua_block {
    require("marketplace.nginx").init { secrets = "a secret of the specs", inbox = "memory", dispatch = true, %s }
  }
  init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
]]

local LOCATIONS = [[
  location / { content_by_lua_block { require("marketplace.nginx").device() } }
  location = /metrics { content_by_lua_block { require("marketplace.nginx").metrics() } }
  location = /other { content_by_lua_block { ngx.print(ngx.run_worker_thread("other", "busy", "nothing")) } }
  location = /busy { content_by_lua_block { ngx.run_worker_thread("marketplace", "busy", "wait", "<folder>/go") } }
]]

-- Beside the handlers, where threads find it, too. Keeps a thread until a file is there.
local BUSY = [[
  local busy = {}
  function busy.nothing() end
  function busy.wait(path)
    local file
    repeat
      file = io.open(path)
    until file
    file:close()
  end
  return busy
]]

describe("devices in nginx #full", function()
  local setup_, server

  before_each(function()
    setup_ = support.open()
    setup_:publish("v1", { appleItemId = "1", appleVersionId = "10", bundleId = "com.example.one" })
    setup_:publish("v2", { appleItemId = "1", appleVersionId = "20", bundleId = "com.example.one" })
  end)

  after_each(function()
    if server then server:stop() end
    server = nil
    setup_:close()
  end)

  local function start(more)
    more = more or {}
    server = assert(nginx_server.start {
      files = {
        ["handlers.lua"] = HANDLERS, ["device.lua"] = OPTIONS:format(setup_.root), ["install.p8"] = support.KEY,
        ["busy.lua"] = BUSY,
      },
      main = more.main or "thread_pool marketplace threads=2; thread_pool other threads=1;",
      http = (more.http or "") .. INIT:format(more.init or 'handlers = "handlers.lua"'),
      server = LOCATIONS .. (more.server or ""),
    })
  end

  local function request_of(name, document, headers)
    local body = type(document) == "table" and json.encode(document) or document
    local lines = { ("POST /device/%s HTTP/1.1"):format(name), "Host: a", "Content-Length: " .. #body }
    for _, line in ipairs(headers or { "X-Account: somebody" }) do lines[#lines + 1] = line end
    return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
  end

  local function begin(bytes)
    local client = server:connect()
    assert(client:send(bytes))
    return client
  end

  local function ask(...)
    return raw.answer(begin(request_of(...)))
  end

  local function question(version)
    return { apps = { { appleItemId = "1", appleVersionId = version } }, platform = "iOS", osVersion = "18.0" }
  end

  it("are answered, with a token of the key's", function()
    start()
    local response = ask("updates", question "10")
    assert.same({ 200, "application/json", "no-store" },
      { response.status, response.headers["content-type"], response.headers["cache-control"] })
    local update = json.decode(response.body).updates[1]
    assert.same({ "20", "https://packages.example/1/20/v2/", "https://market.example/apps/1" },
      { update.appleVersionId, update.alternativeDistributionPackage, update.appShareURL })
    assert.matches("Verified OK", (jwt.verify(update.installVerificationToken, support.KEY)))
    local install = json.decode(ask("install", { appleItemId = "1" }).body)
    assert.matches("^marketplace%-kit://install%?", install.link)
    assert.equal('{"failures":[],"updates":[]}', ask("updates", question "20").body)
  end)

  it("know of a takedown at once", function()
    start()
    assert.equal(0, #json.decode(ask("restore", question "20").body).failures)
    assert(setup_.packages:withdraw { app = "1", territories = { "FRA" } })
    local function failures(territory)
      local headers = { "X-Account: somebody", "X-Territory: " .. territory }
      return #json.decode(ask("restore", question "20", headers).body).failures
    end
    assert.same({ 1, 0 }, { failures "FRA", failures "DEU" })
  end)

  it("are told who they are not, and what they should not have sent", function()
    start()
    assert.equal(401, ask("updates", question "10", {}).status)
    local response = ask("updates", { apps = json.list {} })
    assert.same({ 400, "platform must be a name such as \"iOS\"\n" }, { response.status, response.body })
    assert.equal(405, raw.answer(begin "GET /device/updates HTTP/1.1\r\nHost: a\r\n\r\n").status)
    assert.equal(404, raw.answer(begin "GET /device/others HTTP/1.1\r\nHost: a\r\n\r\n").status)
    assert.equal(404, raw.answer(begin "GET /device/updates%3Fa HTTP/1.1\r\nHost: a\r\n\r\n").status)
    response = raw.answer(begin "GET /.well-known/marketplace-kit?a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert.equal(200, response.status)
    assert.equal("https://market.example/device/restore", json.decode(response.body).restore)
    local head = begin "HEAD /.well-known/marketplace-kit HTTP/1.0\r\n\r\n"
    assert.matches("^HTTP/1.1 200 .*\r\n\r\n$", (head:receive "*a"))
    head:close()
    server:wait_for "refused code=device status=401"
  end)

  it("cannot send too much, or too slowly", function()
    start { server = "client_max_body_size 2m; client_body_timeout 100ms;" }
    local HEAD = "POST /device/updates HTTP/1.1\r\nHost: a\r\nX-Account: a\r\n"
    assert.equal(413, raw.answer(begin(HEAD .. "Content-Length: 262145\r\n\r\n")).status)
    assert.equal(411, raw.answer(begin(HEAD .. "\r\n")).status)
    assert.equal(415, raw.answer(begin(HEAD .. "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")).status)
    local chunk = ("40001\r\n%s\r\n0\r\n\r\n"):format(("x"):rep(262145))
    assert.equal(413, raw.answer(begin(HEAD .. "Transfer-Encoding: chunked\r\n\r\n" .. chunk)).status)
    local slow = begin(HEAD .. "Content-Length: 10\r\n\r\n{")
    assert.equal("closed", (select(2, slow:receive(1))))
    assert.equal(200, ask("updates", question "20").status)
  end)

  it("get 503 if authenticate raises, and wait for nobody's authenticate but their own", function()
    start()
    assert.equal(503, ask("updates", question "10", { "X-Account: raises" }).status)
    server:wait_for "devices not answered status=503"
    local slow = begin(request_of("updates", question "10", { "X-Account: waits" }))
    assert.equal(200, ask("updates", question "20").status)
    assert.equal(200, raw.answer(slow).status)
  end)

  it("are answered beside other responders, which may raise", function()
    start { init = [[handlers = function(receiver)
      local function responder(path, handle)
        receiver:add_responder {
          max_body = 10, name = "other", handle = handle, paths = function() return { path } end,
          answers = function(_, asked) return asked == path end,
        }
      end
      responder("/raises", function() error "out of order" end)
      responder("/nothing", function() end)
      responder("/echo", function(_, request) return 200, { ["x-path"] = request.path }, request.body end)
    end]] }
    for _, path in ipairs { "/raises", "/nothing" } do
      assert.equal(503, raw.answer(begin(("GET %s HTTP/1.1\r\nHost: a\r\n\r\n"):format(path))).status)
    end
    server:wait_for "out of order"
    server:wait_for "the responder returned no status, headers and body"
    local POST = "POST /echo?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
    local response = raw.answer(begin(POST:format(2, "it")))
    assert.same({ 200, "it", "/echo?a=b" }, { response.status, response.body, response.headers["x-path"] })
    assert.equal(413, raw.answer(begin(POST:format(11, "eleven byte"))).status)
    local empty = raw.answer(begin(POST:format(0, "")))
    assert.same({ 200, "", "/echo?a=b" }, { empty.status, empty.body, empty.headers["x-path"] })
  end)

  it("get 503 while the store is gone, and an answer once it is back", function()
    start()
    assert.equal(200, ask("updates", question "20").status)
    shell.run(("mv %s %s.away"):format(setup_.root, setup_.root))
    for _ = 1, 3 do assert.equal(503, ask("updates", question "20").status) end
    shell.run(("mv %s.away %s"):format(setup_.root, setup_.root))
    assert.equal(200, ask("updates", question "20").status)
    local _, told = server:error_log():gsub("devices not answered", "")
    assert.equal(1, told)
  end)

  it("get 503 while the store is gone, also of a thread that is new, which makes no empty one", function()
    start()
    assert.equal(200, ask("updates", question "20").status)
    shell.run(("mv %s %s.away"):format(setup_.root, setup_.root))
    local busy = begin "GET /busy HTTP/1.1\r\nHost: a\r\n\r\n" -- has the Lua state that has the store
    assert.equal(503, ask("updates", question "20").status)
    server:wait_for "state/store.db is gone: put it back"
    assert.is_false(shell.exists(setup_.root))
    server:write("go", "")
    busy:close()
    shell.run(("mv %s.away %s"):format(setup_.root, setup_.root))
    assert.equal(200, ask("updates", question "20").status)
  end)

  it("say what to write if nginx has no threads", function()
    start { main = "" }
    assert.equal(503, ask("updates", question "20").status)
    server:wait_for "write thread_pool marketplace threads=4;"
  end)

  -- Both threads.
  local function keep_busy()
    local busy = {}
    for i = 1, 2 do busy[i] = begin "GET /busy HTTP/1.1\r\nHost: a\r\n\r\n" end
    return busy
  end

  local function let_go(busy)
    server:write("go", "")
    for _, client in ipairs(busy) do client:close() end
  end

  -- That many requests, which nginx has read: what comes after them is answered.
  local function begin_many(count)
    local clients = {}
    for i = 1, count do clients[i] = begin(request_of("updates", question "10")) end
    assert.equal(200, raw.answer(begin "GET /.well-known/marketplace-kit HTTP/1.1\r\nHost: a\r\n\r\n").status)
    return clients
  end

  it("wait for a thread, however many they are, and while the worker is to end", function()
    start()
    local busy = keep_busy()
    local clients = begin_many(30)
    local old = server:workers()[1]
    server:reload "keeps the old one"
    assert.is_true(shell.is_alive(old))
    let_go(busy)
    for _, client in ipairs(clients) do assert.equal(200, raw.answer(client).status) end
    server:wait(function() return not shell.is_alive(old) end, "the end of the old worker")
  end)

  it("leave Lua states of threads to others, however many they are", function()
    start { http = "lua_worker_thread_vm_pool_size 10;" }
    local busy = keep_busy()
    local clients = begin_many(30)
    assert.equal("true", raw.answer(begin "GET /other HTTP/1.0\r\n\r\n").body)
    let_go(busy)
    for _, client in ipairs(clients) do client:close() end
  end)

  it("that go away while they wait take no thread from others", function()
    start { server = "lua_check_client_abort on;" }
    local busy = keep_busy()
    for _, client in ipairs(begin_many(30)) do client:close() end
    let_go(busy)
    for _ = 1, 10 do assert.equal(200, ask("updates", question "20").status) end
  end)

  it("can be described in a file of their own, and with lua_code_cache off", function()
    start { http = "lua_code_cache off;", init = 'handlers = function() end, device_config = "device.lua"' }
    for _ = 1, 2 do assert.equal(1, #json.decode(ask("updates", question "10").body).updates) end
  end)

  it("keep nginx from starting if that file is wrong", function()
    local none, problem = nginx_server.start {
      files = { ["device.lua"] = "return { base_url = 'http://market.example' }" },
      http = INIT:format 'handlers = function() end, device_config = "device.lua"',
    }
    assert.is_nil(none)
    assert.matches("marketplace.nginx.init: .*/device.lua: marketplace.device: option '%w+' is missing", problem)
  end)
end)
