package.path = "spec/support/?.lua;" .. package.path
local certificates = require "certificates"
local finalizer = require "finalizer"
local raw = require "raw_http"
local shell = require "shell"
local socket = require "socket"
local http_server = require "marketplace.http_server"

local post = raw.post

describe("marketplace.http_server", function()
  local rig

  local function open(options)
    rig = raw.rig(options)
    return rig
  end

  after_each(function()
    if rig then rig:close() end
    rig = nil
    raw.remove_files()
  end)

  describe("a request", function()
    it("comes with its method, path, query, headers, body and the client's address", function()
      open()
      local client = rig:client():send("POST /a%20b?c=d%20e&f HTTP/1.1\r\nHost: here\r\nX-Apple-Signature: x  \r\n" ..
        "content-length: 5\r\n\r\nhello")
      local answer = rig:run_until_answered(client)[1]
      local request = rig.requests[1]
      assert.equal(200, answer.status)
      assert.equal("", answer.body)
      assert.matches("GMT$", answer.headers.date)
      assert.is_nil(answer.headers.server)
      assert.equal("POST", request.method)
      assert.equal("/a%20b", request.path)
      assert.equal("c=d%20e&f", request.query)
      assert.equal("hello", request.body)
      assert.equal("127.0.0.1", request.remote)
      assert.is_nil(request.fault)
      assert.same({ host = "here", ["x-apple-signature"] = "x", ["content-length"] = "5" }, request.headers)
    end)

    it("without a body has an empty one, and without a query none", function()
      open()
      rig:run_until_answered(rig:client():send "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      assert.equal("GET", rig.requests[1].method)
      assert.equal("", rig.requests[1].body)
      assert.is_nil(rig.requests[1].query)
    end)

    it("can be of any method, and HEAD is answered without a body", function()
      open()
      rig.respond = function() return { status = 405, headers = { Allow = "POST" }, body = "only POST" } end
      local client = rig:client():send "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
      rig:run_until_closed(client)
      assert.equal("HEAD", rig.requests[1].method)
      assert.matches("^HTTP/1.1 405 .*\r\nAllow: POST\r\n", client.got)
      assert.matches("Content%-Length: 9\r\n", client.got)
      assert.matches("\r\n\r\n$", client.got)
      rig:run_until_answered(rig:client():send "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n")
      assert.equal("BREW", rig.requests[2].method)
    end)

    it("keeps every byte of a binary body", function()
      open()
      local bytes = {}
      for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
      local body = table.concat(bytes):rep(40)
      rig:run_until_answered(rig:client():send(post(body)))
      assert.equal(body, rig.requests[1].body)
    end)

    it("may have headers of every character that a name can have, and of up to 256 of them", function()
      open()
      local name, long = "!#$%&'*+-.^_`|~09azAZ", ("n"):rep(256)
      rig:run_until_answered(rig:client():send(post("", { name .. ": \t a b \t ", long .. ": x", "X-Byte: \255",
        "X-Empty:", "X-Blank: \t " })))
      local headers = rig.requests[1].headers
      assert.same({ "a b", "x", "\255", "", "" },
        { headers[name:lower()], headers[long], headers["x-byte"], headers["x-empty"], headers["x-blank"] })
      local refused = rig:client():send(post("", { long .. "n: x" }))
      assert.equal(400, rig:run_until_closed(refused)[1].status)
      assert.equal(1, #rig:sound())
    end)

    it("gives a header that came more than once as a list", function()
      open()
      rig:run_until_answered(rig:client():send(post("", { "X-Apple-Signature: a", "x-apple-SIGNATURE: b",
        "X-APPLE-SIGNATURE: c" })))
      assert.same({ "a", "b", "c" }, rig.requests[1].headers["x-apple-signature"])
    end)

    it("may arrive byte by byte", function()
      open()
      local client = rig:client()
      for byte in post("hello", { "X-Long: " .. ("y"):rep(50) }):gmatch "." do
        client:send(byte)
        rig:turn(0)
      end
      rig:run_until_answered(client)
      assert.equal("hello", rig.requests[1].body)
    end)

    it("may be chunked", function()
      open()
      local client = rig:client():send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" ..
        "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: z\r\n\r\n")
      rig:run_until_answered(client)
      assert.equal("hello world", rig.requests[1].body)
      assert.is_nil(rig.requests[1].headers["x-trailer"])
    end)

    it("may be refused if a chunk has an extension, which is never taken for a part of the body", function()
      open()
      local client = rig:client():send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" ..
        "5;x=y\r\nhello\r\n0\r\n\r\n")
      local status = rig:run_until_answered(client)[1].status
      if status == 200 then assert.equal("hello", rig.requests[1].body) end
      assert.equal(#rig:sound() == 1 and 200 or 400, status) -- libmicrohttpd 1.0 refuses all extensions
    end)

    it("may be of HTTP/1.0, or name its host in the request line", function()
      open()
      local old = rig:client():send "GET /old HTTP/1.0\r\n\r\n"
      assert.equal("close", rig:run_until_closed(old)[1].headers.connection)
      rig:run_until_answered(rig:client():send "GET http://a.example:80/new?q HTTP/1.1\r\nHost: a\r\n\r\n")
      assert.equal("/old", rig.requests[1].path)
      assert.equal("/new", rig.requests[2].path)
      assert.equal("q", rig.requests[2].query)
    end)

    it("that expects 100-continue is told to go on", function()
      open()
      local client = rig:client():send "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
      rig:run(function() return client.got:find("100 Continue", 1, true) end)
      client:send "ok"
      assert.equal(200, rig:run_until_answered(client, 2)[2].status)
    end)
  end)

  describe("a connection", function()
    it("is kept for the next request", function()
      open()
      local client = rig:client():send(post "one")
      rig:run_until_answered(client)
      client:send(post "two")
      rig:run_until_answered(client, 2)
      assert.equal("two", rig.requests[2].body)
      assert.equal(1, rig.server:stats().accepted)
    end)

    it("can send 200 requests in one go, and gets the answers in their order", function()
      open()
      rig.respond = function(request) return { status = 200, body = "re " .. request.body } end
      local burst = {}
      for i = 1, 200 do burst[i] = post(tostring(i)) end
      local answers = rig:run_until_answered(rig:client():send(table.concat(burst)), 200)
      for i = 1, 200 do assert.equal("re " .. i, answers[i].body) end
    end)

    it("is not disturbed by a client that half-closes after its request", function()
      open()
      local client = rig:client():send(post "last words")
      client.socket:shutdown "send"
      assert.equal(200, rig:run_until_answered(client)[1].status)
    end)

    it("that goes away while its request awaits an answer loses only the answer", function()
      open()
      rig.respond = function() return nil end
      local client = rig:client():send(post "gone")
      rig:run(function() return #rig.held == 1 end)
      client:close()
      for _ = 1, 5 do rig:turn(0) end
      assert.equal(1, rig.server:stats().waiting)
      rig.server:answer(rig.held, { { status = 200 } })
      rig:run(function() return rig.server:stats().connections == 0 end)
      assert.equal(0, rig.server:stats().waiting)
      assert.equal(0, rig.server:stats().buffered)
    end)

    it("that goes away after its body came too late loses only the answer", function()
      open { body_timeout = 0.05 }
      rig.respond = function() return nil end
      local client = rig:client():send "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nfour"
      rig:run(function() return #rig.held == 1 end)
      client:close()
      rig:run(function() return rig.server:stats().connections == 0 end)
      assert.equal(1, rig.server:stats().waiting)
      rig.server:answer(rig.held, { { status = 408 } })
      assert.equal(0, rig.server:stats().waiting)
    end)

    it("that goes away in the middle of its request leaves nothing of it", function()
      open()
      for _, bytes in ipairs { "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nfour" } do
        local client = rig:client():send(bytes)
        rig:run(function() return rig.server:stats().buffered == #(bytes:match "\r\n\r\n(.*)" or "") end)
        for _ = 1, 5 do rig:turn(0) end
        client:close()
        rig:run(function() return rig.server:stats().connections == 0 end)
        assert.equal(0, rig.server:stats().buffered)
      end
      assert.equal(0, #rig.requests)
    end)

    it("that goes away after its answer takes nothing of another's request with it", function()
      open()
      local answered = rig:client():send(post "whole")
      rig:run_until_answered(answered)
      local sending = rig:client():send "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha"
      rig:run(function() return rig.server:stats().buffered == 2 end)
      answered:close()
      rig:run(function() return rig.server:stats().connections == 1 end)
      assert.equal(200, rig:run_until_answered(sending:send "lf")[1].status)
      assert.equal("half", rig.requests[2].body)
    end)

    it("that was refused leaves those that come after it to themselves", function()
      open()
      rig:run_until_closed(rig:client():send "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\n\r\nx")
      rig:run(function() return rig.server:stats().connections == 0 end)
      rig.respond = function() return nil end
      local clients = { a = rig:client():send(post "a"), b = rig:client():send(post "b") }
      rig:run(function() return #rig.held == 2 end)
      for _, request in ipairs(rig.held) do
        rig.server:answer({ request }, { { status = 200, body = request.body } })
      end
      for body, client in pairs(clients) do assert.equal(body, rig:run_until_answered(client)[1].body) end
    end)

    it("may wait for its answer over many polls", function()
      open()
      rig.respond = function() return nil end
      local client = rig:client():send(post "patience")
      rig:run(function() return #rig.held == 1 end)
      for _ = 1, 20 do rig:turn(0) end
      rig.server:answer(rig.held, { { status = 200, body = "at last" } })
      assert.equal("at last", rig:run_until_answered(client)[1].body)
      rig.respond = function() return { status = 200 } end
      client:send(post "again")
      rig:run_until_answered(client, 2)
    end)
  end)

  describe("time", function()
    it("ends for headers that are not complete, whatever trickles in", function()
      open { header_timeout = 0.1, idle_timeout = 5 }
      local client = rig:client():send "POST / HTTP/1.1\r\n"
      rig:run(function()
        if not client.closed then client:send "X" end
        return client.closed
      end)
      assert.equal(0, #rig.requests)
      assert.equal("", client.got)
    end)

    it("ends for a connection that says nothing", function()
      open { header_timeout = 0.05 }
      rig:run_until_closed(rig:client())
    end)

    it("ends for a connection that is idle after an answer, whatever trickles in", function()
      open { header_timeout = 5, idle_timeout = 0.15 }
      local client = rig:client():send(post "")
      rig:run_until_answered(client)
      local started = socket.gettime()
      client:send "G"
      rig:run(function()
        if not client.closed and socket.gettime() - started > 0.1 and not client.more then
          client.more = client:send "ET / HTTP/1.1\r\n"
        end
        return client.closed
      end)
      assert.is_true(socket.gettime() - started < 3)
      assert.equal(1, #rig.requests)
    end)

    it("ends for a body that trickles: the owner hears of it and its answer arrives", function()
      open { body_timeout = 0.1 }
      rig.respond = function(request)
        local status = request.fault == "timeout" and 408 or 500
        return { status = status, headers = { ["X-Why"] = "slow" }, body = "too slow" }
      end
      local client = rig:client():send "POST /t HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
      rig:run(function()
        if not client.closed then client:send "." end
        return client.closed
      end)
      local answer = client:responses()[1]
      assert.equal(408, answer.status)
      assert.equal("too slow", answer.body)
      assert.equal("slow", answer.headers["x-why"])
      assert.equal("close", answer.headers.connection)
      assert.matches("GMT$", answer.headers.date)
      assert.equal("/t", rig.requests[1].path)
      assert.is_nil(rig.requests[1].body)
      rig:run(function() return rig.server:stats().connections == 0 end)
      assert.equal(0, rig.server:stats().buffered)
    end)

    it("ends for a client that never reads its answers", function()
      open { idle_timeout = 0.2 }
      rig.respond = function() return { status = 200, body = ("z"):rep(100000) } end
      local client = rig:client()
      client.deaf = true
      client:send(post("x"):rep(2000))
      local most = 0
      rig:run(function()
        most = math.max(most, rig.server:stats().buffered)
        return rig.server:stats().connections == 0 and #rig.requests > 0
      end)
      assert.is_true(#rig.requests < 2000)
      assert.is_true(most <= 1)
    end)
  end)

  describe("a body that is too large", function()
    local function too_large(request)
      return { status = request.fault == "too_large" and 413 or 500, body = "too large" }
    end

    it("is refused as soon as it is declared, before any 100 Continue", function()
      open { max_body = 10 }
      rig.respond = too_large
      local head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
      for i, declared in ipairs { 11, 19, 90 } do
        local answers = rig:run_until_closed(rig:client():send(head:format(declared)))
        assert.equal(1, #answers)
        assert.equal(413, answers[1].status)
        assert.is_nil(rig.requests[i].body)
      end
    end)

    it("is taken if exactly the limit is declared", function()
      open { max_body = 10 }
      local client = rig:client():send "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"
      assert.equal(200, rig:run_until_answered(client)[1].status)
      assert.equal("0123456789", rig.requests[1].body)
    end)

    it("is refused when chunks grow past the limit, and not at it", function()
      open { max_body = 10 }
      rig.respond = function(request) return request.fault and too_large(request) or { status = 200 } end
      local head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      local fits = rig:client():send(head .. "a\r\n0123456789\r\n0\r\n\r\n")
      assert.equal(200, rig:run_until_answered(fits)[1].status)
      local client = rig:client():send(head .. "8\r\n01234567\r\n8\r\n01234567\r\n")
      assert.equal(413, rig:run_until_closed(client)[1].status)
      assert.equal("too_large", rig.requests[2].fault)
      rig:run(function() return rig.server:stats().buffered == 0 end)
    end)

    it("is one of more than 1 MiB if nothing else is said", function()
      open()
      rig.respond = too_large
      local head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
      assert.equal(413, rig:run_until_closed(rig:client():send(head:format(2 ^ 20 + 1)))[1].status)
      local client = rig:client():send(head:format(2 ^ 20))
      rig:run(function() return client.got:find("100 Continue", 1, true) end)
    end)

    it("gets its answer in the middle of a 100 MB upload, and takes no memory", function()
      open()
      rig.respond = too_large
      local before = raw.resident()
      local client = rig:client()
      local piece = ("x"):rep(65536)
      client:send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n")
      rig:run(function()
        if #client.queue == 0 and not client.broken then client:send(piece) end
        return client.closed or #client:responses() > 0
      end)
      assert.equal(413, client:responses()[1].status)
      assert.equal(0, rig.server:stats().buffered)
      assert.is_true(raw.resident() - before < 16 * 1024 * 1024)
    end)

    it("lets an uploader that reads only at the end learn of it", function()
      open { max_body = 1000 }
      rig.respond = too_large
      local client = rig:client()
      client.deaf = true
      client:send(post(("x"):rep(1000000)))
      rig:run(function() return #client.queue == 0 or client.broken end)
      client.deaf = false
      assert.equal(413, rig:run_until_closed(client)[1].status)
      assert.is_nil(client.broken)
    end)

    it("is refused with an answer of up to 64 KiB in all", function()
      open { max_body = 1 }
      local length = 60000
      rig.respond = function() return { status = 413, body = ("b"):rep(length) } end
      local function refusal()
        local client = rig:client():send "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
        rig:run_until_closed(client)
        return client.got
      end
      length = length + 65536 - #refusal()
      assert.equal(65536, #refusal())
      length = length + 1
      assert.equal("", refusal())
    end)

    it("is refused with a whole answer of its own", function()
      open { max_body = 1 }
      local headers = { ["X-One"] = "1", ["X-Two"] = { "a", "b" } }
      rig.respond = function() return { status = 413, headers = headers, body = "too large" } end
      local client, before = rig:client(), os.time()
      rig:run_until_closed(client:send "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
      local dates = {}
      for at = before, os.time() do dates[os.date("!%a, %d %b %Y %H:%M:%S GMT", at)] = true end
      local answer = client:responses()[1]
      assert.is_true(dates[answer.headers.date], answer.headers.date)
      local lines = {}
      for line in client.got:gmatch "([^\r\n]+)\r\n" do lines[#lines + 1] = line end
      assert.equal("HTTP/1.1 413 Content Too Large", (lines[1]:gsub("Payload", "Content")))
      table.sort(lines)
      assert.same({ "Connection: close", "Content-Length: 9", "Date: " .. answer.headers.date, "X-One: 1", "X-Two: a",
        "X-Two: b" }, { lines[1], lines[2], lines[3], lines[5], lines[6], lines[7] })
      assert.equal("too large", answer.body)
    end)

    it("counts against 64 MiB of all of them if nothing else is said", function()
      open { max_body = 2 ^ 30, max_header_bytes = 2 ^ 20 } -- as much as that is read at once
      rig.respond = function(request) return { status = 503, body = request.fault } end
      local client, piece = rig:client(), ("x"):rep(2 ^ 20)
      client:send(("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"):format(2 ^ 26 + 1))
      local sent = 0
      rig:run(function()
        if #client.queue == 0 and sent < 2 ^ 26 then
          client:send(piece)
          sent = sent + #piece
        end
        return rig.server:stats().buffered == 2 ^ 26
      end)
      assert.equal("overloaded", rig:run_until_closed(client:send "x")[1].body)
    end)

    it("counts with all the others against max_buffered", function()
      open { max_buffered = 100 }
      rig.respond = function(request) return request.fault and { status = 503, body = request.fault } or nil end
      rig:client():send(post(("a"):rep(60)))
      rig:run(function() return #rig.held == 1 end)
      assert.equal(60, rig.server:stats().buffered)
      rig.respond = function(request) return { status = request.fault and 503 or 200, body = request.fault } end
      assert.equal(200, rig:run_until_answered(rig:client():send(post(("b"):rep(40))))[1].status)
      local client = rig:client():send(post(("b"):rep(41)))
      local answer = rig:run_until_closed(client)[1]
      assert.equal(503, answer.status)
      assert.equal("overloaded", answer.body)
      assert.equal(60, rig.server:stats().buffered)
      rig.server:answer(rig.held, { { status = 200 } })
      assert.equal(0, rig.server:stats().buffered)
    end)

    -- A client whose body of so many bytes lacks the last one.
    local function unfinished(size)
      local before, client = rig.server:stats().buffered, rig:client():send(post(("a"):rep(size)):sub(1, -2))
      rig:run(function() return rig.server:stats().buffered ~= before end)
      return client
    end

    it("gives way to a smaller one if there is no more room, the largest and oldest first", function()
      open { max_buffered = 1000 }
      rig.respond = function(request) return { status = request.fault and 503 or 200, body = request.fault } end
      local small, oldest, large = unfinished(200), unfinished(400), unfinished(400)
      assert.equal(200, rig:run_until_answered(rig:client():send(post(("b"):rep(50))))[1].status)
      assert.equal("overloaded", rig:run_until_closed(oldest)[1].body)
      assert.equal(598, rig.server:stats().buffered)
      assert.equal(503, rig:run_until_closed(rig:client():send(post(("b"):rep(500))))[1].status)
      assert.is_false(large.closed or small.closed or false)
      assert.equal(200, rig:run_until_answered(large:send "a")[1].status)
      assert.equal(200, rig:run_until_answered(small:send "a")[1].status)
    end)

    it("gives way also if it is complete and waits for an owner who has not seen it", function()
      open { max_buffered = 1000 }
      rig.respond = function(request) return { status = request.fault and 503 or 200, body = request.fault } end
      local large = rig:client():send(post(("a"):rep(1000)))
      local newcomer = rig:client():send(post(("b"):rep(100)))
      rig:run(function() return large.closed and #newcomer:responses() == 1 end)
      assert.same({ 503, 200 }, { large:responses()[1].status, newcomer:responses()[1].status })
    end)

    it("does not disturb who sends little, however many others never finish", function()
      open { max_buffered = 20000, max_body = 1000 }
      rig.respond = function(request) return { status = request.fault and 503 or 200 } end
      for _ = 1, 200 do
        rig:client():send(post(("a"):rep(1000)):sub(1, -2))
        rig:turn()
        local client = rig:client():send(post(("b"):rep(100)))
        assert.equal(200, rig:run_until_answered(client)[1].status)
        client:close()
        assert.is_true(rig.server:stats().buffered <= 20000)
      end
    end)
  end)

  describe("a body of no notification", function()
    local SIGNATURE = "X-Apple-Signature: hmacsha256=" .. ("0a"):rep(32)

    local function head(lines, method, path)
      return ("%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n%s\r\n"):format(
        method or "POST", path or "/hook", table.concat(lines, "\r\n") .. (#lines > 0 and "\r\n" or ""))
    end

    local function fault_of(bytes)
      rig.requests = {}
      local client = rig:client():send(bytes)
      rig:run(function() return #rig.requests > 0 or rig.server:stats().buffered > 0 end)
      if rig.requests[1] then assert.equal("close", rig:run_until_closed(client)[1].headers.connection) end
      client:close()
      rig:run(function() return rig.server:stats().connections == 0 end)
      return rig.requests[1] and rig.requests[1].fault
    end

    before_each(function()
      open { path = "/hook" }
      rig.respond = function() return { status = 401 } end
    end)

    it("is refused by its head, before any of it has come", function()
      assert.equal("unread", fault_of(head {}))
      assert.equal("unread", fault_of(head { "X-Apple-Signature: hmacsha256=00" }))
      assert.equal("unread", fault_of(head { "X-Apple-Signature: hmacsha256=" .. ("0A"):rep(32) }))
      assert.equal("unread", fault_of(head { SIGNATURE, SIGNATURE }))
      assert.equal("unread", fault_of(head { SIGNATURE, "Content-Encoding: gzip" }))
      assert.equal("unread", fault_of(head { SIGNATURE, "Content-Encoding: identity", "Content-Encoding: identity" }))
      assert.equal("unread", fault_of(head({ SIGNATURE }, "PUT")))
      assert.equal("unread", fault_of(head({ SIGNATURE }, "POST", "/")))
      assert.equal("unread", fault_of(head({ SIGNATURE }, "POST", "/hook/x")))
      assert.equal("unread", fault_of "POST /hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
      assert.equal("unread", fault_of(head { "Expect: 100-continue" }))
    end)

    it("is told from one that may be one", function()
      local function takes(bytes)
        assert.is_nil(fault_of(bytes .. "x"))
      end
      takes(head { SIGNATURE })
      takes(head { SIGNATURE:lower() })
      takes(head { SIGNATURE, "Content-Encoding: Identity" })
      takes(head { SIGNATURE, "Content-Encoding:" })
      takes(head({ SIGNATURE }, "POST", "/hook?x"))
      takes(head({ SIGNATURE }, "POST", "/hook/"))
    end)

    it("is of no account if there is none", function()
      for _, line in ipairs { "GET / HTTP/1.1", "POST / HTTP/1.1\r\nContent-Length: 0" } do
        local client = rig:client():send((line .. "\r\nHost: a\r\n\r\n"):rep(2))
        assert.equal(2, #rig:run_until_answered(client, 2))
      end
      assert.equal(4, #rig:sound())
    end)
  end)

  describe("bytes that are no sound request", function()
    local function refused(bytes)
      local client = rig:client():send(bytes)
      local answers = rig:run_until_closed(client)
      assert.equal(0, #rig:sound())
      if answers[1] then assert.is_true(answers[1].status >= 400 and answers[1].status < 600) end
      return answers[1] and answers[1].status
    end

    it("never become a request", function()
      open()
      refused(("\1\2\0\255"):rep(100) .. "\r\n\r\n")
      refused "nonsense\r\n\r\n"
      refused "GET / HTTP/9.9\r\n\r\n"
      refused "GET / HTTP/1.1\r\n\r\n"
      refused "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
      refused "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"
      refused "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n"
    end)

    it("include every doubt about where the body ends", function()
      open()
      local function framed(...)
        local headers = table.concat({ ... }, "\r\n")
        return refused("POST / HTTP/1.1\r\nHost: a\r\n" .. headers .. "\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
      end
      assert.equal(400, framed("Content-Length: 5", "Transfer-Encoding: chunked"))
      assert.equal(400, framed("Transfer-Encoding: chunked", "Content-Length: 5"))
      assert.equal(400, framed("Content-Length: 5", "Content-Length: 6"))
      assert.equal(400, framed("Content-Length: 5", "Content-Length: 5"))
      assert.equal(400, framed("Transfer-Encoding: gzip, chunked"))
      assert.equal(400, framed("Transfer-Encoding: chunked, gzip"))
      assert.equal(400, framed("Transfer-Encoding: chunkex"))
      assert.equal(400, framed("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"))
      assert.equal(400, framed("Transfer-Encoding: identity"))
      assert.equal(400, framed("Transfer-Encoding : chunked"))
      assert.equal(400, framed("Content-Length : 5"))
      assert.equal(400, framed("Content-Length: 5x"))
      assert.equal(400, framed("Content-Length: -5"))
      assert.equal(400, framed("Content-Length: 5, 5"))
      assert.equal(413, framed("Content-Length: 99999999999999999999999"))
      assert.equal(400, refused "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    end)

    it("include chunks that are malformed", function()
      open()
      local head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      assert.equal(400, refused(head .. "zz\r\nhello\r\n0\r\n\r\n"))
      assert.equal(400, refused(head .. "5\r\nhelloX0\r\n\r\n"))
      assert.equal(413, refused(head .. "fffffffffffffffff\r\n"))
    end)

    it("end the connection when they follow a body that is longer than declared", function()
      open()
      local client = rig:client():send(post "hello" .. "and more that is no request\r\n\r\n")
      local answers = rig:run_until_closed(client)
      assert.equal(200, answers[1].status)
      assert.equal("hello", rig.requests[1].body)
      assert.equal(1, #rig:sound())
    end)

    it("are answered before they end, and a client that reads only at the end learns of it", function()
      open()
      local client = rig:client()
      client.deaf = true
      client:send("POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1000000\r\n\r\n" .. ("x"):rep(1000000))
      rig:run(function() return #client.queue == 0 or client.broken end)
      client.deaf = false
      local answers = rig:run_until_closed(client)
      assert.is_nil(client.broken)
      assert.equal(400, answers[1].status)
      assert.equal("close", answers[1].headers.connection)
    end)

    it("include headers without end", function()
      open { max_header_bytes = 4096 }
      local client = rig:client()
      client:send("GET / HTTP/1.1\r\nHost: a\r\n" .. ("X-Header: some value\r\n"):rep(1000))
      assert.equal(431, rig:run_until_closed(client)[1].status)
      client = rig:client():send("GET /" .. ("a"):rep(10000))
      assert.equal(414, rig:run_until_closed(client)[1].status)
      assert.equal(0, #rig:sound())
    end)

    it("are handed out to be known, also if libmicrohttpd has answered them, and what is handed out can be answered",
      function()
        open { max_header_bytes = 4096 }
        local function faults_of(bytes)
          rig.requests = {}
          rig:run_until_closed(rig:client():send(bytes))
          rig:run(function() return #rig.requests > 0 end)
          assert.equal(1, #rig.requests)
          assert.equal("127.0.0.1", rig.requests[1].remote)
          return { rig.requests[1].fault, rig.requests[1].answered }
        end
        assert.same({ "malformed" }, faults_of "POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")
        assert.same({ "no_length" }, faults_of "POST / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert.same({ "malformed", 400 }, faults_of "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n")
        assert.same({ "malformed", 431 }, faults_of("GET / HTTP/1.1\r\n" .. ("X-Header: some value\r\n"):rep(1000)))
        assert.same({ "malformed", 400 }, faults_of(
          "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"))
        assert.same({ "no_request" }, faults_of "nonsense\r\n\r\n")
        assert.same({ "no_request" }, faults_of("GET /" .. ("a"):rep(10000)))
        assert.same({ "no_request" }, faults_of "GET / HTTP/3.0\r\n\r\n")
        assert.same({ 0, 0 }, { rig.server:stats().waiting, rig.server:stats().buffered })
      end)

    it("include what follows a request that was answered", function()
      open()
      local client = rig:client():send(post "a" .. "nonsense\r\n\r\n")
      rig:run_until_closed(client)
      rig:run(function() return #rig.requests == 2 end)
      assert.same({ "a", "no_request" }, { rig.requests[1].body, rig.requests[2].fault })
    end)

    it("do not include the end of a connection", function()
      open { idle_timeout = 0.05 }
      local function ends(bytes, answers)
        local client = rig:client():send(bytes)
        rig:run_until_answered(client, answers)
        client.socket:shutdown "send"
        rig:run_until_closed(client)
      end
      ends("", 0)
      ends(post "a", 1)
      ends("GET / HTTP/1.0\r\n\r\n", 1)
      rig:run_until_closed(rig:client():send(post("b", { "Connection: close" })))
      rig:run_until_closed(rig:client():send "GET / HTTP/1.0\r\n\r\n")
      rig:run_until_closed(rig:client():send(post "c"))
      rig:turn()
      assert.equal(#rig.requests, #rig:sound())
    end)
  end)

  describe("many connections", function()
    it("that are idle do not lock others out", function()
      local count = math.min(10000, raw.most_files() - 300) -- which are for the server and for what else is open
      local often = math.floor(count / 5)
      open { max_connections = 100 }
      local idle = {}
      for i = 1, count do
        local one = socket.tcp4()
        one:settimeout(5)
        assert(one:connect(rig.host, rig.port))
        idle[i] = one
        if i % 50 == 0 then rig:turn(0) end
        if i % often == 0 then
          local client = rig:client():send(post "let me through")
          assert.equal(200, rig:run_until_answered(client)[1].status)
        end
      end
      rig:run(function() return rig.server:stats().accepted == count + math.floor(count / often) end)
      local stats = rig.server:stats()
      assert.equal(100, stats.connections)
      assert.equal(stats.accepted - 100, stats.evicted)
      assert.equal(0, stats.refused)
      for i = 1, count do idle[i]:close() end
    end)

    it("are at most 512 if nothing else is said", function()
      if raw.most_files() < 2000 then return pending "this process may not open so many files" end
      open()
      local all = {}
      local function connect(count)
        for _ = 1, count do
          all[#all + 1] = socket.tcp4()
          all[#all]:settimeout(5)
          assert(all[#all]:connect(rig.host, rig.port))
          if #all % 50 == 0 then rig:turn(0) end
        end
        rig:run(function() return rig.server:stats().accepted == #all end)
      end
      connect(512)
      assert.equal(0, rig.server:stats().evicted)
      connect(1)
      assert.same({ 1, 512 }, { rig.server:stats().evicted, rig.server:stats().connections })
      for _, one in ipairs(all) do one:close() end
    end)

    it("that send headers for ever make room after the silent ones", function()
      open { max_connections = 2 }
      local slow = rig:client():send "GET / HTTP/1.1\r\nHost: a\r\n"
      rig:run(function() return rig.server:stats().connections == 1 end)
      local silent = rig:client()
      rig:run(function() return rig.server:stats().connections == 2 end)
      rig:run_until_answered(rig:client():send(post "third"))
      assert.is_true(silent.closed)
      assert.is_nil(slow.closed)
    end)

    it("that all await their answers refuse newcomers, and lose nothing", function()
      open { max_connections = 2 }
      rig.respond = function() return nil end
      local a, b = rig:client():send(post "a"), rig:client():send(post "b")
      rig:run(function() return #rig.held == 2 end)
      rig:run_until_closed(rig:client())
      assert.equal(1, rig.server:stats().refused)
      assert.equal(0, rig.server:stats().evicted)
      rig.server:answer(rig.held, { { status = 200 }, { status = 200 } })
      rig:run_until_answered(a)
      rig:run_until_answered(b)
    end)

    it("that come and go while the owner is away leave no more than so many requests to it", function()
      open { max_connections = 4 }
      local endless = "GET / HTTP/1.1\r\nHost: a\r\n" .. ("X-Header: some value\r\n"):rep(1000)
      for _ = 1, 40 do
        local plain = socket.tcp4()
        plain:settimeout(10)
        assert(plain:connect(rig.host, rig.port))
        plain:send(endless)
        local _, why = plain:receive "*a"
        assert.not_equal("timeout", why)
        plain:close()
      end
      rig:turn()
      assert.is_true(#rig.requests > 0 and #rig.requests <= 12, #rig.requests .. " requests")
      assert.is_true(rig.server:stats().refused >= 28)
      assert.equal(200, rig:run_until_answered(rig:client():send(post "later"))[1].status)
    end)

    it("leave no open file behind", function()
      collectgarbage()
      local before = raw.open_files()
      open { max_body = 10 }
      rig.respond = function(request) return { status = request.fault and 413 or 200 } end
      for i = 1, 50 do
        local client = rig:client():send(post(("x"):rep(i)))
        rig:run_until_answered(client)
        client:close()
      end
      rig:run(function() return rig.server:stats().connections == 0 end)
      rig:close()
      rig = nil
      assert.equal(before, raw.open_files())
    end)
  end)

  describe("answer", function()
    local request

    before_each(function()
      open()
      rig.respond = function() return nil end
      rig:client():send(post "")
      rig:run(function() return #rig.held == 1 end)
      request = rig.held[1]
    end)

    it("sends status, headers and body", function()
      rig.server:answer({ request }, { { status = 503, headers = { ["Retry-After"] = "5", ["X-Two"] = { "a", "b" } },
        body = "later" } })
      local client = rig.clients[1]
      rig:run_until_answered(client)
      assert.matches("^HTTP/1.1 503 Service Unavailable\r\n", client.got)
      assert.matches("\r\nRetry%-After: 5\r\n", client.got)
      assert.matches("\r\nX%-Two: a\r\nX%-Two: b\r\n", client.got)
      assert.matches("\r\n\r\nlater$", client.got)
    end)

    it("takes every status from 200 to 599, up to 32 headers, and tables that say no more than they must", function()
      local many = {}
      for i = 1, 32 do many["X-" .. i] = "x" end
      rig.server:answer({ request }, { { status = 599, headers = many } })
      local client = rig.clients[1]
      local answer = rig:run_until_answered(client)[1]
      assert.equal(599, answer.status)
      for i = 1, 32 do assert.equal("x", answer.headers["x-" .. i]) end
      local bytes = "a b~\128\255"
      rig.respond = function() return { status = 200, headers = { ["X-None"] = {}, ["X-Bytes"] = bytes } } end
      answer = rig:run_until_answered(client:send(post ""), 2)[2]
      assert.same({ 200, "", bytes }, { answer.status, answer.body, answer.headers["x-bytes"] })
      assert.is_nil(answer.headers["x-none"])
    end)

    it("raises when a request was answered before", function()
      rig.server:answer({ request }, { { status = 200 } })
      assert.error_matches(function() rig.server:answer({ request }, { { status = 200 } }) end,
        "request 1 was answered before")
    end)

    it("raises when a request is of another server", function()
      local other = assert(http_server.open { port = 0 })
      assert.error_matches(function() other:answer({ request }, { { status = 200 } }) end, "not of this server")
      other:close()
      assert.equal(1, rig.server:stats().waiting)
    end)

    it("answers nothing when one of several is wrong", function()
      assert.error_matches(function()
        rig.server:answer({ request, {} }, { { status = 200 }, { status = 200 } })
      end, "request 2 was answered before")
      assert.error_matches(function() rig.server:answer({ request }, {}) end, "as many responses as requests")
      for _, wrong in ipairs { 7, "x", { handle = "x" }, { handle = -1 }, { handle = 2 ^ 52 }, { handle = 2 ^ 60 } } do
        assert.error_matches(function()
          rig.server:answer({ request, wrong }, { { status = 200 }, { status = 200 } })
        end, type(wrong) == "table" and "request 2 was answered before" or "request 2 must be a table")
      end
      assert.equal(1, rig.server:stats().waiting)
    end)

    it("raises for what is no response, naming it", function()
      local function fails(response, why)
        assert.error_matches(function() rig.server:answer({ request }, { response }) end, why)
      end
      fails(7, "response 1 must be a table")
      fails({}, "response 1: status must be a number from 200 to 599")
      for _, status in ipairs { 100, 199, 600, 0 / 0 } do fails({ status = status }, "status must be") end
      fails({ status = 200, body = 7 }, "body must be a string or a list of strings")
      fails({ status = 200, headers = "x" }, "headers must be a table")
      fails({ status = 200, headers = { "x" } }, "response 1: header names must be strings")
      fails({ status = 200, headers = { A = { "x", 5 } } }, "response 1: header 'A' must be a string")
      fails({ status = 200, headers = { A = "" } }, "response 1: header 'A' is empty")
      for _, name in ipairs { "", "a\0", "a:", "\228" } do
        fails({ status = 200, headers = { [name] = "x" } }, "is not a header name")
      end
      fails({ status = 200, headers = { ["a b"] = "x" } }, "header 'a b' is not a header name")
      fails({ status = 200, headers = { a = "x\r\nSet-Cookie: y" } }, "header 'a' has a control character")
      for _, byte in ipairs { "\1", "\t", "\31", "\127" } do
        fails({ status = 200, headers = { a = "x" .. byte } }, "header 'a' has a control character")
      end
      fails({ status = 200, headers = { a = 5 } }, "header 'a' must be a string")
      for _, name in ipairs { "Connection", "content-length", "TRANSFER-ENCODING" } do
        fails({ status = 200, headers = { [name] = "x" } }, "is set by the server")
      end
      fails({ status = 200, headers = { Date = "now" } }, "header 'Date' is set by the server")
      local many = {}
      for i = 1, 33 do many["X-" .. i] = "x" end
      fails({ status = 200, headers = many }, "more than 32 headers")
    end)
  end)

  describe("the status 444", function()
    it("closes the connection without a byte", function()
      -- once answered before the next run of the sockets, once after libmicrohttpd has suspended the connection
      for _, is_late in ipairs { false, true } do
        open()
        local response = { status = 444, body = "hello" }
        rig.respond = function() return not is_late and response or nil end
        local client = rig:client():send(post "x")
        if is_late then
          rig:run(function() return #rig.held == 1 end)
          rig:turn()
          rig.server:answer({ rig.held[1] }, { response })
        end
        rig:run_until_closed(client)
        assert.equal("", client.got)
        assert.equal(0, rig.server:stats().waiting)
        rig:run(function() return rig.server:stats().connections == 0 end)
        rig:close()
      end
    end)

    it("leaves the server answering", function()
      open()
      rig.respond = function(request) return { status = request.body == "x" and 444 or 200 } end
      rig:run_until_closed(rig:client():send(post "x"))
      assert.equal(200, rig:run_until_answered(rig:client():send(post "y"))[1].status)
    end)
  end)

  describe("drain", function()
    it("takes a request that has arrived, and lets one go that has said nothing", function()
      open()
      local busy, silent = rig:client():send(post "one"), rig:client()
      rig:run_until_answered(busy)
      rig:run(function() return rig.server:stats().connections == 2 end)
      busy:send(post "two")
      rig.server:drain()
      assert.equal(200, rig:run_until_closed(busy)[2].status)
      assert.equal("two", rig.requests[2].body)
      rig:run_until_closed(silent)
    end)

    it("stops accepting, closes what is idle and finishes what is in progress", function()
      open()
      local idle = rig:client():send(post "")
      rig:run_until_answered(idle)
      local busy = rig:client():send "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha"
      rig:run(function() return rig.server:stats().connections == 2 end)
      rig:turn()
      rig.server:drain()
      rig:run_until_closed(idle)
      local late = socket.tcp4()
      late:settimeout(1)
      assert.is_nil((late:connect(rig.host, rig.port)))
      late:close()
      busy:send "lf"
      local answer = rig:run_until_closed(busy)[1]
      assert.equal(200, answer.status)
      assert.equal("close", answer.headers.connection)
      assert.equal("half", rig.requests[2].body)
      rig:run(function() return rig.server:stats().connections == 0 end)
      rig.server:drain()
    end)
  end)

  describe("close", function()
    it("answers what is waiting with 503, once", function()
      open()
      rig.respond = function() return nil end
      local held, parked = rig:client():send(post "a"), rig:client():send(post "b")
      rig:run(function() return #rig.held == 2 end)
      rig:turn()
      local unseen = rig:client():send(post "c")
      rig.server:close()
      rig.server:close()
      for _, client in ipairs { held, parked } do
        client.socket:settimeout(5)
        client:pump()
        assert.equal(503, client:responses()[1].status)
      end
      unseen:close()
      assert.error_matches(function() rig.server:poll(0) end, "the server is closed")
    end)

    it("happens when the server is collected", function()
      collectgarbage()
      local before = raw.open_files()
      do
        local server = assert(http_server.open { port = 0 })
        server:poll(0)
      end
      collectgarbage()
      collectgarbage()
      assert.equal(before, raw.open_files())
    end)
  end)

  describe("open", function()
    it("names the address of a port in use", function()
      open()
      local server, message, code = http_server.open { port = rig.port }
      assert.is_nil(server)
      assert.equal("listen_failed", code)
      assert.equal("cannot listen on 127.0.0.1:" .. rig.port .. ": Address already in use", message)
    end)

    it("takes a port that connections used a moment ago", function()
      open()
      assert.equal(200, rig:run_until_closed(rig:client():send "GET / HTTP/1.0\r\n\r\n")[1].status)
      local port = rig.port
      rig:close()
      open { port = port }
      assert.equal(port, rig.port)
    end)

    it("shows IPv6 addresses in brackets if they cannot be listened on", function()
      local _, message, code = http_server.open { host = "2001:db8::1", port = 1 }
      assert.equal("listen_failed", code)
      assert.matches("^cannot listen on %[2001:db8::1%]:1: ", message)
    end)

    it("has no socket that is inherited by programs that this one starts", function()
      local command = "ls -l /proc/self/fd | grep -c socket: || true"
      local before = shell.run(command)
      open { max_body = 1 }
      rig:run_until_answered(rig:client():send(post ""))
      -- one that was refused, and is still read from
      rig:run_until_closed(rig:client():send(post "too large"))
      for _, client in ipairs(rig.clients) do client.socket:close() end
      rig.clients = {}
      assert.equal(before, shell.run(command))
    end)

    it("names a host that is none", function()
      local server, message, code = http_server.open { host = "999.999.999.999" }
      assert.is_nil(server)
      assert.equal("listen_failed", code)
      assert.matches("^cannot listen on 999", message)
    end)

    it("says when there are not enough files for the connections", function()
      local script = shell.file [[
        print(select(2, require("marketplace.http_server").open { max_connections = 100 }))
      ]]
      assert.equal("max_connections needs 356 open files, and this process may have 355\tlisten_failed\n",
        (shell.capture(("ulimit -n 355; %s %s"):format(shell.LUA, script))))
      os.remove(script)
    end)

    it("raises for what is no option, naming it", function()
      local function fails(options, why)
        assert.error_matches(function() http_server.open(options) end, why)
      end
      fails(nil, "table expected")
      fails({ prot = 1 }, "unknown option 'prot'")
      fails({ port = "1" }, "option 'port' must be a number, not a string")
      fails({ port = 65536 }, "option 'port' must be between 0 and 65535")
      fails({ port = 1.5 }, "option 'port' must be a whole number")
      fails({ host = 1 }, "option 'host' must be a string, not a number")
      fails({ host = "a\0b" }, "option 'host' has a NUL byte")
      fails({ max_connections = 0 }, "option 'max_connections' must be between")
      fails({ idle_timeout = 0 }, "option 'idle_timeout' must be between")
      fails({ idle_timeout = 0 / 0 }, "option 'idle_timeout' must be between")
      fails({ tls_cert = "x" }, "options 'tls_cert' and 'tls_key' go together")
      fails({ [1] = "x" }, "option names must be strings")
    end)

    it("takes numbers up to each limit, and none beyond it", function()
      local function is_taken(name, value)
        -- that the system will not have it, as a port of another's or a million connections, is not the option's fault
        local server, message = http_server.open { [name] = value }
        if server then server:close() end
        return server ~= nil or message:find "cannot listen" ~= nil or message:find "open files" ~= nil
      end
      for name, limits in pairs {
        port = { 0, 65535, 1 }, max_body = { 0, 2 ^ 40, 1 }, max_buffered = { 1, 2 ^ 40, 1 },
        max_connections = { 1, 1000000, 1 }, max_header_bytes = { 1024, 2 ^ 20, 1 },
        header_timeout = { 0.001, 86400, 0.0001 }, body_timeout = { 0.001, 86400, 0.0001 },
        idle_timeout = { 0.001, 86400, 0.0001 },
      } do
        local least, most, step = limits[1], limits[2], limits[3]
        assert.is_true(is_taken(name, least), name)
        assert.is_true(is_taken(name, most), name)
        for _, value in ipairs { least - step, most + step } do
          assert.error_matches(function() http_server.open { [name] = value } end,
            "option '" .. name .. "' must be between")
        end
      end
    end)

    it("serves IPv6 if the machine has it", function()
      local server = http_server.open { host = "::1" }
      if not server then return pending "this machine has no IPv6" end
      server:close()
      for _, written in ipairs { "[::1]", "::1" } do
        server = http_server.open { host = written }
        assert.equal("::1", (server:address()))
        server:close()
      end
      for _, wrong in ipairs { "[]", "[", "]", "[::1", "::1]", "[" .. ("x"):rep(1000) .. "]", "[[::1]]" } do
        local none, message, code = http_server.open { host = wrong }
        assert.same({ nil, "listen_failed" }, { none, code })
        assert.is_truthy(message:find("cannot listen on ", 1, true), message)
      end
      open { host = "::1" }
      rig:run_until_answered(rig:client():send(post "six"))
      assert.equal("::1", rig.host)
      assert.equal("::1", rig.requests[1].remote)
    end)

    it("shows a client of IPv4 as one, whatever it listens on", function()
      local server = http_server.open { host = "::" }
      if not server then return pending "this machine has no IPv6" end
      server:close()
      open { host = "::" }
      assert.equal("::", rig.host)
      rig.host = "127.0.0.1"
      rig:run_until_answered(rig:client():send(post "four"))
      assert.equal("127.0.0.1", rig.requests[1].remote)
    end)
  end)

  describe("poll", function()
    it("does not wait when there is no time, or when a request is there", function()
      open()
      local started = socket.gettime()
      assert.same({}, rig.server:poll(0))
      rig:client():send(post "")
      rig:run(function() return #rig.requests == 1 end)
      assert.is_true(socket.gettime() - started < 5)
      assert.error_matches(function() rig.server:poll(-1) end, "must not be negative")
      assert.error_matches(function() rig.server:poll "x" end, "number expected")
    end)

    it("does not wait if a request has come while others were answered", function()
      open()
      local client = rig:client():send(post "first")
      rig:run_until_answered(client)
      rig.respond = function() return nil end
      rig:client():send(post "held")
      rig:run(function() return #rig.held == 1 end)
      client:send(post "second")
      rig.server:answer(rig.held, { { status = 200 } })
      local requests = {}
      while #requests == 0 do requests = rig.server:poll(86400) end
      assert.equal("second", requests[1].body)
      rig.server:answer(requests, { { status = 200 } })
    end)

    it("keeps to its time, also while requests await their answers", function()
      open()
      rig.respond = function() return nil end
      for held = 0, 2 do
        if held > 0 then rig:client():send(post "x") end
        rig:run(function() return #rig.held == held end)
        rig:turn()
        local started = socket.gettime()
        assert.same({}, rig.server:poll(0.05))
        assert.is_true(socket.gettime() - started >= 0.045)
      end
    end)

    it("names the argument that is wrong", function()
      open()
      local server = rig.server
      local function fails(why, method, ...)
        local ok, problem = pcall(server[method], ...)
        assert.is_false(ok)
        assert.matches(why, problem)
      end
      fails("#1 .*marketplace.http_server expected", "poll", 5)
      fails("#2 .*number expected", "poll", server, "x")
      fails("#2 .*must not be negative", "poll", server, -1)
      fails("#2 .*table expected", "answer", server, 5, {})
      fails("#3 .*table expected", "answer", server, {}, 5)
      fails("#3", "answer", server, {}, { {} })
    end)
  end)

  describe("TLS", function()
    local cert, key

    setup(function() cert, key = raw.certificate() end)

    local function finish(result)
      rig:run(function() return result() end, 20)
      return result()
    end

    it("serves HTTPS", function()
      open { tls_cert = cert, tls_key = key }
      rig.respond = function(request) return { status = 200, body = "got " .. #request.body } end
      local body = raw.write_file(("b"):rep(300000))
      assert.equal("got 300000 200", finish(raw.start(
        ("curl -sk --data-binary @%s -w ' %%{http_code}' https://127.0.0.1:%d/"):format(body, rig.port))))
    end)

    it("answers a fault in the middle of an upload", function()
      open { tls_cert = cert, tls_key = key, max_body = 1000 }
      rig.respond = function(request) return { status = 413, body = request.fault } end
      local body = raw.write_file(("b"):rep(2000000))
      assert.equal("too_large 413", finish(raw.start(
        ("curl -sk -H 'Expect:' --data-binary @%s -w ' %%{http_code}' https://127.0.0.1:%d/"):format(body, rig.port))))
      assert.equal("too_large 413", finish(raw.start(
        ("curl -sk -H 'Transfer-Encoding: chunked' -H 'Expect:' --data-binary @%s -w ' %%{http_code}' " ..
          "https://127.0.0.1:%d/")
        :format(body, rig.port))))
    end)

    it("answers a body that does not come", function()
      open { tls_cert = cert, tls_key = key, body_timeout = 0.1 }
      rig.respond = function(request) return { status = 408, body = request.fault } end
      local out = finish(raw.start(("printf 'POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5\\r\\n\\r\\n' | " ..
        "openssl s_client -quiet -connect 127.0.0.1:%d 2>/dev/null"):format(rig.port)))
      assert.matches("^HTTP/1.1 408 ", out)
      assert.matches("\r\n\r\ntimeout$", out)
    end)

    it("closes a connection without a byte of an answer", function()
      open { tls_cert = cert, tls_key = key }
      rig.respond = function() return { status = 444 } end
      local out = finish(raw.start(("curl -sk -o - https://127.0.0.1:%d/; echo \" $?\""):format(rig.port)))
      assert.matches("^ %d+\n$", out)
      assert.not_matches("^ 0", out)
    end)

    it("does not wait for a handshake without end, nor mind plain HTTP", function()
      open { tls_cert = cert, tls_key = key, header_timeout = 0.1 }
      local silent, plain = rig:client(), rig:client():send(post "x")
      rig:run_until_closed(silent)
      rig:run_until_closed(plain)
      assert.equal(0, #rig.requests)
    end)

    -- The serial number of the certificate that a new connection gets.
    local function served()
      return finish(raw.start(("openssl s_client -connect 127.0.0.1:%d < /dev/null 2>/dev/null | " ..
        "openssl x509 -noout -serial"):format(rig.port)))
    end

    -- Another certificate with its key, and its serial number.
    local function another(ends_at)
      local folder = shell.run "mktemp -d"
      finally(function() shell.run("rm -rf " .. folder) end)
      certificates.make(folder, ends_at or certificates.VALID)
      local serial = shell.run(("openssl x509 -noout -serial -in %s/server.crt"):format(folder)) .. "\n"
      return raw.read_file(folder .. "/server.crt"), raw.read_file(folder .. "/server.key"), serial
    end

    it("gives new connections another certificate, and leaves open ones theirs", function()
      open { tls_cert = cert, tls_key = key }
      local first = served()
      assert.matches("^serial=%x+\n$", first)
      assert.equal(first, served())
      local keeps_its_own = raw.start(("{ printf '%s'; sleep 1; printf '%s'; } | openssl s_client -quiet -connect " ..
        "127.0.0.1:%d 2>/dev/null"):format("GET /1 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
        "GET /2 HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n", rig.port))
      rig:run(function() return #rig.requests == 1 end)
      local new_cert, new_key, serial = another()
      for _ = 1, 2 do assert.is_true(rig.server:set_certificate(new_cert, new_key)) end
      assert.equal(serial, served())
      assert.equal(serial, served())
      local _, answers = finish(keeps_its_own):gsub("HTTP/1.1 200 OK", "")
      assert.equal(2, answers)
      assert.same({ "/1", "/2" }, { rig.requests[1].path, rig.requests[#rig.requests].path })
    end)

    it("keeps its certificate if another one cannot be used", function()
      open { tls_cert = cert, tls_key = key }
      local first, new_cert, new_key = served(), another()
      local function fails(why, ...)
        local ok, message, code = rig.server:set_certificate(...)
        assert.same({ nil, "tls_failed" }, { ok, code })
        assert.matches(why, message)
        assert.equal(first, served())
      end
      fails("^tls_cert and tls_key do not belong together", new_cert, key)
      fails("^tls_cert and tls_key do not belong together", cert, new_key)
      fails("^tls_cert is not a PEM certificate", "", key)
      fails("^tls_key is not a PEM private key", new_cert, "")
      assert.has_error(function() rig.server:set_certificate(new_cert) end)
      assert.has_error(function() rig.server:set_certificate(new_cert .. "\0", new_key) end)
    end)

    it("tells when its certificate expires", function()
      open { tls_cert = cert, tls_key = key }
      local in_two_days = os.time() + 2 * 86400
      assert.is_true(math.abs(rig.server:stats().tls_expires_at - in_two_days) < 3600)
      local old_cert, old_key = another(certificates.EXPIRED)
      assert.is_true(rig.server:set_certificate(old_cert, old_key))
      assert.equal(1577923200, rig.server:stats().tls_expires_at)
    end)

    it("has none to replace without TLS", function()
      open()
      assert.is_nil(rig.server:stats().tls_expires_at)
      local ok, message, code = rig.server:set_certificate(cert, key)
      assert.same({ nil, "the server has no TLS", "tls_failed" }, { ok, message, code })
    end)

    it("says which part of the certificate is wrong, and never what it holds", function()
      local function fails(options, why)
        local server, message, code = http_server.open(options)
        assert.is_nil(server)
        assert.equal("tls_failed", code)
        assert.matches(why, message)
      end
      fails({ tls_cert = "rubbish", tls_key = key }, "^tls_cert is not a PEM certificate: ")
      fails({ tls_cert = cert, tls_key = "rubbish" }, "^tls_key is not a PEM private key: ")
      fails({ tls_cert = key, tls_key = key }, "^tls_cert is not")
      local other = raw.write_file ""
      os.execute(("openssl ecparam -name prime256v1 -genkey -noout -out %s"):format(other))
      fails({ tls_cert = cert, tls_key = raw.read_file(other) }, "^tls_cert and tls_key do not belong together: ")
    end)
  end)

  it("asks no metamethods of a caller's tables", function()
    local function raises() error "a metamethod was asked" end
    local server = assert(http_server.open(setmetatable({ port = 0 }, { __index = raises })))
    local host, port = server:address()
    assert.equal("127.0.0.1", host)
    local client = socket.tcp4()
    client:settimeout(5)
    assert(client:connect(host, port))
    assert(client:send(post "x"))
    local requests
    repeat requests = server:poll(1) until #requests > 0
    local response = setmetatable({ status = 200 }, { __index = raises })
    server:answer({ setmetatable({ handle = requests[1].handle }, { __index = raises }) }, { response })
    server:poll(0)
    assert.matches(" 200 ", client:receive "*l")
    client:close()
    server:close()
  end)

  describe("a finalizer", function()
    local server, client

    before_each(function()
      server = assert(http_server.open {})
      client = socket.tcp4()
      client:settimeout(5)
      assert(client:connect(server:address()))
      assert(client:send(post(("x"):rep(1000)):rep(100)))
    end)

    after_each(function()
      client:close()
      server:close()
    end)

    it("cannot close the server while it hands out requests", function()
      local request
      local outcome = finalizer.during(function()
        repeat request = server:poll(1)[1] until request
      end, function()
        if not pcall(server.stats, server) then return { pcall(server.close, server) } end
      end)
      assert.is_false(outcome[1])
      assert.matches("the server is in use: a finalizer must leave it alone", outcome[2])
      assert.equal(("x"):rep(1000), request.body)
      server:answer({ request }, { { status = 200 } })
      server:poll(0)
      assert.matches(" 200 ", client:receive "*l")
    end)

    -- in Lua 5.4 all that this makes is strings that are here already, and nothing is collected
    local it_may_come = _VERSION == "Lua 5.4" and function() end or it

    it_may_come("that closes the server while it answers has it raise", function()
      local answered, problem = true, nil
      finalizer.during(function()
        for _ = 1, 100 do
          local requests
          repeat requests = server:poll(1) until requests[1]
          answered, problem = pcall(server.answer, server, { requests[1] }, { { status = 200 } })
          if not answered then return end
        end
      end, function()
        if not finalizer.is_within(server.answer) then return nil end
        server:close()
        return true
      end)
      assert.is_false(answered)
      assert.matches("the server is closed", problem)
    end)
  end)
end)
