-- What a process that died had leased from an inbox in SQLite runs again at the next poll, long before its lease ends.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local nginx_server = require "support.nginx_server"
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"

local LEASE = 3600     -- seconds: no spec waits for its end
local MOST_SECONDS = 60 -- for what takes about one, on a machine that is busy
local WAITS = { 5 }

describe("what a process that died had leased", function()
  local folder, path, url, box, started

  before_each(function()
    folder, started = shell.run "mktemp -d", {}
    path = folder .. "/inbox.db"
    url = "sqlite:" .. path
    box = assert(marketplace.inbox(url))
  end)

  after_each(function()
    for _, one in ipairs(started) do
      os.execute(("kill -KILL -%s %s 2>/dev/null"):format(one.pid, one.pid))
      one.pipe:close()
    end
    box:close()
    shell.run("rm -rf " .. folder)
  end)

  local function record(app, id)
    local body = ('{"data":{"type":"AppUnavailable","id":"%s","attributes":{"appId":"%s"}}}'):format(id, app)
    return { key = id, digest = id, type = "AppUnavailable", event = "app_unavailable", app_id = app, body = body }
  end

  local function wait_until(is_so, what)
    local stop = core.monotonic() + MOST_SECONDS
    while not is_so() do
      assert(core.monotonic() < stop, "it did not happen in time: " .. what)
      core.sleep(0.01)
    end
  end

  -- The process that a command becomes, which ends with the spec, and so does its process group if it leads one; its
  -- output can be read from `pipe`.
  local function start(command)
    local pipe = assert(io.popen(("exec sh -c 'echo $$; exec %s' 2>&1"):format(command)))
    local one = { pipe = pipe, pid = pipe:read "*l" }
    started[#started + 1] = one
    return one
  end

  local function kill(pid)
    os.execute("kill -KILL " .. pid)
    wait_until(function() return not shell.is_alive(pid) end, "the death of " .. pid)
  end

  -- Handlers that note each run with its process, and that never come back from the first run of "first".
  local function write_handlers(sleep)
    local text = ([[
      local core = require "marketplace.core"
      return function(receiver)
        receiver:on("*", function(n, ctx)
          local log = assert(io.open("<folder>/log", "a"))
          log:write(("%s %d %d\n"):format(n.id, ctx.attempt, core.process_id()))
          log:close()
          if n.id == "first" and ctx.attempt == 1 then <sleep>(3600) end
        end)
      end
    ]]):gsub("<folder>", folder):gsub("<sleep>", sleep or "core.sleep")
    assert(core.replace_file(folder .. "/handlers.lua", text))
  end

  -- What ran: each line has the notification's id, its attempt, and the process.
  local function ran()
    local list = {}
    for i, line in ipairs(shell.lines(folder .. "/log")) do
      local id, attempt, pid = line:match "^(%S+) (%d+) (%d+)$"
      list[i] = { id = id, attempt = tonumber(attempt), pid = pid }
    end
    return list
  end

  -- Waits until "first" and, behind it, "second" have run, and checks that each ran once since `killed` was killed.
  local function expect_run_again(killed)
    wait_until(function() return box:counts().done == 2 end, "a further run")
    local list = ran()
    assert.equal(3, #list)
    assert.same({ "first", "first", "second" }, { list[1].id, list[2].id, list[3].id })
    assert.same({ 1, 2, 1 }, { list[1].attempt, list[2].attempt, list[3].attempt })
    assert.equal(killed, list[1].pid)
    for i = 2, 3 do assert.not_equal(killed, list[i].pid) end
  end

  local function put_both()
    assert.same({ "stored", "stored" }, box:put { record("app", "first"), record("app", "second") })
  end

  local function work()
    return ("%s --lease %d"):format(shell.marketplace(("work %s/handlers.lua --inbox %s --json"):format(folder, url)),
      LEASE)
  end

  describe("runs again", function()
    it("in a worker beside it, of the same process group", function()
      write_handlers()
      start(("setsid sh -c \"%s & %s & wait\""):format(work(), work()))
      put_both()
      wait_until(function() return #ran() == 1 end, "the first run")
      local killed = ran()[1].pid
      kill(killed)
      expect_run_again(killed)
    end)

    it("once `marketplace work` is started again", function()
      write_handlers()
      put_both()
      local first = start(work())
      wait_until(function() return #ran() == 1 end, "the first run")
      kill(first.pid)
      start(work())
      expect_run_again(first.pid)
    end)

    it("once `marketplace serve` is started again", function()
      write_handlers()
      put_both()
      local serve = ("env MARKETPLACE_SECRET=secret %s --lease %d"):format(shell.marketplace(
        ("serve %s/handlers.lua --port 0 --inbox %s --json"):format(folder, url)), LEASE)
      local first = start(serve)
      wait_until(function() return #ran() == 1 end, "the first run")
      kill(first.pid)
      start(serve)
      expect_run_again(first.pid)
    end)

    it("in the nginx worker that takes the place of a killed one #full", function()
      write_handlers "ngx.sleep"
      put_both()
      local nginx = assert(nginx_server.start {
        main = "thread_pool marketplace threads=2;",
        http = ([[
          init_by_lua_block {
            require("marketplace.nginx").init {
              handlers = "%s/handlers.lua", secrets = "secret", inbox = "%s", dispatch = true, lease = %d,
            }
          }
          init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
        ]]):format(folder, url, LEASE),
      })
      finally(function() nginx:stop() end)
      nginx:wait(function() return #ran() == 1 end, "the first run")
      local killed = ran()[1].pid
      assert.same({ killed }, nginx:workers())
      kill(killed)
      expect_run_again(killed)
    end)
  end)

  it("waits for the end of its lease if the file system has no locks of open files, of which a worker warns", function()
    write_handlers()
    box:put { record("app", "second"), record("app", "third") }
    local worker = start("env LD_PRELOAD=build/test/no_open_file_locks.so " .. work())
    wait_until(function() return box:counts().done == 2 end, "the runs")
    os.execute("kill -TERM " .. worker.pid)
    local found = {}
    for line in worker.pipe:lines() do
      if line:find("no locks of open files", 1, true) then found[#found + 1] = line end
    end
    assert.equal(1, #found)
    assert.matches('"level":"warning"', found[1], 1, true)
    assert.matches('"message":"advice"', found[1], 1, true)
  end)

  describe("is released by recover", function()
    local now
    local other -- inbox, with a clock that stands still

    before_each(function()
      now = core.now()
      other = assert(marketplace.inbox(url, { clock = function() return now end }))
      put_both()
    end)

    after_each(function() other:close() end)

    -- A process that has leased "first" and lives on, or runs `more`.
    local function lease(more, environment)
      local script = folder .. "/lease.lua"
      assert(core.replace_file(script, ([[
        local core = require "marketplace.core"
        local warn = function(message) print("warning: " .. message) end
        local box = assert(require("marketplace.inbox").open("%s", { warn = warn }))
        local claimed = assert(box:claim(1, %d))
        print(#claimed, claimed[1].id)
        io.stdout:flush()
        %s
        core.sleep(3600)
      ]]):format(url, LEASE, more or "")))
      local one = start(("env %s %s %s"):format(environment or "", shell.LUA, script))
      one.first_line = one.pipe:read "*l"
      return one
    end

    local function expect_still_leased()
      now = core.now()
      assert.equal(0, other:recover(WAITS))
      assert.same({}, other:claim(10, LEASE))
      assert.is_true(other:next_in() > LEASE - MOST_SECONDS)
    end

    local function expect_released()
      assert.equal(0, other:next_in())
      assert.equal(1, other:recover(WAITS))
      assert.equal(0, other:recover(WAITS))
      local again = assert(other:claim(10, LEASE))
      assert.same({ 1, "first", 2 }, { #again, again[1].id, again[1].attempt })
    end

    it("at the first call, whatever the clock says", function()
      local one = lease()
      assert.equal("1\tfirst", one.first_line)
      expect_still_leased()
      kill(one.pid)
      now = now - 1000
      expect_released()
    end)

    it("at the first call if its inbox was closed without an outcome", function()
      assert.equal(1, #box:claim(1, LEASE))
      expect_still_leased()
      box:close()
      expect_released()
    end)

    it("at the first call if the holder that it was claimed for is closed", function()
      local holder = assert(sqlite.holder(path .. "-holders"))
      assert.equal(1, #box:claim(1, LEASE, holder:number()))
      box:close()
      expect_still_leased()
      holder:close()
      expect_released()
    end)

    it("not if it was claimed for none: the lease's end decides", function()
      assert.equal(1, #box:claim(1, LEASE, false))
      box:close()
      expect_still_leased()
      now = now + LEASE + MOST_SECONDS
      expect_released()
    end)

    it("not while the process is stopped: the lease's end decides", function()
      local one = lease()
      os.execute("kill -STOP " .. one.pid)
      expect_still_leased()
      now = now + LEASE + MOST_SECONDS
      expect_released()
    end)

    it("not while a child that it forked lives: the lease's end decides", function()
      local one = lease([[
        if os.getenv "FORK" == "child" then
          print(core.process_id())
          io.stdout:flush()
        end
      ]], "LD_PRELOAD=build/test/forks.so")
      local child = one.pipe:read "*l"
      kill(one.pid)
      expect_still_leased()
      now = now + LEASE + MOST_SECONDS
      expect_released()
      kill(child)
    end)

    it("although a program lives on that it started", function()
      local one = lease([[
        local program = io.popen("echo $$; exec sleep 3600")
        print(program:read "*l")
        io.stdout:flush()
      ]])
      local program = one.pipe:read "*l"
      kill(one.pid)
      assert.is_true(shell.is_alive(program))
      expect_released()
      kill(program)
    end)

    it("not if the file system has no locks of open files, of which it warns once: the lease's end decides", function()
      local one = lease(nil, "LD_PRELOAD=build/test/no_open_file_locks.so")
      assert.matches("^warning: .*inbox.db%-holders: its file system has no locks of open files", one.first_line)
      assert.equal("1\tfirst", one.pipe:read "*l")
      kill(one.pid)
      expect_still_leased()
      now = now + LEASE + MOST_SECONDS
      expect_released()
    end)
  end)
end)
