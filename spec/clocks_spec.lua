-- Processes whose clock is wrong, or is set while they run.
local inbox = require "marketplace.inbox"
local postgres_server = require "support.postgres_server"
local redis_server = require "support.redis_server"
local shell = require "support.shell"

local DAY = 86400

-- What every script begins with. Its argument is an inbox's URL.
local PRELUDE = [[
  local core = require "marketplace.core"
  local marketplace = require "marketplace"
  local samples = require "marketplace.samples"

  local DAY = 86400

  -- Has the clock be so many seconds ahead.
  local function set_ahead(seconds)
    local real = core.now() - (AHEAD or 0)
    AHEAD = seconds
    local file = assert(io.open(os.getenv "SHIFTED_CLOCK", "w"))
    file:write(("%d"):format(seconds))
    file:close()
    for _, now in ipairs { core.now(), os.time() } do assert(math.abs(now - real - seconds) < 1000) end
  end

  local box = assert(marketplace.inbox(arg[1]))
  local receiver = marketplace.receiver { secrets = "s", inbox = box, log = function() end }

  local function receive(id)
    local body = samples.body("version_available", { id = id, app_id = id })
    local status, _, answer = receiver:handle { method = "POST", body = body,
      headers = { ["x-apple-signature"] = marketplace.sign("s", body) } }
    assert(status == 200, answer)
  end

  local function is_about(expected, value) return math.abs(expected - value) < 30 end
]]

describe("with a clock that is wrong #full", function()
  local postgres, redis, folder, urls

  setup(function()
    postgres, redis, folder = postgres_server.start(), redis_server.start(), shell.run "mktemp -d"
    urls = {
      PostgreSQL = "postgres:" .. postgres:words(), Redis = "redis:" .. redis:words(),
      SQLite = ("sqlite:%s/inbox.db"):format(folder),
    }
  end)

  teardown(function()
    postgres:remove()
    redis:remove()
    shell.run("rm -rf " .. folder)
  end)

  local function run(name, script)
    local path, clock = shell.file(PRELUDE .. script), os.tmpname()
    local command = "SHIFTED_CLOCK=%s LD_PRELOAD=build/test/shifted_clock.so timeout 60 %s %s '%s'"
    local output, status = shell.capture(command:format(clock, shell.LUA, path, urls[name]))
    os.remove(path)
    os.remove(clock)
    assert.equal(0, status, output)
  end

  for _, name in ipairs { "PostgreSQL", "Redis", "SQLite" } do
    it("runs what it stored before its clock was set, forwards or back: " .. name, function()
      run(name, [[
        local ran = {}
        receiver:on("*", function(n)
          ran[n.id] = true
          set_ahead(-AHEAD) -- also while it runs
        end)
        for _, seconds in ipairs { DAY, -DAY } do
          for i, other in ipairs { 0, -seconds, 2 * seconds } do
            local id = ("%d.%d"):format(seconds, i)
            set_ahead(seconds)
            receive(id)
            set_ahead(other)
            assert(receiver:dispatch() == 1 and ran[id], id)
          end
        end
        assert(box:counts().done == 6)
      ]])
    end)
  end

  for _, name in ipairs { "PostgreSQL", "Redis" } do
    it("stores and leases by the server's clock: " .. name, function()
      for _, seconds in ipairs { DAY, -DAY } do
        local id = "by." .. seconds
        run(name, ([[
          local seconds, id = %d, "%s"
          set_ahead(seconds)
          receive(id)
          assert(box:backlog().oldest_age < 30)
          local claimed = box:claim(10, 600)
          assert(#claimed == 1 and claimed[1].id == id)
          receive(id .. ".ready")
        ]]):format(seconds, id))
        local box = assert(inbox.open(urls[name]))
        local leased = box:get(id)
        assert.is_true(math.abs(leased.received_at - os.time()) < 60)
        assert.is_true(math.abs(leased.at - os.time() - 600) < 60)
        assert.equal(0, box:recover { 5 })
        local claimed = box:claim(10, 600)
        assert.same({ 1, id .. ".ready" }, { #claimed, claimed[1].id })
        box:close()
      end
    end)

    it("goes on as if nothing had happened when its clock is set: " .. name, function()
      run(name, [[
        for _, seconds in ipairs { DAY, -DAY } do
          local id = "to." .. seconds
          set_ahead(0)
          receive(id)
          set_ahead(seconds)
          local claimed = box:claim(1, 600)
          assert(claimed[1].id == id)
          set_ahead(-seconds)
          assert(box:recover { 5 } == 0)
          assert(box:extend(claimed, 600)[1])
          set_ahead(seconds)
          claimed[1].state, claimed[1].wait = "ready", 300
          assert(box:finish(claimed)[1])
          set_ahead(-seconds)
          assert(box:recover { 5 } == 0 and #box:claim(1, 600) == 0)
          assert(is_about(300, box:next_in()))
          assert(box:run { id = id })
          claimed = box:claim(1, 600)
          assert(claimed[1].attempt == 2)
          set_ahead(seconds)
          claimed[1].state = "done"
          assert(box:finish(claimed)[1])
        end
      ]])
    end)
  end
end)
