-- What marketplace.nginx.redis asks of nginx's cosockets, which are imitated here, and what its pool does with a
-- connection after its use.
local core = require "marketplace.core"
local reconnecting = require "marketplace.reconnecting"
local redis = require "marketplace.nginx.redis"
local unpack = require("marketplace.runtime").unpack

describe("marketplace.nginx.redis", function()
  local asked, answers, now, monotonic, engine

  -- What the socket's methods return, by their names; receiveany takes one after another.
  before_each(function()
    asked, now, monotonic, engine = {}, 1000, core.monotonic, redis.engine()
    core.monotonic = function() return now end
    answers = { connect = { true }, sslhandshake = { true }, send = { 1 }, getreusedtimes = { 0 }, receiveany = {} }
    local socket = {}
    local methods = { "settimeouts", "connect", "sslhandshake", "getreusedtimes", "send", "setkeepalive", "close" }
    for _, method in ipairs(methods) do
      socket[method] = function(_, ...)
        asked[method] = { ... }
        return unpack(answers[method] or {}, 1, 2)
      end
    end
    function socket.receiveany(_, most)
      asked.receiveany = most
      local bytes = table.remove(answers.receiveany, 1)
      if bytes then return bytes end
      return nil, answers.problem
    end
    rawset(_G, "ngx", { socket = { tcp = function() return socket end } })
  end)

  after_each(function()
    rawset(_G, "ngx", nil)
    core.monotonic = monotonic
  end)

  local function try_to_connect(place)
    place = place or {}
    place.seconds = place.seconds or 3
    return engine.connect(place)
  end

  local function connect(place) return assert(try_to_connect(place)) end

  it("gives whatever comes next only what is left of the time", function()
    local session = connect { seconds = 0.25 }
    assert.same({ 250, 250, 250 }, asked.settimeouts)
    now = now + 0.0501
    assert.is_true(session:send { "PING" })
    assert.same({ 200, 200, 200 }, asked.settimeouts)
    answers.receiveany = { "+PO", "NG\r\n" }
    now = now + 0.1
    assert.equal("PONG", session:receive())
    assert.same({ 100, 100, 100 }, asked.settimeouts)
    now = now + 0.1
    assert.same({ nil, "timeout", "timeout" }, { session:send { "PING" } })
    assert.same({ nil, "timeout", "timeout" }, { session:receive() })
    session:limit(5)
    assert.is_true(session:send { "PING" })
    assert.same({ 5000, 5000, 5000 }, asked.settimeouts)
    assert.same({ nil, "timeout", "timeout" }, { try_to_connect { seconds = 0 } })
  end)

  it("does not wait longer, however many bytes come meanwhile", function()
    local session, ticks = connect { seconds = 1 }, 0
    local socket = rawget(_G, "ngx").socket.tcp()
    function socket.receiveany()
      now, ticks = now + 0.3, ticks + 1
      return "+"
    end
    assert.same({ nil, "timeout", "timeout" }, { session:receive() })
    assert.equal(4, ticks)
  end)

  it("connects to 127.0.0.1:6379, to another address, or to a socket", function()
    connect()
    assert.same({ "127.0.0.1", 6379 }, { asked.connect[1], asked.connect[2] })
    connect { host = "10.0.0.5", port = 7000 }
    assert.same({ "10.0.0.5", 7000 }, { asked.connect[1], asked.connect[2] })
    connect { path = "/run/redis" }
    assert.equal("unix:/run/redis", asked.connect[1])
    assert.is_nil(asked.sslhandshake)
  end)

  it("verifies a new connection's certificate, if it is to be one over TLS", function()
    connect { host = "db", tls = true }
    assert.same({ false, "db", true }, asked.sslhandshake)
    asked.sslhandshake, answers.getreusedtimes = nil, { 1 }
    assert.is_true(connect({ host = "db", tls = true }).is_used)
    assert.is_nil(asked.sslhandshake)
  end)

  it("closes a connection whose certificate is not the right one, and says what to write", function()
    answers.sslhandshake = { nil, "20: unable to get local issuer certificate" }
    local session, message, code = try_to_connect { host = "db", tls = true }
    assert.is_nil(session)
    assert.equal("20: unable to get local issuer certificate: write lua_ssl_trusted_certificate FILE; in nginx's http",
      message)
    assert.equal("connect_failed", code)
    assert.is_table(asked.close)
  end)

  it("shares connections with none of another server, user, database or kind", function()
    local pools = {}
    for _, place in ipairs {
      {}, { host = "10.0.0.5" }, { port = 7000 }, { user = "other" }, { db = 1 }, { path = "/run/redis" },
      { tls = true },
    } do
      connect(place)
      local options = asked.connect[place.path and 2 or 3]
      assert.is_nil(pools[options.pool], options.pool)
      pools[options.pool] = true
    end
    connect { db = 1 }
    assert.is_true(pools[asked.connect[3].pool])
  end)

  it("knows the address of an IPv6 server, as nginx writes it", function()
    connect { host = "::1" }
    assert.equal("[::1]", asked.connect[1])
  end)

  it("says whether the connection is one of the pool's", function()
    assert.is_false(connect().is_used)
    answers.getreusedtimes = { 1 }
    assert.is_true(connect().is_used)
  end)

  it("says why it cannot connect, and what to write if nginx cannot resolve the server's name", function()
    answers.connect = { nil, "connection refused" }
    assert.same({ nil, "connection refused", "connect_failed" }, { try_to_connect() })
    answers.connect = { nil, "timeout" }
    assert.same({ nil, "timeout", "timeout" }, { try_to_connect() })
    answers.connect = { nil, "no resolver defined to resolve \"db\"" }
    assert.equal("no resolver defined to resolve \"db\": name the server by its address, or write resolver " ..
      "ADDRESS; resolver_timeout 5s; in nginx's http", (select(2, try_to_connect { host = "db" })))
  end)

  describe("sends a command", function()
    local function command(...)
      answers.receiveany = { ... }
      local session = connect()
      local sent, message, code = session:send { "GET", "a" }
      if not sent then return nil, message, code end
      return session:receive()
    end

    it("and returns the reply, however it comes", function()
      assert.equal("xyz", (command("$3\r\n", "xy", "z\r\n")))
      assert.equal("*2\r\n$3\r\nGET\r\n$1\r\na\r\n", asked.send[1])
      assert.equal(65536, asked.receiveany)
    end)

    it("and returns the server's error", function()
      assert.same({ nil, "ERR no", "redis_error" }, { command "-ERR no\r\n" })
    end)

    it("or says why not", function()
      answers.send = { nil, "broken pipe" }
      assert.same({ nil, "broken pipe", "connect_failed" }, { command() })
      answers.send, answers.problem = { 1 }, "closed"
      assert.same({ nil, "the server closed the connection", "connect_failed" }, { command() })
      answers.problem = "timeout"
      assert.same({ nil, "timeout", "timeout" }, { command "$3\r\n" })
    end)

    it("or says that what came is no reply", function()
      assert.matches("^Protocol error", (select(2, command "HTTP/1.1 400 Bad Request\r\n")))
    end)
  end)

  describe("after its use", function()
    it("keeps a connection for a minute, with 31 others", function()
      connect():release()
      assert.same({ 60000, 32 }, asked.setkeepalive)
      assert.is_nil(asked.close)
    end)

    it("closes one with more than was asked for", function()
      answers.receiveany = { "+OK\r\n+OK\r\n" }
      local session = connect()
      session:send { "PING" }
      session:receive()
      session:release()
      assert.is_nil(asked.setkeepalive)
      assert.is_table(asked.close)
    end)

    it("closes one that is not to be kept", function()
      connect():close()
      assert.is_table(asked.close)
    end)
  end)

  it("takes none of the pool's connections from before one that was lost", function()
    local function pool_of_next()
      connect()
      return asked.connect[3].pool
    end
    local is_sound = false
    local made = engine.pool { pause = 0, connect = function()
      return { session = connect(), is_sound = is_sound, release = function() end, close = function() end }
    end }
    local before = pool_of_next()
    assert.is_true(made:use(function() return true end))
    assert.equal(before, pool_of_next())
    local older = connect()
    made:use(function() reconnecting.fail "closed" end)
    local after = pool_of_next()
    assert.not_equal(before, after)
    is_sound = true
    made:use(function() reconnecting.fail "OOM" end)
    assert.equal(after, pool_of_next())
    made:use(function(link)
      link.session, link.is_sound = older, false
      reconnecting.fail "closed"
    end)
    assert.equal(after, pool_of_next())
  end)
end)

