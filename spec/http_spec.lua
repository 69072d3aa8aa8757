-- HTTP on libcurl, against a real peer.
local core = require "marketplace.core"
local finalizer = require "support.finalizer"
local http = require "marketplace.http"
local json = require "marketplace.json"
local peers = require "support.peer"
local raw = require "support.raw_http"
local runtime = require "marketplace.runtime"
local shell = require "support.shell"
local socket = require "socket"

local unpack = runtime.unpack

describe("marketplace.http", function()
  local peer

  setup(function() peer = peers.start() end)
  teardown(function() peer:stop() end)

  local function exchange(path, more)
    local request = { method = "GET", url = peer.url .. path }
    for name, value in pairs(more or {}) do request[name] = value end
    return http.exchange(request)
  end

  local function echo(more, path)
    local response = assert(exchange(path or "/echo", more))
    return assert(json.decode(response.body)), response
  end

  it("sends method, headers and body, and reads status, headers and body", function()
    for _, method in ipairs { "GET", "POST", "PATCH", "DELETE", "PUT" } do
      local body = method ~= "GET" and "a body\0with bytes \255" or nil
      local headers = { "X-Name:  a value ", "Accept: text/plain" }
      local seen, response = echo { method = method, body = body, headers = headers }
      assert.equal(method, seen.method)
      assert.equal("a value", seen.headers["x-name"])
      assert.equal("text/plain", seen.headers.accept)
      assert.is_nil(seen.headers.expect)
      assert.equal(body and #body, tonumber(seen.headers["content-length"]))
      assert.equal(200, response.status)
      assert.same({ "one", "two" }, response.headers["x-twice"])
      assert.is_string(response.headers.date)
    end
    assert.equal("", assert(exchange("/echo", { method = "HEAD" })).body)
    assert.equal(418, assert(exchange "/status/418").status)
  end)

  it("uses a connection again, but never for what must not be repeated unseen", function()
    local before = echo().connections
    for _ = 1, 20 do echo() end
    echo { method = "PATCH", body = "x" }
    assert.equal(before, echo().connections)
    assert.equal(before + 1, echo { method = "POST", body = "x" }.connections)
    assert.equal(before + 2, echo { method = "POST", body = "x" }.connections)
    assert.equal(before + 3, echo { method = "DELETE" }.connections)
    for _, method in ipairs { "HEAD", "OPTIONS", "PUT" } do assert(exchange("/echo", { method = method })) end
    assert.equal(before + 3, echo().connections)
  end)

  it("does not repeat a POST or a DELETE whose connection ends without an answer", function()
    for _, path in ipairs { "/cut/a", "/half/a" } do
      for method, body in pairs { POST = "{}", DELETE = false } do
        echo()
        local response, message, code, detail = exchange(path, { method = method, body = body or nil })
        assert.is_nil(response)
        assert.equal("http_failed", code, message)
        assert.same({ true, 1 }, { detail.sent, peer:counts()[method .. " " .. path] })
      end
    end
  end)

  it("does not let HTTP/2 repeat a POST or a DELETE", function()
    for _, method in ipairs { "POST", "DELETE" } do
      local request = { method = method, url = peer.tls_url .. "/refuse", ca_file = peer.ca_file }
      assert.same({ 200, 1 }, { assert(http.exchange(request)).status, peer:counts()[method .. " /refuse"] })
    end
  end)

  it("takes no answer for one that ends within its header", function()
    for _, method in ipairs { "GET", "DELETE" } do
      local response, message, code, detail = exchange("/cuthead", { method = method })
      assert.is_nil(response)
      assert.equal("http_failed", code, message)
      assert.is_true(detail.sent)
    end
  end)

  it("speaks HTTP/2 over TLS", function()
    local response = assert(http.exchange { method = "GET", url = peer.tls_url .. "/echo", ca_file = peer.ca_file })
    assert.equal("2.0", json.decode(response.body).version)
  end)

  -- Of a process that has no connection yet, five exchanges at the same time: how many connections they made.
  local function connections_of_five(url)
    local script = shell.file(([[
      local http, exchanges = require "marketplace.http", {}
      for i = 1, 5 do exchanges[i] = assert(http.start { method = "GET", url = "%s", ca_file = "%s" }) end
      repeat until http.poll(1) == 0
      for _, one in ipairs(exchanges) do io.write(assert(one:result()).status, " ") end
    ]]):format(url, peer.ca_file))
    local before = echo().connections
    assert.equal("200 200 200 200 200 ", (shell.capture(shell.LUA .. " " .. script)))
    os.remove(script)
    return echo().connections - before
  end

  it("has exchanges over TLS that begin at the same time share one connection", function()
    assert.equal(1, connections_of_five(peer.tls_url .. "/echo"))
  end)

  it("has those without TLS each use one of its own, and none wait for another's", function()
    assert.equal(5, connections_of_five(peer.url .. "/meet/5"))
  end)

  it("verifies certificates and names", function()
    local requests = {
      { url = peer.tls_url .. "/echo" },
      { url = (peer.tls_url:gsub("localhost", "127.0.0.1")) .. "/echo", ca_file = peer.ca_file },
      { url = peer.tls_url .. "/echo", ca_file = "/nowhere" },
    }
    for _, request in ipairs(requests) do
      request.method = "GET"
      local response, _, code, detail = http.exchange(request)
      assert.is_nil(response)
      assert.equal("tls_failed", code)
      assert.is_false(detail.sent)
    end
  end)

  -- Over TLS, to the peer's address, of this host.
  local function elsewhere(host, more)
    local request = {
      method = "GET", url = ("https://%s/echo"):format(host), ca_file = peer.ca_file,
      connect_to = peer.tls_url:gsub("https://localhost", "127.0.0.1"),
    }
    for name, value in pairs(more or {}) do request[name] = value end
    return http.exchange(request)
  end

  it("connects to another address, whose certificate must be for the URL's host", function()
    for _, host in ipairs { "localhost", "localhost:1", "new.market.example" } do
      local response, message = elsewhere(host)
      assert.equal(200, assert(response, message).status)
      assert.equal(host, json.decode(response.body).headers.host or json.decode(response.body).headers[":authority"])
    end
    local response, _, code, detail = elsewhere "market.example"
    assert.same({ nil, "tls_failed", { sent = false } }, { response, code, detail })
  end)

  it("keeps the URL's port, unless another one is named", function()
    local port = peer.tls_url:match "%d+$"
    assert.equal(200, assert(elsewhere("new.market.example:" .. port, { connect_to = "127.0.0.1" })).status)
    local _, message, code = elsewhere("new.market.example", { connect_to = "[::1]:1", timeout = 5 })
    assert.equal("connect_failed", code, message)
  end)

  it("shares no connection with what is asked at the host itself", function()
    local port = peer.tls_url:match "%d+$"
    assert.equal(200, assert(elsewhere("localhost:" .. port)).status)
    local _, message, code = elsewhere("localhost:" .. port, { connect_to = "127.0.0.1:1" })
    assert.equal("connect_failed", code, message)
  end)

  it("refuses to connect to what is no host and port", function()
    for _, address in ipairs {
      "", ":443", "a:", "a:0", "a:65536", "a:443:b", "a b", "a:443\r\nb", "[::1", "[]:443", "[g]:443", "::1", "a/b",
      "a:+1", ("a"):rep(320), "http://a:443",
    } do
      local response, message, code = elsewhere("localhost", { connect_to = address })
      assert.same({ nil, "request_invalid" }, { response, code }, address)
      assert.matches("host:port", message)
    end
  end)

  it("sends nothing without TLS to another address, not even of a loopback URL", function()
    local response, message, code = exchange("/echo", { connect_to = "192.0.2.1:80" })
    assert.same({ nil, "request_invalid" }, { response, code })
    assert.matches("use https://", message)
    assert.equal(200, assert(exchange("/echo", { connect_to = "127.0.0.1", plain = true })).status)
  end)

  it("asks no proxy for another address", function()
    local script = shell.file(([[
      local answer, message = require("marketplace.http").exchange {
        method = "GET", url = "https://new.market.example/echo", connect_to = "%s", ca_file = "%s",
      }
      print(answer and answer.status or message)
    ]]):format(peer.tls_url:gsub("https://localhost", "127.0.0.1"), peer.ca_file))
    assert.equal("200", shell.run(("https_proxy=http://127.0.0.1:1 %s %s"):format(shell.LUA, script)))
    os.remove(script)
  end)

  it("tells which certificate the server has, also on a host that is asked again", function()
    for _ = 1, 2 do
      assert.is_nil(assert(elsewhere "localhost").certificate)
      local certificate = assert(elsewhere("localhost", { certificate = true })).certificate
      assert.same({ "localhost", "*.market.example", "::1" }, certificate.names)
      assert.equal(2 * 86400, certificate.expires_at - certificate.starts_at)
      assert.is_true(math.abs(certificate.starts_at - core.now()) < 3600)
    end
    assert.is_nil(assert(exchange("/echo", { certificate = true })).certificate)
  end)

  it("tells whose certificate it is that is for another host", function()
    local _, message, code, detail = elsewhere("market.example", { certificate = true })
    assert.equal("tls_failed", code, message)
    assert.same({ "localhost", "*.market.example", "::1" }, detail.certificate.names)
    _, _, code, detail = elsewhere("localhost", { certificate = true, ca_file = "/nowhere" })
    assert.same({ "tls_failed", { sent = false } }, { code, detail })
  end)

  it("tells a handshake that is cut off from what is not trusted", function()
    local _, message, code, detail = http.exchange { method = "GET", url = (peer.url:gsub("http:", "https:")) }
    assert.equal("connect_failed", code, message)
    assert.is_false(detail.sent)
  end)

  it("takes https:// only, but for loopback", function()
    local function refused(url, pattern)
      local response, message, code, detail = http.exchange { method = "GET", url = url, timeout = 0.05 }
      assert.is_nil(response)
      assert.equal("request_invalid", code, message)
      assert.matches(pattern, message)
      assert.is_false(detail.sent)
    end
    refused("http://example.com/", "use https:// for example.com")
    refused("http://128.0.0.1/", "loopback")
    refused("http://127.0.0.1.example.com/", "loopback")
    refused("http://[::2]/", "loopback")
    refused("http://localhost.example.com/", "loopback")
    refused("file:///etc/passwd", "malformed")
    refused("ftp://127.0.0.1/", "does not begin with https://")
    refused("https://user:password@127.0.0.1/", "must not contain a user name")
    refused("127.0.0.1", "malformed")
    refused("", "malformed")
    for _, url in ipairs { "http://127.1.2.3:1/", "http://[::1]:1/", "http://localhost:1/" } do
      local _, message, code, detail = http.exchange { method = "GET", url = url, timeout = 5 }
      assert.equal("connect_failed", code, message)
      assert.is_false(detail.sent)
    end
  end)

  it("asks no proxy for loopback", function()
    local script = shell.file(([[
      local answer = require("marketplace.http").exchange { method = "GET", url = "%s/echo" }
      print(answer and answer.status)
    ]]):format(peer.url))
    assert.equal("200", shell.run(("http_proxy=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1 %s %s"):format(
      shell.LUA, script)))
    os.remove(script)
  end)

  it("asks the environment's proxy for other hosts, if no_proxy does not name them", function()
    local script = shell.file [[
      local answer, message = require("marketplace.http").exchange { method = "GET", url = "https://host.invalid/" }
      print(answer, message)
    ]]
    local through, beside = "https_proxy=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1 no_proxy=host.invalid"
    assert.matches("127.0.0.1 port 1", shell.run(("%s %s %s"):format(through, shell.LUA, script)))
    assert.matches("host.invalid", shell.run(("%s %s %s"):format(beside, shell.LUA, script)))
    os.remove(script)
  end)

  it("refuses what would end a header", function()
    for _, headers in ipairs { { "A: b\r\nC: d" }, { "A: b\nC" }, { "no colon" }, { ": no name" }, { "A b: c" } } do
      local response, _, code = exchange("/echo", { headers = headers })
      assert.is_nil(response)
      assert.equal("request_invalid", code)
    end
    assert.has_error(function() exchange("/echo", { headers = { "A: b\0" } }) end, "a header has a NUL byte")
    local _, _, code = exchange("/echo", { method = "GET /x HTTP/1.1\r\nA: b" })
    assert.equal("request_invalid", code)
  end)

  it("sends up to 32 headers", function()
    local headers = {}
    for i = 1, 32 do headers[i] = ("X-%d: value %d"):format(i, i) end
    local seen = echo { headers = headers }
    for i = 1, 32 do assert.equal("value " .. i, seen.headers["x-" .. i]) end
    headers[33] = "X-33: one more"
    assert.error_matches(function() exchange("/echo", { headers = headers }) end, "more than 32 headers")
  end)

  it("gives up on time", function()
    for path, limits in pairs {
      ["/hang"] = { timeout = 0.1 }, ["/drip"] = { timeout = 0.2 },
      ["/hang/slow"] = { timeout = 60, low_speed_limit = 10, low_speed_time = 1 },
    } do
      local response, message, code, detail = exchange(path, limits)
      assert.is_nil(response)
      assert.equal("timeout", code, message)
      assert.is_true(detail.sent)
    end
  end)

  it("gives up on time, and when it is asked to, even while a name is looked up", function()
    local pipe = shell.run "mktemp -u"
    shell.run("mkfifo " .. pipe)
    local script = shell.file [[
      local http = require "marketplace.http"
      local request = { method = "GET", url = "https://stalled.invalid/", timeout = 0.1 }
      local _, message, code = http.exchange(request)
      print(code, message)
      request.timeout = 60
      local exchange = http.start(request)
      for _ = 1, 10 do http.poll(0.01) end
      print(exchange:done())
      exchange:close()
    ]]
    -- the name server never answers: who waits for it is ended by force
    local said = shell.run(("STALLED_NAMES=%s timeout 20 env LD_PRELOAD=build/test/stalled_names.so %s %s"):format(
      pipe, shell.LUA, script))
    assert.matches("^timeout\tResolving timed out.*\nfalse$", said)
    os.remove(script)
    os.remove(pipe)
  end)

  it("takes no more than it was told", function()
    assert.equal(1000, #assert(exchange("/bytes/1000", { max_response = 1000 })).body)
    local _, _, code = exchange("/bytes/1001", { max_response = 1000 })
    assert.equal("too_large", code)
    _, _, code = exchange("/headers/70000")
    assert.equal("too_large", code)
    -- one that never ends, in pieces of one byte
    _, _, code = exchange("/drip", { max_response = 2, timeout = 0 })
    assert.equal("too_large", code)
  end)

  -- What becomes of an exchange whose answer is these bytes.
  local function answered_with(bytes)
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local one = assert(core.http_start { method = "GET", url = "http://127.0.0.1:" .. port .. "/" })
    listener:settimeout(0)
    local connection
    repeat
      core.http_poll(0.01)
      connection = listener:accept()
    until connection
    repeat core.http_poll(0.01) until connection:receive "*l" == ""
    connection:send(bytes)
    connection:close()
    listener:close()
    repeat core.http_poll(1) until one:done()
    local result = { one:result() }
    one:close()
    return result
  end

  it("reads headers in lower case, without the space around their values", function()
    local long = ("AZaz09-"):rep(18) .. "12"
    local headers = answered_with("HTTP/1.1 200 OK\r\n" .. "Content-Length: 0\r\nX-Empty:\r\nX-Blank: \t \r\n" ..
      "X-Spaced:  \t a b\t \r\nX-Bare: x\nX-Thrice: a\r\nx-thrice: b\r\nX-THRICE: c\r\n" .. long ..
      "cut: y\r\n\r\n")[2]
    assert.equal(128, #long)
    assert.same({ ["content-length"] = "0", ["x-empty"] = "", ["x-blank"] = "", ["x-spaced"] = "a b", ["x-bare"] = "x",
      ["x-thrice"] = { "a", "b", "c" }, [long:lower()] = "y" }, headers)
  end)

  it("takes the last of several answers, and no trailers", function()
    local result = answered_with("HTTP/1.1 100 Continue\r\nX-First: a\r\n\r\n" ..
      "HTTP/1.1 103 Early Hints\r\nX-Second: b\r\n\r\n" ..
      "HTTP/1.1 201 Created\r\nX-Third: c\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Last: d\r\n\r\n")
    assert.same({ 201, { ["x-third"] = "c", ["transfer-encoding"] = "chunked" }, "ok" }, result)
  end)

  it("takes up to 64 KiB of headers", function()
    local before, after = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: ", "\r\n\r\n"
    -- the empty line is none of them
    local room = 65536 - #before - 2
    assert.equal(200, answered_with(before .. ("x"):rep(room) .. after)[1])
    local _, message, code = unpack(answered_with(before .. ("x"):rep(room + 1) .. after), 1, 3)
    assert.same({ core.errors.too_large, "too_large" }, { message, code })
  end)

  it("takes a body of up to 8 MiB if nothing else is said", function()
    assert.equal(8388608, #assert(exchange "/bytes/8388608").body)
    local _, message, code = exchange "/bytes/8388609"
    assert.same({ core.errors.too_large, "too_large" }, { message, code })
  end)

  it("keeps no more than a window of a 2xx answer that is streamed, and all of any other", function()
    for _, status in ipairs { 200, 299 } do
      local url = ("%s/bytes/400000?%d"):format(peer.url, status)
      local one, bytes = assert(core.http_start { method = "GET", url = url, sink = true }), 0
      for _ = 1, 50 do core.http_poll(0.01) end
      assert.is_false(one:done())
      repeat
        local piece = one:take()
        assert.is_true(#piece <= 262144)
        bytes = bytes + #piece
        core.http_poll(0.01)
      until one:done()
      assert.same({ status, 400000 }, { one:result(), bytes + #one:take() })
      one:close()
    end
    for _, status in ipairs { 300, 404 } do
      local url = ("%s/bytes/400000?%d"):format(peer.url, status)
      local one = assert(core.http_start { method = "GET", url = url, sink = true })
      repeat core.http_poll(1) until one:done()
      assert.same({ status, 400000 }, { one:result(), #one:take() })
      one:close()
    end
  end)

  it("can be looked at and slowed down while its answer arrives", function()
    local started, is_limited, bytes, began = nil, false, 0, core.monotonic()
    local request = {
      method = "GET", url = peer.url .. "/bytes/3000000", max_response = 3000000, max_bytes_per_second = 1000000,
      started = function(one) started = one end, sink = function(piece) bytes = bytes + #piece end,
    }
    local response = assert(http.exchange(request, function(one)
      assert.equal(started, one)
      if bytes > 0 and not is_limited then
        assert.equal(200, (one:head()))
        one:limit(1500000)
        is_limited = true
      end
      core.http_poll(1)
    end))
    assert.same({ 200, 3000000, true }, { response.status, bytes, is_limited })
    assert.is_true(core.monotonic() - began > 0.5) -- as a part of it may come at once
    assert.has_error(function() started:limit(1) end)
    local other = assert(http.start { method = "GET", url = peer.url .. "/bytes/1" })
    for _, wrong in ipairs { -1, 2 ^ 41, 0 / 0 } do
      assert.has_error(function() other:limit(wrong) end)
    end
    other:close()
  end)

  it("follows no redirect", function()
    local response = assert(exchange "/redirect/%2Fecho")
    assert.same({ 302, "/echo" }, { response.status, response.headers.location })
  end)

  it("streams a large body through a window", function()
    local bytes, pieces, largest = 0, 0, 0
    local response = assert(exchange("/bytes/20000000", { max_response = 20000000, sink = function(piece)
      bytes, pieces, largest = bytes + #piece, pieces + 1, math.max(largest, #piece)
    end }))
    assert.same({ 200, "", 20000000 }, { response.status, response.body, bytes })
    assert.is_true(pieces > 70 and largest <= 262144 + 16384, ("%d pieces, the largest %d"):format(pieces, largest))
    assert.equal("{}", assert(exchange("/status/404", { sink = error })).body)
  end)

  it("waits for exchanges, except in nginx, where others would wait too", function()
    local poll, sleep, waits = core.http_poll, runtime.yielding_sleep, {}
    core.http_poll = function(seconds)
      waits[#waits + 1] = seconds
      return 7
    end
    local first = http.poll(0.5)
    runtime.yielding_sleep = function() end
    local second = http.poll(0.5)
    core.http_poll, runtime.yielding_sleep = poll, sleep
    assert.same({ 0.5, 0 }, waits)
    assert.same({ 7, 7 }, { first, second })
  end)

  it("hands only the body of an answer from 200 to 299 to the sink", function()
    for status, is_handed in pairs { [200] = true, [299] = true, [300] = false, [500] = false } do
      local handed = ""
      local response = assert(exchange("/status/" .. status, { sink = function(bytes) handed = handed .. bytes end }))
      assert.same({ status, is_handed and "{}" or "", is_handed and "" or "{}" },
        { response.status, handed, response.body })
    end
  end)

  it("keeps little of what comes in place of a body to stream", function()
    local request = { max_response = 2 ^ 34, sink = error }
    assert.equal(1048576, #assert(exchange("/bytes/1048576?404", request)).body)
    local _, _, code = exchange("/bytes/1048577?404", request)
    assert.equal("too_large", code)
  end)

  it("ends if the sink wants no more, or raises", function()
    local bytes = 0
    local response, message = exchange("/bytes/20000000", { max_response = 20000000, sink = function(piece)
      bytes = bytes + #piece
      return false
    end })
    assert.is_nil(response)
    assert.matches("the sink ended the exchange", message)
    assert.is_true(bytes < 1000000)
    assert.has_error(function() exchange("/bytes/10", { sink = function() error("a mistake", 0) end }) end, "a mistake")
    assert.equal(0, http.poll(0))
  end)

  it("carries many exchanges at once", function()
    local exchanges = {}
    for i = 1, 50 do exchanges[i] = assert(http.start { method = "GET", url = peer.url .. "/echo?" .. i }) end
    repeat until http.poll(1) == 0
    for i, one in ipairs(exchanges) do
      assert.is_true(one:done())
      assert.equal("/echo?" .. i, json.decode(assert(one:result()).body).url)
      assert.has_error(function() one:done() end)
    end
  end)

  it("does not wait if none is under way", function()
    assert.equal(0, http.poll(86400))
    local one = assert(http.start { method = "GET", url = peer.url .. "/echo" })
    repeat until http.poll(1) == 0
    assert.equal(0, http.poll(86400))
    one:close()
  end)

  it("moves all exchanges on once if several wait for their answers at the same time", function()
    local monotonic, poll, at, polled = core.monotonic, core.http_poll, core.monotonic(), 0
    finally(function() core.monotonic, core.http_poll = monotonic, poll end)
    core.monotonic = function() return at end
    core.http_poll = function() polled = polled + 1 return 0 end
    local waits = { done = function() return false end }
    for turn = 1, 3 do
      at = at + 0.001
      for _ = 1, 100 do http.probing_pause(function() end)(waits) end
      assert.equal(turn, polled)
    end
  end)

  it("can be ended at any moment", function()
    for _, polls in ipairs { 0, 1, 3 } do
      local one = assert(http.start { method = "GET", url = peer.url .. "/hang" })
      for _ = 1, polls do http.poll(0.01) end
      assert.has_error(function() one:result() end)
      one:close()
      one:close()
      assert.equal(0, http.poll(0))
    end
    http.start { method = "GET", url = peer.url .. "/hang" }
    collectgarbage()
    collectgarbage()
    assert.equal(0, http.poll(0))
    local files = raw.open_files()
    for _ = 1, 100 do assert(http.start { method = "GET", url = peer.url .. "/hang" }):close() end
    assert.is_true(raw.open_files() <= files + 16)
  end)

  it("has no connection that is inherited by programs that this one starts", function()
    local command = "ls -l /proc/self/fd | grep -c socket: || true"
    local one = assert(http.start { method = "GET", url = peer.url .. "/hang", timeout = 10 })
    one:close() -- libcurl has what it keeps for itself, which is inherited
    local before = shell.run(command)
    one = assert(http.start { method = "POST", url = peer.url .. "/hang", body = "x", timeout = 10 })
    for _ = 1, 3 do http.poll(0.05) end
    assert.equal(before, shell.run(command))
    one:close()
  end)

  it("gives nothing to a sink of the process that forked this one", function()
    local path = os.tmpname()
    local script = shell.file(([[
      local core, io_of_packages = require "marketplace.core", require "marketplace.package_io"
      local sink = assert(io_of_packages.sink { path = %q, size = 100000, resume = true })
      sink:offset() -- its thread waits then: whatever lock of malloc's it had would stay locked in the child
      local who = os.getenv "FORK"
      local exchange = assert(core.http_start { method = "GET", url = %q, sink = sink })
      repeat core.http_poll(1) until exchange:done()
      local status, message = exchange:result()
      io.write(who, ": ", status or message, "\n")
      if who == "child" then os.exit(0) end
      io.write(assert(sink:finish()).size, "\n")
    ]]):format(path, peer.url .. "/bytes/100000"))
    local output = shell.capture(("LD_PRELOAD=build/test/forks.so timeout 60 %s %s"):format(shell.LUA, script))
    os.remove(script)
    os.remove(path)
    assert.equal("child: the sink belongs to another process\nparent: 200\n100000\n", output)
  end)

  it("is not ended by a finalizer while its answer is made into a table", function()
    local one = assert(core.http_start { method = "GET", url = peer.url .. "/bytes/100000" })
    repeat core.http_poll(1) until one:done()
    for _, name in ipairs { "result", "head", "take" } do
      local got
      local outcome = finalizer.during(function()
        for _ = 1, 20 do got = { one[name](one) } end
      end, function()
        if pcall(one.done, one) then return nil end
        return { closed = { pcall(one.close, one) }, polled = { pcall(core.http_poll, 0) } }
      end)
      assert.is_false(outcome.closed[1])
      assert.matches("in use: a finalizer must leave it alone", outcome.closed[2])
      assert.is_false(outcome.polled[1])
      assert.matches("in use: a finalizer must not wait for others", outcome.polled[2])
      if name == "take" then
        assert.equal("", got[1])
      else
        assert.same({ 200, "100000" }, { got[1], got[2]["content-length"] })
      end
    end
    one:close()
  end)

  it("takes numbers up to each limit, and none beyond it", function()
    local names = { timeout = 2 ^ 40, connect_timeout = 2 ^ 40, low_speed_time = 2 ^ 40, low_speed_limit = 2 ^ 31 - 1,
      max_response = 2 ^ 40 }
    for name, most in pairs(names) do
      for _, value in ipairs { 0, most } do
        http.start({ method = "GET", url = peer.url .. "/echo", [name] = value }):close()
      end
      for _, value in ipairs { -1, most + 1 } do
        assert.error_matches(function() http.start { method = "GET", url = peer.url .. "/echo", [name] = value } end,
          "field '" .. name .. "' must be a number, not negative")
      end
    end
  end)

  it("checks what it is given", function()
    for _, request in ipairs {
      {}, { method = "GET" }, { method = 1, url = "x" }, { method = "GET", url = "x", timeout = -1 },
      { method = "GET", url = "x", headers = "y" }, { method = "GET", url = "x", headers = { 1 } },
      { method = "GET", url = "x\0" }, { method = "GET", url = "x", timeout = 0 / 0 },
    } do
      assert.has_error(function() http.start(request) end)
    end
  end)
end)

describe("header fields", function()
  it("with dates are read in all three forms", function()
    for _, text in ipairs {
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    } do
      assert.equal(784111777, core.http_date(text))
    end
    for _, text in ipairs {
      "", "12", "1994-11-06", "Sun", "tomorrow", "Sun, 99 Nov 1994 99:49:37 GMT", "n 911009999nov9",
      "Sun, 06 Nov 911009999 08:49:37 GMT",
    } do
      assert.is_nil(core.http_date(text), text)
    end
  end)

  it("with Retry-After are seconds or dates", function()
    assert.equal(0, core.retry_after("0", 0))
    assert.equal(120, core.retry_after("120", 1e9))
    assert.equal(31622400, core.retry_after(("9"):rep(400), 0))
    assert.equal(37, core.retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111740))
    assert.equal(0, core.retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111999))
    for _, text in ipairs { "", "-1", "1.5", "soon", " 5" } do assert.is_nil(core.retry_after(text, 0), text) end
  end)
end)
