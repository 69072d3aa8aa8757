--- What an inbox on a server of its own must do beyond the contract, as specs: specs(busted, given), where busted has
--- its `it`, and given {told, server(), open(settings), open_empty(settings)}; told is a pattern of what is said while
--- the server is gone, server() has kill and start.
local assert = require "luassert"
local comma = require "support.comma"
local expect_unavailable = require "support.unavailable"
local once_available = require "support.once_available"

local shared_inbox = {}

function shared_inbox.record(key, more)
  local made = { key = key, digest = "digest of " .. key, type = "T", event = "other", app_id = key, body = "{}" }
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

local record = shared_inbox.record

-- Calls of all methods but close, as functions of an inbox.
local CALLS = {
  function(box) return box:put { record "c" } end,
  function(box) return box:probe() end,
  function(box) return box:recover { 5 } end,
  function(box) return box:claim(1, 60) end,
  function(box) return box:finish { { id = "a", token = 1, state = "done" } } end,
  function(box) return box:extend({ { id = "a", token = 1 } }, 60) end,
  function(box) return box:counts() end,
  function(box) return box:backlog() end,
  function(box) return box:next_in() end,
  function(box) return box:later("a", 1) end,
  function(box) return box:list() end,
  function(box) return box:count({}, 10) end,
  function(box) return box:apps() end,
  function(box) return box:get "a" end,
  function(box) return box:replay() end,
  function(box) return box:run { id = "a" } end,
  function(box) return box:cancel({ id = "a" }, "not wanted") end,
  function(box) return box:oldest_done() end,
  function(box) return box:forget({ bodies = 1, ids = 1 }, 1) end,
  function(box) return box:id() end,
}

function shared_inbox.specs(busted, given)
  local it = busted.it

  it("is shared: what one stores another claims, and neither claims what the other has", function()
    local one, other = given.open_empty(), given.open()
    one:put { record "a", record "b" }
    assert.equal("a", one:claim(1, 60)[1].key)
    local claimed = other:claim(10, 60)
    assert.same({ 1, "b" }, { #claimed, claimed[1].key })
    assert.same({ "duplicate" }, other:put { record "a" })
    assert.equal(one:id(), other:id())
    one:close()
    other:close()
  end)

  it("has another id when it was lost and made anew", function()
    local lost = given.open_empty()
    local id = lost:id()
    lost:close()
    local made = given.open_empty()
    assert.not_equal(id, made:id())
    made:close()
  end)

  it("takes times with a fraction, whatever the locale", function()
    local now = 1.5
    local box = given.open_empty { clock = function() return now end }
    local function with_comma(work) return comma.run(function() return assert(work()) end) end
    assert.same({ "stored" }, with_comma(function() return box:put { record "a" } end))
    assert.equal(1.5, box:get("a").received_at)
    assert.equal(1.75, with_comma(function() now = 3.25 return box:backlog().oldest_age end))
    local claimed = with_comma(function() return box:claim(1, 0.5) end)
    assert.equal(0.5, with_comma(function() return box:next_in() end))
    claimed[1].state, claimed[1].wait = "ready", 1.25
    assert.same({ true }, with_comma(function() return box:finish(claimed) end))
    assert.equal(4.5, with_comma(function() return box:get "a" end).at)
    box:close()
  end)

  it("says so while the server is gone, and then has all that it acknowledged", function()
    local box = given.open_empty()
    assert.same({ "stored" }, box:put { record "a" })
    given.server():kill()
    for _, call in ipairs(CALLS) do expect_unavailable(given.told, call(box)) end
    given.server():start()
    assert.same({ "stored" }, once_available(function() return box:put { record "b" } end, 30))
    assert.same({ "duplicate" }, box:put { record "a" })
    assert.equal(2, #box:claim(10, 60))
    box:close()
  end)
end

return shared_inbox
