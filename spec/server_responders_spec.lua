-- What `serve` answers beside notifications: that nothing of it holds up notifications, whatever it does.
local device_support = require "support.device"
local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local scheduler = require "marketplace.client.scheduler"
local server = require "marketplace.server"
local stepped_server = require "support.stepped_server"

local SECRET = "the secret"

describe("marketplace.server, with a responder,", function()
  local listener, receiver, entries, clients, answer, refused

  local function log(entry) entries[#entries + 1] = entry end

  local function responder(more)
    local made = { max_body = 1000, name = "device" }
    function made.paths() return { "/device/updates", "/apps/" } end
    function made.answers(_, path) return path == "/device/updates" or path:find "^/apps/%d" ~= nil end
    function made.handle(_, request) return answer(request) end
    function made.refused(_, path, status, count) refused[#refused + 1] = { path, status, count } end
    for name, value in pairs(more or {}) do made[name] = value end
    return made
  end

  local function open(more)
    local settings = { receiver = receiver, log = log }
    for name, value in pairs(more or {}) do settings[name] = value end
    listener = assert(server.open(settings))
  end

  before_each(function()
    entries, clients, refused = {}, {}, {}
    receiver = marketplace.receiver { secrets = SECRET, inbox = memory.new(), log = log }
    receiver:on("*", function() end)
    receiver:add_responder(responder())
    answer = function(request) return 200, { ["x-seen"] = request.path }, request.body end
  end)

  after_each(function()
    for _, client in ipairs(clients) do client:close() end
    if listener then listener:close() end
    listener = nil
  end)

  local function connect(bytes)
    clients[#clients + 1] = stepped_server.connect(listener, bytes)
    return clients[#clients]
  end

  local function step_until(done) stepped_server.step_until(listener, done) end
  local function answer_to(client) return stepped_server.answers(listener, client, 1)[1] end

  local function post(path, body, headers) return raw.post(body, headers, path) end

  local function ask(bytes) return answer_to(connect(bytes)) end

  local function notification(id) return raw.notification(SECRET, samples.body("ping", { id = id })) end

  it("hands it requests, with their queries", function()
    open()
    local given = ask(post("/device/updates?a=b", "hello"))
    assert.same({ 200, "/device/updates?a=b", "hello" }, { given.status, given.headers["x-seen"], given.body })
    assert.equal("/apps/1", ask("GET /apps/1 HTTP/1.1\r\nHost: a\r\n\r\n").headers["x-seen"])
    assert.equal(404, ask("GET /apps/x HTTP/1.1\r\nHost: a\r\n\r\n").status)
    assert.equal(200, ask(notification "a").status)
    assert.equal(405, ask("GET /notifications HTTP/1.1\r\nHost: a\r\n\r\n").status)
  end)

  it("has it know who asks behind a proxy", function()
    local seen
    answer = function(request)
      seen = request.remote
      return 200, {}, ""
    end
    open { trusted_proxies = { "127.0.0.1" } }
    ask(post("/device/updates", "", { "X-Forwarded-For: 192.0.2.1" }))
    assert.equal("192.0.2.1", seen)
  end)

  it("judges heads before bodies", function()
    answer = function() error "it must not be asked" end
    open()
    local function status(bytes) return ask(bytes).status end
    assert.equal(413, status "POST /device/updates HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n")
    assert.equal(411, status "POST /device/updates HTTP/1.1\r\nHost: a\r\n\r\n")
    assert.equal(405, status "PUT /device/updates HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
    assert.equal(415,
      status "POST /device/updates HTTP/1.1\r\nHost: a\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\n")
    assert.same({
      { "/device/updates", 413 }, { "/device/updates", 411 }, { "/device/updates", 405 }, { "/device/updates", 415 },
    }, refused)
    assert.same({ "refused", "device", 415, "POST /device/updates: only plain bodies are taken" },
      { entries[4].message, entries[4].code, entries[4].status, entries[4].reason })
    assert.is_nil(entries[4].secrets)
  end)

  it("logs what it refuses, and sums it up", function()
    answer = function() return 401, {}, "sign in\nsecond line" end
    open()
    for _ = 1, 10 do ask(post("/device/updates", "")) end
    receiver:sum_up_refused(true)
    assert.same({ "warning", "refused", "device", 401, "POST /device/updates: sign in", "127.0.0.1" }, {
      entries[1].level, entries[1].message, entries[1].code, entries[1].status, entries[1].reason, entries[1].remote,
    })
    local last = entries[#entries]
    assert.same({ "more refused", "device", 401, 10 },
      { last.message, last.code, last.status, last.count + #entries - 1 })
    assert.is_nil(receiver:counts()["refused:device"])
  end)

  it("logs why, if the responder says so beside an answer that is no text", function()
    answer = function() return 401, {}, "<!DOCTYPE html>", "a wrong token" end
    open()
    ask(post("/device/updates", ""))
    assert.equal("POST /device/updates: a wrong token", entries[1].reason)
  end)

  it("counts what the server has refused while Lua was away, more than it could tell of", function()
    open()
    for _ = 1, 40 do
      local client = connect "POST /device/updates HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"
      client:settimeout(5)
      assert.equal("HTTP/1.1 413", (client:receive "*l"):sub(1, 12))
    end
    listener:step(0)
    receiver:sum_up_refused(true)
    local counted, logged = 0, 0
    for _, one in ipairs(refused) do
      assert.same({ "/device/updates", 413 }, { one[1], one[2] })
      counted = counted + (one[3] or 1)
    end
    for _, entry in ipairs(entries) do
      assert.equal("device", entry.code)
      logged = logged + (entry.count or 1)
    end
    assert.same({ 40, 40 }, { counted, logged })
  end)

  it("says nothing in the log of what is not there", function()
    answer = function() return 404, {}, "nothing is here\n" end
    open()
    assert.equal(404, ask(post("/device/updates", "")).status)
    assert.same({}, entries)
  end)

  describe("answers 503 if it", function()
    local function failed(reason)
      assert.equal(503, ask(post("/device/updates", "")).status)
      assert.equal(200, ask(notification "a").status)
      local entry = entries[1]
      assert.same({ "error", "refused", "device", 503 }, { entry.level, entry.message, entry.code, entry.status })
      assert.is_truthy(entry.reason:find(reason, 1, true), entry.reason)
    end

    it("raises", function()
      answer = function() error "no database" end
      open()
      failed "no database"
      assert.same({ { "/device/updates", 503 } }, refused)
    end)

    it("raises when it is asked whether a path is its own", function()
      receiver = marketplace.receiver { secrets = SECRET, inbox = memory.new(), log = log }
      receiver:on("*", function() end)
      receiver:add_responder(responder {
        name = false, answers = function(_, path) return path == "/device/updates" and error "no table" end,
      })
      open()
      assert.equal(503, ask(post("/device/updates", "")).status)
      assert.equal(200, ask(notification "a").status)
      assert.same({ "responder", "error" }, { entries[1].code, entries[1].level })
      assert.is_truthy(entries[1].reason:find("no table", 1, true))
    end)

    it("raises when it is told of a refused request", function()
      receiver = marketplace.receiver { secrets = SECRET, inbox = memory.new(), log = log }
      receiver:add_responder(responder { refused = function() error "no counter" end })
      open()
      assert.equal(411, ask "POST /device/updates HTTP/1.1\r\nHost: a\r\n\r\n".status)
      assert.is_truthy(entries[1].reason:find("it is not counted: ", 1, true), entries[1].reason)
    end)

    it("raises after it has waited", function()
      answer = function()
        scheduler.pause()(0)
        error {}
      end
      open()
      failed "POST /device/updates: "
    end)

    for what, rubbish in pairs {
      ["gives nothing"] = {}, ["gives no status"] = { "ok" }, ["gives a status that there is not"] = { 1000 },
      ["gives a header that would split the answer"] = { 200, { a = "b\r\nc: d" } },
      ["gives a body that is none"] = { 200, {}, 7 },
    } do
      it(what, function()
        answer = function() return rubbish[1], rubbish[2], rubbish[3] end
        open()
        failed "the answer cannot be sent: "
      end)
    end
  end)

  describe("while it waits,", function()
    local goes_on

    before_each(function()
      goes_on = false
      answer = function(request)
        if request.body == "wait" then scheduler.pause()(nil, nil, function() return goes_on end) end
        return 200, {}, request.body
      end
    end)

    local function wait_in_line(count)
      local waiting, before = {}, listener.responding:count()
      for i = 1, count do waiting[i] = connect(post("/device/updates", "wait")) end
      step_until(function() return listener.responding:count() == before + count end)
      return waiting
    end

    it("answers notifications and other devices", function()
      open()
      local waiting = wait_in_line(3)
      assert.equal(200, ask(notification "a").status)
      assert.equal("other", ask(post("/device/updates", "other")).body)
      goes_on = true
      for _, client in ipairs(waiting) do assert.equal("wait", answer_to(client).body) end
      assert.equal(0, listener.responding:count())
    end)

    it("lets a quarter of the connections wait, and no more", function()
      open { max_connections = 16 }
      local waiting = wait_in_line(4)
      assert.equal(503, ask(post("/device/updates", "wait")).status)
      assert.equal("POST /device/updates: 4 requests wait already", entries[1].reason)
      assert.equal("other", ask(post("/device/updates", "other")).body)
      goes_on = true
      for _, client in ipairs(waiting) do assert.equal(200, answer_to(client).status) end
      goes_on = false
      wait_in_line(4)
    end)

    it("ends what no client waits for any more", function()
      local closed = false
      local exchange = { done = function() return false end, close = function() closed = true end }
      answer = function() scheduler.pause()(nil, exchange) end
      open()
      wait_in_line(1)[1]:close()
      step_until(function() return listener.responding:count() == 0 end)
      assert.is_true(closed)
      assert.same({ { "/device/updates", 499 } }, refused)
      step_until(function() return listener.http:stats().connections == 0 end)
      assert.same({}, entries)
    end)

    it("ends what takes too long", function()
      local core = require "marketplace.core"
      open()
      local client = wait_in_line(1)[1]
      local monotonic = core.monotonic
      core.monotonic = function() return monotonic() + 71 end -- luacheck: ignore
      finally(function() core.monotonic = monotonic end) -- luacheck: ignore
      assert.equal(503, answer_to(client).status)
      assert.equal("POST /device/updates: it was not answered within 70 s", entries[1].reason)
      assert.equal(0, listener.responding:count())
    end)

    it("stops, and has those that wait told to come again", function()
      open { stop_seconds = 0.4 }
      local waiting = wait_in_line(2)
      listener:stop()
      listener = nil
      for _, client in ipairs(waiting) do
        client:settimeout(5)
        assert.equal(503, raw.responses((client:receive "*a"))[1].status)
      end
      assert.equal("POST /device/updates: stopping", entries[1].reason)
    end)

    it("stops once those that wait are answered", function()
      open()
      local client, clock = wait_in_line(1)[1], 0
      answer = nil
      local turn = listener.responding.turn
      function listener.responding.turn(...)
        clock = clock + 1
        goes_on = clock > 3
        return turn(...)
      end
      listener:stop()
      listener = nil
      client:settimeout(5)
      assert.equal("wait", raw.responses((client:receive "*a"))[1].body)
    end)

    it("tells how many do", function()
      open { metrics_port = 0 }
      wait_in_line(2)
      local url = listener:metrics_url()
      local client = raw.connect(url:match "^(http://[^/]+)", "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
      clients[#clients + 1] = client
      client:settimeout(0)
      assert.is_truthy(answer_to(client).body:find("\nmarketplace_responders_waiting 2\n", 1, true))
    end)
  end)

  describe("that is a device,", function()
    local setup_, authenticate
    local QUESTION = '{"apps":[{"appleItemId":"1","appleVersionId":"0"}],"platform":"iOS","osVersion":"18"}'

    before_each(function()
      setup_ = device_support.open()
      setup_:publish("v1", { appleItemId = "1", appleVersionId = "10", bundleId = "com.example.one" })
      receiver = marketplace.receiver { secrets = SECRET, inbox = memory.new(), log = log }
      receiver:add_responder(setup_:device {
        log = log, authenticate = function(request) return authenticate(request) end,
      })
      open()
    end)

    after_each(function() setup_:close() end)

    it("answers as it does elsewhere", function()
      authenticate = function(request) return request.headers["x-account"] end
      local given = ask(post("/device/updates?x", QUESTION, { "X-Account: a" }))
      assert.same({ 200, "no-store" }, { given.status, given.headers["cache-control"] })
      assert.is_truthy(given.body:find('"appleVersionId":"10"', 1, true))
      assert.equal(401, ask(post("/device/updates", QUESTION)).status)
      assert.equal(200, ask("GET /.well-known/marketplace-kit HTTP/1.1\r\nHost: a\r\n\r\n").status)
      assert.equal(404, ask(post("/device/elsewhere", QUESTION)).status)
    end)

    it("may wait until it knows who asks", function()
      local knows = false
      authenticate = function()
        scheduler.pause()(nil, nil, function() return knows end)
        return "a"
      end
      local client = connect(post("/device/updates", QUESTION))
      step_until(function() return listener.responding:count() == 1 end)
      assert.equal(200, ask(notification "a").status)
      knows = true
      assert.equal(200, answer_to(client).status)
    end)

    it("answers 503 if it cannot know who asks", function()
      authenticate = function()
        scheduler.pause()(0)
        error("no database", 0)
      end
      assert.equal(503, ask(post("/device/updates", QUESTION)).status)
      assert.same({ "devices not answered", "no database" }, { entries[1].message, entries[1].reason })
      assert.equal(200, ask(notification "a").status)
    end)
  end)

  it("takes no other one once it listens, as it would not know its paths", function()
    open()
    local ok, problem = pcall(receiver.add_responder, receiver, responder())
    assert.is_false(ok)
    assert.matches("a server listens for this receiver already: add responders before", problem)
  end)

  it("refuses to start if it has one of the server's own paths", function()
    for own, path in pairs {
      ["/notifications"] = "/notifications", ["/hook"] = "/hook", ["/hook/"] = "/hook", ["/healthz"] = "/hook",
      ["/readyz"] = "/hook",
    } do
      receiver = marketplace.receiver { secrets = SECRET, log = log }
      receiver:add_responder(responder {
        paths = function() return { own } end, answers = function(_, asked) return asked == own end,
      })
      local opened, message, code = server.open { receiver = receiver, log = log, path = path }
      assert.same({ nil, "path_taken" }, { opened, code })
      assert.is_truthy(message:find("a responder has the path " .. own, 1, true), message)
    end
  end)

  it("keeps notifications from those below its paths", function()
    receiver = marketplace.receiver { secrets = SECRET, log = log }
    receiver:add_responder(responder {
      paths = function() return { "/" } end, answers = function(_, path) return path == "/page" end, max_body = 1,
    })
    open()
    assert.equal(200, ask(notification "a").status)
    assert.equal(200, ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status)
    assert.equal(200, ask("GET /page HTTP/1.1\r\nHost: a\r\n\r\n").status)
    assert.equal(404, ask("GET /other HTTP/1.1\r\nHost: a\r\n\r\n").status)
    assert.equal(404, ask(post("/other", "xy")).status)
  end)

  describe("beside a sender of notifications,", function()
    local function unfinished() return post("/device/updates", ("x"):rep(900)):sub(1, -200) end

    it("has bodies that do not end on more connections than there may be", function()
      open { max_connections = 64 }
      for _ = 1, 150 do
        connect(unfinished())
        listener:step(0)
      end
      for i = 1, 20 do assert.equal(200, ask(notification("n" .. i)).status) end
      assert.is_true(listener.http:stats().connections <= 64)
    end)

    it("has notifications go on whose bodies come in between", function()
      open { max_connections = 32 }
      local bytes, slow = notification "slow", {}
      for i = 1, 8 do slow[i] = connect(bytes:sub(1, -10)) end
      for _ = 1, 60 do connect(unfinished()) end
      for _ = 1, 30 do listener:step(0.001) end
      for _, client in ipairs(slow) do
        client:settimeout(5)
        assert(client:send(bytes:sub(-9)))
        client:settimeout(0)
        assert.equal(200, answer_to(client).status)
      end
    end)
  end)
end)
