--- What becomes of a claimed notification: done, ready again after a pause, or dead.
---
--- The claimed table itself becomes the item for the inbox's `finish`.
local call = require "marketplace.dispatcher.call"

local outcome = {}

---@class marketplace.dispatcher.Retry
---@field attempts integer after which a notification that failed is dead
---@field base number seconds: the longest pause after the first attempt; it doubles with each
---@field cap number seconds: no pause is longer
---@field random fun(): number in [0, 1)

function outcome.done(item)
  item.state = "done"
end

---@param item table
---@param reason string
function outcome.dead(item, reason)
  item.state, item.reason = "dead", reason
end

local function ready(item, at, reason)
  item.state, item.at, item.reason = "ready", at, reason
end

-- Exponential backoff with full jitter: notifications that failed together do not come back together.
local function pause_after(retry, attempt)
  return retry.random() * math.min(retry.cap, retry.base * 2 ^ (attempt - 1))
end

--- Of one that failed: ready again later, or dead if that was its last attempt.
---@param retry marketplace.dispatcher.Retry
---@param item table
---@param reason string
---@param now number seconds since the epoch
function outcome.failed(retry, item, reason, now)
  if item.attempt >= retry.attempts then return outcome.dead(item, reason) end
  ready(item, now + pause_after(retry, item.attempt), reason)
end

--- Of one whose callbacks have run.
---@param retry marketplace.dispatcher.Retry
---@param item table
---@param failure string|nil what one of them complained of
---@param asked {snoozed?: number, cancelled?: string} what they asked for
---@param now number seconds since the epoch
function outcome.after_callbacks(retry, item, failure, asked, now)
  if asked.cancelled then return outcome.dead(item, call.reason(asked.cancelled)) end
  if failure then return outcome.failed(retry, item, failure, now) end
  if not asked.snoozed then return outcome.done(item) end
  ready(item, now + asked.snoozed)
  item.uncounted = true
end

--- Gives back at once what was not begun, as if it had never been claimed.
---@param batch table[]
---@param first integer place of the first that was not begun
---@param now number seconds since the epoch
function outcome.release(batch, first, now)
  for i = first, #batch do
    ready(batch[i], now)
    batch[i].uncounted = true
  end
end

return outcome
