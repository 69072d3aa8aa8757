--- Which failed requests are sent again, and when.
---
--- A POST that may have been executed is never sent again: App Store Connect is reported to answer 500 for what it has
--- created. The other methods are idempotent, and may be repeated.
local retry = {}

local FIRST_PAUSE = 0.5 -- seconds
local LONGEST_PAUSE = 30

local REPEATABLE = { GET = true, PATCH = true, DELETE = true }
local PASSING = { connect_failed = true, timeout = true, http_failed = true }

--- Whether the outcome of one attempt leaves it open that the request was executed.
---@param status integer|nil of the answer; nil if there was none
---@param sent boolean|nil whether any of the request may have reached the server
---@return boolean
function retry.may_have_run(status, sent)
  if status then return status >= 500 end
  return sent ~= false
end

--- The message and the detail of a failure, with the doubt that remains if the request may have been executed.
---@param method string
---@param may_have_run boolean|nil
---@param message string
---@param detail table|nil
---@return string message
---@return table detail with may_have_run = true, or without it
function retry.add_doubt(method, may_have_run, message, detail)
  detail = detail or {}
  detail.may_have_run = may_have_run and method ~= "GET" or nil
  if method == "POST" and may_have_run then
    message = message .. " (it may have been executed all the same: check before you repeat it)"
  end
  return message, detail
end

--- Whether the request may be sent again.
---@param method string
---@param status integer|nil of the answer; nil if there was none
---@param code string|nil why there was none
---@param sent boolean|nil
---@return boolean
function retry.is_worth_it(method, status, code, sent)
  if status == 429 then return true end
  if not status and not PASSING[code] then return false end
  if status and status < 500 then return false end
  return REPEATABLE[method] or not retry.may_have_run(status, sent)
end

--- How long to wait before the next attempt: exponential backoff with full jitter, and no less than the server asks.
---@param attempt integer that failed, from 1
---@param retry_after number|nil seconds
---@param random fun(): number in [0, 1)
---@return number seconds
function retry.pause(attempt, retry_after, random)
  local most = math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ^ (attempt - 1))
  return (retry_after or 0) + random() * most
end

return retry
