--- What all inboxes do alike with leases: marketplace.inbox has the contract.
local history = require "marketplace.inbox.history"

local lease = {}

lease.MOST_CLAIMED = 1000 -- at once

--- What becomes of an entry whose lease ended without a result.
---@param attempt integer with this lease's
---@param losses integer how many of its leases in a row ended so before
---@param was_shared boolean whether it was claimed with others, so that it is not known to have been begun
---@param waits number[] see recover of marketplace.inbox
---@return integer attempt that counts
---@return number wait seconds until it is ready again
function lease.after_loss(attempt, losses, was_shared, waits)
  if was_shared then attempt = attempt - 1 end
  if losses == 0 then return attempt, 0 end
  return attempt, waits[math.max(1, math.min(attempt, #waits))]
end

--- What next_in says.
---@param found {now: number, claim_at?: number, lease_ends_at?: number, is_ahead: boolean} when the first can be
--- claimed and the first lease ends; whether one that leads was set in the future
---@return number|nil seconds
function lease.next_in(found)
  if found.is_ahead then return 0 end
  local first = math.min(found.claim_at or math.huge, found.lease_ends_at or math.huge)
  return first < math.huge and math.max(0, first - found.now) or nil
end

--- What an item of finish leaves in its entry, for statements that change all of it.
---@param item table
---@return table
function lease.outcome_of(item)
  local state = item.state
  return {
    id = item.id, token = item.token, state = state, uncounted = item.uncounted and 1 or 0,
    wait = state == "ready" and item.wait or 0, reason = state ~= "done" and item.reason or nil,
    code = state == "dead" and item.code or nil, scope = item.scope, what = history.what_of(item),
    told_reason = history.reason(item.reason),
  }
end

return lease
