--- Who leads a lane: the entry that is leased or, if none is, the oldest that is ready. The column `leads` of
--- marketplace.inbox.sqlite.schema marks it. Entries without an app have a lane of their own, and lead it.
---
--- Whoever makes an entry ready, or ends that it is leased or ready, elects the leader in the same transaction.
local IN_LANE = require("marketplace.inbox.sqlite.schema").IN_LANE
local limits = require "marketplace.inbox.sqlite.limits"

local lanes = {}

-- Of the lane of `:app_id`: its leader.
local LEADER = "SELECT 1 FROM inbox other WHERE other.app_id = :app_id AND other.leads = 1 AND other." .. IN_LANE

local OLDEST_BEHIND = "(SELECT min(behind.seq) FROM inbox behind WHERE behind.app_id = :app_id AND behind.leads = 0 " ..
  "AND behind." .. IN_LANE .. ")"

local ELECT = "UPDATE inbox SET leads = 1 WHERE seq = " .. OLDEST_BEHIND .. " AND NOT EXISTS (" .. LEADER .. ")"

local STEP_DOWN = "UPDATE inbox SET leads = 0 WHERE app_id = :app_id AND leads = 1 AND " .. IN_LANE ..
  " AND state = 'ready' AND seq > " .. OLDEST_BEHIND

--- An UPDATE, but for what it adds to the history and its condition, that makes entries ready as if they had never
--- been tried.
lanes.MAKE_READY = "UPDATE inbox SET state = 'ready', attempt = 0, losses = 0, reason = NULL, code = NULL, " ..
  "at = :now, set_at = :now, leads = CASE WHEN EXISTS (SELECT 1 FROM inbox older WHERE older.leads IS NULL AND " ..
  "older.seq < inbox.seq) THEN NULL ELSE app_id IS NULL END, "

local function with_app(rows)
  local list = {}
  for _, row in ipairs(rows) do
    if row and row.app_id then list[#list + 1] = row end
  end
  return list
end

--- Has the oldest lead each lane that has no leader, as after a leader left.
---@param link table see marketplace.sqlite.link
---@param rows (table|false)[] entries of the lanes: app_id is read
function lanes.elect(link, rows)
  link:each(ELECT, with_app(rows))
end

--- The same after entries became ready, which may be older than those that lead.
---@param link table
---@param rows (table|false)[] of which `leads` and `app_id` are read
function lanes.elect_anew(link, rows)
  local list = with_app(rows)
  link:each(STEP_DOWN, list)
  link:each(ELECT, list)
end

local NOT_PLACED = "SELECT seq, app_id FROM inbox WHERE leads IS NULL ORDER BY seq LIMIT :limit"
local PLACE = "UPDATE inbox SET leads = NOT EXISTS (" .. LEADER .. ") WHERE seq = :seq"

--- Places entries in their lanes, the oldest first.
---@param link table
---@param limit integer the most
---@return integer count
function lanes.place(link, limit)
  local rows = link:run(NOT_PLACED, { limit = limit })
  link:each(PLACE, rows)
  return #rows
end

-- One that was not placed can be claimed if nothing leads its lane.
local CLAIMABLE = "SELECT count(*) AS seen, coalesce(max(new.app_id IS NULL OR NOT EXISTS (SELECT 1 " ..
  "FROM inbox other WHERE other.app_id = new.app_id AND other.leads = 1 AND other." .. IN_LANE ..
  ")), 0) AS claimable FROM (" .. NOT_PLACED .. ") AS new"

--- Whether one that was not placed can be claimed, or may be: of many it looks only at the oldest ones.
---@param link table
---@return boolean
function lanes.may_claim_new(link)
  local found = link:run(CLAIMABLE, { limit = limits.seen })[1]
  return found.claimable == 1 or found.seen == limits.seen
end

return lanes
