local contract = require "support.inbox_contract"
local core = require "marketplace.core"
local inbox = require "marketplace.inbox"
local redis_server = require "support.redis_server"
local shared_inbox = require "support.shared_inbox"
local shell = require "support.shell"

local record = shared_inbox.record

describe("the Redis inbox #full", function()
  local server

  setup(function() server = redis_server.start() end)
  teardown(function() server:remove() end)

  local function open(settings, words)
    return assert(inbox.open("redis:" .. server:words() .. (words or ""), settings))
  end

  local function open_empty(settings)
    server:reset()
    return open(settings)
  end

  describe("as every inbox", function()
    contract({ describe = describe, it = it, before_each = before_each, after_each = after_each },
      function(clock) return open_empty { clock = clock } end)
  end)

  shared_inbox.specs({ it = it }, {
    told = "Redis at 127%.0%.0%.1:%d+: ", server = function() return server end, open = open, open_empty = open_empty,
  })

  it("goes on when the server has forgotten the scripts", function()
    local box = open_empty()
    box:put { record "a" }
    server:query "SCRIPT FLUSH"
    assert.same({ "duplicate", "stored" }, box:put { record "a", record "b" })
    box:close()
  end)

  it("keeps inboxes with other prefixes and in other databases apart, and takes a socket", function()
    local one = open_empty()
    local other, third = open({}, " prefix=other"), open({}, " db=1")
    one:put { record "a" }
    assert.same({ "stored" }, other:put { record "a" })
    assert.same({ "stored" }, third:put { record "a" })
    local by_socket = assert(inbox.open("redis:path=" .. server.folder .. "/socket"))
    assert.same({ "duplicate" }, by_socket:put { record "a" })
    local by_url = assert(inbox.open(("redis://127.0.0.1:%d/1?prefix=other"):format(server.port)))
    assert.same({ "stored" }, by_url:put { record "a" })
    for _, box in ipairs { one, other, third, by_socket, by_url } do box:close() end
  end)

  it("outlives a connection by a socket that the server has closed", function()
    open_empty():close()
    local script = shell.file(([[
      local box = assert(require("marketplace.inbox").open "redis:path=%s/socket")
      local record = { key = "a", digest = "d", body = "{}" }
      os.execute "redis-cli -p %d CLIENT KILL TYPE normal >/dev/null"
      print(assert(box:put { record })[1])
      print(box:put({ record })[1])
      box:close()
    ]]):format(server.folder, server.port))
    -- whoever runs the specs may ignore the signal, and what it starts would too
    local output, status = shell.capture(("env --default-signal=PIPE %s %s"):format(shell.LUA, script))
    os.remove(script)
    assert.same(0, status, output)
    assert.equal("stored\nduplicate\n", output)
  end)

  local function finish_all(box)
    local claimed = box:claim(10, 60)
    for _, item in ipairs(claimed) do item.state, item.scope = "done", "" end
    box:finish(claimed)
  end

  it("leaves nothing behind of what was forgotten", function()
    local now = 1
    local box = open_empty { clock = function() return now end }
    box:put { record("a", { time = 1 }), record "b" }
    box:put { record("a", { time = 1, digest = "another" }) }
    for _ = 1, 2 do finish_all(box) end
    now = 2
    assert.same({ bodies = 3, ids = 0 }, box:forget({ bodies = 2, ids = 0 }, 10))
    assert.same({ bodies = 0, ids = 3 }, box:forget({ bodies = 2, ids = 2 }, 10))
    local kept = {}
    for key in server:query("KEYS '*'"):gmatch "%S+" do kept[#kept + 1] = key:match "^{marketplace}:(.*)$" end
    table.sort(kept)
    assert.same({ "forgotten", "n", "version" }, kept)
    box:close()
  end)

  it("keeps entries whose values are short in one piece, so that they need little memory", function()
    local box = open_empty()
    local digest = ("0"):rep(64)
    box:put { record("a", { time = 1764229456.123, digest = digest, verified_by = "0123456789ab",
      body = ("x"):rep(1000) }) }
    finish_all(box)
    assert.equal(digest, box:get("a").digest)
    assert.equal("listpack", server:query "OBJECT ENCODING {marketplace}:e:a")
    box:close()
  end)

  it("stores nothing if the server has no memory left, and goes on with what it has", function()
    local now = 1
    local box = open_empty { clock = function() return now end }
    assert.same({ "stored", "stored" }, box:put { record "a", record "b" })
    local id = box:id()
    server:query "CONFIG SET maxmemory 1"
    finally(function() server:query "CONFIG SET maxmemory 0" end)
    local outcomes, message = box:put { record "c" }
    assert.is_nil(outcomes)
    assert.matches("used memory > 'maxmemory'", message)
    assert.is_nil(box:get "c")
    assert.same({ "b" }, box:run { id = "b" })
    local claimed = box:claim(10, 60)
    assert.same({ true, true }, box:extend(claimed, 60))
    now = 61
    assert.equal(2, box:recover { 5 })
    claimed = box:claim(1, 60)
    claimed[1].state = "done"
    assert.same({ true }, box:finish(claimed))
    assert.same({ "b" }, box:cancel({ id = "b" }, "not wanted"))
    assert.same({ "b" }, box:replay())
    now = 100
    assert.same({ bodies = 0, ids = 0 }, box:forget({ bodies = 1, ids = 1 }, 10))
    assert.same({ bodies = 0, ids = 1 }, box:forget({ bodies = 100, ids = 100 }, 10))
    local other = open()
    assert.equal(id, other:id())
    assert.same({ ready = 1, leased = 0, done = 0, dead = 0 }, other:counts())
    other:close()
    box:close()
  end)

  describe("of the former version", function()
    local COUNT = 1203 -- more than are migrated at once

    -- As version 1 was: without the apps, and without those in an app's set whose event has no time.
    local function make_former()
      local box, records = open_empty(), {}
      for i = 1, COUNT do
        records[i] = record(("k%04d"):format(i), { app_id = "app " .. i % 7, time = i % 2 == 0 and i or nil })
      end
      assert(box:put(records))
      for _, claimed in ipairs(box:claim(7, 60)) do
        box:finish { { id = claimed.id, token = claimed.token, state = "done" } }
      end
      box:cancel({ app_id = "app 3", limit = 1 }, "not wanted")
      local apps = assert(box:apps())
      box:close()
      server:query "DEL {marketplace}:apps"
      for i = 0, 6 do
        local script = [["return redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '-inf')"]]
        server:query(("EVAL %s 1 '{marketplace}:a:app %d'"):format(script, i))
      end
      server:query "SET {marketplace}:version 1"
      return apps
    end

    local function check(box, apps)
      assert.same(apps, (box:apps()))
      assert.equal(math.floor(COUNT / 7), #box:list { app_id = "app 0" })
      assert.equal(COUNT, box:counts().ready + box:counts().done + box:counts().dead)
      assert.equal("2", server:query "GET {marketplace}:version")
      assert.equal("0", server:query "EXISTS {marketplace}:migrated")
    end

    it("it is brought up to date", function()
      local apps = make_former()
      local box = open()
      check(box, apps)
      box:close()
    end)

    it("it is brought up to date from where the last attempt got", function()
      local apps = make_former()
      local migration = require "marketplace.inbox.redis.migration"
      local commands, link = 0, {}
      local other = open({}, " prefix=other")
      local session = other.connection.link
      function link.command(_, words)
        commands = commands + 1
        if commands == 3 then error "lost" end
        return session:command(words)
      end
      session:limit(require("marketplace.core").monotonic() + 10)
      assert.is_false((pcall(migration.run, link, "{marketplace}:")))
      assert.equal("1", server:query "EXISTS {marketplace}:migrated")
      assert.equal("1", server:query "GET {marketplace}:version")
      local box = open()
      check(box, apps)
      box:close()
      other:close()
    end)
  end)

  it("does not touch an inbox of another version", function()
    local box = open_empty()
    box:put { record "a" }
    box:close()
    server:query "SET {marketplace}:version 3"
    local refused, message, code = inbox.open("redis:" .. server:words())
    assert.is_nil(refused)
    assert.matches("the inbox with the prefix marketplace is of version 3, not 2: use", message)
    assert.equal("inbox_unavailable", code)
    assert.equal("3", server:query "GET {marketplace}:version")
    assert.same({ "stored" }, open({}, " prefix=other"):put { record "a" })
  end)

  it("makes none of many ready before one of its app that is older, if the newest are replayed first too", function()
    local now, worker, between = 1, nil, 0
    local box = open_empty { clock = function()
      for _, claimed in ipairs(worker and worker:claim(1, 60) or {}) do
        between = between + 1
        assert.equal("k1", claimed.id)
      end
      return now
    end }
    local records = {}
    for i = 1, 401 do records[i] = record("k" .. i, { app_id = "x" }) end
    box:put(records)
    for i = 1, 401 do box:cancel({ id = "k" .. i }, "not wanted") end
    worker = open { clock = function() return now end }
    local ids = box:replay { newest = true }
    assert.same({ 401, "k401", "k1", 1 }, { #ids, ids[1], ids[401], between })
    worker:close()
    box:close()
  end)

  it("lists the newest of many without looking at all of them", function()
    local box = open_empty()
    local records = {}
    for i = 1, 2000 do records[i] = record("k" .. i) end
    box:put(records)
    local function calls_of(work)
      local before = tonumber(server:query("INFO commandstats"):match "cmdstat_hmget:calls=(%d+)") or 0
      work()
      return tonumber(server:query("INFO commandstats"):match "cmdstat_hmget:calls=(%d+)") - before
    end
    local some = calls_of(function() assert.equal("k2000", box:list({ newest = true, limit = 10 })[1].id) end)
    assert.is_true(some < 100)
    box:close()
  end)

  local function expect_refusal(pattern, url, settings)
    local box, message, code = inbox.open(url, settings)
    assert.is_nil(box)
    assert.matches(pattern, message)
    assert.equal("inbox_unavailable", code)
    assert.is_nil(message:find("hunter2", 1, true))
  end

  it("refuses a server that can lose what it stored, unless that is asked for", function()
    for option, pattern in pairs {
      ["--appendonly no"] = "appendonly no", ["--appendfsync everysec"] = "appendfsync everysec",
      ["--maxmemory-policy allkeys-lru"] = "maxmemory%-policy allkeys%-lru",
    } do
      local loose = redis_server.start(option)
      local url = "redis:" .. loose:words()
      local ok, problem = pcall(function()
        expect_refusal(pattern, url)
        assert(inbox.open(url .. " durability=relaxed")):close()
        assert(inbox.open(url, { durability = "relaxed" })):close()
      end)
      loose:remove()
      assert(ok, problem)
    end
  end)

  it("looks now and then whether the server can lose what it stored by now", function()
    local box = open_empty()
    server:query "CONFIG SET appendfsync everysec"
    local monotonic = core.monotonic
    finally(function()
      rawset(core, "monotonic", monotonic)
      server:query "CONFIG SET appendfsync always"
    end)
    assert.same({ "stored" }, box:put { record "a" })
    rawset(core, "monotonic", function() return monotonic() + 600 end)
    local outcomes, message = box:put { record "b" }
    assert.is_nil(outcomes)
    assert.matches("appendfsync everysec", message)
    box:close()
  end)

  it("tells what is wrong with its words, and with the server", function()
    expect_refusal("known: host", "redis:hots=a")
    expect_refusal("^cannot connect to Redis at 127%.0%.0%.1:1: Connection refused$", "redis:port=1")
    local guarded = redis_server.start "--requirepass hunter2"
    local ok, problem = pcall(function()
      local address = "127.0.0.1:" .. guarded.port
      expect_refusal("NOAUTH", "redis://" .. address)
      expect_refusal("WRONGPASS", "redis://:hunter21@" .. address)
      assert(inbox.open("redis://default:hunter%32@" .. address)):close()
      assert(inbox.open("redis:password=hunter2 " .. guarded:words())):close()
    end)
    guarded:remove()
    assert(ok, problem)
  end)
end)
