local proxy = require "support.proxy"
local redis = require "marketplace.redis"
local redis_server = require "support.redis_server"
local shell = require "support.shell"
local socket = require "socket"

describe("marketplace.redis #full", function()
  local server, link

  setup(function() server = redis_server.start() end)
  teardown(function() server:remove() end)
  before_each(function() link = assert(redis.connect { port = server.port }) end)
  after_each(function() link:close() end)

  local function ask(connection, words)
    local sent, message, code = connection:send(words)
    if not sent then return nil, message, code end
    return connection:receive()
  end

  it("takes and gives any bytes, numbers, lists and nothing", function()
    local bytes = {}
    for byte = 0, 255 do bytes[#bytes + 1] = string.char(byte) end
    local value = table.concat(bytes):rep(100)
    assert.equal("OK", ask(link, { "SET", "a\0b", value }))
    assert.equal(value, ask(link, { "GET", "a\0b" }))
    assert.equal(25600, ask(link, { "STRLEN", "a\0b" }))
    assert.same({ n = 1 }, { n = select("#", ask(link, { "GET", "none" })) })
    assert.is_nil((ask(link, { "GET", "none" })))
    local list = ask(link, { "MGET", "none", "a\0b" })
    assert.same({ nil, value }, { list[1], list[2] })
    assert.same({}, ask(link, { "KEYS", "none" }))
  end)

  it("tells an error of the server's, and goes on", function()
    local reply, message, code = ask(link, { "NONSENSE" })
    assert.is_nil(reply)
    assert.matches("^ERR unknown command", message)
    assert.equal("redis_error", code)
    assert.equal("PONG", ask(link, { "PING" }))
  end)

  it("takes lists of seven levels, and closes the connection at more", function()
    assert.same({ { { { { { { 1 } } } } } } }, ask(link, { "EVAL", "return {{{{{{{1}}}}}}}", "0" }))
    local reply, message, code = ask(link, { "EVAL", "return {{{{{{{{1}}}}}}}}", "0" })
    assert.is_nil(reply)
    assert.equal("the answer has more than 7 levels of lists", message)
    assert.equal("too_large", code)
    assert.equal("connect_failed", select(3, ask(link, { "PING" })))
  end)

  it("takes more words than Lua's stack", function()
    local words = { "RPUSH", "list" }
    for i = 1, 20000 do words[#words + 1] = "x" .. i end
    assert.equal(20000, ask(link, words))
    assert.equal(20000, #ask(link, { "LRANGE", "list", "0", "-1" }))
  end)

  it("gives numbers as integers if Lua has them", function()
    assert.equal("OK", ask(link, { "SET", "number", "9007199254740992" }))
    local number = ask(link, { "INCR", "number" })
    assert.equal(rawget(math, "type") and "9007199254740993" or ("%.14g"):format(2 ^ 53), tostring(number))
  end)

  it("names the option that is wrong", function()
    local function fails(options, why)
      assert.error_matches(function() redis.connect(options) end, why)
    end
    fails({ port = "6379" }, "option 'port' must be a number, not a string")
    fails({ host = false }, "option 'host' must be a string, not a boolean")
    fails({ path = "/run/redis\0/socket" }, "option 'path' has a NUL byte")
    fails({ port = 65536 }, "option 'port' is out of range")
    fails({ seconds = 0 / 0 }, "option 'seconds' is out of range")
  end)

  it("takes numbers up to each limit, and none beyond it", function()
    for name, values in pairs {
      port = { 1, 65535 }, seconds = { 0, 1e9 },
    } do
      for _, value in ipairs(values) do
        -- nobody listens there
        local opened, _, code = redis.connect { path = "/none", [name] = value }
        assert.is_nil(opened)
        assert.equal("connect_failed", code)
      end
      for _, value in ipairs { values[1] - 0.5, values[2] + 0.5, values[2] + 1 } do
        assert.error_matches(function() redis.connect { path = "/none", [name] = value } end,
          "option '" .. name .. "' is out of range")
      end
    end
  end)

  it("names the argument, or the word, that is wrong", function()
    local function fails(why, f, ...)
      local ok, problem = pcall(f, ...)
      assert.is_false(ok)
      assert.matches(why, problem)
    end
    local reader = assert(redis.reader())
    fails("#1 .*table expected", redis.connect, 5)
    fails("#1 .*marketplace.redis expected", link.send, reader, { "PING" })
    fails("#1 .*marketplace.redis.reader expected", reader.feed, link, "x")
    fails("#2 .*table expected", link.send, link, 5)
    fails("#2 .*string expected", reader.feed, reader, {})
    fails("#1 .*table expected", redis.format, 5)
    for method, first in pairs { [redis.format] = false, [link.send] = link } do
      local function call(words)
        if first then method(first, words) else method(words) end
      end
      fails("word 1 must be a string", call, { 5 })
      fails("word 3 must be a string", call, { "GET", "a", false, "b" })
      fails("1 to 1000000 words are expected", call, {})
      local words = {}
      for i = 1, 1000001 do words[i] = "" end
      fails("1 to 1000000 words are expected", call, words)
    end
    local words = {}
    for i = 1, 1000000 do words[i] = "" end
    assert.equal("*1000000\r\n" .. ("$0\r\n\r\n"):rep(1000000), redis.format(words))
  end)

  it("raises for what is no command", function()
    for _, words in ipairs { 5, {}, { 5 }, { "GET", {} }, { "GET", false } } do
      assert.is_false((pcall(link.send, link, words)))
    end
    for _, options in ipairs { 5, { port = 0 }, { port = "x" }, { seconds = -1 }, { tls = "yes" }, { host = {} } } do
      assert.is_false((pcall(redis.connect, options)))
    end
    assert.equal("PONG", ask(link, { "PING" }))
  end)

  it("says so when it is closed, once or more often", function()
    link:close()
    link:close()
    local reply, message, code = ask(link, { "PING" })
    assert.is_nil(reply)
    assert.matches("closed", message)
    assert.equal("connect_failed", code)
  end)

  it("says so when nobody listens, and when the server goes", function()
    local probe = assert(socket.bind("127.0.0.1", 0))
    local _, port = probe:getsockname()
    probe:close()
    assert.same({ nil, "Connection refused", "connect_failed" }, { redis.connect { port = tonumber(port) } })
    assert.equal("connect_failed", (select(3, redis.connect { path = "/nowhere/at/all" })))
    local other = redis_server.start()
    local to_other = assert(redis.connect { path = other.folder .. "/socket" })
    assert.equal("PONG", ask(to_other, { "PING" }))
    other:remove()
    assert.is_nil((ask(to_other, { "PING" })))
    assert.matches("closed", select(2, ask(to_other, { "PING" })))
  end)

  it("looks for the server on this machine's port 6379 if nothing else is said", function()
    local listener = socket.tcp4() -- a server that is there already will do as well
    listener:setoption("reuseport", true)
    if listener:bind("127.0.0.1", 6379) then listener:listen() end
    local opened, message = redis.connect {}
    listener:close()
    assert(opened, message):close()
  end)

  it("does not wait longer than it was told", function()
    local silent = assert(socket.bind("127.0.0.1", 0))
    finally(function() silent:close() end)
    local _, port = silent:getsockname()
    local waiting = assert(redis.connect { port = tonumber(port), seconds = 0.05 })
    assert.same({ nil, "the time limit passed", "timeout" }, { ask(waiting, { "PING" }) })
    assert.same({ nil, "the connection is closed", "connect_failed" }, { ask(waiting, { "PING" }) })
    waiting = assert(redis.connect { port = tonumber(port), seconds = 60 })
    waiting:limit(0)
    assert.equal("timeout", (select(3, waiting:send { "PING" })))
  end)

  it("does not wait longer, whatever comes meanwhile", function()
    local between = proxy.start(server.port)
    finally(function() between:stop() end)
    between:answer "trickle"
    local waiting = assert(redis.connect { port = between.port, seconds = 0.3 })
    assert.equal("timeout", (select(3, ask(waiting, { "PING" }))))
  end)

  it("takes several commands before their answers, which come in order", function()
    for _, word in ipairs { "one", "two" } do assert.is_true(link:send { "ECHO", word }) end
    assert.equal("one", link:receive())
    assert.equal("two", link:receive())
    assert.same({ nil, "no answer was asked for", "connect_failed" }, { link:receive() })
    assert.equal("PONG", ask(link, { "PING" }))
  end)

  it("knows whether the server has closed it", function()
    assert.is_true(link:is_alive())
    server:query "CLIENT KILL TYPE normal"
    assert.is_false(link:is_alive())
    assert.same({ nil, "the server closed the connection", "connect_failed" }, { ask(link, { "PING" }) })
    assert.is_false(link:is_alive())
  end)

  it("tells what the server said before it closed the connection", function()
    local former = server:query("CONFIG GET maxclients"):match "%d+"
    server:query "CONFIG SET maxclients 2"
    finally(function()
      link:close()
      server:query("CONFIG SET maxclients " .. former)
    end)
    local links = {}
    for i = 1, 3 do links[i] = assert(redis.connect { port = server.port }) end
    local _, message, code = ask(links[3], { "PING" })
    for _, one in ipairs(links) do one:close() end
    assert.same({ "ERR max number of clients reached", "redis_error" }, { message, code })
  end)

  it("is not inherited by programs that this one starts", function()
    local command = "ls -l /proc/self/fd | grep -c socket: || true"
    local with = shell.run(command)
    link:close()
    assert.equal(with, shell.run(command))
  end)

  it("leaves closing to the garbage collector if nobody closes", function()
    local before = server:query "CLIENT LIST | grep -c addr"
    for _ = 1, 20 do redis.connect { port = server.port } end
    collectgarbage()
    collectgarbage()
    assert.equal(before, server:query "CLIENT LIST | grep -c addr")
  end)

  describe("without a socket", function()
    it("makes commands of any bytes, and refuses what is none", function()
      assert.equal("*3\r\n$3\r\nSET\r\n$3\r\na\0b\r\n$0\r\n\r\n", redis.format { "SET", "a\0b", "" })
      for _, words in ipairs { 5, {}, { 5 }, { "GET", false } } do
        assert.is_false((pcall(redis.format, words)))
      end
    end)

    it("reads answers as a connection gives them, as soon as they are whole", function()
      local reader = assert(redis.reader())
      assert.is_false(reader:next())
      assert.is_true(reader:feed "*3\r\n$1\r\nx\r\n:5\r")
      assert.is_false(reader:next())
      assert.is_false(reader:is_empty())
      assert.is_true(reader:feed "\n$-1\r\n$-1\r\n-ERR no\r\n")
      assert.same({ true, { "x", 5 } }, { reader:next() })
      assert.same({ n = 2, true }, { n = select("#", reader:next()), true })
      assert.same({ true, nil, "ERR no", "redis_error" }, { reader:next() })
      assert.is_true(reader:is_empty())
      assert.is_false(reader:next())
    end)

    it("says what is no answer", function()
      local reader = assert(redis.reader())
      assert.is_true(reader:feed "HTTP/1.1 400 Bad Request\r\n")
      local ready, message, code = reader:next()
      assert.is_nil(ready)
      assert.matches("^Protocol error", message)
      assert.equal("connect_failed", code)
      assert.is_nil((reader:feed "+OK\r\n"))
    end)
  end)
end)
