--- Who leads a lane: the entry that is leased or, if none is, the oldest that is ready. The column `leads` marks it.
---
--- Whoever makes an entry live, or ends that it is leased or live, elects the leader in the same transaction, and keeps
--- others from the lane meanwhile (lock_lanes of marketplace.inbox.postgres.inbox). A claim needs no lock: a leader
--- that it leases still leads.
local lanes = {}

--- Whether an entry is in its lane, as the indexes of marketplace.inbox.postgres.schema have it.
lanes.LIVE = "state IN ('ready', 'leased')"

--- The same in a statement that calls the table something else.
---@param name string
---@return string
function lanes.live_as(name)
  return name .. "." .. lanes.LIVE
end

--- The lane of a record that is stored under an id.
---@param record table
---@param id string
---@return string
function lanes.of(record, id)
  return record.app_id or id
end

local OLDEST_BEHIND = "(SELECT min(behind.seq) FROM inbox behind WHERE behind.lane = ? AND behind.leads = 0 AND " ..
  lanes.live_as "behind" .. ")"

local ELECT = "UPDATE inbox SET leads = 1 WHERE seq = " .. OLDEST_BEHIND .. " AND NOT EXISTS (SELECT 1 FROM inbox " ..
  "leader WHERE leader.lane = ? AND leader.leads = 1 AND " .. lanes.live_as "leader" .. ")"

local STEP_DOWN = "UPDATE inbox SET leads = 0 WHERE lane = ? AND leads = 1 AND " .. lanes.LIVE ..
  " AND state = 'ready' AND seq > " .. OLDEST_BEHIND

--- Has the oldest lead if none does, as after a leader left.
---@param run function
---@param lane string
function lanes.elect(run, lane)
  run(ELECT, lane, lane)
end

--- The same after an entry was made ready, which may be older than the one that leads.
---@param run function
---@param lane string
function lanes.elect_anew(run, lane)
  run(STEP_DOWN, lane, lane)
  lanes.elect(run, lane)
end

return lanes
