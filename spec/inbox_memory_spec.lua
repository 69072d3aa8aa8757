local contract = require "support.inbox_contract"
local inbox = require "marketplace.inbox"
local memory = require "marketplace.inbox.memory"
local shell = require "support.shell"

local function record(i)
  return { key = "k" .. i, digest = "d" .. i, type = "T", event = "other", body = "b" }
end

local function finish_all(box)
  local claimed = box:claim(1000, 60)
  for _, item in ipairs(claimed) do item.state = "done" end
  box:finish(claimed)
end

describe("the memory inbox", function()
  describe("as every inbox", function()
    contract({ describe = describe, it = it, before_each = before_each, after_each = after_each }, function(clock)
      return memory.new { clock = clock }
    end)
  end)

  describe("whose lanes are made anew before each step, as after one that memory cut off,", function()
    contract({ describe = describe, it = it, before_each = before_each, after_each = after_each }, function(clock)
      local box = memory.new { clock = clock }
      return setmetatable({}, { __index = function(_, name)
        return function(_, ...)
          box.is_torn = true
          return box[name](box, ...)
        end
      end })
    end)
  end)

  it("refuses an endless limit and one that is no number", function()
    for _, limit in ipairs { math.huge, 0 / 0 } do
      assert.error_matches(function() memory.new():list { limit = limit } end, "'limit' must be a whole number")
    end
  end)

  it("is full at its capacity, stores nothing then, and recovers", function()
    local box = memory.new { capacity = 2 }
    assert.same({ "stored" }, box:put { record(1) })
    local outcomes, message, code = box:put { record(2), record(3) }
    assert.is_nil(outcomes)
    assert.matches("full", message)
    assert.equal("inbox_unavailable", code)
    assert.equal(1, box:counts().ready)
    finish_all(box)
    assert.is_true(box:probe())
    assert.same({ "stored", "stored" }, box:put { record(2), record(3) })
    assert.same({ nil, "the memory inbox is full: it holds 2 notifications", "inbox_unavailable" }, { box:probe() })
  end)

  it("remembers as many done ones as it was told", function()
    local box = memory.new { keep_done = 2 }
    box:put { record(1), record(2), record(3) }
    finish_all(box)
    assert.equal(2, box:counts().done)
    assert.same({ "stored", "duplicate", "duplicate" }, box:put { record(1), record(2), record(3) })
  end)

  it("takes no more memory for more done notifications", function()
    local box = memory.new { keep_done = 100 }
    local function run(first, last)
      for i = first, last do
        box:put { record(i) }
        finish_all(box)
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    local before, between = run(1, 2000), run(2001, 12000)
    local after = run(12001, 22000)
    -- a string kept of each would be 400 KiB; Lua's own table of strings may double, but not twice in a row
    assert.is_true(math.min(between - before, after - between) < 256, "it grew by more than 256 KiB twice")
  end)

  it("has another id than another one", function()
    assert.not_equal(memory.new():id(), memory.new():id())
  end)

  it("refuses an option that it does not know", function()
    assert.is_false((pcall(memory.new, { capacty = 1 })))
    for _, value in ipairs { 0, -1, 1.5, 0 / 0 } do
      assert.is_false((pcall(memory.new, { keep_done = value })))
      assert.is_false((pcall(memory.new, { capacity = value })))
    end
  end)
end)

describe("marketplace.inbox.open", function()
  it("blames its caller for a filter that makes no sense, as the SQLite inbox does", function()
    local folder = shell.run "mktemp -d"
    finally(function() shell.run("rm -rf " .. folder) end)
    for _, url in ipairs { "memory", ("sqlite:%s/inbox.db"):format(folder) } do
      local box = inbox.open(url)
      for _, call in ipairs {
        function() local _ = box:list { ap = "a" } end, function() local _ = box:list { limit = -1 } end,
        function() local _ = box:replay { ap = "a" } end, function() local _ = box:replay { limit = -1 } end,
        function() local _ = box:replay { state = "done" } end,
      } do
        local _, problem = pcall(call)
        assert.matches("^%S*inbox_memory_spec%.lua:%d+: inbox:", problem)
      end
      box:close()
    end
  end)

  it("opens what is named", function()
    assert.same({ "stored" }, inbox.open("memory"):put { record(1) })
  end)

  it("tells which kinds there are", function()
    assert.matches("has no path", select(2, inbox.open "memory:x"))
    assert.is_nil(select(2, inbox.open "Postgres:host=x password=pw"):find("pw", 1, true))
    for _, url in ipairs { "", "paper", "paper:x", ":" } do
      local box, message, code = inbox.open(url)
      assert.is_nil(box)
      assert.matches("known: memory", message)
      assert.equal("inbox_unavailable", code)
    end
  end)

  it("shows no password, even if the colon was forgotten", function()
    assert.is_nil(select(2, inbox.open "host=db password=hunter2"):find("hunter2", 1, true))
  end)

  it("refuses a setting that it does not know, whatever the kind", function()
    for _, url in ipairs { "memory", "sqlite:/nowhere/at/all.db", "paper:x" } do
      local ok, problem = pcall(inbox.open, url, { must_exst = true })
      assert.is_false(ok)
      assert.matches("marketplace.inbox: unknown option 'must_exst'", problem)
    end
  end)
end)
