local uuid = require "marketplace.uuid"

describe("marketplace.uuid", function()
  it("is of version 4 and of the standard's variant, whatever the random bytes", function()
    for digit, variant in pairs { ["0"] = "8", ["1"] = "9", ["2"] = "a", ["7"] = "b", a = "a", f = "b" } do
      assert.equal("01234567-89ab-4def-" .. variant .. "123-456789abcdef", uuid.new(function(bytes)
        assert.equal(16, bytes)
        return "0123456789abcdef" .. digit .. "123456789abcdef"
      end))
    end
  end)

  it("is random", function()
    assert.equal(36, #uuid.new())
    assert.not_equal(uuid.new(), uuid.new())
  end)
end)
