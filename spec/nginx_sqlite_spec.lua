-- How marketplace.nginx.sqlite uses nginx's threads, in an imitated nginx.
local imitated_nginx = require "support.imitated_nginx"
local is_held = require("marketplace.sqlite").is_held
local shell = require "support.shell"

describe("marketplace.nginx.sqlite", function()
  local nginx, sqlite, asked, answers, configured, logged, worker

  -- Each call of a thread is noted, and takes the next of the answers, {ok, answer}; the last one stays.
  before_each(function()
    nginx, asked, configured, logged, worker = imitated_nginx.install(), {}, "--with-threads", {}, 0
    answers = { { true, { result = "result" } } }
    local ngx = nginx.ngx
    ngx.config = { nginx_configure = function() return "configure arguments: " .. configured end }
    ngx.worker.id = function() return worker end
    ngx.thread = {
      spawn = function(task) return task end,
      kill = function() asked[#asked].is_killed = true end,
    }
    ngx.run_worker_thread = function(...)
      asked[#asked + 1] = { ... }
      local answer = #answers > 1 and table.remove(answers, 1) or answers[1]
      return answer[1], answer[2]
    end
    sqlite = nginx.require "marketplace.nginx.sqlite"
  end)

  after_each(function() nginx:remove() end)

  local function warn(message) logged[#logged + 1] = message end

  -- What a method returns, in a light thread; when it returned, in seconds.
  local function call(box, method, ...)
    local results, at
    nginx:spawn(function(...)
      results = { box[method](box, ...) }
      at = nginx.now - 1000
    end, ...)
    nginx:advance(10)
    return results, at
  end

  it("calls methods in a thread of the pool that it is told, or of its own", function()
    assert.same({ "result" }, (call(assert(sqlite.open("/a.db", { clock = function() return 3 end })), "later", 5, 7)))
    assert.same({ "marketplace", "marketplace.nginx.sqlite_thread", "call", "/a.db", false, 3, "later", 5, 7,
      is_killed = true }, asked[1])
    call(assert(sqlite.open("/a.db", { thread_pool = "other", must_exist = true })), "backlog")
    assert.same({ "other", true }, { asked[2][1], asked[2][5] })
  end)

  it("does not make a file anew that it has used", function()
    local box = assert(sqlite.open "/a.db")
    answers = { { true, { message = "no such folder", code = "inbox_unavailable" } }, { true, { result = 1 } } }
    assert.same({ nil, "no such folder", "inbox_unavailable" }, (call(box, "backlog")))
    for _ = 1, 2 do call(box, "backlog") end
    assert.same({ false, false, true }, { asked[1][5], asked[2][5], asked[3][5] })
  end)

  it("waits five seconds for a thread that is not busy", function()
    answers = { { false, "no available Lua vm" }, { false, "no available Lua vm" }, { true, { result = 1 } } }
    local results, at = call(assert(sqlite.open "/a.db"), "backlog")
    assert.same({ 1 }, results)
    assert.is_true(math.abs(at - 0.01) < 1e-6)
    answers = { { false, "no available Lua vm" } }
    results, at = call(assert(sqlite.open "/a.db"), "backlog")
    assert.same({ nil, "sqlite:/a.db: all of its threads are busy", "inbox_unavailable" }, results)
    assert.is_true(math.abs(at - 15) < 0.01)
  end)

  it("says why a thread cannot run, and what to write if there is no such pool", function()
    local box = assert(sqlite.open("/a.db", { thread_pool = "other" }))
    answers = { { false, "a mistake" } }
    assert.same({ nil, "sqlite:/a.db: a mistake", "inbox_unavailable" }, (call(box, "backlog")))
    answers = { { false, "thread pool other not found" } }
    assert.same({ nil, "sqlite:/a.db: nginx has no thread pool 'other': write thread_pool other threads=4; at the " ..
      "top of its configuration", "inbox_unavailable" }, (call(box, "backlog")))
  end)

  describe("claims", function()
    local folder, box

    before_each(function()
      folder = shell.run "mktemp -d"
      box = assert(sqlite.open(folder .. "/a.db", { warn = warn }))
    end)

    after_each(function()
      box:close()
      shell.run("rm -rf " .. folder)
    end)

    -- The number that the thread is given.
    local function claim()
      local results = call(box, "claim", 5, 7)
      local last = asked[#asked]
      assert.same({ "claim", 5, 7 }, { last[7], last[8], last[9] })
      return last[10], results
    end

    it("for a holder that this process has, until the inbox is closed", function()
      assert.is_nil((is_held(folder .. "/a.db-holders", 1)))
      local holder, results = claim()
      assert.same({ "result" }, results)
      assert.is_true(is_held(folder .. "/a.db-holders", holder))
      assert.equal(holder, (claim()))
      box:close()
      assert.is_false(is_held(folder .. "/a.db-holders", holder))
      assert.same({}, logged)
    end)

    it("for another one once a claim has failed, which may have been committed", function()
      answers = { { false, "a mistake" }, { true, { result = 1 } } }
      local first = claim()
      assert.is_false(is_held(folder .. "/a.db-holders", first))
      assert.not_equal(first, (claim()))
    end)

    it("for none if there can be none, which it warns of once", function()
      shell.run("rm -r " .. folder)
      for _ = 1, 2 do assert.is_false((claim())) end
      assert.equal(1, #logged)
      assert.matches("^/.*a.db%-holders: it cannot be opened: No such file or directory: what a",
        logged[1])
      shell.run("mkdir " .. folder)
    end)
  end)

  it("warns once of what its threads warn of, in one worker", function()
    answers = { { true, { result = 1, warnings = { "others can read it", "it is old" } } } }
    worker = 1
    assert.same({ 1 }, (call(assert(sqlite.open("/a.db", { warn = warn })), "backlog")))
    assert.same({}, logged)
    worker = 0
    local box = assert(sqlite.open("/a.db", { warn = warn }))
    for _ = 1, 2 do assert.same({ 1 }, (call(box, "backlog"))) end
    assert.same({ "others can read it", "it is old" }, logged)
  end)

  it("does nothing once it is closed", function()
    local box = assert(sqlite.open "/a.db")
    box:close()
    assert.same({ nil, "the inbox is closed", "inbox_unavailable" }, (call(box, "backlog")))
    assert.same({}, asked)
  end)

  it("says what it takes if nginx has no threads", function()
    configured = "--with-http"
    local box, message, code = sqlite.open "/a.db"
    assert.is_nil(box)
    assert.equal("inbox_unavailable", code)
    assert.matches("cannot run Lua in threads, which needs nginx --with-threads", message, 1, true)
    configured = "--with-threads"
    assert.is_true(sqlite.supported())
    nginx.ngx.run_worker_thread = nil
    assert.is_false((sqlite.supported()))
  end)
end)
