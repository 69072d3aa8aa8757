--- What the headers of App Store Connect's answers say.
---
--- A response's `headers` have lower-case names; a header that is repeated is a list.
local core = require "marketplace.core"

local headers = {}

local REQUEST_IDS = { "x-request-id", "x-apple-request-uuid", "x-apple-jingle-correlation-key" }
local MOST_DIGITS = 15 -- a double holds every number with this many digits exactly

--- A header's value; the first one if it is repeated.
---@param response table
---@param name string in lower case
---@return string|nil
function headers.first(response, name)
  local value = (response.headers or {})[name]
  if type(value) == "table" then value = value[1] end
  return value
end

--- The name that Apple, or a gateway, has given the request.
---@param response table
---@return string|nil
function headers.request_id(response)
  for _, name in ipairs(REQUEST_IDS) do
    local value = headers.first(response, name)
    if value then return value end
  end
end

--- How long the server asks to wait (RFC 9110, section 10.2.3), by its own clock if it sends a Date.
---@param response table
---@return number|nil seconds
function headers.retry_after(response)
  local value, date = headers.first(response, "retry-after"), headers.first(response, "date")
  return value and core.retry_after(value, date and core.http_date(date) or core.now())
end

local function figure(value, pattern)
  local digits = value:match(pattern)
  if digits and #digits <= MOST_DIGITS then return tonumber(digits) end
end

--- How many requests an hour are allowed, and how many are left.
---@param response table
---@return integer|nil limit
---@return integer|nil remaining
function headers.rate_limit(response)
  local value = (response.headers or {})["x-rate-limit"]
  if type(value) ~= "string" then return nil end
  local limit, remaining = figure(value, "user%-hour%-lim:(%d+)"), figure(value, "user%-hour%-rem:(%d+)")
  if limit and remaining then return limit, remaining end
end

return headers
