-- What marketplace.sqlite makes of files that something moves, replaces or removes, of logs of other files, of disks
-- that fail, and of processes that are killed or forked.
local expect_failure = require "support.unavailable"
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"

local run = shell.run

describe("marketplace.sqlite", function()
  local folder, path, databases

  local function open(name)
    local database = assert(sqlite.open { path = name or path, create = true })
    databases[#databases + 1] = database
    return database
  end

  local function execute(database, sql, values)
    return assert(database:run(assert(database:prepare(sql)), values))
  end

  -- One commit, of rows that are `n` pages long.
  local function add(database, n)
    assert(database:begin())
    execute(database, "INSERT INTO t (a) VALUES (:a)", { a = ("x"):rep((n or 1) * 2048) })
    return database:commit()
  end

  local function count(database)
    return execute(database, "SELECT count(*) AS n FROM t")[1].n
  end

  local function make()
    local database = open()
    assert(database:begin())
    execute(database, "CREATE TABLE t (i INTEGER PRIMARY KEY, a)")
    execute(database, "INSERT INTO t (a) VALUES ('first')")
    assert(database:commit())
    return database
  end

  before_each(function()
    folder, databases = run "mktemp -d", {}
    path = folder .. "/a.db"
  end)

  after_each(function()
    for _, database in ipairs(databases) do database:close() end
    run("rm -rf " .. folder)
  end)

  -- Runs a script in a process of its own, with what this file has for working with databases; what it writes.
  local function elsewhere(text, environment)
    local script = shell.file([[
      local sqlite, path = require "marketplace.sqlite", arg[1]
      local database = assert(sqlite.open { path = path, create = true })
      local function execute(sql, values) return database:run(assert(database:prepare(sql)), values) end
      local function add(n)
        database:limit(60)
        local ok, message = database:begin()
        if ok then ok, message = execute("INSERT INTO t (a) VALUES (:a)", { a = ("x"):rep((n or 1) * 2048) }) end
        if ok then return database:commit() end
        database:rollback()
        return ok, message
      end
      local function kill() os.execute "kill -9 $PPID" while true do end end
    ]] .. text)
    local output = shell.capture(("%s timeout 60 %s %s %s"):format(environment or "", shell.LUA, script, path))
    os.remove(script)
    return output
  end

  describe("does not acknowledge what it stores", function()
    local CASES = {
      { "the file was moved away", "mv PATH PATH.old", "^.*a.db is gone: put it back" },
      { "the file was removed", "rm PATH", "^.*a.db is gone: put it back" },
      { "the file was replaced", "cp PATH PATH.x && mv PATH.x PATH", "another file took the place of .*a.db while" },
      { "the file cannot be looked at", "mv PATH PATH.old && ln -s PATH PATH", "^cannot look at .*a.db: Too many" },
      { "the log was removed", "rm PATH-wal", "^.*a.db%-wal was removed while it was open" },
      { "the log was replaced", "cp PATH-wal PATH.x && mv PATH.x PATH-wal", "another file took the place of .*%-wal" },
      { "the index was removed", "rm PATH-shm", "^.*a.db%-shm was removed while it was open" },
      { "all of them were moved", "mkdir PATH.d && mv PATH PATH-wal PATH-shm PATH.d", "is gone: put it back" },
    }
    for _, case in ipairs(CASES) do
      local name, command, pattern = case[1], case[2]:gsub("PATH", function() return "$PATH_OF_IT" end), case[3]
      it("if " .. name, function()
        local database = make()
        assert(database:begin())
        execute(database, "INSERT INTO t (a) VALUES ('lost?')")
        run(("PATH_OF_IT=%s; %s"):format(path, command))
        expect_failure(pattern, database:commit())
        expect_failure(pattern, database:begin())
      end)
    end

    it("through a symbolic link that leads elsewhere by now", function()
      run(("ln -s a.db %s/link"):format(folder))
      make():close()
      open(folder .. "/b.db"):close()
      local database = open(folder .. "/link")
      assert.is_true(add(database))
      run(("ln -sfn b.db %s/link"):format(folder))
      expect_failure("another file took the place of .*link", database:begin())
      run(("ln -sfn a.db %s/link"):format(folder))
      assert.is_true(add(database))
    end)
  end)

  describe("loses nothing that it acknowledged", function()
    it("if its log, or all that is beside the file, was removed", function()
      for _, removed in ipairs { "-wal", "-*" } do
        local database = open()
        execute(database, "CREATE TABLE IF NOT EXISTS t (i INTEGER PRIMARY KEY, a)")
        local before = count(database)
        for _ = 1, 20 do assert(add(database)) end
        run(("rm %s%s"):format(path, removed))
        expect_failure("was removed", database:begin())
        database:close()
        database = open()
        assert.equal(before + 20, count(database))
        assert.is_true(database:quick_check())
        database:close()
      end
    end)

    it("if its log was removed while several have it open", function()
      local one, other = make(), open()
      assert(add(one))
      assert(add(other))
      run(("rm %s-wal"):format(path))
      expect_failure("was removed", one:begin())
      one:close()
      expect_failure("was removed", other:begin())
      other:close()
      assert.equal(3, count(open()))
    end)

    it("if its log was removed while one reads and another has made a log since", function()
      local one, reader = make(), open()
      for _ = 1, 5 do assert(add(one)) end
      execute(reader, "BEGIN")
      assert.equal(6, count(reader))
      run(("rm %s-wal"):format(path))
      one:close()
      local other = open()
      other:limit(0.05)
      assert.matches("another process has kept it locked", select(2, other:begin()))
      execute(reader, "COMMIT")
      reader:close()
      other:limit(3)
      assert(add(other))
      assert(add(other))
      other:close()
      assert.equal(8, count(open()))
    end)

    it("if its log was moved away, and back once others had another one", function()
      for _, looks in ipairs { false, true } do
        local one, other, idle = make(), open(), open()
        assert(add(one))
        assert(add(other))
        run(("mv %s-wal %s.away"):format(path, path))
        one:close()
        local third = open()
        for _ = 1, 3 do assert(add(third)) end
        run(("mv %s.away %s-wal"):format(path, path))
        if looks then
          expect_failure("%-wal was cut short or removed", other:begin())
          other:close()
          other = idle
        end
        expect_failure("another file took the place of .*%-wal", third:begin())
        third:close()
        assert(add(other))
        assert.equal(7, count(other))
        other:close()
        idle:close()
        other = open()
        assert.equal(7, count(other))
        assert.is_true(other:quick_check())
        other:close()
        path = path .. "2"
      end
    end)

    it("if a copy took the place of its log, with which one of several goes on", function()
      local one, other = make(), open()
      assert(add(one, 30))
      for _ = 1, 10 do assert(add(other, 3)) end
      execute(one, "PRAGMA wal_checkpoint")
      assert(add(one))
      run(("cp %s-wal %s.x && mv %s.x %s-wal"):format(path, path, path, path))
      local third = open()
      for _ = 1, 3 do assert(add(third)) end
      one:close()
      assert(add(third))
      expect_failure("another file took the place of .*%-wal", other:begin())
      other:close()
      assert(add(third))
      third:close()
      assert.equal(18, count(open()))
    end)

    it("if its log was removed, and another program has made an empty one since", function()
      local database = make()
      assert(add(database))
      run(("rm %s-wal; touch %s-wal"):format(path, path))
      expect_failure("another file took the place of .*%-wal", database:begin())
      database:close()
      assert.equal(2, count(open()))
    end)

    it("if its log was removed, and another process tries to open the file before it looks", function()
      local database = make()
      assert(add(database))
      run(("rm %s-wal"):format(path))
      assert.matches("%-wal was cut short or removed", elsewhere "print(database)")
      expect_failure("another file took the place of .*%-wal", database:begin())
      database:close()
      assert.equal(2, count(open()))
    end)

    it("if its log was removed, and another thread opens the file while it rests", function()
      local resting, one = make(), open()
      assert(add(resting))
      run(("rm %s-wal"):format(path))
      one:close()
      one = open()
      assert(add(one))
      assert.equal(3, count(one))
      one:close()
      resting:close()
      assert.equal(3, count(open()))
    end)

    it("if its index was removed while several have it open, of which one rests", function()
      for _, removed in ipairs { "-shm", "-*" } do
        local resting, one = make(), open()
        assert(add(resting))
        run(("rm %s%s"):format(path, removed))
        expect_failure("was removed while it was open", one:begin())
        one:close()
        one = open()
        assert(add(one))
        expect_failure("a file of .*a.db.* was removed or replaced while it was open", resting:begin())
        assert.is_false((resting:has_its_files()))
        resting:close()
        assert.equal(3, count(one))
        one:close()
        path = path .. "2"
      end
    end)

    it("if its index was removed while one reads, whether or not another process has made another one", function()
      for i, meanwhile in ipairs { "", "assert(add())" } do
        local reader, one = make(), open()
        execute(reader, "BEGIN")
        assert.equal(1, count(reader))
        run(("rm %s-shm"):format(path))
        if meanwhile ~= "" then assert.equal("", elsewhere(meanwhile)) end
        expect_failure("a.db.*%-shm was removed while it was open", sqlite.open { path = path })
        execute(reader, "COMMIT")
        local other = open()
        assert(add(other))
        assert.is_false((one:has_its_files()))
        assert.equal(i + 1, count(other))
        for _, database in ipairs { reader, one, other } do database:close() end
        path = path .. "2"
      end
    end)

    it("if its index was removed: the log stays beside the file", function()
      local database = make()
      assert(add(database))
      run(("rm %s-shm"):format(path))
      expect_failure("%-shm was removed", database:begin())
      database:close()
      assert.equal(2, count(open()))
    end)

    it("if its log and its index were removed, and another program has made an empty log since", function()
      local database = make()
      assert(add(database))
      run(("rm %s-*; touch %s-wal"):format(path, path))
      expect_failure("another file took the place of .*%-wal", database:begin())
      database:close()
      assert.equal(2, count(open()))
    end)

    it("if its file was replaced: the new one and the old log are left as they are", function()
      local database = make()
      run(("cp %s %s.other"):format(path, path))
      assert(add(database))
      run(("cp %s-wal %s.wal; mv %s.other %s; cp %s %s.new"):format(path, path, path, path, path, path))
      expect_failure("another file", database:begin())
      database:close()
      run(("cmp %s-wal %s.wal && cmp %s %s.new"):format(path, path, path, path))
    end)
  end)

  -- A copy of the file as it is now, without a log.
  local function back_up(database)
    local copy = assert(sqlite.open { path = path .. ".copy", create = true })
    assert(database:copy_to(copy))
    copy:close()
  end

  local function checkpoint(database) execute(database, "PRAGMA wal_checkpoint") end

  describe("keeps apart what it has and what is written into its files, which are open,", function()
    it("if an older copy is", function()
      local database = make()
      back_up(database)
      for _ = 1, 20 do assert(add(database)) end
      checkpoint(database)
      assert(add(database))
      run(("cp %s.copy %s"):format(path, path))
      expect_failure("a.db was overwritten while it was open", database:begin())
      database:close()
      run(("cmp %s.copy %s"):format(path, path))
      expect_failure("the %-wal beside it is of another copy", sqlite.open { path = path })
      run(("mv %s-wal %s.away"):format(path, path))
      assert.equal(1, count(open()))
    end)

    it("if a copy is that has a newer header than the file, and another one than each in the log", function()
      local database = make()
      assert(add(database))
      back_up(database)
      run(("sqlite3 %s.copy 'PRAGMA journal_mode = DELETE'"):format(path))
      assert(add(database))
      run(("cp %s.copy %s"):format(path, path))
      expect_failure("a.db was overwritten while it was open", database:begin())
      database:close()
      run(("cmp %s.copy %s"):format(path, path))
      expect_failure("the %-wal beside it is of another copy", sqlite.open { path = path })
    end)

    -- A database of the same tables.
    local function make_another(program)
      local name = folder .. "/other.db"
      if program then
        run(("sqlite3 %s 'CREATE TABLE t (i INTEGER PRIMARY KEY, a); INSERT INTO t (a) VALUES (1)'"):format(name))
        return name
      end
      local another = open(name)
      assert(another:begin())
      execute(another, "CREATE TABLE t (i INTEGER PRIMARY KEY, a)")
      execute(another, "INSERT INTO t (a) VALUES (1)")
      assert(another:commit())
      another:close()
      return name
    end

    for name, program in pairs { ["another database"] = false, ["one that counts no commits"] = true } do
      for _, is_written in ipairs { true, false } do
        local what = is_written and "the file" or "nothing"
        it(("if %s is, and %s was written from the log"):format(name, what), function()
          local another = make_another(program)
          local database = make()
          assert(add(database))
          if is_written then checkpoint(database) end
          assert(add(database))
          run(("cp %s %s; cp %s %s.copy"):format(another, path, path, path))
          expect_failure("a.db was overwritten while it was open", database:begin())
          database:close()
          run(("cmp %s.copy %s"):format(path, path))
        end)
      end
    end

    it("if an older copy is, and the log is removed", function()
      local database = make()
      back_up(database)
      assert(add(database))
      checkpoint(database)
      assert(add(database))
      run(("cp %s.copy %s; rm %s-wal"):format(path, path, path))
      expect_failure("was removed", database:begin())
      database:close()
      run(("cmp %s.copy %s"):format(path, path))
    end)

    it("if only its beginning is left of the file", function()
      local database = make()
      checkpoint(database)
      assert(add(database))
      run(("truncate -s 50 %s"):format(path))
      expect_failure("a.db was cut short while it was open", database:begin())
      database:close()
      assert.equal(50, tonumber(run("stat -c %s " .. path)))
    end)

    for _, size in ipairs { 0, 20, 100, 5000 } do
      it(("if only %d bytes are left of the log"):format(size), function()
        local database = make()
        for _ = 1, 20 do assert(add(database)) end
        checkpoint(database)
        -- this one begins another log
        for _ = 1, 5 do assert(add(database)) end
        run(("truncate -s %d %s-wal"):format(size, path))
        expect_failure("a.db%-wal was cut short or removed while it was open", database:begin())
        database:close()
        database = open()
        assert.is_true(count(database) >= 21)
        assert.is_true(database:quick_check())
        assert(add(database))
      end)
    end

    it("but goes on if other programs checkpoint, vacuum, or write versions of their own", function()
      local database, other = make(), open()
      for _, sql in ipairs { "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint(RESTART)",
        "PRAGMA user_version = 0", "PRAGMA wal_checkpoint", "PRAGMA user_version = 77", "VACUUM" } do
        execute(other, sql)
        for _ = 1, 3 do assert(add(database)) end
        checkpoint(database)
        assert(add(database))
      end
      assert.is_true(database:quick_check())
    end)
  end)

  describe("takes the log of a process that was killed", function()
    local function expect_counts(expected)
      local database = open()
      assert.equal(expected, count(database))
      assert.is_true(database:quick_check())
      database:close()
    end

    it("before anything of it was written into the file", function()
      elsewhere [[
        assert(database:begin())
        assert(execute "CREATE TABLE t (i INTEGER PRIMARY KEY, a)")
        assert(execute "INSERT INTO t (a) VALUES ('x')")
        assert(database:commit())
        kill()
      ]]
      assert.equal("a.db\na.db-shm\na.db-wal", run("ls " .. folder))
      expect_counts(1)
    end)

    it("whatever part of it was written into the file, or has begun anew", function()
      make():close()
      local expected = 1
      for _, script in ipairs {
        "for _ = 1, 5 do assert(add()) end kill()",
        "for _ = 1, 5 do assert(add()) end execute 'PRAGMA wal_checkpoint' kill()",
        "for _ = 1, 4 do assert(add()) end execute 'PRAGMA wal_checkpoint' assert(add()) kill()",
        "for _ = 1, 4 do assert(add()) end execute 'PRAGMA wal_checkpoint(RESTART)' assert(add()) kill()",
        "for _ = 1, 4 do assert(add()) end execute 'PRAGMA wal_checkpoint(TRUNCATE)' assert(add()) kill()",
        [[ local other = assert(sqlite.open { path = path })
           assert(other:run(assert(other:prepare "BEGIN")))
           assert(add())
           assert(other:run(assert(other:prepare "SELECT count(*) FROM t")))
           for _ = 1, 3 do assert(add()) end
           execute "PRAGMA wal_checkpoint" -- as far as the other one has read
           assert(add())
           kill() ]],
        [[ execute "CREATE INDEX IF NOT EXISTS by_a ON t (a)"
           for _ = 1, 5 do assert(add()) end
           execute "PRAGMA wal_checkpoint"
           execute "INSERT INTO t (a) VALUES ('uncounted')" execute "DELETE FROM t WHERE a = 'uncounted'"
           kill() ]],
        [[ for _ = 1, 5 do assert(add()) end
           execute "PRAGMA user_version = 0" -- as if another program had written
           kill() ]],
      } do
        assert.equal("", elsewhere(script):gsub("Killed%s*", ""), script)
        expected = expected + 5
        local database = open()
        assert.equal(expected, count(database), script)
        assert.is_true(database:quick_check())
        database:close()
      end
    end)

    it("in the midst of a restore of another's content", function()
      make():close()
      local copy = open(folder .. "/copy.db")
      open():copy_to(copy)
      copy:close()
      for _ = 1, 3 do assert.equal("", elsewhere "assert(add()) kill()":gsub("Killed%s*", "")) open():close() end
      elsewhere [[
        execute "PRAGMA wal_checkpoint(TRUNCATE)"
        local copy = assert(sqlite.open { path = path:gsub("a.db$", "copy.db") })
        assert(copy:copy_to(database))
        kill()
      ]]
      expect_counts(1)
    end)
  end)

  describe("refuses a log of another copy of the file", function()
    local FOREIGN = "cannot open .*a.db: the %-wal beside it is of another copy of the file: put that copy back, "

    -- A file whose process was killed, and copies of it: "raw" after the first commits, "api" and "vacuum" later.
    local function make_copies()
      make():close()
      elsewhere([[
        for _ = 1, 3 do assert(add()) end
        database:close()
        os.execute("cp " .. path .. " " .. path .. ".raw")
        database = assert(sqlite.open { path = path })
        for _ = 1, 3 do assert(add()) end
        local api = assert(sqlite.open { path = path .. ".api", create = true })
        assert(database:copy_to(api))
        api:close()
        execute("VACUUM INTO :copy", { copy = path .. ".vacuum" })
        execute "PRAGMA wal_checkpoint(TRUNCATE)"
        for _ = 1, 3 do assert(add()) end
        execute "DELETE FROM t WHERE i < 3"
        execute "PRAGMA wal_checkpoint(RESTART)"
        for _ = 1, 3 do assert(add()) end
        kill()
      ]])
    end

    local function expect_refusal()
      run(("cp %s %s.before; cp %s-wal %s.wal"):format(path, path, path, path))
      expect_failure(FOREIGN, sqlite.open { path = path })
      expect_failure(FOREIGN, sqlite.open { path = path, create = true })
      run(("cmp %s %s.before && cmp %s-wal %s.wal"):format(path, path, path, path))
    end

    for _, copy in ipairs { "raw", "api", "vacuum" } do
      it(("if a backup was copied over it (%s)"):format(copy), function()
        make_copies()
        run(("cp %s %s.mine && cat %s.%s > %s"):format(path, path, path, copy, path))
        expect_refusal()
        run(("cp %s.mine %s"):format(path, path))
        assert.equal(11, count(open()))
      end)

      it(("if an older log lies beside it (%s)"):format(copy), function()
        make_copies()
        run(("mv %s-wal %s.old-wal"):format(path, path))
        run(("cat %s.%s > %s"):format(path, copy, path))
        for _ = 1, 4 do elsewhere "assert(add()) database:close()" end
        run(("mv %s.old-wal %s-wal"):format(path, path))
        expect_refusal()
      end)
    end

    it("if a vacuumed copy is of the very commit that the log has last, or of the one before its first", function()
      for i, commits in ipairs { "", "assert(add())" } do
        path = ("%s/a%d/a.db"):format(folder, i)
        run(("mkdir %s/a%d"):format(folder, i))
        make():close()
        elsewhere(commits .. [[
          local copy = database:prepare "VACUUM INTO :copy"
          assert(database:run(copy, { copy = path .. ".copy" }))
          if arg[1]:find "a1/" then assert(add()) end
          kill()
        ]])
        run(("cat %s.copy > %s"):format(path, path))
        expect_refusal()
      end
    end)

    it("if a vacuumed copy is of a new inbox, whose log has all that there is", function()
      elsewhere [[
        assert(database:begin())
        assert(execute "CREATE TABLE t (i INTEGER PRIMARY KEY, a)")
        assert(execute "INSERT INTO t (a) VALUES ('x')")
        assert(database:commit())
        assert(execute("VACUUM INTO :copy", { copy = path .. ".copy" }))
        assert(add())
        kill()
      ]]
      run(("cat %s.copy > %s"):format(path, path))
      expect_refusal()
    end)

    it("if it is another inbox", function()
      make():close()
      elsewhere "assert(add()) kill()"
      run(("mv %s-wal %s/log; rm %s"):format(path, folder, path))
      make():close()
      run(("mv %s/log %s-wal"):format(folder, path))
      expect_refusal()
    end)

    it("if there is no file, or an empty one: SQLite would remove the log", function()
      make():close()
      elsewhere "assert(add()) kill()"
      run(("mv %s %s.mine"):format(path, path))
      expect_failure(FOREIGN, sqlite.open { path = path, create = true })
      run("touch " .. path)
      expect_failure(FOREIGN, sqlite.open { path = path })
      run(("mv %s.mine %s"):format(path, path))
      assert.equal(2, count(open()))
    end)

    it("but not one that was made by a program that counts no commits", function()
      make():close()
      elsewhere [[
        execute "PRAGMA user_version = 4"
        execute "PRAGMA wal_checkpoint(TRUNCATE)"
        for _ = 1, 3 do assert(execute "INSERT INTO t (a) VALUES (1)") end
        execute "PRAGMA wal_checkpoint"
        for _ = 1, 3 do assert(execute "INSERT INTO t (a) VALUES (1)") end
        kill()
      ]]
      assert.equal(7, count(open()))
    end)
  end)

  it("cuts its log back after a transaction that made it large", function()
    local database = make()
    local function log_size() return tonumber(run(("stat -c %%s %s-wal"):format(path))) end
    assert(add(database, 20000))
    assert.is_true(log_size() > 40000000)
    assert(add(database))
    assert.equal(32 * 1024 * 1024, log_size())
  end)

  describe("on a disk that fails", function()
    local SCRIPT = [[
      assert(database:begin())
      assert(execute "CREATE TABLE t (i INTEGER PRIMARY KEY, a)")
      assert(execute "INSERT INTO t (a) VALUES ('x')")
      assert(database:commit())
      local function now(how)
        local file = io.open(os.getenv "FAILING_DISK", "w")
        file:write(how)
        file:close()
      end
      local function tell(ok, message)
        print((ok and "stored" or message:gsub("/[^:]*/", "")))
      end
    ]]

    local function on_failing_disk(script)
      return elsewhere(SCRIPT .. script,
        ("LD_PRELOAD=build/test/failing_disk.so FAILING_DISK=%s/how"):format(folder))
    end

    it("says so if it is full, and stores again once it is not", function()
      local output = on_failing_disk [[
        now "full"
        tell(add(50))
        now ""
        tell(add())
        print(execute "SELECT count(*) AS n FROM t"[1].n)
      ]]
      assert.equal("cannot write to a.db: database or disk is full (SQLITE_FULL)\nstored\n2\n", output)
    end)

    it("keeps what its log held that was removed to make room, until there is", function()
      local output = on_failing_disk [[
        for _ = 1, 3 do assert(add(5)) end
        os.remove(path .. "-wal")
        now "full"
        database:close()
        tell(sqlite.open { path = path })
        now ""
        database = assert(sqlite.open { path = path })
        tell(add())
        print(execute "SELECT count(*) AS n FROM t"[1].n)
      ]]
      assert.equal("cannot write to a.db: database or disk is full (SQLITE_FULL)\nstored\n5\n", output)
    end)

    it("says so if it cannot sync, and stores again once it can", function()
      local output = on_failing_disk [[
        now "sync"
        tell(add())
        now ""
        tell(add())
        database:close()
        database = assert(sqlite.open { path = path })
        assert(database:quick_check())
      ]]
      assert.equal("cannot write to a.db: disk I/O error (SQLITE_IOERR_FSYNC: Input/output error)\nstored\n", output)
    end)

    it("says so if it is read-only", function()
      local output = on_failing_disk [[
        database:close()
        now "read_only"
        tell(sqlite.open { path = path })
        now ""
        database = assert(sqlite.open { path = path })
        tell(add())
      ]]
      assert.equal("cannot open a.db: attempt to write a readonly database (SQLITE_READONLY)\nstored\n", output)
    end)
  end)

  describe("in a process that was forked off", function()
    it("refuses what its parent has open, and leaves the parent's locks and files alone", function()
      make():close()
      local output = elsewhere([[
        local add_one = assert(database:prepare "INSERT INTO t (a) VALUES (1)")
        assert(database:begin())
        assert(database:run(add_one))
        local function tell(_, message) print((message:gsub("/[^:]*/", ""))) end
        if os.getenv "FORK" == "child" then
          tell(database:begin())
          tell(database:run(add_one))
          tell(database:commit())
          tell(database:quick_check())
          database:rollback()
          database:close()
          tell(database:begin())
          tell(sqlite.open { path = path })
          local own = assert(sqlite.open { path = path .. ".own", create = true })
          assert(own:run(assert(own:prepare "CREATE TABLE t (a)")))
          own:close()
          database = nil
          collectgarbage()
          os.exit(0)
        end
        io.stdout:flush()
        -- the transaction goes on, and others still wait for it
        os.execute(("%s -e 'local d = assert(require([=[marketplace.sqlite]=]).open { path = [=[%s]=] }) d:limit(0.05) \
          print(d:begin() and 1 or 0)'"):format(os.getenv "THIS_LUA", path))
        assert(database:run(add_one))
        assert(database:commit())
        print(execute "SELECT count(*) AS n FROM t"[1].n)
      ]], ("LD_PRELOAD=build/test/forks.so THIS_LUA=%s"):format(shell.LUA))
      local refused = "the connection to a.db belongs to another process\n"
      assert.equal(refused:rep(4) .. "the database is closed\n" ..
        "cannot open a.db: the process that forked this one had it open: open it after the fork alone, or start a " ..
        "program anew\n0\n3\n", output)
    end)
  end)
end)
