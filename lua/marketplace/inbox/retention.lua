--- How long inboxes keep what is done.
local retention = {}

local DAY = 86400

retention.bodies = 7 * DAY     -- the default: for as long the operator can have it run again
retention.ids = 90 * DAY       -- for as long another delivery is known to be one
retention.least_ids = 11 * DAY -- reconcile looks ten days back, and clocks differ

return retention
