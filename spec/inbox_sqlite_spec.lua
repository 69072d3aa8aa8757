local contract = require "support.inbox_contract"
local core = require "marketplace.core"
local every_call = require "support.every_call"
local expect_unavailable = require "support.unavailable"
local inbox = require "marketplace.inbox"
local links = require "marketplace.sqlite.link"
local once_available = require "support.once_available"
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"

local record = require("support.shared_inbox").record

local run = shell.run

describe("the SQLite inbox", function()
  local folder, path

  before_each(function()
    folder = run "mktemp -d"
    path = folder .. "/inbox.db"
  end)

  after_each(function() run("rm -rf " .. folder) end)

  local function open(settings)
    return assert(inbox.open("sqlite:" .. path, settings))
  end

  describe("as every inbox", function()
    contract({ describe = describe, it = it, before_each = before_each, after_each = after_each }, function(clock)
      return open { clock = clock }
    end)
  end)

  -- The file, opened beside the inbox.
  local function beside()
    return links.new(assert(sqlite.open { path = path, create = true }))
  end

  local function put_once_it_can(box, records)
    return once_available(function() return box:put(records) end, 10)
  end

  it("outlives the process, and is a write-ahead log with every commit synced", function()
    local box = open()
    box:put { record "a" }
    box:read(function(link)
      assert.same({ { journal_mode = "wal" } }, link:run "PRAGMA journal_mode")
      assert.same({ { synchronous = 2 } }, link:run "PRAGMA synchronous")
      return true
    end)
    box:close()
    box = open()
    assert.same({ "duplicate" }, box:put { record "a" })
    assert.equal("a", box:claim(1, 60)[1].key)
    box:close()
  end)

  describe("lets others store", function()
    local now, box, other, stored, sleep

    before_each(function()
      now, stored = 1000, {}
      box, other = open { clock = function() return now end }, open()
      sleep = stub(core, "sleep", function()
        stored[#stored + 1] = other:put { record("other" .. #stored) }[1]
      end)
      local records = {}
      for i = 1, 1001 do records[i] = record("k" .. i) end
      box:put(records)
    end)

    after_each(function()
      sleep:revert()
      other:close()
      box:close()
    end)

    it("while many are replayed", function()
      for i = 1, 1001 do box:cancel({ id = "k" .. i }, "not wanted") end
      assert.equal(1001, #box:replay())
      assert.same({ "stored", "stored" }, stored)
    end)

    it("while many leases have ended", function()
      for _ = 1, 2 do box:claim(1000, 1) end
      now = 1001
      assert.equal(1001, box:recover { 1 })
      assert.same({ "stored", "stored" }, stored)
    end)

    it("while the times of many are corrected", function()
      now = 500
      assert.equal(0, box:recover { 1 })
      assert.same({ "stored", "stored", "stored", "stored" }, stored)
    end)
  end)

  it("takes a file that another process makes meanwhile for an inbox", function()
    local methods = getmetatable(links.new {}).__index
    local run_statement, other = methods.run, nil
    finally(function() methods.run = run_statement end)
    function methods:run(...)
      local rows = run_statement(self, ...)
      if not other then
        other = true
        other = open()
      end
      return rows
    end
    local box = open()
    assert.same({ "stored" }, other:put { record "a" })
    assert.same({ "duplicate" }, box:put { record "a" })
    box:close()
    other:close()
  end)

  it("is shared by processes", function()
    local one, other = open(), open()
    one:put { record "a", record "b" }
    assert.equal("a", one:claim(1, 60)[1].key)
    local claimed = other:claim(10, 60)
    assert.same({ 1, "b" }, { #claimed, claimed[1].key })
    one:close()
    other:close()
  end)

  it("reads one state, whatever others store meanwhile", function()
    local box, other = open(), open()
    box:read(function(link)
      local function count() return link:run("SELECT count(*) AS count FROM inbox")[1].count end
      assert.equal(0, count())
      assert.same({ "stored" }, other:put { record "a" })
      assert.equal(0, count())
      return true
    end)
    assert.equal(1, box:counts().ready)
    box:close()
    other:close()
  end)

  it("tells ids apart whose hashes are the same", function()
    local box = open()
    local one, other = "8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"
    box:read(function(link)
      local hashes = link:run("SELECT hash(:one) AS one, hash(:other) AS other", { one = one, other = other })[1]
      assert.equal(hashes.one, hashes.other)
      return true
    end)
    assert.same({ "stored", "stored", "duplicate" }, box:put { record(one), record(other), record(one) })
    assert.same({ "conflict" }, box:put { record(other, { digest = "another" }) })
    assert.same({ other }, box:cancel({ id = other }, "not wanted"))
    assert.same({ "ready", "dead" }, { box:get(one).state, box:get(other).state })
    assert.same({ other }, box:replay { id = other })
    assert.equal(1, #box:list { id = one })
    box:close()
  end)

  it("keeps its file while its process changes its folder", function()
    local script = shell.file [[
      local box = assert(require("marketplace.inbox").open("sqlite:" .. arg[1]))
      local function put(key) return assert(box:put { { key = key, digest = key, body = "b" } })[1] end
      print(put "a", os.getenv "CHANGE_FOLDER", put "b", put "a")
    ]]
    local relative = run("realpath --relative-to=. " .. folder) .. "/inbox.db"
    assert.equal("stored\tdone\tstored\tduplicate\n",
      shell.capture(("LD_PRELOAD=build/test/changes_folder.so %s %s %s"):format(shell.LUA, script, relative)))
    os.remove(script)
  end)

  it("does not say that its file is gone if it cannot look at it", function()
    local box = open()
    run(("mv %s %s.old; ln -s %s %s"):format(path, path, path, path))
    expect_unavailable("^cannot open .*inbox%.db: .*Too many levels of symbolic links", box:put { record "a" })
    run(("mv %s.old %s"):format(path, path))
    assert.same({ "stored" }, put_once_it_can(box, { record "a" }))
    box:close()
  end)

  it("keeps its id, which another file has not", function()
    local ids = {}
    for i, name in ipairs { "inbox.db", "inbox.db", "other.db" } do
      path = folder .. "/" .. name
      local box = open()
      ids[i] = box:id()
      box:close()
    end
    assert.equal(ids[1], ids[2])
    assert.not_equal(ids[1], ids[3])
  end)

  it("says so while another process holds it, and recovers", function()
    local one, other = open(), open { timeout = 0.01 }
    local waited = 0
    local monotonic = stub(core, "monotonic", function() return waited end)
    finally(function() monotonic:revert() end)
    one:transact(function()
      expect_unavailable("cannot write to .*inbox%.db: another process has kept it locked", other:put { record "a" })
      return true
    end)
    waited = 1
    assert.same({ "stored" }, other:put { record "a" })
    one:close()
    other:close()
  end)

  it("says so when the file is damaged, and recovers when it is mended", function()
    local box = open()
    box:put { record "a" }
    box:close()
    run(("cp %s %s.good && head -c 100 %s.good > %s && head -c 65536 /dev/urandom >> %s"):format(
      path, path, path, path, path))
    expect_unavailable("malformed", inbox.open("sqlite:" .. path))
    run(("rm %s && cp %s.good %s"):format(path, path, path))
    box = open()
    assert.same({ "duplicate" }, box:put { record "a" })
    -- a file that was put in place of the one that is open
    run(("head -c 4096 /dev/urandom > %s.bad && mv %s.bad %s"):format(path, path, path))
    expect_unavailable("not a database", box:put { record "b" })
    expect_unavailable("not a database", box:put { record "b" })
    run(("mv %s.good %s"):format(path, path))
    assert.same({ "duplicate", "stored" }, put_once_it_can(box, { record "a", record "b" }))
    box:close()
  end)

  it("is opened however long it takes to look whether the file is damaged", function()
    open():close()
    local new = links.new
    local make = stub(links, "new", function(database)
      local slow = setmetatable({}, { __index = function(_, name)
        return function(_, ...) return database[name](database, ...) end
      end })
      function slow.quick_check()
        local is_sound, message, code = database:quick_check()
        database:limit(0)
        return is_sound, message, code
      end
      return new(slow)
    end)
    local box, message = inbox.open("sqlite:" .. path)
    make:revert()
    assert.is_nil(message)
    box:close()
  end)

  it("says so when the file is damaged behind what is read first", function()
    local box, records = open(), {}
    for i = 1, 100 do records[i] = record(("k%03d"):format(i), { body = ("x"):rep(1500) }) end
    box:put(records)
    box:close()
    local file = assert(io.open(path, "r+b"))
    local page = 2048
    file:seek("set", math.floor(file:seek "end" / page / 2) * page)
    file:write(("\255"):rep(page))
    file:close()
    expect_unavailable("is damaged: [^\n]+: restore a backup", inbox.open("sqlite:" .. path))
    box = open { must_exist = true }
    expect_unavailable("malformed", box:claim(100, 60))
    box:close()
  end)

  it("says so when its file was moved away, and recovers when it is back", function()
    local box = open()
    box:put { record "a" }
    run(("mkdir %s/old && mv %s* %s/old"):format(folder, path, folder))
    expect_unavailable("inbox%.db is gone: put it back", box:put { record "b" })
    expect_unavailable("inbox%.db is gone: put it back", box:claim(1, 60))
    run(("mv %s/old/* %s"):format(folder, folder))
    assert.same({ "duplicate", "stored" }, put_once_it_can(box, { record "a", record "b" }))
    box:close()
  end)

  it("says that its log was removed, and loses nothing of what it acknowledged", function()
    local warnings = {}
    local box = open { warn = function(message) warnings[#warnings + 1] = message end }
    box:put { record "a" }
    run(("rm %s-wal %s-shm"):format(path, path))
    assert.equal(0, box:next_in())
    assert.equal(1, #warnings)
    assert.matches("inbox%.db%-wal was removed while it was open: it is opened anew$", warnings[1])
    assert.same({ "duplicate", "stored" }, box:put { record "a", record "b" })
    box:close()
    assert.same(1, #warnings)
    box = open()
    assert.same({ "duplicate", "duplicate" }, box:put { record "a", record "b" })
    box:close()
  end)

  it("says that another file took its place, and stores there from then on", function()
    local warnings = {}
    local box = open { warn = function(message) warnings[#warnings + 1] = message end }
    box:put { record "a" }
    local first = path
    path = folder .. "/other.db"
    open():close()
    run(("rm %s-wal %s-shm && mv %s %s"):format(first, first, path, first))
    assert.same({ "stored" }, box:put { record "a" })
    assert.equal(1, #warnings)
    assert.matches("another file took the place of .*inbox%.db while it was open: it is opened anew$", warnings[1])
    box:close()
  end)

  it("says so if its file lost its tables, and begins no other ones in it", function()
    local box = open()
    box:put { record "a" }
    local other = beside()
    other:run "DROP TABLE bodies"
    other:run "DROP TABLE self"
    other:run "DROP TABLE inbox"
    other:run "PRAGMA application_id = 0"
    other:close()
    expect_unavailable("no such table", box:counts())
    expect_unavailable("inbox.db holds no inbox any more: restore a backup", box:put { record "b" })
    box:close()
  end)

  it("says so if there is no such folder, and recovers when there is", function()
    path = folder .. "/not/yet.db"
    expect_unavailable("cannot make .*yet.db: there is no folder .*: make it", inbox.open("sqlite:" .. path))
    run("mkdir " .. folder .. "/not")
    local box = open()
    run(("mv %s/not %s/away"):format(folder, folder))
    expect_unavailable("is gone", box:put { record "a" })
    run(("mv %s/away %s/not"):format(folder, folder))
    assert.same({ "stored" }, put_once_it_can(box, { record "a" }))
    box:close()
  end)

  it("refuses another program's database, and no path", function()
    path = folder .. "/other.db"
    local link = beside()
    link:run "CREATE TABLE theirs (a)"
    link:close()
    expect_unavailable("another program", inbox.open("sqlite:" .. path))
    expect_unavailable("needs a path", inbox.open "sqlite:")
    expect_unavailable("there is no inbox at ", inbox.open("sqlite:" .. folder .. "/none", { must_exist = true }))
  end)

  it("refuses tables of another version, older or newer, and leaves them as they are", function()
    open():close()
    for _, version in ipairs { 1, 99 } do
      local link = beside()
      link:run("PRAGMA user_version = " .. version)
      link:close()
      expect_unavailable(("tables of .* have version %d, .*: use the release that made them"):format(version),
        inbox.open("sqlite:" .. path))
    end
  end)

  it("reads its clock once it may write, however long it waited for others", function()
    local now, waited = 100, 0
    local box = open { clock = function() return now end }
    local link = box.connection.link
    local begin = link.begin
    function link:begin()
      begin(self)
      now, waited = 200, waited + 1
    end
    box:put { record "a" }
    assert.equal(1, waited)
    assert.equal(200, box:get("a").received_at)
    box:close()
  end)

  describe("with many entries", function()
    -- What the calls make it run, each with a plan.
    local function plans(box, work)
      local link, found, planned = box.connection.link, {}, {}
      local methods = getmetatable(link).__index
      local function plan(statement)
        if planned[statement] then return end
        local steps = {}
        for i, row in ipairs(methods.run(link, "EXPLAIN QUERY PLAN " .. statement)) do steps[i] = row.detail end
        planned[statement] = true
        found[#found + 1] = { statement = statement, plan = table.concat(steps, "\n") }
      end
      for _, method in ipairs { "run", "each" } do
        link[method] = function(self, statement, ...)
          plan(statement)
          return methods[method](self, statement, ...)
        end
      end
      work()
      link.run, link.each = nil, nil
      return found
    end

    local SMALL = { self = true, new = true, ended = true, placed = true }

    local function expect_no_scan(found)
      assert.is_true(#found > 0)
      for _, one in ipairs(found) do
        for step in one.plan:gmatch "[^\n]+" do
          local scanned = step:match "^SCAN (%S+)$"
          assert.is_true(scanned == nil or SMALL[scanned] or scanned:find "^%(?[%ds]" ~= nil,
            one.statement .. "\n" .. one.plan)
        end
      end
    end

    it("scans them in no call that a receiver or a dispatcher makes", function()
      local now = 100
      local box = open { clock = function() return now end }
      expect_no_scan(plans(box, function()
        every_call(box, record, function(time) now = time end)
      end))
      box:close()
    end)

    it("scans them in no list of an app, an id, or of what waits or is dead", function()
      local box = open()
      expect_no_scan(plans(box, function()
        for _, filter in ipairs {
          { app_id = "a" }, { id = "a", newest = true, limit = 5 }, { state = "ready", newest = true, limit = 5 },
          { state = "leased", limit = 5 }, { state = "dead", limit = 5 }, { state = "dead", newest = true, limit = 5 },
        } do
          box:list(filter)
          filter.limit, filter.examine = 5, 10
          box:list(filter)
        end
        box:apps()
      end))
      box:close()
    end)

    it("looks for those that were placed among these alone, on later pages and of an app, too", function()
      local box = open()
      local seen = 0
      for _, one in ipairs(plans(box, function()
        for _, filter in ipairs {
          { state = "ready", from = "1" }, { state = "ready", app_id = "a" }, { state = "leased", app_id = "a" },
        } do
          box:list(filter)
          filter.limit, filter.examine = 5, 10
          box:list(filter)
        end
      end)) do
        if one.statement:find("ORDER BY +seq", 1, true) then
          seen = seen + 1
          assert.matches("USING INDEX inbox_l", one.plan) -- that of lanes or of what is leased
          for _, other in ipairs { "PRIMARY KEY", "inbox_new" } do assert.is_nil(one.plan:find(other), one.plan) end
        end
      end
      assert.is_true(seen >= 3)
      box:close()
    end)

    it("writes nothing if it is polled and there is nothing to do", function()
      local now = 100
      local box = open { clock = function() return now end }
      box:put { record "a", record "b", record("a2", { app_id = "a" }) }
      local claimed = box:claim(1, 10)[1]
      box:finish { { id = claimed.id, token = claimed.token, state = "ready", wait = 60 } }
      box:claim(1, 10)
      box:forget({ bodies = 1, ids = 1 }, 10)
      for _, one in ipairs(plans(box, function()
        assert.equal(0, box:recover { 5 })
        assert.same({}, box:claim(10, 10))
        assert.equal(10, box:next_in())
        box:backlog()
        assert.same({ bodies = 0, ids = 0 }, box:forget({ bodies = 1, ids = 1 }, 10))
      end)) do
        local is_bracket = one.statement == "BEGIN" or one.statement == "COMMIT"
        assert.is_true(is_bracket or one.statement:find "^SELECT" ~= nil, one.statement)
      end
      box:close()
    end)
  end)

  it("fails to probe a disk that is full or does not sync", function()
    local script = folder .. "/probe.lua"
    assert(core.replace_file(script, ([[
      local inbox = require "marketplace.inbox"
      local box = assert(inbox.open("sqlite:%s"))
      local record = { key = "k", digest = "d", body = "{}" }
      local function now(how)
        local file = io.open(os.getenv "FAILING_DISK", "w")
        file:write(how)
        file:close()
        print(how, #box:run { id = "no such id" }, (box:probe()))
      end
      now ""
      for _, how in ipairs { "full", "sync" } do
        now(how)
        now ""
      end
      assert(box:put { record }[1] == "stored")
      print(box:counts().ready)
    ]]):format(path)))
    local output = run(("FAILING_DISK=%s/how LD_PRELOAD=build/test/failing_disk.so %s %s"):format(folder, shell.LUA,
      script))
    assert.equal("\t0\ttrue\nfull\t0\tnil\n\t0\ttrue\nsync\t0\tnil\n\t0\ttrue\n1", output)
  end)

  it("says so when the disk is full, keeps what it acknowledged, and recovers", function()
    -- the limit on a file's size stands for the disk's: the write fails just so
    local script = folder .. "/fill.lua"
    local file = assert(io.open(script, "w"))
    file:write(([[
      local inbox = require "marketplace.inbox"
      local box = assert(inbox.open("sqlite:%s"))
      local stored = 0
      for i = 1, 1000 do
        local record = { key = "k" .. i, digest = "d" .. i, app_id = "a" .. i, body = ("x"):rep(20000) }
        local outcomes, message = box:put { record }
        if not outcomes then
          print(stored, message)
          break
        end
        stored = stored + 1
      end
    ]]):format(path))
    file:close()
    local output = run(("trap '' XFSZ; ulimit -f 2000; %s %s"):format(shell.LUA, script))
    local stored, message = output:match "^(%d+)%s+cannot write to [^:]*: ([^\n]*)"
    assert.is_truthy(message and (message:find "full" or message:find "I/O"), output)
    assert.is_true(tonumber(stored) > 10)
    local box = open()
    assert.equal(tonumber(stored), box:counts().ready)
    assert.same({ "stored" }, box:put { record "more" })
    box:read(function(link)
      assert.same({ { integrity_check = "ok" } }, link:run "PRAGMA integrity_check")
      return true
    end)
    box:close()
  end)

  it("raises what is wrong in the program itself, and stores nothing of it", function()
    local box = open()
    assert.is_false((pcall(box.transact, box, function() error "a mistake" end)))
    assert.same({ "stored" }, box:put { record "a" })
    box:close()
  end)
end)
