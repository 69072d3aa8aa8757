local traceparent = require "marketplace.traceparent"

local TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
local HEADER = ("00-%s-%s-01"):format(TRACE, SPAN)

describe("marketplace.traceparent", function()
  it("passes on what is well formed, as it is", function()
    assert.equal(HEADER, traceparent.checked(HEADER))
    assert.equal("01-" .. HEADER:sub(4) .. "-00", traceparent.checked("01-" .. HEADER:sub(4) .. "-00"))
  end)

  it("ignores what the specification has ignored", function()
    for _, value in ipairs {
      "", "00", HEADER:upper(), HEADER .. "-00", "ff" .. HEADER:sub(3), "01" .. HEADER:sub(3) .. "00",
      (HEADER:gsub(TRACE, ("0"):rep(32))), (HEADER:gsub(SPAN, ("0"):rep(16))), (HEADER:gsub("01$", "1")),
      (HEADER:gsub("0af", "0a")), HEADER .. "\n", " " .. HEADER, { HEADER, HEADER }, 5,
      "01" .. HEADER:sub(3) .. "-" .. ("0"):rep(600),
    } do
      assert.is_nil(traceparent.checked(value), tostring(value))
    end
    assert.is_nil(traceparent.checked(nil))
  end)

  it("makes a span of its own in the same trace, with its flags, as version 00", function()
    local function random(bytes) return ("c"):rep(2 * bytes) end
    assert.equal("00-" .. TRACE .. "-cccccccccccccccc-00",
      traceparent.child(("01-%s-%s-00-aa"):format(TRACE, SPAN), random))
    assert.is_nil(traceparent.child(nil))
    assert.is_nil(traceparent.child "made up")
    assert.not_equal(traceparent.child(HEADER), traceparent.child(HEADER))
  end)
end)
