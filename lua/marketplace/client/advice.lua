--- What a refused request needs next, if the answer's headers tell: when to try again, or a clock that is set right.
local core = require "marketplace.core"
local headers = require "marketplace.client.headers"

local advice = {}

local SKEW_NAMED = 30 -- seconds: what is less is no reason to refuse a token that begins a minute ago

local function when_to_try_again(response)
  local seconds = headers.retry_after(response)
  if seconds then return ("try again in %.0f s"):format(math.ceil(seconds)) end
  local limit = headers.rate_limit(response)
  if limit then return ("try again later: %.0f requests are allowed in any hour"):format(limit) end
  return "try again later: the answer does not say when"
end

local function clock(response, now)
  local date = headers.first(response, "date")
  local at = date and core.http_date(date)
  local ahead = at and now - at or 0
  if math.abs(ahead) < SKEW_NAMED then return nil end
  return ("this machine's clock is %.0f s %s the server's, which may be why: set it, best by NTP"):format(
    math.floor(math.abs(ahead)), ahead > 0 and "ahead of" or "behind")
end

--- A sentence for a 429 or a 401; nil if there is nothing to say.
---@param response {status: integer, headers?: table}
---@param now number seconds since the epoch, by this machine's clock
---@return string|nil
function advice.of(response, now)
  if response.status == 429 then return when_to_try_again(response) end
  if response.status == 401 then return clock(response, now) end
end

return advice
