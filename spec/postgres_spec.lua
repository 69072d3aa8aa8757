local check_emptied_values = require "support.emptied_values"
local core = require "marketplace.core"
local finalizer = require "support.finalizer"
local postgres = require "marketplace.postgres"
local postgres_server = require "support.postgres_server"
local proxy = require "support.proxy"
local shell = require "support.shell"
local socket = require "socket"

describe("marketplace.postgres #full", function()
  local server, session

  local function parameters(more)
    local words = { host = "127.0.0.1", port = tostring(server.port), user = "postgres", dbname = "postgres" }
    for name, value in pairs(more or {}) do words[name] = value end
    return words
  end

  local function connect(more, seconds)
    return postgres.connect { parameters = parameters(more), seconds = seconds or 30 }
  end

  setup(function() server = postgres_server.start() end)
  teardown(function() server:remove() end)

  before_each(function()
    session = assert(connect())
    session:limit(30)
  end)

  after_each(function()
    session:close()
    server:query "DROP TABLE IF EXISTS t"
  end)

  local function run(sql, names, values)
    return session:run(assert(session:prepare(sql)), names or {}, values)
  end

  local function make_table() assert(run "CREATE TABLE t (i integer PRIMARY KEY, a text)") end

  local function expect_failure(expected, expected_code, result, message, code)
    assert.is_nil(result)
    assert.equal(expected, message)
    assert.equal(expected_code, code)
  end

  local function at(port) return "PostgreSQL at 127.0.0.1:" .. (port or server.port) end

  local function expect_closed()
    expect_failure("the connection to PostgreSQL is closed", "connect_failed", session:prepare "SELECT 1")
  end

  describe("values", function()
    local function through(cast, value)
      return assert(run("SELECT $1::" .. cast .. " AS value", { "value" }, { value = value }))[1].value
    end

    it("come back as they were", function()
      local bytes = {}
      for i = 0, 255 do bytes[i + 1] = string.char(i) end
      for cast, list in pairs {
        bytea = { "", table.concat(bytes) }, text = { "", "it's \\ \"é\" \1" }, boolean = { true, false },
        smallint = { 0, -32768, 32767 }, integer = { 0, -2147483648, 2147483647 },
        bigint = { 0, -2 ^ 53, 2 ^ 53, 4294967296 },
        float8 = { 0, 0.1, -1.5, 1e300, 2 ^ -1074, 1795689662.123456, math.huge, -math.huge },
      } do
        for _, value in ipairs(list) do assert.equal(value, through(cast, value), cast) end
      end
    end)

    it("are integers of 64 bits where Lua has these", function()
      local most, least = rawget(math, "maxinteger"), rawget(math, "mininteger")
      if not most then return end
      assert.equal(("%d"):format(most), ("%d"):format(through("bigint", most)))
      assert.equal(least, through("bigint", least))
    end)

    it("are absent if they are NULL, and NULL if they are absent", function()
      assert.is_nil(through("text", nil))
      assert.same({ { b = 1 } }, run "SELECT NULL::text AS a, 1 AS b")
      assert.is_nil(through("text", false))
    end)

    it("are found by name, in the common ones after their own", function()
      local number = assert(session:prepare "SELECT $1::text AS a, $2::text AS b, $3::text AS c")
      local given = setmetatable({ a = "own" }, { __index = function() error "no metamethods" end })
      assert.same({ { a = "own", b = "common" } },
        session:run(number, { "a", "b", "c" }, given, { a = "other", b = "common" }))
      assert.same({ {} }, session:run(number, { "a", "b", "c" }))
    end)

    it("raise if the parameter cannot have them, and the connection goes on", function()
      for cast, list in pairs {
        integer = { "1", true, 1.5, 2147483648, 0 / 0, math.huge, {} }, smallint = { 32768 }, bigint = { 2 ^ 63 },
        text = { 1, true, {} }, boolean = { 1, "t" }, float8 = { "1" },
      } do
        for _, value in ipairs(list) do
          assert.error_matches(function() through(cast, value) end, "the value of parameter 1 ")
        end
      end
      assert.equal(5, through("integer", 5))
    end)

    it("raise if there are not as many names as parameters", function()
      assert.error_matches(function() run("SELECT $1::text", {}) end, "the statement has 1 parameters")
      assert.error_matches(function() run("SELECT 1", { "a" }) end, "the statement has 0 parameters")
    end)
  end)

  describe("each", function()
    it("runs a statement once for each item, and gives each one's first row, or false", function()
      local number = assert(session:prepare "SELECT i FROM generate_series(1, $1::integer) AS i ORDER BY i")
      assert.same({ { i = 1 }, false, { i = 1 } },
        session:each(number, { "n" }, { { n = 3 }, { n = 0 }, {} }, { n = 2 }))
      assert.same({}, session:each(number, { "n" }, {}))
    end)

    it("tells of a statement without columns whether it changed a row", function()
      make_table()
      local number = assert(session:prepare "INSERT INTO t VALUES ($1, 'a') ON CONFLICT DO NOTHING")
      assert.same({ true, false, true }, session:each(number, { "i" }, { { i = 1 }, { i = 1 }, { i = 2 } }))
      local other = assert(session:prepare "SET lock_timeout TO '1s'")
      assert.same({ false }, session:each(other, {}, { {} }))
    end)

    it("keeps nothing of what comes before an item that fails, and the connection goes on", function()
      make_table()
      local number = assert(session:prepare "INSERT INTO t VALUES ($1, 'a')")
      expect_failure(at() .. ': duplicate key value violates unique constraint "t_pkey"', "inbox_unavailable",
        session:each(number, { "i" }, { { i = 1 }, { i = 2 }, { i = 1 }, { i = 3 } }))
      assert.same({ { count = 0 } }, run "SELECT count(*) AS count FROM t")
    end)

    it("keeps nothing if an item raises, and the connection is closed", function()
      make_table()
      local number = assert(session:prepare "INSERT INTO t VALUES ($1, 'a')")
      assert.error_matches(function() session:each(number, { "i" }, { { i = 1 }, "x" }) end, "item 2 must be a table")
      expect_closed()
      assert.equal("0", server:query "SELECT count(*) FROM t")
    end)

    it("takes more than fits in any buffer on the way", function()
      make_table()
      local number, items = assert(session:prepare "INSERT INTO t VALUES ($1, $2) RETURNING a"), {}
      for i = 1, 2000 do items[i] = { i = i } end
      local text = ("x"):rep(10000)
      local rows = assert(session:each(number, { "i", "a" }, items, { a = text }))
      for i = 1, 2000 do assert.equal(text, rows[i].a) end
    end)
  end)

  describe("what is deferred", function()
    it("goes with the next statement, also if that is only prepared", function()
      make_table()
      local begin, insert = assert(session:prepare "BEGIN"), assert(session:prepare "INSERT INTO t VALUES (1, 'a')")
      local rollback = assert(session:prepare "ROLLBACK")
      for _, next_one in ipairs { function() return session:run(insert, {}) end,
        function() return session:prepare "SELECT 2" end } do
        assert(session:defer(begin))
        assert(next_one())
        assert(session:run(rollback, {}))
        assert.same({ { count = 0 } }, run "SELECT count(*) AS count FROM t")
      end
    end)

    it("fails with the next statement", function()
      make_table()
      local bad = assert(session:prepare "SELECT 1 / 0")
      local insert = assert(session:prepare "INSERT INTO t VALUES (1, 'a')")
      assert(session:defer(bad))
      expect_failure(at() .. ": division by zero", "inbox_unavailable", session:run(insert, {}))
      assert.same({ { count = 0 } }, run "SELECT count(*) AS count FROM t")
    end)
  end)

  describe("a connection that cannot be made", function()
    local function cannot(port, why) return ("cannot connect to %s: %s"):format(at(port), why) end

    it("tells the server's own words and its address", function()
      expect_failure(cannot(nil, 'database "nosuch" does not exist'), "connect_failed", connect { dbname = "nosuch" })
      expect_failure(cannot(nil, 'role "nobody" does not exist'), "connect_failed", connect { user = "nobody" })
      local port = shell.free_port()
      expect_failure(cannot(port, "Connection refused"), "connect_failed", connect { port = tostring(port) })
      expect_failure("cannot connect to PostgreSQL at 127.0.0.1:" .. server.port ..
        ": server does not support SSL, but SSL was required", "connect_failed", connect { sslmode = "require" })
    end)

    it("tells the path of a socket", function()
      expect_failure(("cannot connect to PostgreSQL at %s/.s.PGSQL.%d: role \"nobody\" does not exist"):format(
        server.folder, server.port), "connect_failed", connect { host = server.folder, user = "nobody" })
      expect_failure(("cannot connect to PostgreSQL at /nowhere/.s.PGSQL.%d: No such file or directory"):format(
        server.port), "connect_failed", connect { host = "/nowhere" })
    end)

    it("tells what libpq makes of its words", function()
      for words, why in pairs {
        [{ sslmode = "sometimes" }] = 'invalid sslmode value: "sometimes"',
        [{ target_session_attrs = "x" }] = 'invalid target_session_attrs value: "x"',
        [{ nosuch = "1" }] = 'invalid connection option "nosuch"',
      } do
        local result, message, code = connect(words)
        assert.is_nil(result)
        assert.matches("^cannot connect to PostgreSQL", message)
        assert.is_truthy(message:find(why, 1, true), message)
        assert.equal("connect_failed", code)
      end
    end)

    it("tells no password", function()
      server:query "CREATE ROLE careful LOGIN PASSWORD 'right horse'"
      finally(function() server:query "DROP ROLE careful" end)
      server:demand_password "careful"
      local function try(password)
        local other, message = connect { user = "careful", password = password }
        if other then other:close() end
        return message
      end
      -- the server takes its new rules a moment later
      local stop = core.monotonic() + 30
      repeat local message = try "hunter2" until message or core.monotonic() > stop
      assert.equal(cannot(nil, 'password authentication failed for user "careful"'), try "hunter2")
      assert.equal(cannot(nil, "fe_sendauth: no password supplied"), try(nil))
      assert.is_nil(try "right horse")
    end)

    it("takes no longer than it may", function()
      local listener = assert(socket.bind("127.0.0.1", 0))
      local _, port = listener:getsockname()
      expect_failure(cannot(port, "no answer within 0.2 s"), "timeout", connect({ port = tostring(port) }, 0.2))
      listener:close()
    end)

    it("leaves nothing on stderr, whatever the server remarks", function()
      local script = shell.file(([[
        local session = assert(require("marketplace.postgres").connect { parameters = {
          host = "127.0.0.1", port = "%d", user = "postgres", dbname = "postgres" }, seconds = 30 })
        local notice = "DO $x$ BEGIN RAISE WARNING 'heard'; END $x$"
        assert(session:run(assert(session:prepare(notice)), {}))
      ]]):format(server.port))
      local output, status = shell.capture(("%s %s 2>&1"):format(shell.LUA, script))
      os.remove(script)
      assert.same({ "", 0 }, { output, status })
    end)
  end)

  describe("a server that does not answer", function()
    it("is waited for no longer than the limit, and the connection is closed", function()
      local number = assert(session:prepare "SELECT pg_sleep(60)")
      session:limit(0.2)
      expect_failure(at() .. ": no answer within 0.2 s", "timeout", session:run(number, {}))
      expect_closed()
    end)

    it("is waited for no longer either if its process is stopped", function()
      local number, pid = assert(session:prepare "SELECT 1"), session:process()
      shell.run("kill -STOP " .. pid)
      finally(function() shell.run("kill -CONT " .. pid) end)
      session:limit(0.2)
      expect_failure(at() .. ": no answer within 0.2 s", "timeout", session:run(number, {}))
      expect_closed()
    end)

    it("is not waited for when the connection is closed", function()
      local between = proxy.start(server.port)
      finally(function() between:stop() end)
      local other = assert(connect { port = tostring(between.port) })
      local number = assert(other:prepare "SELECT $1::text AS a")
      between:freeze()
      other:limit(0.2)
      local items, text = {}, ("x"):rep(100000)
      for i = 1, 300 do items[i] = { a = text } end -- more than the sockets between take
      expect_failure(at(between.port) .. ": no answer within 0.2 s", "timeout", other:each(number, { "a" }, items))
      other:close()
    end)

    it("is not asked once the limit has passed", function()
      make_table()
      local number = assert(session:prepare "INSERT INTO t VALUES (1, 'a')")
      session:limit(0)
      local result, _, code = session:run(number, {})
      assert.same({ nil, "timeout" }, { result, code })
      assert.equal("0", server:query "SELECT count(*) FROM t")
    end)

    it("is waited for although signals come", function()
      local number = assert(session:prepare "SELECT pg_sleep(0.3), 1 AS a")
      shell.run "sh -c 'for i in 1 2 3; do sleep 0.05; kill -CONT $PPID; done' >/dev/null 2>&1 &"
      assert.equal(1, assert(session:run(number, {}))[1].a)
    end)
  end)

  describe("a session that the server ends", function()
    it("says why, and is closed", function()
      local number = assert(session:prepare "SELECT 1")
      server:query(("SELECT pg_terminate_backend(%d, 30000)"):format(session:process()))
      expect_failure(at() .. ": terminating connection due to administrator command", "inbox_unavailable",
        session:run(number, {}))
      expect_closed()
    end)

    it("in the middle of a statement loses what was not committed", function()
      make_table()
      local begin = assert(session:prepare "BEGIN")
      local insert = assert(session:prepare "INSERT INTO t VALUES (1, 'a')")
      local kill = assert(session:prepare "SELECT pg_terminate_backend(pg_backend_pid())")
      assert(session:defer(begin))
      assert(session:run(insert, {}))
      expect_failure(at() .. ": terminating connection due to administrator command", "inbox_unavailable",
        session:run(kill, {}))
      expect_closed()
      assert.equal("0", server:query "SELECT count(*) FROM t")
    end)
  end)

  it("is alive until the server ends it or it is closed, whatever else the server tells meanwhile", function()
    assert(run "LISTEN told")
    server:query "SELECT pg_notify('told', repeat('x', 7000) || i) FROM generate_series(1, 10) AS i"
    assert.is_true(session:is_alive())
    assert.same({ { one = 1 } }, run "SELECT 1 AS one")
    server:query(("SELECT pg_terminate_backend(%d, 30000)"):format(session:process()))
    assert.is_false(session:is_alive())
    session:close()
    assert.is_false(session:is_alive())
  end)

  it("has the number of the server's process", function()
    assert.same({ { pid = session:process() } }, run "SELECT pg_backend_pid() AS pid")
  end)

  it("is closed once, and says so then", function()
    session:close()
    session:close()
    expect_closed()
    for _, call in ipairs { "run", "each" } do
      expect_failure("the connection to PostgreSQL is closed", "connect_failed", session[call](session, 1, {}, {}))
    end
    for _, call in ipairs { "defer", "process" } do
      expect_failure("the connection to PostgreSQL is closed", "connect_failed", session[call](session, 1))
    end
  end)

  it("raises for a statement that is not there, and for options that cannot be", function()
    for _, number in ipairs { 0, 1, -1, 1e9, 0 / 0 } do
      assert.error_matches(function() session:run(number, {}) end, "there is no such statement")
    end
    assert.error_matches(function() session:limit(-1) end, "out of range")
    for _, options in ipairs { { seconds = 1 }, { parameters = {} }, { parameters = { a = 1 }, seconds = 1 },
      { parameters = { host = "a\0b" }, seconds = 1 } } do
      assert.has_error(function() postgres.connect(options) end)
    end
  end)

  it("refuses what is no statement, and goes on", function()
    expect_failure(at() .. ': syntax error at or near "SELEC"', "inbox_unavailable", session:prepare "SELEC 1")
    expect_failure(at() .. ": cannot insert multiple commands into a prepared statement", "inbox_unavailable",
      session:prepare "SELECT 1; SELECT 2")
    assert.same({ { one = 1 } }, run "SELECT 1 AS one")
  end)

  it("is no forked child's, which leaves it alone", function()
    local script = shell.file(([[
      local session = assert(require("marketplace.postgres").connect { parameters = {
        host = "127.0.0.1", port = "%d", user = "postgres", dbname = "postgres" }, seconds = 30 })
      local number = assert(session:prepare "SELECT 'still here' AS answer")
      if os.getenv "FORK" == "child" then
        io.write(select(2, session:run(number, {})), ". ")
        session:close()
        os.exit(0)
      end
      io.write(assert(session:run(number, {}))[1].answer)
    ]]):format(server.port))
    local output = shell.capture(("LD_PRELOAD=build/test/forks.so %s %s"):format(shell.LUA, script))
    os.remove(script)
    assert.equal("the connection to PostgreSQL belongs to another process. still here", output)
  end)

  it("can neither be used nor closed by what runs in the middle of a call", function()
    local number = assert(session:prepare "SELECT i, 'x' AS x FROM generate_series(1, 10) AS i")
    local function call() session:run(number, {}) end
    local message = finalizer.during(function()
      for _ = 1, 1000 do call() end
    end, function()
      if not finalizer.is_within(call) then return nil end
      local _, why = session:run(number, {})
      if why ~= "the connection is in use by a call" then return nil end
      assert.equal(why, select(2, session:prepare "SELECT 1"))
      assert.equal(why, select(2, session:defer(number)))
      session:close()
      return why
    end)
    assert.equal("the connection is in use by a call", message)
    expect_closed()
  end)

  it("uses the values of a statement as they were, or as absent, if a finalizer empties their table", function()
    session:limit(600) -- whole collections take long in a program that has much
    local number = assert(session:prepare "SELECT $1::text AS a, $2::text AS b")
    local names = { "a", "b" }
    check_emptied_values(function(given) return session:run(number, names, given) end,
      function(items) return session:each(number, names, items) end)
  end)
end)
