--- W3C Trace Context: the header `traceparent`, "00-TRACE-SPAN-FLAGS", by which systems tell of one trace
--- (https://www.w3.org/TR/trace-context/, version 00).
local core = require "marketplace.core"

local traceparent = {}

local FORM = "^(%x%x)%-(%x+)%-(%x+)%-(%x%x)(.*)$"
local MOST = 512 -- bytes that a later version may have

-- The trace and its flags; nil if the header is to be ignored.
local function read(value)
  if type(value) ~= "string" or #value > MOST or value:find "[^0-9a-f-]" then return nil end
  local version, trace, span, flags, more = value:match(FORM)
  if not version or version == "ff" or #trace ~= 32 or #span ~= 16 then return nil end
  -- a later version may say more, behind another hyphen
  if more ~= "" and (version == "00" or more:sub(1, 1) ~= "-") then return nil end
  if not trace:find "[^0]" or not span:find "[^0]" then return nil end
  return trace, flags
end

--- A header that can be passed on, as it is; nil for any other, which the specification has ignored.
---@param value any the header's value; a list if it came more than once
---@return string|nil
function traceparent.checked(value)
  return read(value) and value or nil
end

--- The header for a request that is made because of another one: the same trace, and a span of its own.
---@param value string|nil the other request's header
---@param random? fun(bytes: integer): string random bytes in hex, default OpenSSL's
---@return string|nil nil if there is no trace
function traceparent.child(value, random)
  local trace, flags = read(value)
  if not trace then return nil end
  return ("00-%s-%s-%s"):format(trace, (random or core.random_hex)(8), flags)
end

return traceparent
