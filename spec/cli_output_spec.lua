-- How the command writes results and lists, and what it checks of options.
local check = require "marketplace.cli.support.options"
local core = require "marketplace.core"
local json = require "marketplace.json"
local output = require "marketplace.cli.support.output"

describe("the command's output", function()
  local written, noted, is_terminal
  local real = { raw = output.raw, terminal = core.is_terminal, stderr = io.stderr }

  before_each(function()
    written, noted, is_terminal = {}, {}, false
    output.raw = function(bytes) written[#written + 1] = bytes end
    core.is_terminal = function(name) return name == "stdout" and is_terminal end
    rawset(io, "stderr", { write = function(_, ...) noted[#noted + 1] = table.concat { ... } end })
  end)

  after_each(function()
    output.raw, core.is_terminal = real.raw, real.terminal
    rawset(io, "stderr", real.stderr)
  end)

  local COLUMNS = { { "NAME", "name" }, { "IS", "is" }, { "DOUBLE", function(row) return row.n and row.n * 2 end } }
  local ROWS = { { name = "a", is = true, n = 1 }, { name = "longer", is = false, n = 21 }, {} }

  local function listed(options, columns, rows, for_machines)
    written = {}
    output.list(options, columns or COLUMNS, rows or ROWS, for_machines)
    return table.concat(written)
  end

  local TABLE = "NAME    IS   DOUBLE\na       yes  2\nlonger  no   42\n-       -    -\n"
  local LINES = '{"is":true,"n":1,"name":"a"}\n{"is":false,"n":21,"name":"longer"}\n{}\n'

  it("is a table on a terminal and JSON lines elsewhere, unless an option says otherwise", function()
    assert.equal(LINES, listed {})
    assert.equal(TABLE, listed { table = true })
    is_terminal = true
    assert.equal(TABLE, listed {})
    assert.equal(LINES, listed { json = true })
  end)

  it("has another object for machines if a command wants it", function()
    local function only_name(row) return { name = row.name or "nobody" } end
    assert.equal('{"name":"a"}\n{"name":"longer"}\n{"name":"nobody"}\n', listed({}, nil, nil, only_name))
    assert.equal(TABLE, listed({ table = true }, nil, nil, only_name))
  end)

  it("has a heading without a list, and no space at the end of a line", function()
    assert.equal("NAME  IS  DOUBLE\n", listed({ table = true }, nil, {}))
    assert.equal("", listed({}, nil, {}))
    assert.equal("A     B\nlong\n",
      listed({ table = true }, { { "A", "a" }, { "B", "b" } }, { { a = "long", b = " " } }))
  end)

  it("is at most 100 columns wide: what does not fit stands below its row, with its heading", function()
    local columns = { { "A", "a" }, { "B", "b" }, { "C", "c" }, { "D", "d" } }
    local wide, half = ("x"):rep(99), ("y"):rep(49)
    assert.equal("A  B  C\n1  2\n    C: " .. wide .. "\n    D: 4\n1  2\n    C: " .. wide .. "\n",
      listed({ table = true }, columns, { { a = 1, b = 2, c = wide, d = 4 }, { a = 1, b = 2, c = wide } }))
    assert.equal(("A%s  B\n%s  short\n%s\n    B: %s\n"):format((" "):rep(48), half, half, wide),
      listed({ table = true }, { columns[1], columns[2] }, { { a = half, b = "short" }, { a = half, b = wide } }))
  end)

  it("counts characters, not bytes, for the width of a column", function()
    local word = "\195\164\226\130\172x"
    assert.equal("A    B\n" .. word .. "  1\nz    2\n",
      listed({ table = true }, { { "A", "a" }, { "B", "b" } }, { { a = word, b = 1 }, { a = "z", b = 2 } }))
  end)

  it("says that a list may go on beyond its limit", function()
    listed { limit = 4 }
    listed {}
    assert.same({}, noted)
    listed { limit = 3 }
    assert.same({ "marketplace: only the first 3 are shown; --limit shows more\n" }, noted)
  end)

  local EVIL = "x\27[2J\194\155\226\128\174\n\tcreated"
  local SAFE = "x\\x1b[2J\\u009b\\u202e\\x0a\\x09created"

  it("cannot steer a terminal, in a cell, a line, or a notice", function()
    assert.equal("A\n" .. SAFE .. "\n", listed({ table = true }, { { "A", "a" } }, { { a = EVIL } }))
    written = {}
    output.write(false, EVIL, {})
    output.write(false, { "first", EVIL }, {})
    assert.equal(SAFE .. "\nfirst\n" .. SAFE .. "\n", table.concat(written))
    output.note(EVIL)
    assert.same({ "marketplace: x\\x1b[2J\\u009b\\u202e\n\tcreated\n" }, noted)
  end)

  it("is JSON that cannot steer a terminal either, and UTF-8 at every depth", function()
    local object = { a = EVIL, list = json.list { { ["\255"] = "\254" } }, none = json.null, empty = json.list {} }
    output.write(true, nil, object)
    local line = table.concat(written)
    assert.is_nil(line:gsub("\n$", ""):find "[%c\127-\255]")
    assert.same({ a = EVIL, list = { { ["\\xff"] = "\\xfe" } }, none = json.null, empty = {} }, json.decode(line))
    assert.matches('"empty":%[%]', line)
    assert.same("\254", object.list[1]["\255"])
  end)

  describe("checks", function()
    local function number(value) return check.number_problem({ some_port = value }, "some_port", 2, 5) end

    it("whole numbers, the least and the most included", function()
      for _, value in ipairs { "2", "3", "5", "5.0" } do assert.is_nil(number(value), value) end
      for _, value in ipairs { "1", "6", "2.5", "x", "", "-3", "nan" } do
        assert.equal("--some-port must be a whole number from 2 to 5", number(value))
      end
      assert.is_nil(check.number_problem({}, "some_port", 2, 5))
      local parsed = { some_port = "4" }
      check.number_problem(parsed, "some_port", 2, 5)
      assert.equal(4, parsed.some_port)
    end)

    it("seconds, the least and the most included", function()
      for _, value in ipairs { "0.001", "2.5", "86400" } do
        local parsed = { timeout = value }
        assert.is_nil(check.seconds_problem(parsed, "timeout"), value)
        assert.equal(tonumber(value), parsed.timeout)
      end
      for _, value in ipairs { "0", "0.0009", "86400.5", "x", "-1" } do
        assert.equal("--timeout must be a number of seconds from 0.001 to 86400",
          check.seconds_problem({ timeout = value }, "timeout"))
      end
      assert.is_nil(check.seconds_problem({}, "timeout"))
    end)

    it("numbers of bytes, with a unit or without", function()
      for value, bytes in pairs { ["1"] = 1, ["1500000"] = 1500000, ["500k"] = 5e5, ["20M"] = 2e7, ["3T"] = 3e12 } do
        local parsed = { max_rate = value }
        assert.is_nil(check.bytes_problem(parsed, "max_rate"), value)
        assert.equal(bytes, parsed.max_rate)
      end
      for _, value in ipairs { "0", "-1", "1.5M", "20 M", "20MB", "20m", "1e6", "", "99999999T" } do
        assert.equal("--max-rate must be a number of bytes, such as 1500000, 500k, 20M or 1G",
          check.bytes_problem({ max_rate = value }, "max_rate"))
      end
      assert.is_nil(check.bytes_problem({}, "max_rate"))
    end)

    it("times", function()
      local parsed = { older_than = "2m" }
      assert.is_nil(check.time_problem(parsed, "older_than", 1000))
      assert.equal(880, parsed.older_than)
      assert.matches("^%-%-older%-than must be how long ago .* or when ",
        check.time_problem({ older_than = "2 minutes" }, "older_than", 1000))
      assert.is_nil(check.time_problem({}, "older_than", 1000))
    end)
  end)
end)
