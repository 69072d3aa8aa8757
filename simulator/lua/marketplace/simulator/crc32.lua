--- CRC-32 (ISO 3309, as zip archives have it), byte by byte: Lua 5.1 has neither integers nor bit operators.
local unpack = require("marketplace.runtime").unpack

local POLYNOMIAL = { 0x20, 0x83, 0xb8, 0xed } -- reflected, the lowest byte first

-- xor[a][b] of any two bytes: each bit doubles the table.
local function table_of_xor()
  local xor, bit = { [0] = { [0] = 0 } }, 1
  while bit < 256 do
    for a = 0, bit - 1 do
      local low, high = xor[a], {}
      xor[a + bit] = high
      for b = 0, bit - 1 do
        local value = low[b]
        low[b + bit], high[b], high[b + bit] = value + bit, value + bit, value
      end
    end
    bit = bit * 2
  end
  return xor
end

-- The four bytes of the remainder of each byte, the lowest first, as four tables.
local function tables_of_remainders(xor)
  local tables = { {}, {}, {}, {} }
  for byte = 0, 255 do
    local remainder = { byte, 0, 0, 0 }
    for _ = 1, 8 do
      local is_odd = remainder[1] % 2 == 1
      for i = 1, 4 do
        local shifted = math.floor(remainder[i] / 2) + (remainder[i + 1] or 0) % 2 * 128
        remainder[i] = is_odd and xor[shifted][POLYNOMIAL[i]] or shifted
      end
    end
    for i = 1, 4 do tables[i][byte] = remainder[i] end
  end
  return tables
end

local XOR = table_of_xor()
local FIRST, SECOND, THIRD, FOURTH = unpack(tables_of_remainders(XOR))

--- The checksum of a string, a number below 2^32.
---@param bytes string
---@return integer
return function(bytes)
  local a, b, c, d = 255, 255, 255, 255
  for i = 1, #bytes do
    local byte = XOR[a][bytes:byte(i)]
    a, b, c, d = XOR[b][FIRST[byte]], XOR[c][SECOND[byte]], XOR[d][THIRD[byte]], FOURTH[byte]
  end
  return (255 - a) + (255 - b) * 256 + (255 - c) * 65536 + (255 - d) * 16777216
end
