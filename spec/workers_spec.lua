-- Several workers on one inbox: nothing runs twice at once, and an app's notifications run in order.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local postgres_server = require "support.postgres_server"
local redis_server = require "support.redis_server"
local shell = require "support.shell"

local APPS, OF_EACH = 20, 10

describe("workers on one inbox", function()
  local folder

  before_each(function() folder = shell.run "mktemp -d" end)
  after_each(function() shell.capture("rm -rf " .. folder) end)

  local function fill(url)
    local box = assert(marketplace.inbox(url))
    local records = {}
    for number = 1, OF_EACH do
      for app = 1, APPS do
        local id = ("app%d-%d"):format(app, number)
        local body = ('{"data":{"type":"AppUnavailable","id":"%s","attributes":{"appId":"app%d"}}}'):format(id, app)
        records[#records + 1] = { key = id, digest = id, type = "AppUnavailable", event = "app_unavailable",
          app_id = "app" .. app, body = body }
      end
    end
    assert(box:put(records))
    return box
  end

  -- Each worker's first callback waits until all of them have begun one: so all take part, however fast the first is.
  local function write_handlers(count)
    local text = ([[
      local core = require "marketplace.core"
      local function lines_of(path)
        local lines = 0
        for _ in io.lines(path) do lines = lines + 1 end
        return lines
      end
      local function meet_the_others()
        local met = assert(io.open("<folder>/met", "a"))
        met:write "x\n"
        met:close()
        while lines_of "<folder>/met" < <count> do core.sleep(0.002) end
      end
      local log = assert(io.open("<folder>/log", "a"))
      log:setvbuf "line"
      local has_met = false
      return function(receiver)
        receiver:on("*", function(n)
          local started = core.monotonic()
          if not has_met then meet_the_others() end
          has_met = true
          core.sleep(0.002)
          log:write(("%s %.6f %.6f\n"):format(n.id, started, core.monotonic()))
        end)
      end
    ]]):gsub("<folder>", folder):gsub("<count>", tostring(count))
    local file = assert(io.open(folder .. "/handlers.lua", "w"))
    file:write(text)
    file:close()
  end

  local function run_workers(url, count)
    write_handlers(count)
    local box, pipes, pids = fill(url), {}, {}
    for i = 1, count do
      pipes[i], pids[i] = shell.in_background(shell.marketplace(("work %s/handlers.lua --inbox \"%s\" --json 2>&1")
        :format(folder, url)))
    end
    local stop = core.monotonic() + 60
    repeat
      core.sleep(0.02)
      assert(core.monotonic() < stop, "the workers do not come to an end")
    until assert(box:counts()).done == APPS * OF_EACH
    os.execute("kill -TERM " .. table.concat(pids, " "))
    local workers_that_ran = 0
    for _, pipe in ipairs(pipes) do
      local output = pipe:read "*a"
      pipe:close()
      assert.is_nil(output:find '"level":"error"', output)
      if output:find '"message":"done"' then workers_that_ran = workers_that_ran + 1 end
    end
    box:close()
    return workers_that_ran
  end

  local function check_log()
    local last, number_of, runs = {}, {}, 0
    local lines = {}
    for line in io.lines(folder .. "/log") do
      local app, number, started, ended = line:match "^(app%d+)%-(%d+) (%S+) (%S+)$"
      lines[#lines + 1] = { app, tonumber(number), tonumber(started), tonumber(ended) }
    end
    table.sort(lines, function(a, b) return a[3] < b[3] end)
    for _, line in ipairs(lines) do
      local app, number, started, ended = line[1], line[2], line[3], line[4]
      assert.is_true(started >= (last[app] or 0), app .. " ran twice at once")
      assert.equal((number_of[app] or 0) + 1, number)
      last[app], number_of[app], runs = ended, number, runs + 1
    end
    assert.equal(APPS * OF_EACH, runs)
  end

  for _, count in ipairs { 2, 8 } do
    it(("SQLite, %d of them"):format(count), function()
      assert.equal(count, run_workers("sqlite:" .. folder .. "/inbox.db", count))
      check_log()
    end)
  end

  for name, given in pairs { PostgreSQL = { "postgres", postgres_server }, Redis = { "redis", redis_server } } do
    describe(name .. " #full", function()
      local server
      setup(function() server = given[2].start() end)
      teardown(function() server:remove() end)

      for _, count in ipairs { 2, 8 } do
        it(("%d of them"):format(count), function()
          server:reset()
          assert.equal(count, run_workers(given[1] .. ":" .. server:words(), count))
          check_log()
        end)
      end
    end)
  end
end)
