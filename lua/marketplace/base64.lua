--- Base64 with padding (RFC 4648, section 4), as Apple's documents have bytes.
local core = require "marketplace.core"

local base64 = {}

local TO_URL, FROM_URL = { ["+"] = "-", ["/"] = "_" }, { ["-"] = "+", ["_"] = "/" }

---@param bytes string
---@return string
function base64.encode(bytes)
  local text = core.base64url(bytes):gsub("[-_]", FROM_URL)
  return text .. ("="):rep(-#text % 4)
end

--- The bytes; each sequence of bytes has one spelling.
---@param text string
---@return string|nil bytes nil if it is none
function base64.decode(text)
  local digits = text:match "^([%w+/]*)=?=?$"
  if not digits or #text % 4 ~= 0 then return nil end
  return core.base64url_decode((digits:gsub("[+/]", TO_URL)))
end

return base64
