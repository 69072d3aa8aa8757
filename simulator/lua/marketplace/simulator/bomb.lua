--- A stream that inflates to about 160 times its size (deflate, RFC 1951): one zero byte, copied again and again.
local BLOCK = "110"              -- the last block, with fixed codes
local ZERO = "00110000"          -- a literal byte
local COPY = "1100010100000"     -- 258 bytes, from one byte before
local END = "0000000"
local COPIED = 258
local PERIOD = 13                -- bytes: 8 copies

-- The first bit is a byte's lowest.
local function pack(bits)
  return (bits:gsub("%d%d?%d?%d?%d?%d?%d?%d?", function(byte)
    return string.char(tonumber(byte:reverse(), 2))
  end))
end

--- Makes one.
---@param size integer the least number of bytes that it inflates to
---@return string
return function(size)
  local times = math.ceil(size / COPIED / 8)
  local start = pack(BLOCK .. ZERO .. COPY:rep(16))
  -- what begins with the third byte comes again after 13 bytes, and begins five bits into a copy
  return start:sub(1, 2) .. start:sub(3, 2 + PERIOD):rep(times) .. pack(COPY:sub(6) .. END)
end
