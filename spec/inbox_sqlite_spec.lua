local connection = require "marketplace.inbox.connection"
local core = require "marketplace.core"
local contract = require "support.inbox_contract"
local former_inbox = require "support.former_inbox"
local inbox = require "marketplace.inbox"
local shell = require "support.shell"

local record = require("support.shared_inbox").record

local run = shell.run

describe("the SQLite inbox", function()
  local folder, path

  before_each(function()
    folder = run "mktemp -d"
    path = folder .. "/inbox.db"
  end)

  after_each(function() run("rm -rf " .. folder) end)

  local function open()
    return assert(inbox.open("sqlite:" .. path))
  end

  describe("as every inbox", function()
    contract({ describe = describe, it = it, before_each = before_each, after_each = after_each }, open)
  end)

  local function expect_unavailable(pattern, outcomes, message, code)
    assert.is_nil(outcomes)
    assert.matches(pattern, message)
    assert.equal("inbox_unavailable", code)
  end

  it("outlives the process, and is a write-ahead log with every commit synced", function()
    local box = open()
    box:put({ record "a" }, 1)
    assert.equal("wal", box:read(function(query) return query "PRAGMA journal_mode"[1][1] end))
    assert.equal(2, box:read(function(query) return query "PRAGMA synchronous"[1][1] end))
    box:close()
    box = open()
    assert.same({ "duplicate" }, box:put({ record "a" }, 2))
    assert.equal("a", box:claim(1, 2, 60)[1].key)
    box:close()
  end)

  it("waits for another that is making the same file", function()
    local other, slept = connection.open("SQLite3", "luadbi-sqlite3", path), 0
    other:run "BEGIN IMMEDIATE"
    local sleep = stub(core, "sleep", function()
      slept = slept + 1
      other:run "ROLLBACK"
    end)
    finally(function()
      sleep:revert()
      other:close()
    end)
    open():close()
    assert.equal(1, slept)
  end)

  it("is shared by processes", function()
    local one, other = open(), open()
    one:put({ record "a", record "b" }, 1)
    assert.equal("a", one:claim(1, 2, 60)[1].key)
    local claimed = other:claim(10, 2, 60)
    assert.same({ 1, "b" }, { #claimed, claimed[1].key })
    one:close()
    other:close()
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
    local one, other = open(), open()
    other.database.connection.link:run "PRAGMA busy_timeout = 10"
    one:transact(function(query)
      query "SELECT 1"
      expect_unavailable("locked", other:put({ record "a" }, 1))
      return true
    end)
    assert.same({ "stored" }, other:put({ record "a" }, 2))
    one:close()
    other:close()
  end)

  it("says so when the file is damaged, and recovers when it is mended", function()
    local box = open()
    box:put({ record "a" }, 1)
    box:close()
    run(("cp %s %s.good && head -c 100 %s.good > %s && head -c 65536 /dev/urandom >> %s"):format(
      path, path, path, path, path))
    expect_unavailable("malformed", inbox.open("sqlite:" .. path))
    run(("rm %s && cp %s.good %s"):format(path, path, path))
    box = open()
    assert.same({ "duplicate" }, box:put({ record "a" }, 2))
    -- a file that was put in place of the one that is open
    run(("head -c 4096 /dev/urandom > %s.bad && mv %s.bad %s"):format(path, path, path))
    expect_unavailable("not a database", box:put({ record "b" }, 3))
    run(("mv %s.good %s"):format(path, path))
    assert.same({ "duplicate", "stored" }, box:put({ record "a", record "b" }, 4))
    box:close()
  end)

  it("says so when the file is damaged behind what is read first", function()
    local box, records = open(), {}
    for i = 1, 100 do records[i] = record(("k%03d"):format(i), { body = ("x"):rep(1500) }) end
    box:put(records, 1)
    box:close()
    local file = assert(io.open(path, "r+b"))
    local page = 2048
    file:seek("set", math.floor(file:seek "end" / page / 2) * page)
    file:write(("\255"):rep(page))
    file:close()
    box = open()
    expect_unavailable("^sqlite:[^ ]+: [^:]*malformed", box:list {})
    box:close()
  end)

  it("says so when its file was moved away, and recovers when it is back", function()
    local box = open()
    box:put({ record "a" }, 1)
    run(("mkdir %s/old && mv %s* %s/old"):format(folder, path, folder))
    expect_unavailable("its file is gone: put it back", box:put({ record "b" }, 2))
    expect_unavailable("its file is gone: put it back", box:claim(1, 2, 60))
    run(("mv %s/old/* %s"):format(folder, folder))
    assert.same({ "duplicate", "stored" }, box:put({ record "a", record "b" }, 3))
    box:close()
  end)

  it("says so if there is no such folder, and recovers when there is", function()
    path = folder .. "/not/yet.db"
    expect_unavailable("unable to open", inbox.open("sqlite:" .. path))
    run("mkdir " .. folder .. "/not")
    local box = open()
    run(("mv %s/not %s/away"):format(folder, folder))
    expect_unavailable("its file is gone", box:put({ record "a" }, 1))
    run(("mv %s/away %s/not"):format(folder, folder))
    assert.same({ "stored" }, box:put({ record "a" }, 2))
    box:close()
  end)

  it("refuses another program's database, a newer schema, and no path", function()
    local box = open()
    box.database.connection.link:run "PRAGMA user_version = 99"
    box:close()
    expect_unavailable("a newer program made it", inbox.open("sqlite:" .. path))
    path = folder .. "/other.db"
    local link = connection.open("SQLite3", "", path)
    link:run "CREATE TABLE theirs (a)"
    link:close()
    expect_unavailable("another program", inbox.open("sqlite:" .. path))
    expect_unavailable("needs a path", inbox.open "sqlite:")
    expect_unavailable("no such file", inbox.open("sqlite:" .. folder .. "/none", { must_exist = true }))
  end)

  it("brings a file of the first schema up to date, with everything that it holds", function()
    local link = connection.open("SQLite3", "", path)
    for _, statement in ipairs(former_inbox.statements { seq = "INTEGER PRIMARY KEY", real = "REAL" }) do
      link:run(statement)
    end
    link:run "PRAGMA application_id = 1296782385"
    link:run "PRAGMA user_version = 1"
    link:close()
    for _ = 1, 2 do
      local box = open()
      assert.equal(3, box:read(function(query) return query "PRAGMA user_version"[1][1] end))
      box:close()
    end
    local box = open()
    former_inbox.check(box)
    box:close()
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
        local outcomes, message = box:put({ record }, i)
        if not outcomes then
          print(stored, message)
          break
        end
        stored = stored + 1
      end
    ]]):format(path))
    file:close()
    local output = run(("trap '' XFSZ; ulimit -f 2000; %s %s"):format(shell.LUA, script))
    local stored, message = output:match "^(%d+)%s+sqlite:[^:]*: ([^\n]*)"
    assert.is_truthy(message and (message:find "full" or message:find "I/O"), output)
    assert.is_true(tonumber(stored) > 10)
    local box = open()
    assert.equal(tonumber(stored), box:counts().ready)
    assert.same({ "stored" }, box:put({ record "more" }, 2000))
    assert.equal("ok", box:read(function(query) return query "PRAGMA integrity_check"[1][1] end))
    box:close()
  end)

  it("prunes more than it forgets in one transaction", function()
    local box = open()
    box:transact(function(query)
      query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5001) INSERT INTO inbox " ..
        "(identity, key, digest, lane, received_at, due, state) SELECT i, i, 'd', i, 1, 1, 'done' FROM n")
      return true
    end)
    assert.equal(5001, box:prune(2))
    assert.equal(0, box:counts().done)
    box:close()
  end)

  it("raises what is wrong in the program itself, and stores nothing of it", function()
    local box = open()
    assert.is_false((pcall(box.transact, box, function() error "a mistake" end)))
    assert.same({ "stored" }, box:put({ record "a" }, 1))
    box:close()
  end)
end)
