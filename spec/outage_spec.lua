-- What marketplace.outage logs of what fails again and again.
local core = require "marketplace.core"
local outage = require "marketplace.outage"

describe("marketplace.outage", function()
  local monotonic = core.monotonic
  local now, entries, current

  before_each(function()
    now, entries = 0, {}
    core.monotonic = function() return now end
    current = outage.new({ write = function(entry) entries[#entries + 1] = entry end }, "stored again")
  end)

  after_each(function() core.monotonic = monotonic end)

  local function fail(reason) current:failed { message = "not stored", reason = reason } end

  local function logged()
    local list = {}
    for i, entry in ipairs(entries) do list[i] = entry.message .. ": " .. entry.reason end
    entries = {}
    return list
  end

  it("says nothing while all works", function()
    current:worked(5)
    assert.same({}, entries)
  end)

  it("says why at once, and again after a minute", function()
    fail "full"
    now = 59.9
    fail "locked"
    assert.same({ "not stored: full" }, logged())
    now = 60
    fail "locked"
    fail "locked"
    assert.same({ "not stored: locked" }, logged())
  end)

  it("says once that it is over, and how much failed, after a second without a failure", function()
    fail "full"
    now = 12.5
    fail "full"
    now = 13.4
    current:worked(5)
    assert.same({ "not stored: full" }, logged())
    now = 13.5
    for _ = 1, 2 do current:worked(5) end
    assert.same({ { level = "warning", message = "stored again", at = 5, reason = "2 failed within 12.5 s" } }, entries)
  end)

  it("says at once why the next one is", function()
    fail "full"
    now = 1
    current:worked(5)
    logged()
    fail "gone"
    assert.same({ "not stored: gone" }, logged())
    now = 2
    current:worked(5)
    assert.same({ "stored again: 1 failed within 0.0 s" }, logged())
  end)
end)
