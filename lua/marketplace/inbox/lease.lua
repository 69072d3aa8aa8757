--- What all inboxes do alike with leases: marketplace.inbox has the contract.
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

return lease
