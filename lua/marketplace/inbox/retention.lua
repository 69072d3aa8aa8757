--- How long inboxes keep what is done, and what is older than they remember.
local is_unsigned = require("marketplace.inbox.record").is_unsigned

local retention = {}

local DAY = 86400

retention.bodies = 7 * DAY     -- the default: for as long the operator can have it run again
retention.ids = 90 * DAY       -- for as long another delivery is known to be one
retention.least_ids = 11 * DAY -- reconcile looks ten days back, and clocks differ

retention.too_old_reason = "its event is older than what the inbox remembers"

--- Whether a record's event is so old that it may have run before, and its id been forgotten.
---@param record table
---@param now number
---@param forgotten_before number|nil the latest time before which ids were deleted
---@return boolean
function retention.is_too_old(record, now, forgotten_before)
  if record.reason or not record.time or is_unsigned(record.digest) then return false end
  return record.time < math.max(now - retention.ids, forgotten_before or -math.huge)
end

return retention
