local marketplace = require "marketplace"
local memory = require "marketplace.inbox.memory"
local raw = require "support.raw_http"
local samples = require "marketplace.samples"
local server = require "marketplace.server"
local socket = require "socket"
local stepped_server = require "support.stepped_server"

local SECRET = "the secret"

describe("marketplace.server", function()
  local listener, receiver, inbox, entries, ran

  local function open(more)
    local settings = { receiver = receiver, log = function(entry) entries[#entries + 1] = entry end }
    for name, value in pairs(more or {}) do settings[name] = value end
    listener = assert(server.open(settings))
  end

  local function new_receiver()
    inbox, entries, ran = memory.new(), {}, {}
    receiver = marketplace.receiver {
      secrets = SECRET, inbox = inbox, log = function(entry) entries[#entries + 1] = entry end,
    }
    receiver:on("*", function(n) ran[#ran + 1] = n.id end)
  end

  before_each(new_receiver)

  after_each(function()
    if listener then listener:stop() end
    listener = nil
  end)

  local function connect(bytes) return stepped_server.connect(listener, bytes) end

  local function answers(client, count)
    local responses = stepped_server.answers(listener, client, count)
    client:close()
    return responses
  end

  local function ask(bytes) return answers(connect(bytes), 1)[1] end

  local function get(path, method)
    return ask(("%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"):format(method or "GET", path))
  end

  local function notification(body) return raw.notification(SECRET, body) end

  it("answers a notification and then runs its callback", function()
    open()
    assert.equal(200, ask(notification(samples.body("ping", { id = "a" }))).status)
    listener:step(0)
    assert.same({ "a" }, ran)
    assert.equal(1, inbox:counts().done)
  end)

  it("answers many on one connection, in order", function()
    open()
    local body = samples.body("ping", { id = "a" })
    local forged = raw.notification("another", body)
    local bytes = notification(body) .. forged .. notification(samples.body("ping", { id = "b" }))
    local statuses = {}
    for i, answer in ipairs(answers(connect(bytes), 3)) do statuses[i] = answer.status end
    assert.same({ 200, 401, 200 }, statuses)
  end)

  it("only receives if it was told so", function()
    open { dispatch = false }
    ask(notification(samples.body "ping"))
    listener:step(0)
    assert.same({}, ran)
    assert.equal(1, inbox:counts().ready)
  end)

  it("says that it is well", function()
    open()
    assert.equal(200, get("/healthz").status)
    assert.equal(405, get("/healthz", "DELETE").status)
    assert.equal("GET, HEAD", get("/healthz", "DELETE").headers.allow)
  end)

  it("says whether it is ready", function()
    open()
    assert.same({ 200, "ok\n" }, { get("/readyz").status, get("/readyz").body })
    assert.equal(405, get("/readyz", "POST").status)
    assert.equal("not a GET of /readyz", entries[#entries].reason)
    function inbox.put() return nil, "no connection", "inbox_unavailable" end
    assert.equal(503, ask(notification(samples.body "ping")).status)
    assert.same({ 503, "inbox unavailable\n" }, { get("/readyz").status, get("/readyz").body })
  end)

  it("says that it is well whatever its inbox does, also if the question has a body", function()
    open()
    function inbox.probe() return nil, "no connection", "inbox_unavailable" end
    assert.same({ 503, "inbox unavailable\n" }, { get("/readyz").status, get("/readyz").body })
    local answer = ask "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    assert.same({ 200, "ok\n" }, { answer.status, answer.body })
  end)

  it("answers 404 elsewhere, and says where notifications go", function()
    open { path = "/hook" }
    assert.equal(404, ask(notification(samples.body "ping")).status)
    assert.same({ 404, "wrong_path" }, { entries[#entries].status, entries[#entries].code })
    assert.equal("POST /notifications; notifications go to /hook", entries[#entries].reason)
    assert.equal(0, inbox:counts().ready)
    assert.equal(404, ask(raw.post("{}", {})).status)
    assert.same({ 404, "not_found" }, { entries[#entries].status, entries[#entries].code })
    assert.same({ ["refused:wrong_path"] = 1, ["refused:not_found"] = 1 }, receiver:counts())
  end)

  for _, path in ipairs { "/hook", "/hook/", "/" } do
    it("refuses by its head what is no notification to " .. path .. ", before the body has come", function()
      open { path = path }
      local function status_of(target, headers)
        local bytes = raw.post(("x"):rep(1000), headers):gsub("/notifications", target, 1)
        return ask((bytes:sub(1, -900))).status
      end
      local header = "X-Apple-Signature: " .. marketplace.sign(SECRET, "x")
      assert.equal(404, status_of("/other", { header }))
      assert.equal(401, status_of(path, {}))
      assert.equal(401, status_of(path, { "X-Apple-Signature: x" }))
      assert.equal(401, status_of(path, { header, header }))
      assert.equal(415, status_of(path, { header, "Content-Encoding: gzip" }))
      local body = samples.body "ping"
      for _, target in ipairs { path, (path:gsub("/$", "")) .. "/" } do
        assert.equal(200, ask((notification(body):gsub("/notifications", target, 1))).status)
      end
    end)
  end

  it("counts and logs what is no request, what can be read in two ways, and what libmicrohttpd refuses", function()
    open()
    local function refusal(bytes)
      local client = connect(bytes)
      local before, stop = #entries, socket.gettime() + 10
      while #entries == before do
        assert(socket.gettime() < stop, "it was not refused in time")
        listener:step(0.002)
      end
      client:close()
      local last = entries[#entries]
      assert.same({ "refused", "127.0.0.1" }, { last.message, last.remote })
      return { last.code, last.status }
    end
    assert.same({ "malformed", 400 }, refusal "POST /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert.same({ "malformed", 400 }, refusal "POST /x HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n")
    assert.same({ "malformed", 431 }, refusal("GET / HTTP/1.1\r\n" .. ("X: y\r\n"):rep(5000)))
    assert.same({ "no_length", 411 }, refusal "POST /notifications HTTP/1.1\r\nHost: a\r\n\r\n")
    assert.same({ "no_request" }, refusal "nonsense\r\n\r\n")
    assert.same({ ["refused:malformed"] = 3, ["refused:no_length"] = 1, ["refused:no_request"] = 1 }, receiver:counts())
  end)

  it("answers at its path with a slash at the end, too, and at no other", function()
    local function statuses(...)
      local found = {}
      for i, path in ipairs { ... } do
        found[i] = ask((notification(samples.body "ping"):gsub("/notifications", path, 1))).status
      end
      listener:stop()
      new_receiver()
      return found
    end
    open()
    assert.same({ 200, 200, 404, 404 }, statuses("/notifications", "/notifications/", "/notifications//", "/"))
    for _, path in ipairs { "/a/b", "/a/b/" } do
      open { path = path }
      assert.same({ 200, 200, 404 }, statuses("/a/b", "/a/b/", "/a"))
    end
    open { path = "/" }
    assert.same({ 200, 404 }, statuses("/", "//"))
  end)

  it("takes the id that a trusted proxy gives a request, and from nobody else", function()
    local function id_of(given)
      local answer = ask(("POST /notifications HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nX-Request-Id: %s\r\n\r\n{}")
        :format(given))
      assert.equal(401, answer.status)
      local id = answer.headers["x-request-id"]
      assert.equal(id, entries[#entries].request)
      return id
    end
    open { trusted_proxies = { "127.0.0.0/8" } }
    assert.equal("7f3a9c-1", id_of "7f3a9c-1")
    assert.matches("^%x+%-%d+$", id_of "two words")
    listener:stop()
    new_receiver()
    open {}
    assert.matches("^%x+%-%d+$", id_of "7f3a9c-b")
  end)

  it("logs the sender that a trusted proxy names", function()
    local function remote_of(...)
      local lines = { "GET /elsewhere HTTP/1.1", "Host: a", ... }
      assert.equal(404, ask(table.concat(lines, "\r\n") .. "\r\n\r\n").status)
      return entries[#entries].remote
    end
    local XFF, FORWARDED = "X-Forwarded-For: 6.6.6.6, 203.0.113.9", "Forwarded: for=203.0.113.9;proto=https"
    open { trusted_proxies = { "127.0.0.0/8" } }
    assert.equal("203.0.113.9", remote_of(XFF))
    assert.equal("203.0.113.9", remote_of(XFF, FORWARDED))
    assert.equal("203.0.113.9", remote_of("X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.9, 127.0.0.2"))
    assert.equal("127.0.0.1", remote_of(XFF, "Forwarded: for=6.6.6.6"))
    assert.equal("127.0.0.1", remote_of("X-Forwarded-For: unknown"))
    assert.equal("127.0.0.1", remote_of())
    assert.equal(400, ask("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n" .. XFF .. "\r\n\r\n").status)
    assert.same({ "malformed", "127.0.0.1" }, { entries[#entries].code, entries[#entries].remote })
    listener:stop()
    for _, networks in ipairs { {}, { "10.0.0.0/8", "::/0" } } do
      new_receiver()
      open { trusted_proxies = networks }
      assert.equal("127.0.0.1", remote_of(XFF, FORWARDED))
      listener:stop()
    end
    assert.error_matches(function() open { trusted_proxies = { "127.0.0.1", "x" } } end,
      "server.open: option 'trusted_proxies': 'x' is no network")
  end)

  it("counts whatever it refuses, and writes down the first of many", function()
    open()
    local requests = {}
    for i = 1, 50 do
      requests[i] = ("GET /%s HTTP/1.1\r\nHost: a\r\n\r\nPUT /healthz HTTP/1.1\r\nHost: a\r\n\r\n"):format(
        ("x"):rep(1000))
    end
    assert.equal(100, #answers(connect(table.concat(requests)), 100))
    assert.same({ ["refused:not_found"] = 50, ["refused:not_get"] = 50 }, receiver:counts())
    listener:stop()
    local lines, summed = 0, 0
    for _, entry in ipairs(entries) do
      if entry.message == "refused" then
        lines = lines + 1
        assert.is_true(#entry.reason < 300)
      elseif entry.message == "more refused" then
        summed = summed + entry.count
      end
    end
    assert.equal(100, lines + summed)
    assert.is_true(lines < 50, "lines: " .. lines)
    assert.equal("stopped", entries[#entries].message)
    listener = nil
  end)

  it("tells its address", function()
    open { path = "/hook" }
    local host, port, url = listener:address()
    assert.equal("127.0.0.1", host)
    assert.equal(("http://127.0.0.1:%d/hook"):format(port), url)
  end)

  it("takes a mistake in the receiver for no answer", function()
    receiver.receive_many = function() error "a bug" end
    open()
    local answer = ask(notification(samples.body "ping"))
    assert.equal(503, answer.status)
    assert.equal("5", answer.headers["retry-after"])
    local last = entries[#entries]
    assert.same({ "error", "refused", "failed" }, { last.level, last.message, last.code })
    assert.matches("a bug", last.reason)
    assert.same({ ["refused:failed"] = 1 }, receiver:counts())
  end)

  it("answers while the inbox fails under its callbacks", function()
    open()
    inbox.claim = function() error "gone" end
    for _ = 1, 2 do assert.equal(200, ask(notification(samples.body "ping")).status) end
    assert.same({}, ran)
  end)

  it("runs what it can when it stops, and says what is left", function()
    receiver:on("app_unavailable", function() return nil, "not now" end)
    open()
    local address, port = listener:address()
    ask(notification(samples.body("ping", { id = "a" })))
    ask(notification(samples.body "app_unavailable"))
    listener:stop()
    listener:stop()
    assert.equal("stopped", entries[#entries].message)
    assert.equal("notifications lost before their callbacks ran: 1", entries[#entries].reason)
    assert.equal("a", ran[1])
    local client = socket.tcp4()
    client:settimeout(1)
    assert.is_nil((client:connect(address, port)))
    client:close()
    listener = nil
  end)

  it("refuses wrong options, and says what cannot be listened on", function()
    local function problem(more)
      local settings = { receiver = receiver, log = function() end }
      for name, value in pairs(more) do settings[name] = value end
      local ok, message = pcall(server.open, settings)
      return not ok and message
    end
    for _, path in ipairs { "", "hook", "/a b", "/a?b", "/a#b", "/healthz", "/readyz" } do
      assert.matches("option 'path'", problem { path = path })
    end
    assert.matches("unknown option 'prot'", problem { prot = 1 })
    for _, name in ipairs { "host", "metrics_host" } do
      assert.matches("option '" .. name .. "' must be an address or a name", problem { [name] = "unix:/tmp/socket" })
    end
    open()
    local _, port = listener:address()
    local other, message, code = server.open { receiver = receiver, log = function() end, port = port }
    assert.is_nil(other)
    assert.matches(tostring(port), message)
    assert.equal("listen_failed", code)
  end)
end)
