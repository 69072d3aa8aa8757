local options = require "marketplace.options"

local KNOWN = { size = "number", name = "!string|table" }

local function problem_of(given)
  local function public() options.check("thing.new", given, KNOWN) end
  local ok, message = pcall(public)
  return not ok and message
end

describe("marketplace.options", function()
  it("takes what is known", function()
    assert.is_false(problem_of { name = "x", size = 1 })
    assert.is_false(problem_of { name = {} })
  end)

  it("puts options of another function before a function's own", function()
    assert.same({ a = "string", b = "table", c = "!number" },
      options.extend({ a = "string", b = "!table" }, { b = "table", c = "!number" }))
  end)

  it("names an unknown option and the known ones", function()
    assert.matches("thing.new: unknown option 'nmae'; known: name, size", problem_of { name = "x", nmae = "x" })
    assert.matches("unknown option '1'", problem_of { "x", name = "x" })
  end)

  it("names a wrong type and a missing option", function()
    assert.matches("option 'size' must be a number, not a string", problem_of { name = "x", size = "1" })
    assert.matches("option 'name' must be a string or a table, not a number", problem_of { name = 1 })
    assert.matches("option 'name' is missing", problem_of {})
    assert.matches("a table of options is expected, not a nil", problem_of(nil))
  end)
end)
