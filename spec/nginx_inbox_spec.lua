-- The inboxes inside nginx, in a real nginx with the module for Lua.
local contract = require "support.inbox_contract"
local expect_unavailable = require "support.unavailable"
local nginx_inbox = require "support.nginx_inbox"
local once_available = require "support.once_available"
local redis_server = require "support.redis_server"
local shell = require "support.shell"
local socket = require "socket"
local sqlite = require "marketplace.sqlite"

local record = require("support.shared_inbox").record
local VERSION = require("marketplace.inbox.redis.scripts.entries").VERSION

local busted = { describe = describe, it = it, before_each = before_each, after_each = after_each }
local settle, run = nginx_inbox.settle, shell.run

describe("inside nginx #full", function()
  local nginx, redis, folder
  local files = 0

  setup(function()
    nginx, redis, folder = nginx_inbox.start(), redis_server.start(), run "mktemp -d"
  end)

  teardown(function()
    nginx:stop()
    redis:remove()
    run("rm -rf " .. folder)
  end)

  local function new_file()
    files = files + 1
    return ("%s/%d.db"):format(folder, files)
  end

  local function redis_url(words) return "redis:" .. redis:words() .. (words or "") end

  local function open_redis(words, more)
    redis:reset()
    return assert(nginx_inbox.open(nginx, redis_url(words), more))
  end

  -- Stops the Redis server, calls use(), and lets it go on.
  local function while_stopped(use)
    local pid = run(("cat %s/pid"):format(redis.folder))
    run("kill -STOP " .. pid)
    local ok, problem = pcall(use)
    run("kill -CONT " .. pid)
    assert(ok, problem)
  end

  local function begin_put(url, keys)
    local records = {}
    for i, key in ipairs(keys) do records[i] = record(key) end
    return nginx_inbox.begin(nginx, url, "put", { records })
  end

  local function calls_of_scripts()
    return tonumber(redis:query("INFO commandstats"):match "cmdstat_evalsha:calls=(%d+)") or 0
  end

  describe("the Redis inbox", function()
    describe("as every inbox", function()
      contract(busted, function(clock) return open_redis("", { clock = clock }) end)
    end)

    it("delays nothing else while the server does not answer, and has the answer when it does", function()
      open_redis()
      local finish, is_there
      while_stopped(function()
        finish, is_there = begin_put(redis_url(), { "a" })
        settle(nginx)
        assert.is_false(is_there())
      end)
      assert.same({ "stored" }, finish().result)
    end)

    it("says so if the server does not answer within the timeout that it was given", function()
      open_redis()
      local box = assert(nginx_inbox.open(nginx, redis_url " timeout=0.1"))
      while_stopped(function()
        expect_unavailable("^Redis at 127%.0%.0%.1:%d+: no answer within 0.1 s$", box:put { record "a" })
      end)
    end)

    it("stores what came while it stored with one script", function()
      local box = open_redis()
      box:put { record "warm" }
      local before = calls_of_scripts()
      local finishes = {}
      while_stopped(function()
        for i = 1, 40 do
          finishes[i] = begin_put(redis_url(), { "k" .. i % 20, "only " .. i })
          settle(nginx)
        end
      end)
      local stored = 0
      for _, finish in ipairs(finishes) do
        local result = finish().result
        assert.equal("stored", result[2])
        if result[1] == "stored" then stored = stored + 1 end
      end
      assert.equal(20, stored)
      assert.equal(before + 2, calls_of_scripts())
      assert.equal(61, box:counts().ready)
    end)

    it("ends a commit whose client goes away, even if nginx is told to look for that", function()
      open_redis()
      local watchful = nginx_inbox.start { server = "lua_check_client_abort on;" }
      finally(function() watchful:stop() end)
      local function send_put(key)
        local client = watchful:connect()
        local body = nginx_inbox.body(redis_url(), "put", { { record(key) } })
        assert(client:send(("POST /inbox HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body)))
        return client
      end
      while_stopped(function()
        local client = send_put "a"
        settle(watchful)
        client:close()
        settle(watchful)
      end)
      local other = send_put "b"
      assert.matches("stored", (other:receive "*a"))
      other:close()
      assert.equal(2, assert(nginx_inbox.open(watchful, redis_url())):counts().ready)
    end)

    it("uses its connections again, one request after another", function()
      local box = open_redis()
      for i = 1, 30 do box:put { record("k" .. i) } end
      -- redis-cli's own is the other
      assert.equal(2, tonumber(redis:query("CLIENT LIST"):gsub("[^\n]", ""):len()) + 1)
    end)

    it("says so while the server is gone, and then has all that it acknowledged", function()
      local box = open_redis()
      assert.same({ "stored" }, box:put { record "a" })
      redis:kill()
      expect_unavailable("Redis at 127%.0%.0%.1:%d+: ", box:put { record "b" })
      expect_unavailable("Redis at 127%.0%.0%.1:%d+: ", box:claim(1, 60))
      expect_unavailable("Redis at 127%.0%.0%.1:%d+: ", box:backlog())
      redis:start()
      assert.same({ "stored" }, once_available(function() return box:put { record "b" } end, 30))
      assert.same({ "duplicate" }, box:put { record "a" })
    end)

    it("goes on when the server has forgotten the scripts", function()
      local box = open_redis()
      box:put { record "a" }
      redis:query "SCRIPT FLUSH"
      assert.same({ "duplicate", "stored" }, box:put { record "a", record "b" })
    end)

    it("keeps databases and prefixes apart, and takes a socket", function()
      local one, other, third = open_redis(), open_redis " prefix=other", open_redis " db=1"
      for _, box in ipairs { one, other, third, one } do
        local expected = box == one and #one:list {} > 0 and "duplicate" or "stored"
        assert.same({ expected }, box:put { record "a" })
      end
      local url = "redis:path=" .. redis.folder .. "/socket"
      local by_socket = assert(nginx_inbox.open(nginx, url))
      assert.same({ "duplicate" }, by_socket:put { record "a" })
    end)

    it("has the server's times", function()
      local box = open_redis()
      box:put { record "a" }
      assert.is_true(math.abs(box:get("a").received_at - os.time()) < 1000)
    end)

    it("refuses a server that can lose what it stored", function()
      local loose = redis_server.start "--appendfsync everysec"
      local url = "redis:" .. loose:words()
      local ok, problem = pcall(function()
        local box = assert(nginx_inbox.open(nginx, url))
        expect_unavailable("appendfsync everysec", box:put { record "a" })
        box = assert(nginx_inbox.open(nginx, url .. " durability=relaxed"))
        assert.same({ "stored" }, box:put { record "a" })
      end)
      loose:remove()
      assert(ok, problem)
    end)

    it("says what to write if nginx cannot resolve the server's name", function()
      local box = assert(nginx_inbox.open(nginx, "redis:host=localhost port=1"))
      expect_unavailable("name the server by its address, or write resolver", box:put { record "a" })
    end)

    it("tells the server its password, and nobody else", function()
      local guarded = redis_server.start "--requirepass hunter2"
      local ok, problem = pcall(function()
        local url = "redis:" .. guarded:words()
        expect_unavailable("NOAUTH", assert(nginx_inbox.open(nginx, url)):put { record "a" })
        local other = nginx_inbox.start { env = { REDISCLI_AUTH = "hunter2" } }
        local called, trouble = pcall(function()
          assert.same({ "stored" }, assert(nginx_inbox.open(other, url)):put { record "a" })
          assert.is_nil(other:error_log():find("hunter2", 1, true))
        end)
        other:stop()
        assert(called, trouble)
      end)
      guarded:remove()
      assert(ok, problem)
    end)

    describe("ends a connection whose answer is", function()
      local listener, url

      before_each(function()
        listener = assert(socket.bind("127.0.0.1", 0))
        listener:settimeout(10)
        url = "redis:durability=relaxed port=" .. select(2, listener:getsockname())
        assert(nginx_inbox.open(nginx, url))
      end)

      after_each(function() listener:close() end)

      -- What the caller gets where the server's answers are these; the connection is then ended from nginx's side.
      local function answer_with(...)
        local finish = begin_put(url, { "a" })
        local peer = assert(listener:accept())
        peer:settimeout(10)
        for i = 1, select("#", ...) do
          assert(peer:receive(1))
          assert(peer:send((select(i, ...))))
          if i < select("#", ...) then assert(peer:receive "*l") end
        end
        local answer = finish()
        return answer, peer
      end

      local function is_ended(peer)
        local problem
        repeat
          local line
          line, problem = peer:receive "*l"
        until not line
        peer:close()
        return problem == "closed"
      end

      it("no answer", function()
        local answer, peer = answer_with "?what\r\n"
        expect_unavailable("^Redis at 127%.0%.0%.1:%d+: Protocol error", answer.result, answer.message, answer.code)
        assert.is_true(is_ended(peer))
      end)

      it("longer than any", function()
        local answer, peer = answer_with "*1000000000\r\n"
        expect_unavailable("Redis at 127%.0%.0%.1:%d+: ", answer.result, answer.message, answer.code)
        assert.is_true(is_ended(peer))
      end)

      it("cut", function()
        local finish = begin_put(url, { "a" })
        local peer = assert(listener:accept())
        assert(peer:send "$40\r\n0123")
        peer:shutdown "send"
        local answer = finish()
        peer:close()
        expect_unavailable("closed", answer.result, answer.message, answer.code)
      end)

      it("followed by another", function()
        local finish = begin_put(url, { "a" })
        local peer = assert(listener:accept())
        peer:settimeout(10)
        for _, exchange in ipairs {
          { "ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" }, { "GET", ("$%d\r\n%s\r\n"):format(#VERSION, VERSION) },
          { "SCRIPT", ("$40\r\n%s\r\n"):format(("0"):rep(40)) },
          { "EVALSHA", "*1\r\n$6\r\nstored\r\n+more\r\n" },
        } do
          repeat local line = assert(peer:receive "*l") until line == exchange[1]
          assert(peer:send(exchange[2]))
        end
        assert.same({ "stored" }, finish().result)
        assert.is_true(is_ended(peer))
      end)
    end)
  end)

  describe("the SQLite inbox", function()
    local path, url

    before_each(function()
      path = new_file()
      url = "sqlite:" .. path
    end)

    describe("as every inbox", function()
      contract(busted, function(clock) return assert(nginx_inbox.open(nginx, url, { clock = clock })) end)
    end)

    -- Holds the file as another process that writes, calls use(), and lets go.
    local function while_held(use)
      local database = assert(sqlite.open { path = path })
      assert(database:begin())
      local ok, problem = pcall(use)
      database:close()
      assert(ok, problem)
    end

    it("delays nothing else while another process holds the file, and stores with one commit what gathered", function()
      local box = assert(nginx_inbox.open(nginx, url))
      box:put { record "before" }
      local finishes = {}
      while_held(function()
        for i = 1, 10 do
          local finish, is_there = begin_put(url, { "k" .. i })
          finishes[i] = finish
          settle(nginx)
          assert.is_false(is_there())
        end
      end)
      for i = 1, 10 do assert.same({ "stored" }, finishes[i]().result) end
      assert.equal(11, box:counts().ready)
    end)

    it("stores in several commits what is too much for one", function()
      local box = assert(nginx_inbox.open(nginx, url))
      box:put { record "before" }
      local finishes, most = {}, 256 -- of one commit
      while_held(function()
        for i = 1, 3 do
          local keys = {}
          for j = 1, most / 2 + 1 do keys[j] = ("k%d-%d"):format(i, j) end
          finishes[i] = begin_put(url, keys)
          settle(nginx)
        end
      end)
      for i = 1, 3 do
        local outcomes = finishes[i]().result
        assert.equal(most / 2 + 1, #outcomes)
        for _, outcome in ipairs(outcomes) do assert.equal("stored", outcome) end
      end
      assert.equal(1 + 3 * (most / 2 + 1), box:counts().ready)
    end)

    it("reads and claims in several threads at once", function()
      local box = assert(nginx_inbox.open(nginx, url))
      local records = {}
      for i = 1, 60 do records[i] = record("k" .. i) end
      box:put(records)
      local finishes, claimed, seen = {}, 0, {}
      for i = 1, 20 do finishes[i] = nginx_inbox.begin(nginx, url, "claim", { 3, 60 }) end
      for _, finish in ipairs(finishes) do
        for _, item in ipairs(finish().result) do
          assert.is_nil(seen[item.key])
          seen[item.key], claimed = true, claimed + 1
        end
      end
      assert.equal(60, claimed)
    end)

    it("does not make the file anew if it was moved away, whichever thread asks, and recovers", function()
      local box = assert(nginx_inbox.open(nginx, url))
      box:put { record "a" }
      run(("mkdir %s/old && mv %s* %s/old"):format(folder, path, folder))
      local finishes = {}
      for i = 1, 12 do finishes[i] = nginx_inbox.begin(nginx, url, "claim", { 1, 60 }) end
      for _, finish in ipairs(finishes) do
        local answer = finish()
        expect_unavailable("", answer.result, answer.message, answer.code)
      end
      assert.equal("", (shell.capture("ls " .. path .. " 2>/dev/null")))
      run(("mv %s/old/* %s && rmdir %s/old"):format(folder, folder, folder))
      assert.same({ "duplicate", "stored" }, box:put { record "a", record "b" })
    end)

    it("says so if there is no such folder", function()
      local box = assert(nginx_inbox.open(nginx, "sqlite:" .. folder .. "/none/x.db"))
      expect_unavailable("^cannot make .*none/x.db: there is no folder .*none: make it, or name another file$",
        box:put { record "a" })
    end)

    it("says what to write if nginx has no threads for it, as it starts too", function()
      local other = nginx_inbox.start {
        main = "", http = ([[
          init_worker_by_lua_block {
            local inbox = require "marketplace.nginx.inbox"
            inbox.probe(assert(inbox.open "%s"))
          } ]]):format(url),
      }
      local ok, problem = pcall(function()
        other:wait_for "write thread_pool marketplace threads=4;"
        expect_unavailable("write thread_pool marketplace threads=4;",
          assert(nginx_inbox.open(other, url)):put { record "a" })
        assert.same({ "stored" }, assert(nginx_inbox.open(nginx, url)):put { record "a" })
      end)
      other:stop()
      assert(ok, problem)
    end)

    it("is refused at the start by an nginx that cannot run Lua in threads", function()
      local other, problem = nginx_inbox.try {
        http = ([[
          init_by_lua_block {
            ngx.run_worker_thread = nil
            assert(require("marketplace.nginx.inbox").open "%s")
          } ]]):format(url),
      }
      assert.is_nil(other)
      assert.matches("this nginx cannot run Lua in threads", problem)
    end)
  end)

  it("an inbox that there is not is refused", function()
    expect_unavailable("marketplace serve %-%-inbox postgres", nginx_inbox.open(nginx, "postgres:dbname=x"))
    expect_unavailable("unknown kind of inbox 'x'", nginx_inbox.open(nginx, "x:hunter2"))
    expect_unavailable("no scheme", nginx_inbox.open(nginx, "host=db password=hunter2"))
    expect_unavailable("known: host", nginx_inbox.open(nginx, "redis:x"))
    expect_unavailable("needs a path", nginx_inbox.open(nginx, "sqlite:"))
  end)

  describe("workers that get the same at once store it once:", function()
    local several

    setup(function() several = nginx_inbox.start { workers = 4 } end)
    teardown(function() several:stop() end)

    local function specs(name, url)
      it(name, function()
        url = url()
        local pids, count, rounds = {}, 0, 0
        repeat
          rounds = rounds + 1
          local finishes, outcomes = {}, { stored = 0, duplicate = 0 }
          for i = 1, 16 do
            finishes[i] = nginx_inbox.begin(several, url, "put", { { record("k" .. rounds) } })
          end
          for _, finish in ipairs(finishes) do
            local answer = finish()
            local outcome = assert(answer.result, answer.message)[1]
            outcomes[outcome] = outcomes[outcome] + 1
            if not pids[answer.pid] then pids[answer.pid], count = true, count + 1 end
          end
          assert.same({ stored = 1, duplicate = 15 }, outcomes)
        until rounds >= 10 and count >= 2 or rounds >= 200
        assert.is_true(count >= 2)
        assert.equal(rounds, nginx_inbox.ask(several, url, "counts", {}).result.ready)
      end)
    end

    specs("Redis", function()
      redis:reset()
      return redis_url()
    end)
    specs("SQLite", function() return "sqlite:" .. new_file() end)
  end)

  describe("a request that ends in the midst of storing", function()
    it("does not keep others from storing", function()
      local server = nginx_inbox.start {
        http = [[
          init_worker_by_lua_block {
            local calls = 0
            box = { durable = true, put = function(_, records)
              calls = calls + 1
              if calls == 1 then ngx.sleep(3600) end
              local outcomes = {}
              for i = 1, #records do outcomes[i] = "stored" end
              return outcomes
            end }
            require("marketplace.nginx.group_commit").install(box, 0.1)
          } ]],
        server = [[
          location = /put {
            lua_check_client_abort on;
            content_by_lua_block { ngx.say((box:put { { body = "" } } or { "none" })[1]) }
          } ]],
      }
      local ok, problem = pcall(function()
        local function ask()
          local client = server:connect()
          assert(client:send "GET /put HTTP/1.0\r\n\r\n")
          settle(server)
          return client
        end
        local ended, other = ask(), ask()
        ended:close()
        assert.matches("stored", assert(other:receive "*a"))
        other:close()
      end)
      server:stop()
      assert(ok, problem)
    end)
  end)
end)
