local history = require "marketplace.inbox.history"

local function entry(identity, more)
  local made = { identity = identity, key = identity, digest = "digest of " .. identity, received_at = 1 }
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

describe("marketplace.inbox.history", function()
  it("finds what was added, and forgets the oldest when it is full", function()
    local past = history.new(2)
    past:add(entry("a", { type = "T", event = "e", app_id = "x", time = 3.5, scope = "s", verified_by = "f" }), 1)
    assert.same({ identity = "a", key = "a", digest = "digest of a", received_at = 1, type = "T", event = "e",
      app_id = "x", time = 3.5, scope = "s", verified_by = "f", state = "done", at = 1 }, past:get "a")
    past:add(entry "b", 2)
    past:add(entry "c", 3)
    assert.is_nil(past:get "a")
    assert.is_nil(past:digest "a")
    assert.equal("digest of b", past:digest "b")
    assert.same({ identity = "c", key = "c", digest = "digest of c", received_at = 1, state = "done", at = 3 },
      past:get "c")
    assert.equal(2, past.count)
  end)

  it("prunes by time and goes on", function()
    local past = history.new(3)
    for i, name in ipairs { "a", "b", "c" } do past:add(entry(name), i) end
    assert.equal(2, past:prune(3))
    assert.equal(1, past.count)
    assert.is_nil(past:get "b")
    past:add(entry "d", 4)
    past:add(entry "e", 5)
    local seen = {}
    past:each(function(one) seen[#seen + 1] = one.identity end)
    table.sort(seen)
    assert.same({ "c", "d", "e" }, seen)
  end)

  it("does not forget what came once more when its old place is overwritten", function()
    local past = history.new(3)
    past:add(entry("a", { digest = "1" }), 1)
    assert.equal(1, past:prune(2))
    past:add(entry "b", 2)
    past:add(entry("a", { digest = "2" }), 3)
    past:add(entry "c", 4)
    assert.equal("2", past:digest "a")
    assert.equal(3, past.count)
  end)

  it("finds an app's events that were later than a time", function()
    local past = history.new(9)
    past:add(entry("a", { app_id = "x", time = 1 }), 1)
    past:add(entry("b", { app_id = "x", time = 2 }), 1)
    past:add(entry("c", { app_id = "y", time = 2 }), 1)
    past:add(entry("d", { app_id = "x" }), 1)
    local seen = {}
    past:each_later("x", 1, function(one) seen[#seen + 1] = one.identity end)
    assert.same({ "b" }, seen)
  end)
end)
