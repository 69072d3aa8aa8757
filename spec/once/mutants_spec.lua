-- The small faults that `make mutate` makes.
package.path = "tools/?.lua;" .. package.path
local mutants = require "mutants"

-- What becomes of the text, by kind, sorted.
local function broken(text, language, kind)
  local list = {}
  for _, edits in ipairs(mutants.find(text, language)[kind]) do list[#list + 1] = mutants.apply(text, edits) end
  table.sort(list)
  return list
end

describe("a mutant of Lua", function()
  it("compares otherwise", function()
    assert.same({ "return a <= b == c", "return a < b ~= c" }, { broken("return a < b == c", "lua", "comparison")[2],
      broken("return a < b == c", "lua", "comparison")[1] })
  end)

  it("has a condition negated, or another connective", function()
    assert.same({ "if not (a == (b)) then c() end" }, broken("if a == (b) then c() end", "lua", "negation"))
    assert.same({ "return a or b" }, broken("return a and b", "lua", "logic"))
  end)

  it("has a constant that is one more or less", function()
    assert.same({ "return 1 + 0x10", "return 0 + 15", "return 0 + 17" }, (function()
      local list = broken("return 0 + 0x10", "lua", "constant")
      return { list[3], list[1], list[2] }
    end)())
    assert.same({}, broken("return '1' .. [[2]] -- 3", "lua", "constant"))
  end)

  it("has two arguments swapped, not two parameters", function()
    assert.same({ "f(b, a, g(c))", "f(a, g(c), b)" }, (function()
      local list = broken("f(a, b, g(c))", "lua", "arguments")
      return { list[2], list[1] }
    end)())
    assert.same({}, broken("local function f(a, b) end function x.f:g(a, b) end f(a, a)", "lua", "arguments"))
  end)

  it("lacks a statement", function()
    assert.same({ "local a = 1\n\nf(a)", "local a = 1\na = 2\n" },
      broken("local a = 1\na = 2\nf(a)", "lua", "statement"))
  end)

  it("has a function that returns at once", function()
    assert.same({ "local function f(a) do return end return a end" },
      broken("local function f(a) return a end", "lua", "early return"))
  end)
end)

describe("a mutant of C", function()
  local SOURCE = '#include <a.h>\nstatic int f(int a, int b) {\n  /* 1 < 2 */\n  if (a > b) g(a, "x, 7");\n' ..
    "  return 3;\n}\n"

  it("is broken in its code, and not in comments, strings and headers", function()
    assert.same({ "void g(void) { memcmp(a, 3, b); }" }, (function()
      return { broken("void g(void) { memcmp(a, b, 3); }", "c", "arguments")[1] }
    end)())
    for kind, expected in pairs {
      comparison = { "a >= b" }, negation = { "if (!(a > b))" }, constant = { "return 2;", "return 4;" },
      arguments = { 'g("x, 7", a)' }, ["early return"] = { "{ return 0;", "{ return;" }, logic = {},
    } do
      local list = broken(SOURCE, "c", kind)
      assert.equal(#expected, #list, kind)
      for i, text in ipairs(list) do assert.is_truthy(text:find(expected[i], 1, true), text) end
    end
    assert.equal(2, #broken(SOURCE, "c", "statement"))
  end)
end)
