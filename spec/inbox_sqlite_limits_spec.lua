local inbox = require "marketplace.inbox"
local limits = require "marketplace.inbox.sqlite.limits"
local record = require("support.shared_inbox").record
local shell = require "support.shell"

describe("the SQLite inbox, with more to do than a call does", function()
  local folder, box, now, usual

  before_each(function()
    folder, now, usual = shell.run "mktemp -d", 1000, {}
    for name, limit in pairs(limits) do usual[name] = limit end
    limits.placed, limits.recovered, limits.slices, limits.seen = 2, 2, 2, 2
    box = assert(inbox.open("sqlite:" .. folder .. "/inbox.db", { clock = function() return now end }))
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
      assert.same({}, box:claim(10, 60))
      assert.equal(0, box:next_in())
    end
    assert.equal("other", box:claim(10, 60)[1].id)
    assert.same({}, box:claim(10, 60))
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
end)
