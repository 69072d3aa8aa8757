local cjson = require "cjson"
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

  it("writes numbers of bytes for people, and rounds none up", function()
    for given, expected in pairs {
      [0] = "0 B", [999] = "999 B", [999.9] = "999 B", [1000] = "1.00 kB", [1999] = "1.99 kB", [12345] = "12.3 kB",
      [999999] = "999 kB", [2300000] = "2.30 MB", [2.8125e9] = "2.81 GB", [79e9] = "79.0 GB", [5e15] = "5.00 PB",
      [5e18] = "5000 PB",
    } do
      assert.equal(expected, text.bytes(given))
      assert.equal(expected, comma.run(function() return text.bytes(given) end))
    end
  end)

  it("makes one line of several", function()
    assert.equal("a | b | ", text.one_line "a \n\n\t b\r\n ")
  end)

  it("makes UTF-8 of anything", function()
    assert.equal("\195\164", text.utf8 "\195\164")
    assert.equal("a\\xc3", text.utf8 "a\195")
  end)

  -- the first and the last of each range, and their neighbours
  local STEERING = {
    ["\0"] = "\\x00", ["\27"] = "\\x1b", ["\31"] = "\\x1f", ["\127"] = "\\x7f",
    ["\194\128"] = "\\u0080", ["\194\155"] = "\\u009b", ["\194\159"] = "\\u009f", ["\216\156"] = "\\u061c",
    ["\226\128\142"] = "\\u200e", ["\226\128\143"] = "\\u200f", ["\226\128\168"] = "\\u2028",
    ["\226\128\170"] = "\\u202a", ["\226\128\174"] = "\\u202e", ["\226\129\166"] = "\\u2066",
    ["\226\129\169"] = "\\u2069", ["\155"] = "\\x9b",
  }
  local HARMLESS = {
    " ", "~", "\194\160", "\216\155", "\216\157", "\226\128\141", "\226\128\144", "\226\128\167", "\226\128\175",
    "\226\129\165", "\226\129\170", "\227\128\130", "\240\159\146\169",
  }

  it("escapes what steers a terminal: control, C1 and bidi characters", function()
    for given, expected in pairs(STEERING) do
      assert.equal("a" .. expected .. "b" .. expected, text.safe("a" .. given .. "b" .. given))
      assert.equal("a\n\t" .. expected, text.safe_lines("a\n\t" .. given))
    end
    for _, given in ipairs(HARMLESS) do
      assert.equal(given, text.safe(given))
      assert.equal(given, text.safe_lines(given))
    end
    assert.equal("\\x0a\\x09\\x0d", text.safe "\n\t\r")
    assert.equal("\n\t\\x0d", text.safe_lines "\n\t\r")
    assert.equal("12", text.safe(12))
  end)

  it("writes JSON that steers no terminal and is the same JSON", function()
    for given, expected in pairs(STEERING) do
      if expected:sub(1, 2) == "\\u" then
        local document = '{"' .. given .. '":"x' .. given .. '"}'
        assert.equal(('{"%s":"x%s"}'):format(expected, expected), text.safe_json(document))
        assert.same(cjson.decode(document), cjson.decode(text.safe_json(document)))
      end
    end
    for _, given in ipairs(HARMLESS) do assert.equal('["' .. given .. '"]', text.safe_json('["' .. given .. '"]')) end
  end)

  it("cuts without halving a character", function()
    assert.equal("abc", text.cut("abc", 3))
    assert.equal("ab", text.cut("abc", 2))
    assert.equal("a", text.cut("a\226\130\172", 3))
    assert.equal("", text.cut("abc", 0))
    assert.equal("a\226\130\172", text.cut("a\226\130\172", 4))
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
    assert.equal("a (hidden)", text.hide("a s%cre", { "s%cret" }))
    assert.equal("(hidden)", text.hide("s%cr", { "s%cret" }))
    assert.equal("(hidden)a(hidden)b(hidden)", text.hide("s%cretas%cretbs%cret", { "s%cret" }))
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
