local expect_unavailable = require "support.unavailable"
local inbox = require "marketplace.inbox"
local once_available = require "support.once_available"
local proxy = require "support.proxy"
local redis_inbox = require "marketplace.inbox.redis"
local redis_server = require "support.redis_server"
local shared_inbox = require "support.shared_inbox"
local shell = require "support.shell"

local record = shared_inbox.record

local AT = "^Redis at 127%.0%.0%.1:%d+: "

describe("the Redis inbox, if its server #full", function()
  local server, box

  setup(function() server = redis_server.start() end)
  teardown(function() server:remove() end)
  before_each(function() server:reset() end)
  after_each(function()
    if box then box:close() end
    box = nil
  end)

  local function url_of(port, query)
    return ("redis://127.0.0.1:%d%s"):format(port, query or "")
  end

  local function open(query, settings)
    box = assert(inbox.open(url_of(server.port, query), settings))
    return box
  end

  local function put(key) return box:put { record(key) } end

  describe("is behind a network that", function()
    local between

    before_each(function()
      between = proxy.start(server.port)
      box = assert(inbox.open(url_of(between.port, "?timeout=0.5")))
    end)

    after_each(function() between:stop() end)

    local SILENT = AT .. "no answer within 0%.5 s$"

    it("stops while nothing happens, is unavailable until it goes on", function()
      assert.same({ "stored" }, put "a")
      between:freeze()
      expect_unavailable(SILENT, put "b")
      expect_unavailable(SILENT, box:claim(1, 60))
      between:thaw()
      assert.is_truthy(once_available(function() return put "b" end))
      assert.equal(2, #box:claim(10, 60))
    end)

    it("stops before an answer, has not acknowledged anything, and takes what is sent again once", function()
      assert.same({ "stored" }, put "a")
      between:tell "hold EVALSHA stored"
      expect_unavailable(SILENT, put "b")
      between:wait_until_frozen()
      between:thaw()
      assert.same({ "duplicate" }, once_available(function() return put "b" end))
      assert.equal(2, box:counts().ready)
    end)

    it("stops after a byte of an answer, has not acknowledged anything, and takes what is sent again once", function()
      assert.same({ "stored" }, put "a")
      between:answer "part"
      expect_unavailable(SILENT, put "b")
      between:answer "whole"
      assert.same({ "duplicate" }, once_available(function() return put "b" end))
      assert.equal(2, box:counts().ready)
    end)

    it("lets a byte through now and then, is unavailable too", function()
      between:answer "trickle"
      local box_id = ("%s is longer than all that comes in time"):format(("x"):rep(100))
      expect_unavailable(SILENT, box:get(box_id))
      expect_unavailable(SILENT, box:put { record "a", record "b", record "c" })
    end)

    it("stops while it is connected to, is unavailable too", function()
      box:close()
      between:freeze()
      expect_unavailable(AT .. "no answer within 0%.5 s$", inbox.open(url_of(between.port, "?timeout=0.5")))
      expect_unavailable(AT .. "no answer within 0%.2 s$", inbox.open(url_of(between.port), { timeout = 0.2 }))
    end)

    it("cuts connections, is connected to anew", function()
      assert.same({ "stored" }, put "a")
      between:stop()
      expect_unavailable("Redis at 127%.0%.0%.1:%d+: ", put "b")
      between = proxy.start(server.port)
    end)
  end)

  it("does not take the connection in time, is unavailable", function()
    server:freeze()
    finally(function() server:thaw() end)
    expect_unavailable(AT .. "no answer within 0%.2 s$", inbox.open(url_of(server.port, "?timeout=0.2")))
  end)

  it("ends an idle connection, is connected to anew before anything fails", function()
    open()
    assert.same({ "stored" }, put "a")
    server:query "CLIENT KILL TYPE normal"
    assert.same({ "stored" }, put "b")
    assert.equal(2, box:counts().ready)
  end)

  it("ends a connection in the middle of a call, is connected to anew", function()
    open()
    local link = box.connection.link
    local send = link.send
    function link:send(words)
      server:query "CLIENT KILL TYPE normal"
      return send(self, words)
    end
    expect_unavailable(AT, put "b")
    assert.same({ "stored" }, put "b")
  end)

  it("is killed, has all that it acknowledged once it is back", function()
    open()
    for i = 1, 20 do assert.same({ "stored" }, put("k" .. i)) end
    server:kill()
    expect_unavailable("Redis at 127%.0%.0%.1:%d+: ", put "b")
    server:start()
    assert.same({ "stored" }, once_available(function() return put "b" end))
    assert.equal(21, box:counts().ready)
  end)

  it("has forgotten the scripts, is given them again", function()
    open()
    assert.same({ "stored" }, put "a")
    server:query "SCRIPT FLUSH"
    assert.same({ "duplicate" }, put "a")
  end)

  it("has a full disk, ends, and has all that it acknowledged once there is room", function()
    local small = redis_server.start()
    finally(function() small:remove() end)
    small:kill()
    small:start "ulimit -f 1000;"
    box = assert(inbox.open(url_of(small.port)))
    local stored, outcomes, message, code = 0, nil, nil, nil
    for i = 1, 100 do
      outcomes, message, code = box:put { record("k" .. i, { body = ("x"):rep(100000) }) }
      if not outcomes then break end
      stored = i
    end
    expect_unavailable("Redis at 127%.0%.0%.1:%d+: ", outcomes, message, code)
    repeat until not shell.is_alive(small.pid)
    small:start()
    assert.is_true(stored > 0)
    assert.is_truthy(once_available(function() return put "one more" end))
    local keys = {}
    for i = 1, stored do keys[i] = record("k" .. i) end
    for i, outcome in ipairs(assert(box:put(keys))) do assert.equal("duplicate", outcome, i) end
  end)

  it("cannot write its snapshots, is unavailable in its own words until it can", function()
    open()
    server:query "CONFIG SET save '3600 1000000'"
    finally(function() server:query "CONFIG SET save ''" end)
    shell.run(("mkdir -p %s/dump.rdb/x"):format(server.folder))
    server:query "BGSAVE"
    server:wait_for("persistence", "rdb_last_bgsave_status:err")
    expect_unavailable(AT .. "MISCONF ", put "a")
    expect_unavailable(AT .. "MISCONF ", box:probe())
    shell.run(("rm -r %s/dump.rdb"):format(server.folder))
    server:query "BGSAVE"
    server:wait_for("persistence", "rdb_last_bgsave_status:ok")
    assert.same({ "stored" }, once_available(function() return put "a" end))
  end)

  it("has no memory left, is unavailable in its own words until it has", function()
    open()
    server:query "CONFIG SET maxmemory 1"
    finally(function() server:query "CONFIG SET maxmemory 0" end)
    expect_unavailable(AT .. "OOM ", put "a")
    expect_unavailable(AT .. "OOM ", box:probe())
    server:query "CONFIG SET maxmemory 0"
    assert.same({ "stored" }, once_available(function() return put "a" end))
  end)

  it("has another password, is unavailable in its own words until it has the former one", function()
    local guarded = redis_server.start "--requirepass hunter2"
    finally(function() guarded:remove() end)
    box = assert(inbox.open(("redis://:hunter2@127.0.0.1:%d"):format(guarded.port)))
    assert.same({ "stored" }, put "a")
    local function set(former, password)
      guarded:query(("-a %s --no-auth-warning CONFIG SET requirepass %s"):format(former, password))
      guarded:query(("-a %s --no-auth-warning CLIENT KILL TYPE normal SKIPME no; true"):format(password))
    end
    set("hunter2", "hunter3")
    local result, message, code = put "b"
    expect_unavailable(AT .. "WRONGPASS ", result, message, code)
    assert.is_nil(message:find("hunter", 1, true))
    set("hunter3", "hunter2")
    assert.same({ "stored" }, once_available(function() return put "b" end))
  end)

  it("asks for a password, is unavailable in its own words", function()
    local guarded = redis_server.start "--requirepass hunter2"
    finally(function() guarded:remove() end)
    expect_unavailable(AT .. "NOAUTH ", inbox.open(url_of(guarded.port)))
  end)

  it("may lose what it stores, is unavailable as soon as it is connected to anew", function()
    open()
    server:query "CONFIG SET appendfsync everysec"
    finally(function() server:query "CONFIG SET appendfsync always" end)
    server:query "CLIENT KILL TYPE normal"
    expect_unavailable(AT .. "the server can lose what it stored: it has appendfsync everysec, and needs always; " ..
      "durability=relaxed accepts it$", put "a")
    server:query "CONFIG SET appendfsync always"
    assert.same({ "stored" }, once_available(function() return put "a" end))
  end)

  it("does not tell its settings, is accepted only if that is asked for", function()
    local secretive = redis_server.start "--rename-command CONFIG ''"
    finally(function() secretive:remove() end)
    expect_unavailable(AT .. "ERR unknown command 'CONFIG'.*: the inbox cannot tell whether the server keeps what " ..
      "it stores%. If whoever runs the server promises that, write durability=relaxed in the inbox's URL$",
      inbox.open(url_of(secretive.port)))
    box = assert(inbox.open(url_of(secretive.port, "?durability=relaxed")))
    assert.same({ "stored" }, put "a")
  end)

  it("lets its user do no more than an inbox needs, suffices", function()
    server:query("ACL SETUSER inbox on '>hunter2' '~{marketplace}:*' +@read +@write +evalsha '+script|load' +time " ..
      "'+config|get' +role +select +wait")
    finally(function() server:query "ACL DELUSER inbox" end)
    local url = ("redis://inbox:hunter2@127.0.0.1:%d/0"):format(server.port)
    box = assert(inbox.open(url))
    assert.same({ "stored" }, put "a")
    local claimed = box:claim(1, 60)
    claimed[1].state = "done"
    assert.same({ true }, box:finish(claimed))
    server:query "ACL SETUSER inbox '-config|get'"
    box:close()
    expect_unavailable(AT .. "NOPERM .*: the inbox cannot tell whether the server keeps what it stores",
      inbox.open(url))
    server:query "ACL SETUSER inbox -role"
    expect_unavailable(AT .. "NOPERM .*: the inbox must know whether the server is a primary$",
      inbox.open(url))
    assert(inbox.open(url .. "?durability=relaxed")):close()
  end)

  it("is no primary, is told apart from one", function()
    local function expect(expected, role)
      local session = { limit = function() end, close = function() end }
      function session.send() return true end
      function session.receive() return role end
      local other = assert(redis_inbox.open({ host = "redis.example", port = 26379 }, {
        engine = { connect = function() return session end },
      }))
      expect_unavailable("^Redis at redis%.example:26379: " .. expected .. "$", other:counts())
    end
    expect("the server is a replica, and read%-only: connect to the primary", { "slave", "10.0.0.5", 6379 })
    expect("the server is a Sentinel, which stores nothing: connect to the primary", { "sentinel", {} })
    for _, role in ipairs { 1, "master", { "master" }, {} } do
      expect("the server does not answer as Redis does", role)
    end
    expect("the server does not answer as Redis does", nil)
  end)

  describe("has a replica", function()
    local primary, replica

    setup(function()
      primary = redis_server.start "--repl-diskless-sync-delay 0"
      replica = redis_server.start "--repl-diskless-sync-delay 0"
    end)

    teardown(function()
      replica:remove()
      primary:remove()
    end)

    before_each(function()
      primary:reset()
      replica:follow(primary)
    end)

    it("is warned of once, as a fail-over can lose something then", function()
      local warnings = {}
      local settings = { warn = function(message) warnings[#warnings + 1] = message end }
      box = assert(inbox.open(url_of(primary.port), settings))
      primary:query "CLIENT KILL TYPE normal"
      assert.same({ "stored" }, put "a")
      assert.equal(1, #warnings)
      assert.matches("^Redis at 127%.0%.0%.1:%d+ has replicas, but nothing waits for them: a fail%-over can lose " ..
        "what was acknowledged%. Write replicas=1 in the inbox's URL$", warnings[1])
      assert(inbox.open(url_of(primary.port, "?replicas=1"), settings)):close()
      assert.equal(1, #warnings)
    end)

    it("and becomes one itself, is unavailable until the name leads to a primary", function()
      expect_unavailable(AT .. "the server is a replica, and read%-only: connect to the primary$",
        inbox.open(url_of(replica.port)))
      box = assert(inbox.open(url_of(primary.port)))
      assert.same({ "stored" }, put "a")
      replica:promote()
      primary:follow(replica)
      expect_unavailable(AT .. "READONLY ", put "b")
      expect_unavailable(AT .. "the server is a replica, and read%-only: connect to the primary$", put "b")
      primary:promote()
      assert.same({ "stored" }, once_available(function() return put "b" end))
    end)

    it("that takes over, has all that was acknowledged after it had confirmed it", function()
      box = assert(inbox.open(url_of(primary.port, "?replicas=1")))
      for i = 1, 20 do assert.same({ "stored" }, put("k" .. i)) end
      primary:kill()
      replica:promote()
      local other = assert(inbox.open(url_of(replica.port)))
      assert.equal(20, other:counts().ready)
      other:close()
      primary:start()
    end)

    it("that does not confirm what was stored, has not acknowledged it, nor a duplicate of it", function()
      box = assert(inbox.open(url_of(primary.port, "?replicas=1&timeout=0.5")))
      -- a replica that has just begun to follow must first write all of it
      assert.is_truthy(once_available(function() return put "a" end))
      replica:freeze()
      finally(function() replica:thaw() end)
      local MISSING = AT .. "0 of 1 replicas confirmed what was stored, by WAIT"
      expect_unavailable(MISSING, put "b")
      expect_unavailable(MISSING, box:counts())
      local other = assert(inbox.open(url_of(primary.port, "?replicas=1&timeout=0.5")))
      expect_unavailable(MISSING, other:put { record "b" })
      other:close()
      other = assert(inbox.open(url_of(primary.port, "?replicas=1&timeout=0.5")))
      assert.equal(2, other:counts().ready)
      expect_unavailable(MISSING, other:cancel({ id = "a" }, "not wanted"))
      other:close()
      replica:thaw()
      assert.same({ "duplicate" }, once_available(function() return put "b" end))
      assert.equal(1, #box:claim(10, 60))
    end)

    it("that does not confirm what was claimed, has it not run, as the next primary may run it again", function()
      box = assert(inbox.open(url_of(primary.port, "?replicas=1&timeout=0.5")))
      assert.is_truthy(once_available(function() return put "a" end))
      replica:freeze()
      finally(function() replica:thaw() end)
      expect_unavailable(AT .. "0 of 1 replicas confirmed what was stored, by WAIT", box:claim(10, 0))
      replica:thaw()
      once_available(function() return box:recover { 0 } end)
      local claimed = once_available(function() return box:claim(10, 60) end)
      assert.equal("a", claimed[1].id)
      assert.same({}, box:claim(10, 60))
    end)

    it("that keeps nothing on its disk, has not confirmed anything if the server can ask for that", function()
      local can_ask = primary:query("COMMAND INFO WAITAOF"):find "waitaof" ~= nil
      replica:query "CONFIG SET appendonly no"
      finally(function() replica:query "CONFIG SET appendonly yes" end)
      box = assert(inbox.open(url_of(primary.port, "?replicas=1&timeout=0.5")))
      local result, message, code = put "a"
      if can_ask then
        expect_unavailable(AT .. "0 of 1 replicas confirmed what was stored, by WAITAOF$", result, message, code)
      else
        assert.same({ "stored" }, result)
      end
    end)

    it("is given the scripts again if it has forgotten them", function()
      box = assert(inbox.open(url_of(primary.port, "?replicas=1")))
      once_available(function() return put "a" end)
      primary:query "SCRIPT FLUSH"
      assert.same({ "stored" }, put "b")
    end)

    it("but fewer than must confirm, is unavailable at once", function()
      expect_unavailable(AT .. "the server has 1 replicas, and the inbox is to wait for 2$",
        inbox.open(url_of(primary.port, "?replicas=2")))
      box = assert(inbox.open(url_of(primary.port, "?replicas=1")))
      replica:promote()
      primary:wait_for("replication", "connected_slaves:0")
      primary:query "CLIENT KILL TYPE normal"
      expect_unavailable(AT .. "the server has 0 replicas, and the inbox is to wait for 1$", put "a")
    end)
  end)
end)
