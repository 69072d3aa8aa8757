local zip = require "marketplace.simulator.zip"

local function hexadecimal(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function without_space(text) return (text:gsub("%s", "")) end

describe("marketplace.simulator.zip", function()
  it("makes the archive that the format describes, of files as they are", function()
    assert.equal(without_space [[
      504b0304 1400 0000 0000 0000 2100 86a61036 05000000 05000000 0500 0000 612e747874 68656c6c6f
      504b0304 1400 0000 0000 0000 2100 00000000 00000000 00000000 0200 0000 6263
      504b0102 1400 1400 0000 0000 0000 2100 86a61036 05000000 05000000 0500 0000 0000 0000 0000 00000000 00000000
        612e747874
      504b0102 1400 1400 0000 0000 0000 2100 00000000 00000000 00000000 0200 0000 0000 0000 0000 00000000 28000000
        6263
      504b0506 0000 0000 0200 0200 63000000 48000000 0000
    ]], hexadecimal(zip.stored { { name = "a.txt", bytes = "hello" }, { name = "bc", bytes = "" } }))
  end)

  it("writes sizes of more than one byte, the lowest first", function()
    local archive = zip.stored { { name = "a", bytes = ("x"):rep(0x030201) } }
    assert.equal("0102030001020300", hexadecimal(archive:sub(19, 26)))
    -- where the central directory begins, behind the header, the name and the bytes
    assert.equal("20020300", hexadecimal(archive:sub(-6, -3)))
  end)
end)
