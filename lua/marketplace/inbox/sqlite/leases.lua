--- How the inbox in a SQLite file leases entries. A poll that finds nothing to do writes nothing.
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
local lanes = require "marketplace.inbox.sqlite.lanes"
local lease_rules = require "marketplace.inbox.lease"
local limits = require "marketplace.inbox.sqlite.limits"
local rows = require "marketplace.inbox.sqlite.rows"

local MAY_BE_NEXT = require("marketplace.inbox.sqlite.schema").MAY_BE_NEXT

local methods = {}

--[[ What is next ]]

local NEXT = "SELECT (SELECT min(at) FROM inbox WHERE leads = 1 AND state = 'ready' AND losses = 0) AS claim_at, " ..
  "(SELECT min(at) FROM inbox WHERE leads = 1 AND state = 'ready' AND losses > 0) AS alone_at, " ..
  "(SELECT max(set_at) FROM inbox WHERE " .. MAY_BE_NEXT .. " AND leads = 1) AS set_at, " ..
  "(SELECT max(set_at) FROM inbox WHERE " .. MAY_BE_NEXT .. " AND leads IS NULL) AS new_set_at"

local HOLDERS = "SELECT holder, min(at) AS at FROM inbox WHERE state = 'leased' GROUP BY holder"

-- When the first lease ends, which is now for those of a process that died.
local function read_leases(self, link, now)
  local ends_at, dead = nil, {}
  for _, row in ipairs(link:run(HOLDERS)) do
    if row.holder and self.holders:is_dead(row.holder) then
      dead[#dead + 1] = row.holder
      row.at = math.min(row.at, now)
    end
    ends_at = math.min(ends_at or row.at, row.at)
  end
  return ends_at, dead
end

-- When the first can be claimed and the first lease ends, nil for none; who died; and whether the clock was ahead of
-- now when leaders, or those that were not placed, were set.
local function read_next(self)
  return self:read(function(link)
    local row, now = link:run(NEXT)[1], self.clock()
    local lease_ends_at, dead = read_leases(self, link, now)
    local claim_at = math.min(row.claim_at or math.huge, row.alone_at or math.huge)
    if claim_at > now and row.new_set_at and lanes.may_claim_new(link) then claim_at = now end
    return {
      now = now, claim_at = claim_at < math.huge and claim_at or nil, lease_ends_at = lease_ends_at, dead = dead,
      is_ahead = (row.set_at or now) > now, is_new_ahead = (row.new_set_at or now) > now,
    }
  end)
end

function methods:next_in()
  local found, message, code = read_next(self)
  if not found then return nil, message, code end
  return lease_rules.next_in(found)
end

--[[ recover ]]

local AHEAD = "SELECT seq FROM inbox WHERE " .. MAY_BE_NEXT .. " AND leads = 1 AND set_at > :now LIMIT :limit"

local CORRECT = "UPDATE inbox SET received_at = min(received_at, :now), " ..
  "at = CASE WHEN state = 'leased' THEN :now + (at - set_at) ELSE :now END, set_at = :now WHERE seq = :seq"

-- What was set while the clock was ahead.
local function correct_clocks(self)
  return self:transact_in_slices(function(link, now)
    if lanes.place(link, limits.recovered) == limits.recovered then return true end
    local ahead = link:run(AHEAD, { now = now, limit = limits.recovered })
    link:each(CORRECT, ahead, { now = now })
    return #ahead == limits.recovered
  end, limits.slices)
end

local LOST = "SELECT seq, app_id, attempt, losses, shared FROM inbox WHERE state = 'leased' AND %s LIMIT :limit"
local ENDED = LOST:format "at <= :now"
local HELD_BY_DEAD = LOST:format "holder = :holder"

local RELEASE = "UPDATE inbox SET state = 'ready', leads = app_id IS NULL, at = :at, set_at = :now, " ..
  "attempt = :attempt, losses = losses + 1, " .. rows.adding "'lost'" .. " WHERE seq = :seq"

-- How many were released, and whether there may be more.
local function release_lost(link, statement, values, waits)
  local lost = link:run(statement, values)
  for _, row in ipairs(lost) do
    local attempt, wait = lease_rules.after_loss(row.attempt, row.losses, row.shared == 1, waits)
    row.attempt, row.at = attempt, values.now + wait
  end
  link:each(RELEASE, lost, values)
  lanes.elect(link, lost)
  return #lost, #lost == values.limit
end

local function release_some(link, dead, waits, now)
  local released, has_more = release_lost(link, ENDED, { now = now, limit = limits.recovered }, waits)
  for _, holder in ipairs(dead) do
    if has_more then break end
    local count
    local values = { now = now, holder = holder, limit = limits.recovered }
    count, has_more = release_lost(link, HELD_BY_DEAD, values, waits)
    released = released + count
  end
  return released, has_more
end

function methods:recover(waits)
  local found, message, code = read_next(self)
  if not found then return nil, message, code end
  local finished
  if found.is_ahead or found.is_new_ahead then
    finished, message, code = correct_clocks(self)
    if finished == nil then return nil, message, code end
    -- the next call goes on: what is released now would count as set now, though it was set in the future
    if not finished then return 0 end
  elseif not found.lease_ends_at or found.lease_ends_at > found.now then
    return 0
  end
  local recovered = 0
  finished, message, code = self:transact_in_slices(function(link, now)
    local released, has_more = release_some(link, found.dead, waits, now)
    recovered = recovered + released
    return has_more
  end, limits.slices)
  if finished == nil then return nil, message, code end
  return recovered
end

--[[ claim ]]

local DUE = "SELECT seq FROM (SELECT seq FROM inbox WHERE leads = 1 AND state = 'ready' AND losses %s " ..
  "AND at <= :now ORDER BY at, seq LIMIT :limit) ORDER BY seq"
local DUE_ALONE, DUE_TOGETHER = DUE:format "> 0", DUE:format "= 0"

local LEASE = "UPDATE inbox SET state = 'leased', attempt = attempt + 1, token = random() & 9007199254740991, " ..
  "holder = :holder, shared = :shared, at = :ends_at, set_at = :now WHERE seq = :seq"
-- RETURNING would take as long again as the rest of the statement: SQLite makes a table for it, each time
local CLAIMED = "SELECT " .. rows.selected(fields.claimed) .. " FROM inbox WHERE seq = :seq"

-- What may have ended its process comes first, and alone.
local function lease_due(link, limit, given)
  local due = link:run(DUE_ALONE, { now = given.now, limit = 1 })
  if #due == 0 then due = link:run(DUE_TOGETHER, { now = given.now, limit = limit }) end
  given.shared = #due > 1
  link:each(LEASE, due, given)
  return link:each(CLAIMED, due)
end

-- What was claimed, and whether there may be more behind those that were placed.
local function claim_some(self, limit, lease, holder, most_placed)
  return self:transact(function(link, now)
    local has_more = lanes.place(link, most_placed) == most_placed
    local given = { now = now, ends_at = now + lease, holder = holder }
    return { claimed = lease_due(link, limit, given), has_more = has_more }
  end)
end

local function claim(self, limit, lease, holder)
  for slice = 1, limits.slices do
    local most_placed = math.max(slice == 1 and limits.placed or limits.placed_further, limit)
    local answer, message, code = claim_some(self, limit, lease, holder, most_placed)
    if not answer then return nil, message, code end
    if #answer.claimed > 0 or not answer.has_more then return answer.claimed end
  end
  return {}
end

--- As the contract says.
---@param limit integer
---@param lease number seconds
---@param holder? integer|false the number of another holder than this process's, which the caller keeps; false: none
function methods:claim(limit, lease, holder)
  if limit < 1 and not self.closed then return {} end
  local found, message, code = read_next(self)
  if not found then return nil, message, code end
  if not found.claim_at or found.claim_at > found.now then return {} end
  if holder == nil then holder = self.holders:own() end
  local claimed
  claimed, message, code = claim(self, math.min(limit, lease_rules.MOST_CLAIMED), lease, holder or nil)
  -- it may have been committed: what it leased then is of a holder that is no more
  if not claimed then self.holders:renew() end
  return claimed, message, code
end

--[[ finish, extend ]]

local HELD = " WHERE seq = :seq AND id = :id AND token = :token AND state = 'leased'"

local FINISH = "UPDATE inbox SET state = :state, leads = CASE :state WHEN 'ready' THEN app_id IS NULL ELSE -1 END, " ..
  "at = CASE WHEN :state = 'done' AND time > :now THEN time ELSE :now + :wait END, set_at = :now, reason = :reason, " ..
  "code = :code, attempt = attempt - :uncounted, losses = 0, " ..
  "scope = CASE WHEN :state = 'done' THEN :scope ELSE scope END"
local FINISH_AND_TELL = FINISH .. ", " .. rows.adding(":what", ":told_reason") .. HELD
FINISH = FINISH .. HELD
local GIVE_BACK = "UPDATE inbox SET state = 'ready', leads = app_id IS NULL, at = :now, set_at = :now, " ..
  "attempt = attempt - 1" .. HELD
local EXTEND = "UPDATE inbox SET at = :now + :lease, set_at = :now" .. HELD

local APP = "SELECT app_id FROM inbox WHERE seq = :seq"

-- The item's token has its place.
local function outcome_of(item)
  local outcome = lease_rules.outcome_of(item)
  outcome.seq, outcome.token = rows.read_token(item.token)
  return outcome
end

-- Runs a statement for those of the items that are chosen; adds to `held` whether each was still held, and gives the
-- places of those that were.
local function change_held(link, statement, items, is_chosen, common, held)
  local chosen, indexes, changed = {}, {}, {}
  for i, item in ipairs(items) do
    if is_chosen(item) then
      chosen[#chosen + 1], indexes[#indexes + 1] = outcome_of(item), i
    end
  end
  for i, was_held in ipairs(link:each(statement, chosen, common)) do
    held[indexes[i]] = was_held
    if was_held then changed[#changed + 1] = { seq = chosen[i].seq } end
  end
  return changed
end

local function is_unbegun(item) return item.state == "unbegun" end
local function is_told(item) return history.what_of(item) ~= nil end
local function is_finished(item) return not (is_unbegun(item) or is_told(item)) end
local function always() return true end

local function finish_all(link, items, now)
  local held, common = {}, { now = now }
  lanes.elect(link, link:each(APP, change_held(link, FINISH, items, is_finished, common, held)))
  lanes.elect(link, link:each(APP, change_held(link, FINISH_AND_TELL, items, is_told, common, held)))
  lanes.elect(link, link:each(APP, change_held(link, GIVE_BACK, items, is_unbegun, common, held)))
  return held
end

function methods:finish(items)
  items = fields.finished(items)
  if #items == 0 and not self.closed then return {} end
  return self:transact(function(link, now) return finish_all(link, items, now) end)
end

function methods:extend(items, lease)
  if #items == 0 and not self.closed then return {} end
  return self:transact(function(link, now)
    local held = {}
    change_held(link, EXTEND, items, always, { now = now, lease = lease }, held)
    return held
  end)
end

return { methods = methods }
