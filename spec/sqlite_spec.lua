local finalizer = require "support.finalizer"
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"

local ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n"

describe("marketplace.sqlite", function()
  local folder, path, database

  local function open(more)
    local options = { path = path, create = true }
    for name, value in pairs(more or {}) do options[name] = value end
    return assert(sqlite.open(options))
  end

  local function run(sql, values, common)
    return assert(database:run(assert(database:prepare(sql)), values, common))
  end

  local function expect_failure(pattern, expected_code, result, message, code)
    assert.is_nil(result)
    assert.matches(pattern, message)
    assert.equal(expected_code, code)
  end

  before_each(function()
    folder = shell.run "mktemp -d"
    path = folder .. "/a.db"
    database = open()
    run "CREATE TABLE t (i INTEGER PRIMARY KEY, a, b)"
  end)

  after_each(function()
    database:close()
    shell.run("rm -rf " .. folder)
  end)

  local function mode(name)
    return shell.run(("stat -c %%a %s/%s"):format(folder, name))
  end

  describe("opening", function()
    it("makes a file only if it may", function()
      expect_failure("^there is no such file: " .. folder .. "/none$", "file_missing",
        sqlite.open { path = folder .. "/none" })
      assert.equal("1", shell.run(("ls %s | grep -c '^a.db$'"):format(folder)))
      assert.equal("0", shell.run(("ls %s | grep -c none || true"):format(folder)))
    end)

    it("gives a new file, its log and its index the mode of another one, whatever the umask", function()
      shell.run(("touch %s/holders && chmod 600 %s/holders"):format(folder, folder))
      local script = shell.file([[
        local sqlite = require "marketplace.sqlite"
        local folder = arg[1]
        local path = folder .. "/b?%41 &.db"
        local database = assert(sqlite.open { path = path, holders = folder .. "/holders", create = true })
        assert(database:run(assert(database:prepare "CREATE TABLE t (i)")))
        os.execute(("stat -c '%%n %%a' %s/b*"):format(folder))
      ]])
      local output = shell.run(("umask 0; %s %s %s"):format(shell.LUA, script, folder))
      os.remove(script)
      local names = {}
      for name, bits in output:gmatch "/(b[^\n/]*) (%d+)\n?" do names[name] = bits end
      assert.same({ ["b?%41 &.db"] = "600", ["b?%41 &.db-wal"] = "600", ["b?%41 &.db-shm"] = "600" }, names)
    end)

    it("leaves the mode of a file that is there", function()
      shell.run("chmod 640 " .. path)
      shell.run("touch " .. folder .. "/holders")
      open { holders = folder .. "/holders" }:close()
      assert.equal("640", mode "a.db")
    end)

    it("names a file, whatever a name means to SQLite", function()
      local script = shell.file [[
        local sqlite = require "marketplace.sqlite"
        for _, name in ipairs { ":memory:", "file:x?mode=memory" } do
          local database = assert(sqlite.open { path = name, create = true })
          assert(database:run(assert(database:prepare "CREATE TABLE t (i)")))
          database:close()
          assert(sqlite.open { path = name }):close()
        end
      ]]
      local here = shell.run "pwd"
      local cpath = (";" .. package.cpath):gsub(";build/", function() return ";" .. here .. "/build/" end)
      local output = shell.run(("export LUA_CPATH='%s'; cd %s && %s %s"):format(cpath, folder, shell.LUA, script))
      os.remove(script)
      assert.equal("", output)
      assert.equal(":memory: a.db a.db-shm a.db-wal file:x?mode=memory", (shell.run("ls " .. folder):gsub("\n", " ")))
    end)

    it("says what the system says", function()
      expect_failure("cannot open .*/none/a.db: unable to open .* %(SQLITE_CANTOPEN: No such file or directory%)",
        "inbox_unavailable", sqlite.open { path = folder .. "/none/a.db", create = true })
      expect_failure("cannot open .*: unable to open .* %(SQLITE_CANTOPEN: Is a directory%)", "inbox_unavailable",
        sqlite.open { path = folder, create = true })
      shell.run(("head -c 8192 /dev/urandom > %s/noise"):format(folder))
      expect_failure("cannot open .*/noise: file is not a database %(SQLITE_NOTADB%)", "inbox_unavailable",
        sqlite.open { path = folder .. "/noise" })
    end)

    it("takes a path that is longer than what a message has room for", function()
      local long = folder .. ("/" .. ("x"):rep(150)):rep(2)
      shell.run("mkdir -p " .. long)
      local other = open { path = long .. "/b.db" }
      other:limit(0)
      expect_failure("^cannot write to x+/b.db: that took longer than 0.0 s$", "timeout", other:begin())
      other:close()
    end)

    it("raises for options that cannot be right", function()
      assert.error_matches(function() sqlite.open() end, "table expected")
      assert.error_matches(function() sqlite.open {} end, "option 'path' is missing")
      assert.error_matches(function() sqlite.open { path = "" } end, "option 'path' is missing or empty")
      assert.error_matches(function() sqlite.open { path = 5 } end, "option 'path' must be a string, not a number")
      assert.error_matches(function() sqlite.open { path = "a\0b" } end, "option 'path' has a NUL byte")
      assert.error_matches(function() sqlite.open { path = path, holders = true } end, "option 'holders' must be")
    end)
  end)

  describe("values", function()
    it("come back as they were", function()
      local bytes = {}
      for byte = 0, 255 do bytes[#bytes + 1] = string.char(byte) end
      local all = table.concat(bytes)
      for _, value in ipairs { "", "a", "a\0b", all, 0, -1, 1.5, -1e300, 2 ^ 53, -2 ^ 53, 2 ^ 60 } do
        local row = run("SELECT :v AS v", { v = value })[1]
        assert.equal(value, row.v)
      end
    end)

    it("are whole if they can be, and 0 or 1 if they are booleans", function()
      local function type_of(value) return run("SELECT typeof(:v) AS t", { v = value })[1].t end
      assert.equal("integer", type_of(3.0))
      assert.equal("integer", type_of(2 ^ 53))
      assert.equal("real", type_of(2 ^ 60 + 0.0))
      assert.equal("real", type_of(0.5))
      assert.equal("real", type_of(math.huge))
      assert.equal("text", type_of "3")
      assert.equal("null", type_of(nil))
      assert.same({ { t = 1, f = 0 } }, run("SELECT :t AS t, :f AS f", { t = true, f = false }))
      assert.equal("5", tostring(run("SELECT 5 AS v")[1].v))
    end)

    it("are NULL if they are missing, and absent if they are NULL", function()
      assert.same({ { a = 1, b = 2 } }, run("SELECT :a AS a, :b AS b, :c AS c, NULL AS d", { a = 1 }, { a = 9, b = 2 }))
      assert.same({ {} }, run "SELECT :a AS a")
      assert.same({ { a = 0 } }, run("SELECT :a AS a", { a = false }, { a = true }))
      assert.same({}, run("SELECT 1 AS a WHERE 0"))
    end)

    it("raise if SQLite has none such, and the statement ends", function()
      local statement = database:prepare "SELECT :a AS a"
      assert.error_matches(function() database:run(statement, { a = {} }) end, "the value of ':a' cannot be a table")
      assert.error_matches(function() database:run(statement, 5) end, "#2.*table expected")
      assert.error_matches(function() database:each(statement, { {}, 5 }) end, "item 2 must be a table")
      assert.error_matches(function() database:run(database:prepare "SELECT ?", {}) end, "parameter 1 has no name")
      assert.same({ { a = 1 } }, database:run(statement, { a = 1 }))
    end)

    it("have a hash that is the same everywhere", function()
      assert.same({ { same = 1, none = 1, zero = 1 } }, run([[SELECT hash('foobar') = -8821353812377114648 AS same,
        hash(NULL) IS NULL AS none, hash(:a) <> hash(:b) AS zero]], { a = "a\0b", b = "a\0c" }))
    end)
  end)

  describe("a statement", function()
    it("is told to be wrong by SQLite's words", function()
      expect_failure('cannot read .*a.db: near "SELEKT": syntax error %(SQLITE_ERROR%)', "inbox_unavailable",
        database:prepare "SELEKT")
      expect_failure("no such table: none", "inbox_unavailable", database:prepare "SELECT * FROM none")
      expect_failure("one statement is expected: SELECT 1; SELECT 2", "inbox_unavailable",
        database:prepare "SELECT 1; SELECT 2")
      expect_failure("one statement is expected", "inbox_unavailable", database:prepare " ; ")
      for _, number in ipairs { 0, 99, -1, 1.5e10, 0 / 0 } do
        assert.error_matches(function() database:run(number) end, "there is no such statement")
      end
    end)

    it("fails with the extended code, and can be run again", function()
      local insert = database:prepare "INSERT INTO t (i) VALUES (:i)"
      assert.same({}, database:run(insert, { i = 1 }))
      expect_failure("cannot write to .*: UNIQUE constraint failed: t.i %(SQLITE_CONSTRAINT_PRIMARYKEY%)",
        "inbox_unavailable", database:run(insert, { i = 1 }))
      assert.same({}, database:run(insert, { i = 2 }))
    end)

    it("outlives a change of the tables by another connection", function()
      local statement = database:prepare "SELECT * FROM t"
      run "INSERT INTO t (a) VALUES (5)"
      local other = open()
      assert(other:run(assert(other:prepare "ALTER TABLE t ADD COLUMN c DEFAULT 7")))
      other:close()
      assert.same({ { i = 1, a = 5, c = 7 } }, database:run(statement))
    end)

    it("is refused if there are too many", function()
      local result, message
      for _ = 1, 1000 do
        result, message = database:prepare "SELECT 1"
        if not result then break end
      end
      assert.equal("too many statements are prepared", message)
    end)
  end)

  describe("each", function()
    it("gives each item's first row, or false", function()
      run "INSERT INTO t (i, a) VALUES (1, 'one'), (2, 'two'), (3, 'one')"
      local find = database:prepare "SELECT i, :more AS more FROM t WHERE a = :a ORDER BY i"
      assert.same({ { i = 1, more = "m" }, false, { i = 2, more = "own" } },
        database:each(find, { { a = "one" }, { a = "none" }, { a = "two", more = "own" } }, { more = "m" }))
      assert.same({}, database:each(find, {}))
    end)

    it("gives whether each item changed a row", function()
      local insert = database:prepare "INSERT INTO t (i, a) VALUES (:i, :a) ON CONFLICT DO NOTHING"
      assert.same({ true, false, true }, database:each(insert, { { i = 1 }, { i = 1 }, { i = 2 } }, { a = "x" }))
      assert.same({ { n = 2 } }, run "SELECT count(*) AS n FROM t WHERE a = 'x'")
    end)

    it("ends what it began, although only the first row is read", function()
      local items = {}
      for i = 1, 10 do items[i] = { i = i } end
      local insert = database:prepare [[INSERT INTO t (i) SELECT :i * 10 + n FROM (SELECT 1 AS n UNION SELECT 2)
        RETURNING i]]
      assert(database:begin())
      assert.equal(10, #database:each(insert, items))
      assert(database:commit())
      assert.same({ { n = 20 } }, run "SELECT count(*) AS n FROM t")
    end)

    it("stops at the first that fails", function()
      local insert = database:prepare "INSERT INTO t (i) VALUES (:i)"
      assert(database:begin())
      expect_failure("UNIQUE", "inbox_unavailable", database:each(insert, { { i = 1 }, { i = 1 }, { i = 2 } }))
      database:rollback()
      assert.same({ { n = 0 } }, run "SELECT count(*) AS n FROM t")
    end)
  end)

  describe("a transaction", function()
    local function count() return run("SELECT count(*) AS n FROM t")[1].n end

    it("is kept or taken back", function()
      assert.is_true(database:begin())
      run "INSERT INTO t (a) VALUES (1)"
      assert.is_true(database:commit())
      assert.is_true(database:begin())
      run "INSERT INTO t (a) VALUES (1)"
      database:rollback()
      database:rollback()
      assert.equal(1, count())
    end)

    it("fails inside another, and ends without one", function()
      assert(database:begin())
      expect_failure("cannot start a transaction within a transaction", "inbox_unavailable", database:begin())
      assert(database:commit())
      expect_failure("cannot commit %- no transaction is active", "inbox_unavailable", database:commit())
    end)

    it("is counted in the upper bytes of the user version, if it changed something", function()
      run "PRAGMA user_version = 7"
      local function version() return run("PRAGMA user_version")[1].user_version end
      local function add()
        assert(database:begin())
        run "INSERT INTO t (a) VALUES (1)"
        assert(database:commit())
      end
      add()
      local first = version()
      assert.equal(7, first % 256)
      assert.is_true(first > 256 or first < 0)
      add()
      assert.equal(first + 256, version())
      assert(database:begin())
      assert(database:commit())
      assert.equal(first + 256, version())
      run "PRAGMA user_version = -249" -- 0xffffff, and 7
      add()
      assert.equal(256 + 7, version())
    end)

    it("that one call leaves behind is over once the next one begins", function()
      run "INSERT INTO t (i) VALUES (1), (2)"
      local find = database:prepare "SELECT i FROM t"
      assert(database:each(find, { {} }))
      assert(database:begin())
      assert(database:commit())
      assert.same({ { busy = 0 } }, { { busy = run("PRAGMA wal_checkpoint(TRUNCATE)")[1].busy } })
    end)
  end)

  describe("the deadline", function()
    it("ends a query that would never end, and what comes after it until there is a new one", function()
      local endless = database:prepare(ENDLESS)
      database:limit(0.05)
      expect_failure("^cannot read .*a.db: that took longer than 0.1 s$", "timeout", database:run(endless))
      for _, call in ipairs { "begin", "commit", "quick_check" } do
        expect_failure("that took longer than", "timeout", database[call](database))
      end
      expect_failure("that took longer than", "timeout", database:prepare "SELECT 1")
      expect_failure("that took longer than", "timeout", database:each(endless, { {} }))
      database:limit(60)
      assert.same({ { a = 1 } }, run "SELECT 1 AS a")
    end)

    it("ends the wait for another's transaction", function()
      local other = open()
      assert(other:begin())
      database:limit(0.05)
      expect_failure("cannot write to .*a.db: another process has kept it locked for 0.1 s", "timeout",
        database:begin())
      other:rollback()
      database:limit(60)
      assert.is_true(database:begin())
      other:close()
    end)

    it("takes back a transaction whose commit comes too late", function()
      assert(database:begin())
      run "INSERT INTO t (a) VALUES (1)"
      database:limit(0)
      expect_failure("that took longer than", "timeout", database:commit())
      database:limit(60)
      assert.same({ { n = 0 } }, run "SELECT count(*) AS n FROM t")
      assert.is_true(database:begin())
    end)

    it("must be a time", function()
      assert.error_matches(function() database:limit(-1) end, "out of range")
      assert.error_matches(function() database:limit(0 / 0) end, "out of range")
      assert.error_matches(function() database:limit() end, "number expected")
    end)
  end)

  describe("once it is closed", function()
    it("refuses every call, and a second close is nothing", function()
      local statement = database:prepare "SELECT 1"
      database:close()
      database:close()
      local other = open()
      expect_failure("^the database is closed$", "inbox_unavailable", database:run(statement))
      expect_failure("^the database is closed$", "inbox_unavailable", database:each(statement, { {} }))
      expect_failure("^the database is closed$", "inbox_unavailable", database:prepare "SELECT 1")
      expect_failure("^the database is closed$", "inbox_unavailable", database:copy_to(other))
      expect_failure("^the database is closed$", "inbox_unavailable", other:copy_to(database))
      for _, call in ipairs { "begin", "commit", "quick_check" } do
        expect_failure("^the database is closed$", "inbox_unavailable", database[call](database))
      end
      database:rollback()
      database:limit(1)
      other:close()
    end)

    it("leaves one file, and takes back what was not committed", function()
      assert(database:begin())
      run "INSERT INTO t (a) VALUES (1)"
      database:close()
      assert.equal("a.db", shell.run("ls " .. folder))
      database = open()
      assert.same({ { n = 0 } }, run "SELECT count(*) AS n FROM t")
    end)

    it("is closed by the garbage collector too", function()
      database:close()
      do
        local other = open()
        assert(other:begin())
      end
      collectgarbage()
      collectgarbage()
      assert.equal("a.db", shell.run("ls " .. folder))
    end)
  end)

  describe("a finalizer that runs in the midst of a call", function()
    it("cannot use the database, and closes it only after the call", function()
      for i = 1, 200 do run("INSERT INTO t (i, a) VALUES (:i, :a)", { i = i, a = ("text"):rep(i) }) end
      local all, rows = database:prepare "SELECT * FROM t", nil
      local function call() rows = database:run(all) end
      local message = finalizer.during(function()
        for _ = 1, 1000 do call() end
      end, function()
        if not finalizer.is_within(call) then return nil end
        database:rollback()
        local _, why = database:run(all)
        if why ~= "the database is in use by a call" then return nil end
        for _, method in ipairs { "begin", "commit", "quick_check" } do
          assert.equal(why, select(2, database[method](database)))
        end
        assert.equal(why, select(2, database:prepare "SELECT 1"))
        database:close()
        return why
      end)
      assert.equal("the database is in use by a call", message)
      expect_failure("the database is closed", "inbox_unavailable", database:run(all))
      assert(rows == nil or #rows == 200)
    end)
  end)

  it("copies a database into another, which others may be using", function()
    for i = 1, 100 do run("INSERT INTO t (a) VALUES (:a)", { a = ("x"):rep(i * 10) }) end
    local copy_path = folder .. "/copy.db"
    local copy = open { path = copy_path }
    assert(copy:run(assert(copy:prepare "CREATE TABLE old (a)")))
    local reader = open { path = copy_path }
    assert.is_true(database:copy_to(copy))
    assert.is_true(copy:quick_check())
    local counted = assert(reader:run(assert(reader:prepare "SELECT count(*) AS n, sum(length(a)) AS s FROM t")))
    assert.same({ { n = 100, s = 50500 } }, counted)
    assert(reader:begin())
    copy:limit(0.05)
    expect_failure("kept it locked", "timeout", database:copy_to(copy))
    assert.error_matches(function() copy:copy_to(copy) end, "another database is expected")
    reader:close()
    copy:close()
  end)

  it("lets something be done before it overwrites a database, while nobody else can write to that", function()
    run("INSERT INTO t (a) VALUES ('new')")
    local copy_path = folder .. "/copy.db"
    local copy, other = open { path = copy_path }, open { path = copy_path }
    assert(copy:run(assert(copy:prepare "CREATE TABLE t (i, a)")))
    local function count() return assert(other:run(assert(other:prepare "SELECT count(*) AS n FROM t")))[1].n end

    expect_failure("^not now$", "inbox_unavailable", database:copy_to(copy, function() return nil, "not now" end))
    expect_failure("a mistake", "inbox_unavailable", database:copy_to(copy, function() error "a mistake" end))
    expect_failure("^failed$", "inbox_unavailable", database:copy_to(copy, function() end))
    assert.error_matches(function() database:copy_to(copy, true) end, "function expected")
    assert.equal(0, count())
    assert.is_true(database:copy_to(copy, function()
      other:limit(0.05)
      expect_failure("kept it locked", "timeout", other:begin())
      expect_failure("in use by a call", "inbox_unavailable", copy:begin())
      other:limit(3)
      assert.equal(0, count())
      database:close()
      return true
    end))
    assert.equal(1, count())
    expect_failure("the database is closed", "inbox_unavailable", database:begin())
    copy:close()
    other:close()
  end)

  it("finds what is damaged", function()
    for i = 1, 100 do run("INSERT INTO t (a) VALUES (:a)", { a = ("x"):rep(i * 10) }) end
    assert.is_true(database:quick_check())
    database:close()
    local file = assert(io.open(path, "r+b"))
    file:seek("set", 2048 * 4)
    file:write(("\255"):rep(2048))
    file:close()
    database = open()
    expect_failure("^.*a.db is damaged: %S[^\n]+$", "inbox_unavailable", database:quick_check())
  end)
end)
