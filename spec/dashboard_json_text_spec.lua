local json = require "marketplace.json"
local json_text = require "marketplace.dashboard.json_text"

describe("marketplace.dashboard.json_text", function()
  local function pretty(source, most) return (json_text.pretty(source, most or 1000)) end

  it("lays JSON out, and changes nothing else of it", function()
    assert.equal('{\n  "a": [\n    1.50,\n    -2e5,\n    "x,{}: \\"\\u0041"\n  ],\n  "a": {},\n  "b": []\n}',
      pretty ' {"a" :[1.50 ,-2e5,"x,{}: \\"\\u0041"], "a":{ },"b":[\n]}\n')
    assert.equal('"x"', pretty '"x"')
    assert.equal("null", pretty " null ")
    assert.equal("", pretty "  ")
  end)

  it("gives the same document", function()
    local source = '{"a":[1,{"b":[[]],"c":"\\\\"},null,true],"d":{"e":{"f":"\\n:,"}}}'
    assert.same(json.decode(source), json.decode(pretty(source)))
  end)

  it("comes to an end with what is no JSON, or was cut off", function()
    for _, source in ipairs { '"', '"\\', '{"a', "}}}]", "[", "\0\255", "a b", '{"a":"\\"' } do
      assert.is_string(pretty(source))
    end
  end)

  it("is bounded, however deep it goes", function()
    local shown, is_whole = json_text.pretty(("["):rep(100000), 5000)
    assert.is_false(is_whole)
    assert.is_true(#shown < 5100)
    assert.is_true(select(2, json_text.pretty("[1]", 100)))
  end)
end)
