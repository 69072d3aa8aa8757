local core = require "marketplace.core"
local expect_unavailable = require "support.unavailable"
local inbox = require "marketplace.inbox"
local once_available = require "support.once_available"
local postgres_server = require "support.postgres_server"
local proxy = require "support.proxy"
local shared_inbox = require "support.shared_inbox"
local shell = require "support.shell"
local socket = require "socket"

local record = shared_inbox.record

local AT = "^PostgreSQL at 127%.0%.0%.1:%d+: "

describe("the PostgreSQL inbox, if its server #full", function()
  local server, box

  setup(function() server = postgres_server.start() end)
  teardown(function() server:remove() end)
  before_each(function() server:reset() end)
  after_each(function()
    if box then box:close() end
    box = nil
  end)

  local function url_of(...)
    local places = {}
    for i, port in ipairs { ... } do places[i] = "127.0.0.1:" .. port end
    return ("postgres://postgres@%s/postgres"):format(table.concat(places, ","))
  end

  describe("freezes", function()
    local between

    before_each(function()
      between = proxy.start(server.port)
      box = assert(inbox.open(url_of(between.port) .. "?timeout=0.5"))
    end)

    after_each(function() between:stop() end)

    local FROZEN = "^PostgreSQL at 127%.0%.0%.1:%d+: no answer within 0%.%d s$"

    it("while nothing happens, is unavailable until it no longer does", function()
      assert.same({ "stored" }, box:put { record "a" })
      between:freeze()
      expect_unavailable(FROZEN, box:put { record "b" })
      expect_unavailable(FROZEN, box:claim(1, 60))
      between:thaw()
      assert.is_truthy(once_available(function() return box:put { record "b" } end))
      assert.equal(2, #box:claim(10, 60))
    end)

    it("before it answers a commit, has not acknowledged it, and takes what is sent again once", function()
      assert.same({ "stored" }, box:put { record "a" })
      local link = box.connection.link
      local commit = link.commit
      function link:commit()
        between:freeze()
        return commit(self)
      end
      expect_unavailable(FROZEN, box:put { record "b" })
      between:thaw()
      local outcomes = once_available(function() return box:put { record "b" } end)
      assert.is_true(outcomes[1] == "stored" or outcomes[1] == "duplicate", outcomes[1])
      assert.equal(2, box:counts().ready)
    end)

    it("while it is connected to, is unavailable too", function()
      box:close()
      between:freeze()
      expect_unavailable("^cannot connect to PostgreSQL at 127%.0%.0%.1:%d+: no answer within 0%.%d s$",
        inbox.open(url_of(between.port) .. "?timeout=0.5"))
    end)

    it("after it has begun a statement, ends it by itself", function()
      local link = box.connection.link
      local limit = tonumber(link:run("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'")[1].setting)
      assert.equal(1500, limit)
    end)
  end)

  it("is one of several, is the first that takes the connection, however long another does not answer", function()
    local silent = assert(socket.bind("127.0.0.1", 0))
    local _, silent_port = silent:getsockname()
    finally(function() silent:close() end)
    box = assert(inbox.open(url_of(shell.free_port(), silent_port, server.port), { timeout = 2 }))
    assert.same({ "stored" }, box:put { record "a" })
    local closed_port = shell.free_port()
    local _, message, code = inbox.open(url_of(closed_port, silent_port), { timeout = 0.4 })
    assert.equal(("cannot connect to PostgreSQL at 127.0.0.1:%d: Connection refused; cannot connect to PostgreSQL " ..
      "at 127.0.0.1:%d: no answer within 0.4 s"):format(closed_port, silent_port), message)
    assert.equal("inbox_unavailable", code)
  end)

  local function end_session()
    server:query(("SELECT pg_terminate_backend(%d, 30000)"):format(box.connection.link:process()))
  end

  it("ends the session while nothing happens, is connected to anew without a failure", function()
    box = assert(inbox.open(url_of(server.port)))
    for _, key in ipairs { "a", "b" } do
      end_session()
      assert.same({ "stored" }, box:put { record(key) })
    end
    server:kill()
    server:start()
    assert.same({ "stored" }, box:put { record "c" })
    assert.equal(3, box:counts().ready)
  end)

  it("ends the session in the middle of a transaction, has stored nothing, and is connected to anew", function()
    box = assert(inbox.open(url_of(server.port)))
    local link = box.connection.link
    local commit = link.commit
    function link:commit()
      end_session()
      return commit(self)
    end
    expect_unavailable("^PostgreSQL at 127%.0%.0%.1:%d+: terminating connection due to administrator command$",
      box:put { record "b" })
    assert.same({ "stored" }, once_available(function() return box:put { record "b" } end))
  end)

  it("cannot write, is unavailable", function()
    expect_unavailable(AT .. "its transactions are read%-only %(default_transaction_read_only, ",
      inbox.open(url_of(server.port) .. "?options=-c%20default_transaction_read_only=on"))
  end)

  it("has a full disk, says so, also to a probe, and stores once there is room", function()
    local small = postgres_server.start "-c autovacuum=off"
    finally(function() small:remove() end)
    assert(inbox.open(url_of(small.port))):close()
    small:stop "fast"
    small:start "ulimit -f 33008;" -- in units of 512 bytes: 16 MiB, which the server itself needs, and a few pages
    shell.capture(small:psql([[INSERT INTO marketplace.inbox (id, key, digest, lane, received_at, state, at, set_at,
      leads, body) SELECT i, i, i, i, 1, 'done', 1, 1, false, convert_to(repeat('x', 1850), 'UTF8')
      FROM generate_series(1, 12000) AS i]]))
    box = assert(inbox.open(url_of(small.port)))
    local FULL, count = AT .. "could not extend file .*: File too large", 0
    local answer
    repeat
      count = count + 1
      answer = { box:put { record("k" .. count, { body = ("x"):rep(500) }) } }
    until not answer[1] or count == 2000
    expect_unavailable(FULL, answer[1], answer[2], answer[3])
    expect_unavailable(FULL, box:probe())
    assert.same({}, box:run { id = "no such id" })
    small:stop "fast"
    small:start()
    assert.is_true(once_available(function() return box:probe() end))
  end)

  it("has a database that cannot take every character, is unavailable", function()
    server:query "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    expect_unavailable(AT .. "the database's encoding is LATIN1, which lacks characters that come from Apple",
      inbox.open((url_of(server.port):gsub("/postgres$", "/latin"))))
  end)

  it("may lose what it stores, is unavailable as soon as it is connected to anew", function()
    box = assert(inbox.open(url_of(server.port)))
    finally(function() server:set("fsync", "on") end)
    server:set("fsync", "off")
    box.connection:close()
    expect_unavailable(AT .. "the server runs with fsync=off, and what it stores can be lost$", box:put { record "a" })
    server:set("fsync", "on")
    assert.same({ "stored" }, once_available(function() return box:put { record "a" } end))
  end)

  -- Starts PgBouncer in a folder; its process.
  local function start_pooler(folder, port, mode)
    local file = assert(io.open(folder .. "/ini", "w"))
    file:write(("[databases]\n* = host=127.0.0.1 port=%d user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n" ..
      "listen_port = %d\nauth_type = any\npool_mode = %s\nunix_socket_dir = %s\n" ..
      "ignore_startup_parameters = extra_float_digits\n"):format(server.port, port, mode, folder))
    file:close()
    shell.run(("chmod -R a+rwX %s"):format(folder))
    local user = shell.run "id -u" == "0" and "-u postgres" or ""
    local pipe, pid = shell.in_background(("/usr/sbin/pgbouncer %s %s/ini >%s/log 2>&1"):format(user, folder, folder))
    finally(function()
      shell.capture("kill -INT " .. pid)
      pipe:close()
      shell.run("rm -rf " .. folder)
    end)
  end

  for _, mode in ipairs { "session", "transaction", "statement" } do
    it(("is behind a pooler in %s mode, is refused"):format(mode), function()
      local port = shell.free_port()
      start_pooler(shell.run "mktemp -d", port, mode)
      local result, message, code
      local stop = core.monotonic() + 30
      repeat
        result, message, code = inbox.open(url_of(port))
      until result or not message:find "Connection refused" or core.monotonic() > stop
      expect_unavailable(AT .. "a pooler is between this program and the server", result, message, code)
    end)
  end

  local function set_standbys(names) server:set("synchronous_standby_names", names) end

  it("waits for fewer standbys than it must, is unavailable", function()
    finally(function() set_standbys "" end)
    for names, count in pairs { [""] = 0, ["a, b"] = 1, ["*"] = 1, ["2 (a, b)"] = 2, ["ANY 2 (a, b, c)"] = 2,
      ["FIRST 1 (a)"] = 1 } do
      set_standbys(names)
      expect_unavailable(AT .. ("a commit waits for %d standbys, and not for 3: set synchronous_standby"):format(count),
        inbox.open(url_of(server.port) .. "?replicas=3"))
    end
  end)

  it("has no answer of the standbys that it waits for, has not acknowledged anything", function()
    box = assert(inbox.open(url_of(server.port) .. "?timeout=0.5"))
    set_standbys "none"
    finally(function() set_standbys "" end)
    box.connection:close()
    local NO_ANSWER = "^PostgreSQL at 127%.0%.0%.1:%d+: no answer within 0%.%d s$"
    expect_unavailable(NO_ANSWER, box:put { record "a" })
    -- once the session has ended, the server has it, but no standby does
    server:query "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    assert.equal("1", server:query "SELECT count(*) FROM marketplace.inbox")
    box:close()
    box = assert(inbox.open(url_of(server.port) .. "?timeout=0.5")) -- which was not refused just now
    expect_unavailable(NO_ANSWER, box:put { record "a" })
    box:close()
    box = assert(inbox.open(url_of(server.port) .. "?timeout=0.5"))
    expect_unavailable(NO_ANSWER, box:probe())
  end)

  it("no longer waits for a standby as somebody cancelled that, has not acknowledged anything", function()
    box = assert(inbox.open(url_of(server.port) .. "?timeout=60"))
    set_standbys "none"
    finally(function() set_standbys "" end)
    local cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    local canceller = assert(io.popen(("for _ in $(seq 500); do %s | grep -q t && break; done"):format(
      server:psql(cancel))))
    expect_unavailable("^PostgreSQL at 127%.0%.0%.1:%d+: canceling wait for synchronous replication",
      box:put { record "a" })
    canceller:close()
  end)

  it("waits for a standby in vain, is not left with a session for each attempt", function()
    box = assert(inbox.open(url_of(server.port) .. "?timeout=0.2"))
    set_standbys "none"
    finally(function() set_standbys "" end)
    local stop, count = core.monotonic() + 60, 0
    repeat
      count = count + 1
      expect_unavailable("no answer within", box:put { record("a" .. count) })
      assert.is_true(core.monotonic() < stop)
      -- what a session has written is there once it has ended
    until tonumber(server:query "SELECT count(*) FROM marketplace.inbox") >= 2
    local waiting = server:query "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    assert.is_true(tonumber(waiting) <= 1)
  end)

  describe("has a standby", function()
    local primary, standby

    setup(function()
      primary = postgres_server.start()
      standby = primary:start_standby()
    end)

    teardown(function()
      standby:remove()
      primary:remove()
    end)

    it("is followed to it after a fail-over, with a warning before that something can be lost then", function()
      local warnings = {}
      local settings = { warn = function(message) warnings[#warnings + 1] = message end }
      expect_unavailable(AT .. "the server is a standby, and read%-only: connect to the primary$",
        inbox.open(url_of(standby.port)))
      box = assert(inbox.open(url_of(standby.port, primary.port) .. "?target_session_attrs=read-write", settings))
      assert.same({ "stored" }, box:put { record "a" })
      box.connection:close()
      assert.same({ "stored" }, box:put { record "b" })
      assert.equal(1, #warnings)
      assert.matches("^PostgreSQL at 127%.0%.0%.1:%d+ has standbys, but waits for none of them: a fail%-over can lose",
        warnings[1])
      local wait = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()"
      repeat until primary:query(wait) == "1"
      primary:kill()
      expect_unavailable("PostgreSQL at", box:put { record "c" })
      standby:promote()
      assert.same({ "stored" }, once_available(function() return box:put { record "c" } end))
      assert.same({ "duplicate", "duplicate" }, box:put { record "a", record "b" })
      primary:start()
    end)
  end)
end)
