--- What becomes of a claimed notification: done, ready again after a wait, dead, or as it was.
---
--- The claimed table itself becomes the item for the inbox's `finish`.
local call = require "marketplace.dispatcher.call"

local outcome = {}

---@class marketplace.dispatcher.Retry
---@field attempts integer after which a notification that failed is dead
---@field base number seconds: the longest wait after the first attempt; it doubles with each
---@field cap number seconds: no wait is longer
---@field random fun(): number in [0, 1)

function outcome.done(item)
  item.state = "done"
end

---@param item table
---@param code string see marketplace.inbox
---@param reason string
function outcome.dead(item, code, reason)
  item.state, item.code, item.reason = "dead", code, reason
end

local function ready(item, wait, reason)
  item.state, item.wait, item.reason = "ready", wait, reason
end

local function longest_wait(retry, attempt)
  return math.min(retry.cap, retry.base * 2 ^ (attempt - 1))
end

-- Exponential backoff with jitter: notifications that failed together do not come back together. At least half of the
-- wait is certain, so that the attempts last for hours.
local function wait_after(retry, attempt)
  return longest_wait(retry, attempt) * (0.5 + retry.random() / 2)
end

--- The waits after the first attempt, the second and so on, up to the longest: for the inbox's `recover`.
---@param retry marketplace.dispatcher.Retry
---@return number[]
function outcome.waits(retry)
  local waits = {}
  repeat
    waits[#waits + 1] = wait_after(retry, #waits + 1)
  until #waits >= retry.attempts or longest_wait(retry, #waits + 1) == longest_wait(retry, #waits)
  return waits
end

--- Of one that failed: ready again later, or dead if that was its last attempt.
---@param retry marketplace.dispatcher.Retry
---@param item table
---@param reason string
function outcome.failed(retry, item, reason)
  if item.attempt >= retry.attempts then return outcome.dead(item, "failed", reason) end
  ready(item, wait_after(retry, item.attempt), reason)
end

--- Of one whose callbacks have run.
---@param retry marketplace.dispatcher.Retry
---@param item table
---@param failure string|nil what one of them complained of
---@param asked {snoozed?: number, cancelled?: string} what they asked for
function outcome.after_callbacks(retry, item, failure, asked)
  if asked.cancelled then return outcome.dead(item, "cancelled", call.reason(asked.cancelled)) end
  if failure then return outcome.failed(retry, item, failure) end
  if not asked.snoozed then return outcome.done(item) end
  ready(item, asked.snoozed)
  item.uncounted = true
end

--- Of one that was not begun.
---@param item table
function outcome.give_back(item)
  item.state = "unbegun"
end

return outcome
