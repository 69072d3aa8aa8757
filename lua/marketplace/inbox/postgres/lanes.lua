--- Who leads a lane: the entry that is leased or, if none is, the oldest that is ready. The column `leads` marks it.
---
--- Whoever makes an entry live, or ends that it is leased or live, elects the leader in the same transaction, and locks
--- the lane first: of two that elect a leader at the same time, each might take the other's entry for the leader. A
--- claim needs no lock: a leader that it leases still leads.
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

--[[ Locks ]]

local SEPARATOR = "\1" -- no id contains it

local LOCK = "SELECT count(*) FROM (SELECT pg_advisory_xact_lock(hash) FROM (SELECT DISTINCT " ..
  "hashtextextended(lane, 0) AS hash FROM %s ORDER BY 1) AS lanes) AS locked"
local LOCK_LANES = LOCK:format "unnest(string_to_array($1, chr(1))) AS lane"
local LOCK_LANES_OF = LOCK:format "inbox WHERE id = ANY (string_to_array($1, chr(1)))"

--- Keeps others from these lanes until the transaction ends.
---@param run function
---@param list string[]
function lanes.lock(run, list)
  if #list > 0 then run(LOCK_LANES, table.concat(list, SEPARATOR)) end
end

--- The same for the lanes of these entries.
---@param run function
---@param ids string[]
function lanes.lock_of(run, ids)
  run(LOCK_LANES_OF, table.concat(ids, SEPARATOR))
end

--[[ Elections ]]

local OLDEST_BEHIND = "(SELECT min(behind.seq) FROM inbox behind WHERE behind.lane = $1 AND NOT behind.leads AND " ..
  lanes.live_as "behind" .. ")"

local ELECT = "UPDATE inbox SET leads = true WHERE seq = " .. OLDEST_BEHIND .. " AND NOT EXISTS (SELECT 1 FROM " ..
  "inbox leader WHERE leader.lane = $1 AND leader.leads AND " .. lanes.live_as "leader" .. ")"

local STEP_DOWN = "UPDATE inbox SET leads = false WHERE lane = $1 AND leads AND " .. lanes.LIVE ..
  " AND state = 'ready' AND seq > " .. OLDEST_BEHIND

--- Has the oldest lead if none does, as after a leader left.
---@param run function
---@param lane string
function lanes.elect(run, lane)
  run(ELECT, lane)
end

--- The same after an entry was made ready, which may be older than the one that leads.
---@param run function
---@param lane string
function lanes.elect_anew(run, lane)
  run(STEP_DOWN, lane)
  lanes.elect(run, lane)
end

return lanes
