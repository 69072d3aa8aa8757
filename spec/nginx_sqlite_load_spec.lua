-- The receiver in a real nginx, with a SQLite inbox and its callbacks, while notifications come all the time.
local marketplace = require "marketplace"
local nginx_server = require "support.nginx_server"
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"

local SECRET = "the secret of the specs"
local SENDERS = 4
local ENOUGH = 40 -- acknowledged by each sender before, while and after something happens

-- Writes what ran with one write each; nothing may wait for a lease's end.
local INIT = [[
init_by_lua_block {
  require("marketplace.nginx").init {
    secrets = "the secret of the specs", inbox = "sqlite:inbox/a.db", dispatch = true, lease = 3600,
    handlers = function(receiver)
      receiver:on("*", function(n)
        local file = assert(io.open("<folder>/ran", "a"))
        file:write(n.id .. "\n")
        file:close()
      end)
    end,
  }
}
init_worker_by_lua_block { require("marketplace.nginx").init_worker() }
]]

local THREADS = 4

describe("under load, nginx with a SQLite inbox #full", function()
  local server, senders, path

  local function start(given)
    given = given or {}
    server = assert(nginx_server.start {
      main = given.main or ("thread_pool marketplace threads=%d;"):format(THREADS),
      http = (given.http or "") .. INIT, level = "warn",
      started_with = given.started_with, env = given.env,
      server = 'location = /notifications { content_by_lua_block { require("marketplace.nginx").handle() } }',
    })
    path = server.folder .. "/inbox/a.db"
    shell.run(("mkdir %s/inbox"):format(server.folder))
  end

  local function send()
    senders = {}
    for i = 1, SENDERS do
      senders[i] = shell.run(("MARKETPLACE_SECRET='%s' %s spec/support/chaos_sender.lua %s/notifications app%d %s 0.001"
        .. " > %s/sender%d 2>&1 & echo $!"):format(SECRET, shell.LUA, server.url, i, server.folder, server.folder, i))
    end
  end

  local function lines(name)
    return select(2, server:read(name):gsub("\n", ""))
  end

  local function acknowledged(i)
    return lines(("app%d.acknowledged"):format(i))
  end

  local function wait_for_more()
    for i = 1, #senders do
      local before = acknowledged(i)
      server:wait(function() return acknowledged(i) >= before + ENOUGH end, "more acknowledged")
    end
  end

  local function stop_sending()
    server:write("stop", "")
    for _, pid in ipairs(senders) do
      server:wait(function() return not shell.is_alive(pid) end, "the senders' end")
    end
  end

  before_each(function() server, senders = nil, {} end)

  after_each(function()
    for _, pid in ipairs(senders) do
      if shell.is_alive(pid) then shell.run("kill -KILL " .. pid) end
    end
    if server then server:stop() end
  end)

  -- How often each ran of all that were acknowledged, once all have: {[times] = count}.
  local function times_run()
    stop_sending()
    local ids, counts, times = {}, {}, {}
    for i = 1, #senders do
      for id in server:read(("app%d.acknowledged"):format(i)):gmatch "[^\n]+" do ids[#ids + 1] = id end
    end
    local box = assert(marketplace.inbox("sqlite:" .. path, { must_exist = true }))
    server:wait(function()
      local backlog = assert(box:backlog())
      return backlog.ready + backlog.leased == 0
    end, "the callbacks")
    box:close()
    for id in server:read "ran":gmatch "[^\n]+" do counts[id] = (counts[id] or 0) + 1 end
    for _, id in ipairs(ids) do
      local n = counts[id] or 0
      times[n] = (times[n] or 0) + 1
    end
    return times, #ids
  end

  local function all_ran_once()
    local times, count = times_run()
    assert.same({ [1] = count }, times)
  end

  local function logged(text)
    return select(2, server:error_log():gsub(text:gsub("%p", "%%%0"), ""))
  end

  describe("runs once all that it acknowledged", function()
    it("if it is reloaded", function()
      start()
      send()
      for _ = 1, 3 do
        wait_for_more()
        server:reload()
      end
      wait_for_more()
      all_ran_once()
    end)

    it("if another nginx takes over", function()
      start()
      send()
      for _ = 1, 2 do
        wait_for_more()
        server:take_over()
      end
      wait_for_more()
      all_ran_once()
    end)

    it("if another nginx takes over, and the former one takes back", function()
      start()
      local former = server.pid
      send()
      wait_for_more()
      shell.run("kill -USR2 " .. former)
      server:wait(function() return (tonumber(server:read "pid") or former) ~= former end, "the new nginx")
      local new = tonumber(server:read "pid")
      shell.run("kill -WINCH " .. former)
      wait_for_more()
      shell.run("kill -HUP " .. former)
      wait_for_more()
      shell.run("kill -QUIT " .. new)
      server:wait(function() return not shell.is_alive(new) end, "the end of the new nginx")
      wait_for_more()
      all_ran_once()
    end)

    it("if there is one thread alone, or one Lua state for all of them", function()
      start { main = "thread_pool marketplace threads=1; ", http = "lua_worker_thread_vm_pool_size 1;" }
      send()
      wait_for_more()
      server:reload()
      wait_for_more()
      all_ran_once()
    end)
  end)

  it("runs at once what a killed worker has acknowledged", function()
    start()
    send()
    for _ = 1, 3 do
      wait_for_more()
      shell.run("kill -KILL " .. server:workers()[1])
      wait_for_more()
    end
    assert.is_nil(times_run()[0])
  end)

  it("runs all that it acknowledged if it is reloaded while another process keeps the file locked", function()
    start()
    send()
    wait_for_more()
    local database = assert(sqlite.open { path = path })
    assert(database:begin())
    server:wait_for "not stored"
    server:reload()
    database:close()
    wait_for_more()
    -- what ran while its outcome could not be stored runs again
    assert.is_nil(times_run()[0])
  end)

  describe("refuses what it cannot store, says so once, and goes on by itself", function()
    local function refused()
      return select(2, server:access_log():gsub('" 503 ', ""))
    end

    -- Has it break and, once this was said, mended; the reason that was said.
    local function during(break_it, mend)
      send()
      wait_for_more()
      break_it()
      server:wait_for "not stored"
      local before = refused()
      server:wait(function() return refused() >= before + ENOUGH end, "more refused")
      mend()
      server:wait_for "stored again"
      -- each of the threads has a connection of its own, which may be the last to learn that it is over
      assert.is_true(logged "not stored" <= THREADS, server:error_log())
      -- a turn that has nothing to write ends an outage: the next one is another
      assert.is_true(logged "callbacks cannot run" <= logged "callbacks run again" + 1)
      all_ran_once()
      return server:error_log():match 'not stored[^\n]*reason="([^"\n]*)'
    end

    it("if the file is moved away, and back", function()
      start()
      local reason = during(function() shell.run(("mv %s/inbox %s/elsewhere"):format(server.folder, server.folder)) end,
        function() shell.run(("mv %s/elsewhere %s/inbox"):format(server.folder, server.folder)) end)
      assert.matches("a.db is gone: put it back", reason, 1, true)
    end)

    it("if the disk is full", function()
      local how = os.tmpname()
      finally(function() os.remove(how) end)
      start {
        started_with = ("LD_PRELOAD=%s/build/test/failing_disk.so FAILING_DISK=%s"):format(shell.run "pwd", how),
        env = { FAILING_DISK = how },
      }
      local reason = during(function() shell.run("printf full > " .. how) end, function() shell.run(": > " .. how) end)
      assert.matches("database or disk is full (SQLITE_FULL)", reason, 1, true)
    end)

    it("if another process keeps the file locked", function()
      start()
      local database
      local reason = during(function()
        database = assert(sqlite.open { path = path })
        assert(database:begin())
      end, function() database:close() end)
      assert.matches("another process has kept it locked for 3.0 s", reason, 1, true)
    end)
  end)

  for _, suffix in ipairs { "-wal", "-shm" } do
    it(("goes on if the %s is removed"):format(suffix), function()
      start()
      send()
      wait_for_more()
      shell.run("rm " .. path .. suffix)
      wait_for_more()
      all_ran_once()
      assert.matches(("a.db%s was removed while it was open"):format(suffix), server:error_log(), 1, true)
    end)
  end
end)
