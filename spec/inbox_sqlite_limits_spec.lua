local inbox = require "marketplace.inbox"
local limits = require "marketplace.inbox.sqlite.limits"
local record = require("support.shared_inbox").record
local shell = require "support.shell"
local sqlite = require "marketplace.sqlite"

describe("the SQLite inbox, beyond its limits,", function()
  local folder, path, box, now, usual

  before_each(function()
    folder, now, usual = shell.run "mktemp -d", 1000, {}
    for name, limit in pairs(limits) do usual[name] = limit end
    limits.placed, limits.placed_further, limits.recovered, limits.slices, limits.seen = 2, 2, 2, 2, 2
    path = folder .. "/inbox.db"
    box = assert(inbox.open("sqlite:" .. path, { clock = function() return now end }))
  end)

  after_each(function()
    box:close()
    for name, limit in pairs(usual) do limits[name] = limit end
    shell.run("rm -rf " .. folder)
  end)

  local function of_one_app(count)
    local records = {}
    for i = 1, count do records[i] = record("one" .. i, { app_id = "one" }) end
    return records
  end

  it("claims nothing of many that wait, and in the end what is behind them", function()
    box:put(of_one_app(1))
    assert.equal(1, #box:claim(1, 60))
    box:put(of_one_app(10))
    box:put { record("other", { app_id = "other" }) }
    for _ = 1, 2 do
      assert.same({}, box:claim(2, 60))
      assert.equal(0, box:next_in())
    end
    assert.equal("other", box:claim(2, 60)[1].id)
    assert.same({}, box:claim(2, 60))
    assert.equal(60, box:next_in())
  end)

  it("corrects the times of some, and in the end of all", function()
    box:put(of_one_app(10))
    now = 500
    local calls = 0
    while box:next_in() == 0 and not box:claim(1, 60)[1] do
      assert.equal(0, box:recover { 5 })
      calls = calls + 1
    end
    assert.is_true(calls > 1)
    assert.equal(500, box:get("one1").received_at)
  end)

  it("releases some of those whose leases have ended, and in the end all", function()
    local records = {}
    for i = 1, 10 do records[i] = record("k" .. i, { app_id = "app " .. i }) end
    box:put(records)
    local claimed = 0
    while claimed < 10 do claimed = claimed + #box:claim(10, 60) end
    now = now + 60
    local released = {}
    while box:next_in() == 0 and box:counts().leased > 0 do released[#released + 1] = box:recover { 5 } end
    assert.same({ 4, 4, 2 }, released)
    assert.equal(10, box:counts().ready)
  end)

  it("lists by any number of filters", function()
    box:put(of_one_app(1))
    local names = { "code", "type", "event", "app_id", "received_before", "received_since", "verified_by", "state" }
    local value = { received_before = 1, received_since = 1, state = "dead" }
    for combination = 0, 2 ^ #names - 1 do
      local filter, rest = {}, combination
      for _, name in ipairs(names) do
        filter[name] = rest % 2 == 1 and (value[name] or "x") or nil
        rest = math.floor(rest / 2)
      end
      for _, limit in ipairs { 0, 5 } do
        for _, newest in ipairs { true, false } do
          filter.limit, filter.newest = limit > 0 and limit or nil, newest
          assert.is_table(box:list(filter))
        end
      end
    end
  end)

  it("warns of a log that a reader keeps SQLite from writing back, and again after it was small", function()
    local warnings = {}
    limits.log_bytes, limits.commits = 2 ^ 20, 3
    local watched = assert(inbox.open("sqlite:" .. path, { warn = function(message)
      warnings[#warnings + 1] = message
    end }))
    local reader = assert(sqlite.open { path = path })
    local function execute(statement) return assert(reader:run(assert(reader:prepare(statement)))) end
    local count = 0
    local function put(bytes)
      for _ = 1, 6 do
        count = count + 1
        watched:put { record("k" .. count, { body = ("x"):rep(bytes) }) }
      end
    end
    local function write_back() execute "PRAGMA wal_checkpoint(TRUNCATE)" end
    put(1000)
    assert.same({}, warnings)
    execute "BEGIN"
    execute "SELECT count(*) FROM inbox"
    for _ = 1, 2 do put(2 ^ 20) end
    assert.equal(1, #warnings)
    assert.matches("inbox%.db%-wal is larger than 1 MiB, and grows: a program .* `fuser %-v .*inbox%.db` names",
      warnings[1])
    execute "COMMIT"
    write_back()
    put(1000)
    put(2 ^ 20)
    assert.equal(2, #warnings)
    reader:close()
    watched:close()
  end)
end)
