local history = require "marketplace.inbox.history"

describe("marketplace.inbox.history", function()
  it("finds what was added, and forgets the oldest when it is full", function()
    local h = history.new(3)
    for i = 1, 4 do h:add("id" .. i, "digest" .. i, i) end
    assert.is_nil(h:find "id1")
    for i = 2, 4 do
      local digest, at = h:find("id" .. i)
      assert.equal("digest" .. i, digest)
      assert.equal(i, at)
    end
    assert.equal(3, h.count)
  end)

  it("prunes by time and goes on", function()
    local h = history.new(3)
    for i = 1, 3 do h:add("id" .. i, "digest", i) end
    assert.equal(2, h:prune(3))
    assert.equal(1, h.count)
    for i = 4, 6 do h:add("id" .. i, "digest", i) end
    local seen = {}
    h:each(function(identity) seen[#seen + 1] = identity end)
    table.sort(seen)
    assert.same({ "id4", "id5", "id6" }, seen)
    assert.equal(3, h.count)
  end)

  it("does not forget what came once more when its old place is overwritten", function()
    local h = history.new(3)
    h:add("a", "1", 1)
    assert.equal(1, h:prune(2))
    h:add("b", "1", 2)
    h:add("a", "2", 3)
    h:add("c", "1", 4)
    assert.equal("2", (h:find "a"))
    assert.equal(3, h.count)
  end)
end)
