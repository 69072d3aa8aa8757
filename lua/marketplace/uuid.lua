--- Random UUIDs (RFC 9562, version 4).
local core = require "marketplace.core"

local uuid = {}

--- A new one.
---@param random? fun(bytes: integer): string random bytes in hex, default OpenSSL's
---@return string 36 characters, lower case
function uuid.new(random)
  local hex = (random or core.random_hex)(16)
  local variant = ("89ab"):sub(tonumber(hex:sub(17, 17), 16) % 4 + 1):sub(1, 1)
  return ("%s-%s-4%s-%s%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16), variant, hex:sub(18, 20),
    hex:sub(21))
end

return uuid
