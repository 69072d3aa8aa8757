-- Bodies that marketplace.http_server sends in pieces: what is large, and what is to be spoilt.
local core = require "marketplace.core"
local http = require "marketplace.http"
local raw = require "support.raw_http"

local GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

-- A body so large, of one string again and again.
local function mebibytes(count)
  local block, list = ("x"):rep(1024 * 1024), {}
  for i = 1, count do list[i] = block end
  return list
end

describe("a body of marketplace.http_server that is a list", function()
  local rig

  local function open(body, options)
    rig = raw.rig(options)
    rig.respond = function() return { status = 200, headers = { ["X-One"] = "1" }, body = body } end
    return rig:client():send(GET)
  end

  after_each(function()
    rig:close()
    raw.remove_files()
  end)

  it("is its strings, one after the other", function()
    local client = open { "a", "", ("b"):rep(5000), "c", ("b"):rep(5000) }
    local answer = rig:run_until_answered(client)[1]
    assert.same({ 200, "1", "10002" }, { answer.status, answer.headers["x-one"], answer.headers["content-length"] })
    assert.equal("a" .. ("b"):rep(5000) .. "c" .. ("b"):rep(5000), answer.body)
  end)

  it("may be empty, and is not sent to a HEAD", function()
    local client = open {}
    assert.equal("", rig:run_until_answered(client)[1].body)
    rig.respond = function() return { status = 200, body = { "abc" } } end
    local other = rig:client():send "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    rig:run_until_closed(other)
    assert.matches("Content%-Length: 3\r\n", other.got)
    assert.matches("\r\n\r\n$", other.got)
  end)

  it("leaves the connection for the next request", function()
    local client = open { "one", "two" }
    rig:run_until_answered(client)
    assert.equal("onetwo", rig:run_until_answered(client:send(GET), 2)[2].body)
  end)

  it("takes the memory of one string for many that are the same", function()
    local client = open(mebibytes(1000))
    local before = raw.resident()
    rig:run(function() return #client.got > 1024 * 1024 end)
    assert.is_true(raw.resident() - before < 64 * 1024 * 1024)
    client:close()
    rig:run(function() return rig.server:stats().connections == 0 end)
  end)

  it("arrives whole, however large it is", function()
    local parts, hash = {}, core.hash "sha256"
    local block = ("0123456789abcdef"):rep(65536)
    for i = 1, 60 do
      parts[#parts + 1] = ("%016d"):format(i)
      parts[#parts + 1] = block
    end
    for _, part in ipairs(parts) do hash:add(part) end
    open(parts)
    local output = raw.start(("curl -sS http://127.0.0.1:%d/ | sha256sum"):format(rig.port))
    rig:run(output)
    assert.equal(hash:hex(), output():match "%x+")
  end)

  it("may promise more than there is: then the connection ends", function()
    local client = open { "abc", "def", length = 10 }
    rig:run_until_closed(client)
    assert.matches("Content%-Length: 10\r\n", client.got)
    assert.matches("\r\n\r\nabcdef$", client.got)
    assert.equal(1, #rig.requests)
    rig:run(function() return rig.server:stats().connections == 0 end)
    assert.equal(1, #rig.requests)
  end)

  it("may promise nothing: then it comes in chunks", function()
    local client = open { "abc", "def", length = false }
    rig:run(function() return client.got:find("\r\n0\r\n\r\n", 1, true) end)
    assert.matches("Transfer%-Encoding: chunked\r\n", client.got)
    assert.matches("\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n$", client.got)
  end)

  it("may have a rate, and is then sent no faster", function()
    local client = open { ("r"):rep(3000), rate = 10000 }
    local began = core.monotonic()
    local answer = rig:run_until_answered(client)[1]
    assert.is_true(core.monotonic() - began > 0.25)
    assert.equal(("r"):rep(3000), answer.body)
  end)

  it("with a rate ends with its client or its server", function()
    local client = open { ("r"):rep(3000), rate = 1 }
    rig:run(function() return client.got:find("\r\n\r\n", 1, true) end)
    rig:client():send(GET)
    rig:run(function() return #rig.requests == 2 end)
    rig:turn()
    client:close()
  end)

  it("may take longer than the time of an idle connection, if some of it is taken again and again", function()
    local client = open({ ("r"):rep(1500), rate = 3000 }, { idle_timeout = 0.1 })
    assert.equal(1500, #rig:run_until_answered(client)[1].body)
  end)

  it("ends for a client that takes none of it", function()
    local client = open(mebibytes(100), { idle_timeout = 0.2 })
    client.deaf = true
    rig:run(function() return #rig.requests == 1 end)
    rig:run(function() return rig.server:stats().connections == 0 end)
  end)

  it("goes on while its owner is away", function()
    open(mebibytes(50))
    rig:run(function() return #rig.requests == 1 end)
    rig.clients[1]:close()
    local sum = raw.start(("curl -sS http://127.0.0.1:%d/ | wc -c"):format(rig.port))
    rig:run(function() return #rig.requests == 2 end)
    local stop = core.monotonic() + 10
    while not sum() and core.monotonic() < stop do core.sleep(0.01) end
    assert.equal(50 * 1024 * 1024, tonumber(sum()))
  end)

  it("is sent to the end if the server drains, and then its connection ends", function()
    local client = open { ("r"):rep(1000), rate = 5000 }
    rig:run(function() return client.got:find("\r\n\r\n", 1, true) end)
    rig.server:drain()
    rig:run_until_closed(client)
    assert.equal(1000, #client:responses()[1].body)
  end)

  it("makes room for a newcomer if all connections are sending", function()
    local client = open(mebibytes(100), { max_connections = 1 })
    client.deaf = true
    rig:run(function() return #rig.requests == 1 end)
    rig:turn()
    rig.respond = function() return { status = 200, body = "here" } end
    assert.equal("here", rig:run_until_answered(rig:client():send(GET))[1].body)
    assert.equal(1, rig.server:stats().evicted)
  end)

  it("is not sent to a request with a fault", function()
    open("", { max_body = 10 })
    rig.respond = function(request) return { status = request.fault and 413 or 200, body = { "no" } } end
    local client = rig:client():send(raw.post(("x"):rep(11)))
    local answer = rig:run_until_closed(client)[1]
    assert.same({ 413, "" }, { answer.status, answer.body })
  end)

  it("goes with the answer 444, and with a client that has gone", function()
    local client = open { "abc" }
    rig.respond = function() return { status = 444, body = { "abc" } } end
    rig:run_until_closed(client)
    assert.equal("", client.got)
    rig.respond = function() return nil end
    client = rig:client():send(GET)
    rig:run(function() return #rig.held == 1 end)
    client:close()
    rig.server:answer({ rig.held[1] }, { { status = 200, body = { "abc" } } })
    assert.equal(0, rig.server:stats().waiting)
    rig:run(function() return rig.server:stats().connections == 0 end)
  end)

  it("over TLS is the same", function()
    local cert, key = raw.certificate()
    open({ ("t"):rep(100000), ("u"):rep(100000) }, { tls_cert = cert, tls_key = key })
    rig.clients[1]:close()
    local output = raw.start(("curl -sSk https://127.0.0.1:%d/ | sha256sum"):format(rig.port))
    rig:run(output)
    assert.equal(core.sha256(("t"):rep(100000) .. ("u"):rep(100000)), output():match "%x+")
  end)

  it("that is none is refused, and the request still waits", function()
    open ""
    rig.respond = function() return nil end
    rig:run(function() return #rig.held > 0 end)
    local request = rig.held[1]
    local function fails(body, why)
      assert.error_matches(function() rig.server:answer({ request }, { { status = 200, body = body } }) end, why)
    end
    fails({ "a", 7 }, "response 1: body: piece 2 must be a string")
    fails({ "abc", length = 2 }, "response 1: body: length must be false, or not less than its bytes")
    fails({ "abc", length = true }, "length must be false")
    fails({ "abc", length = "3" }, "length must be false")
    fails({ "abc", length = 0 / 0 }, "length must be false")
    fails({ "abc", length = math.huge }, "length must be false")
    for _, rate in ipairs { 0, -1, 0.5, "1", false, 0 / 0 } do
      fails({ "abc", rate = rate }, "rate must be at least 1")
    end
    local many = {}
    for i = 1, 1024 * 1024 + 1 do many[i] = "" end
    fails(many, "body: more than 1048576 pieces")
    assert.equal(1, rig.server:stats().waiting)
  end)
end)

describe("a body of marketplace.http_server that is cut", function()
  it("is a failure for marketplace.http", function()
    local rig = raw.rig()
    rig.respond = function() return { status = 200, body = { "abc", length = 10 } } end
    local exchange = assert(http.start { method = "GET", url = ("http://127.0.0.1:%d/"):format(rig.port) })
    rig:run(function()
      http.poll(0)
      return exchange:done()
    end)
    local response, _, code = exchange:result()
    rig:close()
    assert.is_nil(response)
    assert.equal("http_failed", code)
  end)
end)
