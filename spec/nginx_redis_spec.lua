-- What marketplace.nginx.redis asks of nginx's cosockets, which are imitated here, and what its pool does with a
-- connection after its use.
local core = require "marketplace.core"
local reconnecting = require "marketplace.inbox.reconnecting"
local redis = require "marketplace.nginx.redis"
local unpack = require("marketplace.runtime").unpack

describe("marketplace.nginx.redis", function()
  local asked, answers

  -- What the socket's methods return, by their names; receiveany takes one after another.
  before_each(function()
    asked = {}
    answers = { connect = { true }, send = { 1 }, getreusedtimes = { 0 }, receiveany = {} }
    local socket = {}
    for _, method in ipairs { "settimeouts", "connect", "getreusedtimes", "send", "setkeepalive", "close" } do
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

  after_each(function() rawset(_G, "ngx", nil) end)

  it("waits five seconds for a connection, and ten or as long as it is told for an answer", function()
    redis.connect {}
    assert.same({ 5000, 10000, 10000 }, asked.settimeouts)
    redis.connect { timeout = 0.25 }
    assert.same({ 5000, 250, 250 }, asked.settimeouts)
    redis.connect { timeout = 60 }
    assert.same({ 5000, 60000, 60000 }, asked.settimeouts)
  end)

  it("connects to 127.0.0.1:6379, to another address, or to a socket", function()
    redis.connect {}
    assert.same({ "127.0.0.1", 6379 }, { asked.connect[1], asked.connect[2] })
    redis.connect { host = "10.0.0.5", port = 7000 }
    assert.same({ "10.0.0.5", 7000 }, { asked.connect[1], asked.connect[2] })
    redis.connect { path = "/run/redis" }
    assert.equal("unix:/run/redis", asked.connect[1])
  end)

  it("shares connections with none of another server, user or database", function()
    local pools = {}
    for _, place in ipairs {
      {}, { host = "10.0.0.5" }, { port = 7000 }, { user = "other" }, { db = 1 }, { path = "/run/redis" },
    } do
      redis.connect(place)
      local options = asked.connect[place.path and 2 or 3]
      assert.is_nil(pools[options.pool], options.pool)
      pools[options.pool] = true
    end
    redis.connect { db = 1, timeout = 3, prefix = "other" }
    assert.is_true(pools[asked.connect[3].pool])
  end)

  it("knows the address of an IPv6 server, as nginx writes it", function()
    redis.connect { host = "::1" }
    assert.equal("[::1]", asked.connect[1])
  end)

  it("says whether the connection is one of the pool's", function()
    assert.is_false(redis.connect({}).reused)
    answers.getreusedtimes = { 1 }
    assert.is_true(redis.connect({}).reused)
  end)

  -- What a call fails with.
  local function failure(task)
    local ok, problem = pcall(task)
    assert.is_false(ok)
    return select(2, reconnecting.outcome("redis", ok, problem))
  end

  it("says why it cannot connect, and what to write if nginx cannot resolve the server's name", function()
    answers.connect = { nil, "connection refused" }
    assert.equal("redis: connection refused", failure(function() redis.connect {} end))
    answers.connect = { nil, "no resolver defined to resolve \"db\"" }
    assert.equal("redis: no resolver defined to resolve \"db\": name the server by its address, or write resolver " ..
      "ADDRESS; resolver_timeout 5s; in nginx's http", failure(function() redis.connect { host = "db" } end))
  end)

  describe("sends a command", function()
    local function command(...)
      answers.receiveany = { ... }
      return redis.connect({}):command { "GET", "a" }
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
      assert.equal("redis: broken pipe", failure(command))
      answers.send, answers.problem = { 1 }, "closed"
      assert.equal("redis: the server closed the connection", failure(command))
      answers.problem = "timeout"
      assert.equal("redis: timeout", failure(function() command "$3\r\n" end))
    end)

    it("or says that what came is no reply", function()
      assert.matches("^redis: Protocol error", failure(function() command "HTTP/1.1 400 Bad Request\r\n" end))
    end)
  end)

  describe("after its use", function()
    it("keeps a connection for a minute, with 31 others", function()
      redis.connect({}):release()
      assert.same({ 60000, 32 }, asked.setkeepalive)
      assert.is_nil(asked.close)
    end)

    it("closes one with more than was asked for", function()
      answers.receiveany = { "+OK\r\n+OK\r\n" }
      local link = redis.connect {}
      link:command { "PING" }
      link:release()
      assert.is_nil(asked.setkeepalive)
      assert.is_table(asked.close)
    end)

    it("closes one that is not to be kept", function()
      redis.connect({}):close()
      assert.is_table(asked.close)
    end)
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
    local link = { number = links }
    function link.release() events[#events + 1] = "released " .. link.number end
    function link.close() events[#events + 1] = "closed " .. link.number end
    return link
  end

  local function new(connect_to)
    return redis.pool { name = "redis", connect = connect_to or connect, pause = 5 }
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
    assert.equal("redis: timeout", message)
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
    for _ = 1, 3 do assert.same({ nil, "redis: refused" }, { made:use(function() return true end) }) end
    assert.equal(1, tries)
    now = now + 5
    made:use(function() return true end)
    assert.equal(2, tries)
    assert.same({}, events)
  end)

  it("has nothing to close", function()
    new():close()
    assert.same({}, events)
  end)
end)