describe("marketplace.nginx.redis's pool", function()
  local events, links, now, monotonic

  before_each(function()
    events, links, now, monotonic = {}, 0, 1000, core.monotonic
    core.monotonic = function() return now end
  end)

  after_each(function() core.monotonic = monotonic end)

  local function connect()
    links = links + 1
    local link = { number = links, session = { generation = 1 } }
    function link.release() events[#events + 1] = "released " .. link.number end
    function link.close() events[#events + 1] = "closed " .. link.number end
    return link
  end

  local function new(connect_to)
    return redis.engine().pool { connect = connect_to or connect, pause = 5 }
  end

  it("takes one for each use, and gives it back", function()
    local made = new()
    assert.equal(1, made:use(function(link) return link.number end))
    assert.equal(2, made:use(function(link) return link.number end))
    assert.same({ "released 1", "released 2" }, events)
  end)

  it("closes it after a failure, which is reported", function()
    local result, message = new():use(function() reconnecting.fail "timeout" end)
    assert.is_nil(result)
    assert.equal("timeout", message)
    assert.same({ "closed 1" }, events)
  end)

  it("closes it after a mistake, which is raised", function()
    assert.has_error(function() new():use(function() error("a mistake", 0) end) end, "a mistake")
    assert.same({ "closed 1" }, events)
  end)

  it("tries no connection for a while after one that failed", function()
    local tries = 0
    local made = new(function()
      tries = tries + 1
      reconnecting.fail "refused"
    end)
    for _ = 1, 3 do assert.same({ nil, "refused" }, { made:use(function() return true end) }) end
    assert.equal(1, tries)
    now = now + 5
    made:use(function() return true end)
    assert.equal(2, tries)
    assert.same({}, events)
  end)

  it("refuses at once for as long as one took that waited in vain", function()
    local made, uses = new(), 0
    local function use(seconds, code)
      return made:use(function()
        uses, now = uses + 1, now + seconds
        if code then reconnecting.fail("no answer", code) end
        return true
      end)
    end
    use(3, "timeout")
    now = now + 2.9
    assert.same({ nil, "no answer" }, { use(0) })
    now = now + 0.2
    assert.is_true(use(0))
    use(3, "connect_failed")
    assert.is_true(use(0))
    assert.equal(4, uses)
  end)

  it("passes what it is told on to what connects", function()
    local given
    local made = new(function(...)
      given = { ... }
      return connect()
    end)
    made:use(function() return true end, 77)
    assert.same({ 77 }, given)
  end)

  it("has nothing to close", function()
    new():close()
    assert.same({}, events)
  end)
end)
