local comma = require "support.comma"
local text = require "marketplace.text"

describe("marketplace.text", function()
  it("trims", function()
    for given, expected in pairs { [""] = "", ["  "] = "", ["a"] = "a", [" a b\n"] = "a b", ["\t\na"] = "a" } do
      assert.equal(expected, text.trim(given))
    end
    assert.equal(" a\nb", text.trim_end " a\nb \n\t")
    assert.equal("", text.trim_end " \n")
  end)

  it("writes and reads numbers as other programs do, whatever the locale", function()
    for given, expected in pairs { [0.5] = "0.5", [1780000000.25] = "1780000000.25", [3] = "3", [-2] = "-2" } do
      assert.equal(expected, text.number(given))
      assert.equal(expected, comma.run(function() return text.number(given) end))
      assert.equal(given, text.to_number(expected))
    end
    assert.is_nil(text.to_number "x")
    assert.is_nil(text.to_number "")
    assert.is_nil(text.to_number(nil))
  end)

  it("makes one line of several", function()
    assert.equal("a | b | ", text.one_line "a \n\n\t b\r\n ")
  end)

  it("makes UTF-8 of anything", function()
    assert.equal("\195\164", text.utf8 "\195\164")
    assert.equal("a\\xc3", text.utf8 "a\195")
  end)

  it("cuts without halving a character", function()
    assert.equal("abc", text.cut("abc", 3))
    assert.equal("ab", text.cut("abc", 2))
    assert.equal("a", text.cut("a\226\130\172", 3))
    assert.equal("", text.cut("abc", 0))
  end)

  it("makes one word of a shell's command line of anything", function()
    for given, expected in pairs { ["a-b"] = "a-b", [""] = "''", ["a b"] = "'a b'", ["it's $x"] = [['it'\''s $x']] } do
      assert.equal(expected, text.shell_word(given))
    end
  end)

  it("hides secrets, whole or cut off", function()
    assert.equal("a (hidden)(hidden) b", text.hide("a s%cret+s%cret b", { "s%cret", "", "s%cret+" }))
    assert.equal("a (hidden)", text.hide("a s%cr", { "s%cret" }))
    assert.equal("a s%c", text.hide("a s%c", { "s%cret" }))
    assert.equal("a", text.hide("a"))
  end)

  -- what takes the square of these lengths takes minutes
  it("takes a time that grows with the length only", function()
    local long = "x" .. (" \t"):rep(200000) .. "x"
    assert.equal(long, text.trim(long))
    assert.equal(long, text.trim_end(long))
    assert.equal(long, text.one_line(long))
    local blank = (" "):rep(400000)
    assert.equal("", text.trim(blank))
    assert.equal("", text.trim_end(blank))
    assert.equal("", text.one_line(blank))
  end)
end)
