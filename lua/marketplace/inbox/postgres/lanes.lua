--- Who leads a lane: the entry that is leased or, if none is, the oldest that is ready. The column `leads` marks it.
---
--- Whoever makes an entry live, or ends that it is leased or live, elects the leader in the same transaction, and locks
--- the lane first: of two that elect a leader at the same time, each might take the other's entry for the leader. A
--- claim needs no lock: a leader that it leases still leads.
local LANE = require("marketplace.inbox.postgres.indexes").LANE

local lanes = {}

--- Whether an entry is in its lane.
lanes.LIVE = "state IN ('ready', 'leased')"

--- The lane of a record that is stored under an id.
---@param record table
---@param id string
---@return string
function lanes.of(record, id)
  return record.app_id or id
end

--[[ Locks ]]

--- Between names in a list: no id and no lane contains it.
lanes.SEPARATOR = "\1"

local LOCK = "(SELECT count(*) FROM (SELECT pg_advisory_xact_lock(hash) FROM (SELECT DISTINCT " ..
  "hashtextextended(lane, 0) AS hash FROM %s ORDER BY 1) AS lanes) AS locked)"

--- A value in a SELECT that keeps others from the lanes that are listed in `:lanes` until the transaction ends.
lanes.LOCK = LOCK:format "unnest(string_to_array(:lanes, chr(1))) AS lane"

local LOCK_LANES = "SELECT " .. lanes.LOCK
local LOCK_LANES_OF = "SELECT " .. LOCK:format "inbox WHERE id = ANY (string_to_array(:ids, chr(1)))"

--- Names as statements take them.
---@param names string[]
---@return string
function lanes.listed(names)
  return table.concat(names, lanes.SEPARATOR)
end

--- Keeps others from the lanes of these rows.
---@param link table see marketplace.inbox.postgres.connection
---@param rows table[] of which `lane` is read
function lanes.lock(link, rows)
  local names = {}
  for i, row in ipairs(rows) do names[i] = row.lane end
  if #names > 0 then link:run(LOCK_LANES, { lanes = lanes.listed(names) }) end
end

--- The same for the lanes of these entries.
---@param link table
---@param items table[] of which `id` is read
function lanes.lock_of(link, items)
  local ids = {}
  for i, item in ipairs(items) do ids[i] = item.id end
  link:run(LOCK_LANES_OF, { ids = lanes.listed(ids) })
end

--[[ Elections ]]

--- An UPDATE, but for what it adds to the history and its condition, that makes entries ready as if they had never
--- been tried.
lanes.MAKE_READY = "UPDATE inbox SET state = 'ready', attempt = 0, losses = 0, reason = NULL, code = NULL, " ..
  "at = :now, set_at = :now, leads = false, "

local OLDEST_BEHIND = "(SELECT min(seq) FROM inbox WHERE lane = :lane AND NOT leads AND " .. LANE .. ")"

local ELECT = "UPDATE inbox SET leads = true WHERE seq = " .. OLDEST_BEHIND .. " AND NOT EXISTS (SELECT 1 FROM " ..
  "inbox WHERE lane = :lane AND leads AND " .. LANE .. ")"

local STEP_DOWN = "UPDATE inbox SET leads = false WHERE lane = :lane AND leads AND " .. LANE ..
  " AND state = 'ready' AND seq > " .. OLDEST_BEHIND

local function with_lane(rows)
  local list = {}
  for _, row in ipairs(rows) do
    if row then list[#list + 1] = row end
  end
  return list
end

--- Has the oldest lead each lane that has no leader, as after a leader left.
---@param link table
---@param rows (table|false)[] of which `lane` is read
function lanes.elect(link, rows)
  link:each(ELECT, with_lane(rows))
end

--- The same after entries were made ready, which may be older than those that lead.
---@param link table
---@param rows (table|false)[]
function lanes.elect_anew(link, rows)
  local list = with_lane(rows)
  link:each(STEP_DOWN, list)
  link:each(ELECT, list)
end

return lanes
