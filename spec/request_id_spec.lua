local core = require "marketplace.core"
local request_id = require "marketplace.request_id"

describe("marketplace.request_id", function()
  it("takes a word as another system's id, and nothing else", function()
    for _, id in ipairs { "a", "7f3a9c-1", "Root=1-67891233-abcdef012345678912345678", ("x"):rep(128) } do
      assert.equal(id, request_id.checked(id))
    end
    for _, value in ipairs { "", "a b", "a\r\nb", "a\27b", "\195\164", ("x"):rep(129), "a,b", { "a", "b" }, 5 } do
      assert.is_nil(request_id.checked(value))
    end
  end)

  it("makes ids that differ, in a fork, too", function()
    local one, other = request_id.new(), request_id.new()
    assert.not_equal(one, other)
    local here = core.process_id()
    local forked = stub(core, "process_id", function() return here + 1 end)
    local third = request_id.new()
    forked:revert()
    assert.not_equal(one:match "^%x+", third:match "^%x+")
    assert.equal(third, request_id.checked(third))
  end)
end)
