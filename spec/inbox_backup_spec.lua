-- marketplace inbox backup and restore, as child processes.
local cjson = require "cjson"
local core = require "marketplace.core"
local inbox = require "marketplace.inbox"
local record = require "marketplace.inbox.record"
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"

local run = shell.run

describe("marketplace inbox", function()
  local repository = run "pwd"
  local folder, path, backup_file

  before_each(function()
    folder = core.real_path(run "mktemp -d")
    path, backup_file = folder .. "/inbox.db", folder .. "/backup.db"
  end)

  after_each(function() run("rm -rf '" .. folder .. "'") end)

  local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "wb"))
    file:write(text)
    file:close()
    return folder .. "/" .. name
  end

  local function read(file) return assert(core.read_file(file)) end

  local function listed()
    local names = {}
    for name in run("ls -A '" .. folder .. "'"):gmatch "[^\n]+" do names[#names + 1] = name end
    return names
  end

  --[[ Inboxes ]]

  local function open(file) return assert(inbox.open("sqlite:" .. (file or path))) end

  local function of(id, app)
    local made = assert(record.of(([[{"data":{"type":"webhookPingCreated","id":"%s","attributes":{"appId":"%s"}}}]])
      :format(id, app or id)))
    return made
  end

  -- Puts notifications into the inbox in a file.
  local function fill(ids, file)
    local box = open(file)
    local records = {}
    for i, id in ipairs(ids) do records[i] = of(id) end
    assert(box:put(records))
    box:close()
  end

  local function numbered(prefix, count)
    local ids = {}
    for i = 1, count do ids[i] = prefix .. i end
    return ids
  end

  -- The ids of all that the inbox in a file holds.
  local function ids_in(file)
    local box = open(file)
    local ids = {}
    for i, entry in ipairs(assert(box:list())) do ids[i] = entry.id end
    box:close()
    table.sort(ids)
    return ids
  end

  --[[ Commands ]]

  -- A command in the folder, as an operator types it.
  local function command(arguments, before)
    return ("cd '%s' && umask 000 && %s %s %s/bin/marketplace inbox %s"):format(folder, before or "", shell.LUA,
      repository, arguments)
  end

  local function did(arguments)
    local output, status = shell.capture(command(arguments))
    assert.equal(0, status, output)
    return output
  end

  local ON_IT = " --inbox sqlite:inbox.db"

  local function backup(more) return did("backup backup.db" .. ON_IT .. (more or "")) end
  local function restore(more) return did("restore backup.db" .. ON_IT .. (more or "")) end

  -- A command that changes nothing, but for the files that an inbox has while it is open.
  local function refused(pattern, arguments, before)
    local files = listed()
    local output, status = shell.capture(command(arguments, before))
    assert.equal(1, status, output)
    assert.matches(pattern, output)
    assert.same(files, listed())
  end

  -- Runs a program until `use(pid, next_line)` has returned, and kills it.
  local function with_process(program, use)
    local pipe = assert(io.popen(("sh -c 'echo $$; exec %s' 2>&1"):format(program)))
    local pid = pipe:read "*l"
    local ok, problem = pcall(use, pid, function() return pipe:read "*l" end)
    os.execute("kill -KILL " .. pid .. " 2>/dev/null")
    pipe:close()
    assert(ok, problem)
  end

  -- The same with a Lua program that uses the inbox.
  local function beside(program, use)
    local file = write("program.lua", program)
    with_process(("%s %s %s"):format(shell.LUA, file, path), use)
    os.remove(file)
  end

  local HOLDS_OPEN = [[
    local box = assert(require("marketplace.inbox").open("sqlite:" .. arg[1]))
    local body = '{"data":{"type":"webhookPingCreated","id":"held"}}'
    assert(box:put { assert(require("marketplace.inbox.record").of(body)) })
    print "open"
    io.stdout:flush()
    require("marketplace.core").sleep(60)
  ]]

  local PUTS = [[
    local record = require "marketplace.inbox.record"
    local box = assert(require("marketplace.inbox").open("sqlite:" .. arg[1]))
    local n = 0
    while true do
      local made = assert(record.of(('{"data":{"type":"webhookPingCreated","id":"put%d"}}'):format(n + 1)))
      if box:put { made } then
        n = n + 1
        print(n)
        io.stdout:flush()
      end
    end
  ]]

  -- Kills a command after some seconds, if it still runs then.
  local function cut_short(arguments, seconds)
    os.execute(("(%s) >/dev/null 2>&1 & pid=$!; sleep %.3f; kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null")
      :format(command(arguments, "exec"), seconds))
  end

  local MOMENTS = { 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2 } -- seconds after its start

  --[[ backup ]]

  describe("backup", function()
    it("copies all that an inbox holds into one file that only its owner can read, and counts it", function()
      fill { "a", "b", "c", "d" }
      local box = open()
      box:cancel({ id = "a" }, "x")
      local claimed = box:claim(2, 60)
      box:finish { { id = claimed[1].id, token = claimed[1].token, state = "done" } }
      local before = box:list()
      box:close()
      assert.equal("backed up to backup.db: 1 ready, 1 leased, 1 done, 1 dead\n", backup())
      assert.same({ "backup.db", "inbox.db", "inbox.db-holders" }, listed())
      assert.equal(384, core.stat(backup_file).mode) -- 0600
      local copy = open(backup_file)
      assert.same(before, copy:list())
      assert.equal(of("c").body, copy:get("c").body)
      copy:close()
    end)

    it("says the same as JSON", function()
      fill { "a" }
      local said = cjson.decode(backup " --json")
      local bytes = core.stat(backup_file).size
      assert.same({ ready = 1, leased = 0, done = 0, dead = 0, file = "backup.db", bytes = bytes }, said)
    end)

    it("needs no write-ahead log, so that it can be read where nothing can be written", function()
      fill { "a" }
      backup()
      assert.same({ 1, 1 }, { read(backup_file):byte(19, 20) }) -- https://sqlite.org/fileformat2.html
    end)

    it("holds all that was acknowledged before it began, while another process puts all the time", function()
      fill {}
      beside(PUTS, function(_, next_line)
        for _ = 1, 3 do
          local acknowledged
          for _ = 1, 20 do acknowledged = tonumber(next_line()) end
          backup " --replace"
          local copy = open(backup_file)
          for n = 1, acknowledged do assert.is_truthy(copy:get("put" .. n)) end
          copy:close()
          os.remove(backup_file .. "-holders")
        end
      end)
    end)

    it("replaces a file only if it is told to, and its mode", function()
      fill { "a" }
      write("backup.db", "precious")
      run("chmod 644 " .. backup_file)
      refused("backup.db exists already: name another file, or give %-%-replace", "backup backup.db" .. ON_IT)
      assert.equal("precious", read(backup_file))
      backup " --replace"
      assert.same({ "a" }, ids_in(backup_file))
      assert.equal(384, core.stat(backup_file).mode)
    end)

    it("overwrites nothing of the inbox, and leaves nothing where it cannot be made", function()
      fill { "a" }
      run(("mkdir %s/folder && ln -s inbox.db %s/link"):format(folder, folder))
      for _, name in ipairs { "inbox.db", "link", "inbox.db-holders", "../" .. folder:match "[^/]*$" .. "/inbox.db" } do
        refused("belongs to the inbox itself", ("backup %s --replace"):format(name) .. ON_IT)
      end
      refused("is not a regular file", "backup folder --replace" .. ON_IT)
      refused("none/backup.db", "backup none/backup.db" .. ON_IT)
      refused("/proc/backup.db", "backup /proc/backup.db" .. ON_IT)
      write("backup.db-wal", "x")
      refused("backup.db%-wal lies there", "backup backup.db" .. ON_IT)
      refused("there is no inbox at none.db", "backup x.db --inbox sqlite:none.db")
      assert.same({ "a" }, ids_in())
    end)

    it("names the tool for another inbox", function()
      for url, pattern in pairs { ["postgres://x/y"] = "pg_dump", ["redis://127.0.0.1:1"] = "snapshots" } do
        refused(pattern, "backup x.db --inbox " .. url)
        refused(pattern, "restore x.db --inbox " .. url)
      end
    end)

    it("takes relative paths and names with spaces", function()
      run(("mkdir '%s/my inbox'"):format(folder))
      fill({ "a" }, folder .. "/my inbox/in box.db")
      local on_it = " --inbox 'sqlite:my inbox/in box.db'"
      did("backup 'my inbox/a backup.db'" .. on_it)
      did("restore 'my inbox/a backup.db' --yes" .. on_it)
      assert.same({ "a" }, ids_in(folder .. "/my inbox/in box.db"))
    end)

    it("says that the disk is full, and leaves nothing", function()
      fill(numbered("a", 1000))
      refused("cannot write to .*backup.db.partial: .*", "backup backup.db" .. ON_IT,
        "trap '' XFSZ && ulimit -f 200 &&")
      backup()
    end)

    it("leaves a whole file or none if it is killed, and nothing that is in the way of the next one", function()
      fill(numbered("a", 2000))
      for _, seconds in ipairs(MOMENTS) do
        cut_short("backup backup.db" .. ON_IT, seconds)
        if core.file_id(backup_file) then assert.equal(2000, #ids_in(backup_file)) end
        os.remove(backup_file)
      end
      os.remove(backup_file .. "-holders")
      backup()
      assert.same({ "backup.db", "inbox.db", "inbox.db-holders" }, listed())
    end)

    it("does not take an inbox that is damaged", function()
      fill { "a" }
      local bytes = read(path)
      write("inbox.db", (bytes:gsub('"appId":"a"', '"appId":"b"')))
      refused("inbox.db is damaged: the body of a is not the one that was stored", "backup backup.db" .. ON_IT)
    end)
  end)

  --[[ restore ]]

  describe("restore", function()
    local KEPT = "what it held before is in (%S+/inbox.db.before%-restore%-%d+T%d+)\n"

    -- An inbox that holds `now`, and a backup of it from when it held `before`.
    local function prepare(before, now)
      fill(before)
      backup()
      run("rm " .. path .. "*")
      fill(now)
    end

    it("puts a backup in the inbox's place, keeps what it held, and says what is lost", function()
      prepare({ "a", "b" }, { "c" })
      local said = restore " --yes"
      assert.matches("^restored sqlite:inbox.db from backup.db: 2 ready, 0 leased, 0 done, 0 dead\n", said)
      assert.matches("acknowledged after the backup was made is not in it: `marketplace reconcile` finds .* ten days",
        said)
      assert.same({ "a", "b" }, ids_in())
      local kept = said:match(KEPT)
      assert.equal(384, core.stat(kept).mode)
      assert.same({ "c" }, ids_in(kept))
      assert.equal(384, core.stat(path).mode)
    end)

    it("changes nothing without --yes, unless the inbox is empty or not there", function()
      prepare({ "a" }, { "c" })
      refused("nothing was changed: .*inbox.db holds 1 notification, .* give %-%-yes", "restore backup.db" .. ON_IT)
      assert.same({ "c" }, ids_in())
      run("rm " .. path .. "*")
      for _, make in ipairs { function() end, function() fill {} end, function() write("inbox.db", "") end } do
        make()
        assert.is_nil(restore():find "before")
        assert.same({ "a" }, ids_in())
        run("rm " .. path .. "*")
      end
    end)

    it("says the same as JSON", function()
      prepare({ "a" }, { "c" })
      local said = cjson.decode(restore " --yes --json")
      assert.same({ "c" }, ids_in(said.kept))
      said.kept = nil
      assert.same({ ready = 1, leased = 0, done = 0, dead = 0, file = "backup.db" }, said)
    end)

    it("keeps what several restores replaced, each in a file of its own", function()
      prepare({ "a" }, { "c" })
      assert.not_equal(restore(" --yes"):match(KEPT), restore(" --yes"):match(KEPT))
    end)

    it("warns of a backup that others can read", function()
      prepare({ "a" }, {})
      run("chmod 644 " .. backup_file)
      assert.matches("warning: others can read backup.db %(mode 0644%): chmod 600 backup.db\n", restore())
    end)

    it("takes a copy of the files that a killed process left", function()
      beside(HOLDS_OPEN, function(pid, next_line)
        assert.equal("open", next_line())
        run("kill -KILL " .. pid)
      end)
      for _, suffix in ipairs { "", "-wal" } do run(("mv %s%s %s%s"):format(path, suffix, backup_file, suffix)) end
      run("rm " .. path .. "-shm")
      restore()
      assert.same({ "held" }, ids_in())
    end)

    it("refuses what is no whole backup, and leaves the inbox alone", function()
      prepare(numbered("a", 300), { "c" })
      local whole = read(backup_file)
      local function refuse(bytes, pattern)
        write("backup.db", bytes)
        refused(pattern, "restore backup.db --yes" .. ON_IT)
      end
      local function damaged(at, pattern)
        refuse(whole:sub(1, at - 1) .. string.char((whole:byte(at) + 1) % 256) .. whole:sub(at + 1), pattern)
      end
      damaged(1, "file is not a database")
      damaged(2048 + 1, "backup.db is damaged: .* [Pp]age 2")
      damaged(whole:find('"appId":"a7"', 1, true) + 9, "backup.db is damaged: the body of a7 is not the one")
      damaged(whole:find("a299", 1, true), "backup.db is damaged: ")
      refuse(whole:sub(1, -2049), "backup.db")
      refuse("", "backup.db is no inbox")
      refuse(("not a database "):rep(100), "file is not a database")
      refused("none.db: No such file", "restore none.db --yes" .. ON_IT)
      refused("is not a regular file", "restore . --yes" .. ON_IT)
      refused("is the inbox itself", "restore inbox.db --yes" .. ON_IT)
      assert.same({ "c" }, ids_in())
    end)

    it("mends an inbox that is damaged but can be opened, and keeps that too", function()
      prepare({ "a" }, numbered("c", 300))
      local bytes = read(path)
      local page = math.floor(bytes:find('"appId":"c150"', 1, true) / 2048) * 2048
      write("inbox.db", bytes:sub(1, page) .. ("x"):rep(2048) .. bytes:sub(page + 2049))
      local output, status = shell.capture(command("restore backup.db" .. ON_IT))
      assert.equal(1, status, output)
      local kept = restore(" --yes"):match "[%S]+/inbox.db.%l[%l-]+%-%d+T%d+"
      assert.same({ "a" }, ids_in())
      assert.is_truthy(read(kept):find(("x"):rep(100), 1, true))
    end)

    it("brings a backup of the former version up to date", function()
      local database = assert(sqlite.open { path = backup_file, create = true })
      local function execute(statement) return assert(database:run(assert(database:prepare(statement)))) end
      execute "BEGIN"
      for statement in read "spec/fixtures/inbox_version_4.sql":gmatch "(.-);\n" do execute(statement) end
      local expected = execute("SELECT count(*) AS count FROM inbox")[1].count
      execute "COMMIT"
      database:close()
      fill { "c" }
      restore " --yes"
      assert.equal(expected, #ids_in())
      assert.is_truthy(read(backup_file):find("lane", 1, true)) -- the backup itself is as it was
    end)

    it("refuses another program's database, and one of a later release", function()
      prepare({ "a" }, { "c" })
      local function change(statement, file)
        local database = assert(sqlite.open { path = file or backup_file, create = true })
        assert(database:run(assert(database:prepare(statement))))
        database:close()
      end
      change "PRAGMA user_version = 7"
      refused("the tables of .*backup.db have version 7, and this program needs version 6", "restore backup.db --yes" ..
        ON_IT)
      change "PRAGMA application_id = 1"
      refused("backup.db is no inbox", "restore backup.db --yes" .. ON_IT)
      change("CREATE TABLE a (b)", folder .. "/theirs.db")
      backup " --replace"
      refused("theirs.db is another program's database", "restore backup.db --yes --inbox sqlite:theirs.db")
    end)

    it("refuses a backup that a process has open, as it may be changing", function()
      prepare({ "a" }, { "c" })
      run(("mv %s %s.other && mv %s %s"):format(path, path, backup_file, path))
      beside(HOLDS_OPEN, function(_, next_line)
        assert.equal("open", next_line())
        refused("another process has .*inbox.db open: name a backup of it",
          "restore inbox.db --yes --inbox sqlite:inbox.db.other")
      end)
      assert.same({ "c" }, ids_in(path .. ".other"))
    end)

    it("and backup say what they may not read or write", function()
      prepare({ "a" }, {})
      -- what root may beyond others' rights
      local without = run "id -u" == "0" and "setpriv --bounding-set=-dac_override,-dac_read_search" or ""
      local function may_not(pattern, arguments) refused(pattern .. ".*Permission denied", arguments, without) end
      run("mkdir " .. folder .. "/locked && chmod 555 " .. folder .. "/locked")
      may_not("locked/b.db", "backup locked/b.db" .. ON_IT)
      may_not("locked/b.db", "restore backup.db --inbox sqlite:locked/b.db")
      run("chmod 000 " .. backup_file)
      may_not("cannot look at .*backup.db", "restore backup.db" .. ON_IT)
    end)

    it("says that the disk is full, and leaves the inbox alone", function()
      prepare(numbered("a", 1000), numbered("c", 1000))
      local blocks = math.ceil(core.stat(backup_file).size / 512)
      for _, limit in ipairs { blocks - 10, blocks + 2 } do
        refused("inbox.db", "restore backup.db --yes" .. ON_IT, ("trap '' XFSZ && ulimit -f %d &&"):format(limit))
        assert.equal("c1", ids_in()[1])
      end
    end)

    it("leaves what it has kept, if it fails after that", function()
      prepare(numbered("a", 1000), { "c" })
      local limit = math.ceil(core.stat(backup_file).size / 512) + 2
      local output, status = shell.capture(command("restore backup.db --yes" .. ON_IT,
        ("trap '' XFSZ && ulimit -f %d &&"):format(limit)))
      assert.equal(1, status)
      local kept = output:match "cannot write to .*inbox.db: .* %(what the inbox held before is in (%S+), too%)"
      assert.same({ "c" }, ids_in(kept))
      assert.same({ "c" }, ids_in())
    end)

    it("moves an inbox aside that cannot be opened, and keeps its owner and mode", function()
      prepare({ "a" }, { "c" })
      write("inbox.db", "no longer a database")
      run(("chmod 640 %s && chown 1 %s"):format(path, path))
      local said = restore()
      local aside = said:match "what was in its place is (%S+/inbox.db.damaged%-%d+T%d+) %(.*file is not a database"
      assert.equal("no longer a database", read(aside))
      assert.same({ "a" }, ids_in())
      assert.same({ 416, 1 }, { core.stat(path).mode, core.stat(path).uid })
    end)

    it("moves nothing aside that a process has open", function()
      prepare({ "a" }, { "c" })
      beside(HOLDS_OPEN, function(_, next_line)
        assert.equal("open", next_line())
        write("inbox.db", ("no longer a database"):rep(1000))
        refused("other processes have it open: stop serve, work and nginx, then run this again", "restore backup.db" ..
          ON_IT)
      end)
      restore()
      assert.same({ "a" }, ids_in())
    end)

    it("is what an inbox beside another copy's log asks for, and keeps that log", function()
      prepare({ "a" }, {})
      beside(HOLDS_OPEN, function(pid, next_line)
        assert.equal("open", next_line())
        run("kill -KILL " .. pid)
      end)
      run(("cp %s %s"):format(backup_file, path))
      local output, status = shell.capture(command("stats" .. ON_IT))
      assert.equal(1, status)
      assert.matches("the %-wal beside it is of another copy of the file: .* `marketplace inbox restore`", output)
      local aside = restore():match "what was in its place is (%S+)"
      assert.same({ "a" }, ids_in())
      assert.is_truthy(core.file_id(aside .. "-wal"))
      assert.is_true(core.stat(aside .. "-wal").size > 0)
    end)

    it("leaves all of the old or all of the new content if it is killed", function()
      prepare(numbered("a", 1000), numbered("c", 2000))
      run(("mv %s %s/now"):format(path, folder))
      for _, seconds in ipairs(MOMENTS) do
        run(("rm -f %s* && cp %s/now %s && chmod 600 %s"):format(path, folder, path, path))
        cut_short("restore backup.db --yes" .. ON_IT, seconds)
        local ids = ids_in()
        if ids[1] == "a1" then
          assert.equal(1000, #ids)
          assert.equal(2000, #ids_in((run("ls -t " .. path .. ".before-restore-*[0-9]"):match "%S+")))
        else
          assert.equal("c1", ids[1])
          assert.equal(2000, #ids)
        end
      end
      restore " --yes"
      assert.same({}, { run("ls -A " .. folder):match "partial", run("ls -A " .. folder):match "restoring" })
    end)

    local function claimed(box)
      local ids = {}
      for i, entry in ipairs(assert(box:claim(10, 60))) do ids[i] = entry.id end
      return ids
    end

    it("holds back what is running, and the next of its app, until its lease would have ended", function()
      for _, was_leased in ipairs { false, true } do
        local box = open()
        assert(box:put { of("x1", "x"), of("y1", "y"), of("x2", "x") })
        if was_leased then claimed(box) end
        assert(box:put { of("w1", "w") })
        backup " --replace"
        box:close()
        run("rm " .. path .. "*")
        box = open()
        assert(box:put { of("x3", "x"), of("y1", "y") })
        assert.same({ "x3", "y1" }, claimed(box))
        restore " --yes"
        assert.equal(0, box:recover { 0 })
        assert.same({ "w1" }, claimed(box))
        box:close()
        box = assert(inbox.open("sqlite:" .. path, { clock = function() return core.now() + 61 end }))
        box:recover { 0 }
        local later = {}
        repeat
          local some = claimed(box)
          for _, id in ipairs(some) do later[id] = true end
        until #some == 0
        assert.same({ w1 = true, x1 = true, y1 = true }, later)
        box:close()
        run("rm " .. path .. "*")
      end
    end)

    local HANDLERS = [[
      local core = require "marketplace.core"
      local function tell(...)
        local file = assert(io.open("%s/told", "a"))
        file:write(table.concat({ ... }, " ") .. "\n")
        file:close()
      end
      return function(receiver)
        receiver:on("*", function(n)
          tell("begin", n.id, core.process_id())
          core.sleep(0.01)
          tell("end", n.id, core.process_id())
        end)
      end
    ]]

    local function told() return core.file_id(folder .. "/told") and read(folder .. "/told") or "" end

    -- Waits until each of the processes has run so many more callbacks.
    local function wait_for(pids, count)
      local from = #told()
      for _ = 1, 1000 do
        local text, all = told():sub(from + 1), true
        for _, pid in ipairs(pids) do
          all = all and select(2, text:gsub("end %S+ " .. pid .. "\n", "")) >= count
        end
        if all then return end
        core.sleep(0.02)
      end
      error("no callbacks run: " .. told():sub(from + 1))
    end

    -- Whether each notification's callbacks ran one after another.
    local function expect_one_at_a_time()
      local running = {}
      for what, id, pid in told():gmatch "(%l+) (%S+) (%d+)\n" do
        if what == "begin" then
          assert.is_nil(running[id], id)
          running[id] = pid
        else
          assert.equal(pid, running[id])
          running[id] = nil
        end
      end
    end

    it("goes on under serve and work, which run nothing twice at once", function()
      fill {}
      local handlers = write("handlers.lua", HANDLERS:format(folder))
      local arguments = (" %s --lease 1 --json --inbox sqlite:%s"):format(handlers, path)
      local environment = "env MARKETPLACE_SECRET=s"
      with_process(shell.marketplace("work" .. arguments), function(worker)
        shell.with_server(shell.marketplace("serve --port 0" .. arguments, environment), function(url, server)
          local function send(id)
            run(shell.marketplace(("send ping --id %s --url %s"):format(id, url), environment))
          end
          local both = { worker, server }
          beside(PUTS, function()
            wait_for(both, 20)
            backup()
            send "meanwhile"
            wait_for(both, 20)
            restore " --yes"
            wait_for(both, 20)
            send "afterwards"
          end)
          wait_for(both, 20)
        end)
      end)
      expect_one_at_a_time()
      local kept = run("ls " .. path .. ".before-restore-*[0-9]")
      local box, before = open(), open(kept)
      assert.is_nil(box:get "meanwhile")
      assert.is_truthy(before:get "meanwhile")
      assert.is_truthy(box:get "afterwards")
      box:close()
      before:close()
    end)
  end)
end)
