--- How the inbox in PostgreSQL leases entries. A poll that finds nothing to do writes nothing.
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
local indexes = require "marketplace.inbox.postgres.indexes"
local lanes = require "marketplace.inbox.postgres.lanes"
local lease_rules = require "marketplace.inbox.lease"
local rows = require "marketplace.inbox.postgres.rows"

local methods = {}

local MOST_RECOVERED = 500 -- in a transaction, for which others wait

--[[ What is next ]]

local NEXT = "SELECT (SELECT min(at) FROM inbox WHERE " .. indexes.READY .. ") AS together_at, " ..
  "(SELECT min(at) FROM inbox WHERE " .. indexes.ALONE .. ") AS alone_at, " ..
  "(SELECT min(at) FROM inbox WHERE " .. indexes.LEASED .. ") AS lease_ends_at, " ..
  "(SELECT max(set_at) FROM inbox WHERE " .. indexes.LEADING .. ") AS set_at, " ..
  "extract(epoch FROM clock_timestamp())::float8 AS now"

-- When the first leaders can be claimed and the first lease ends, nil for none, and whether one was set in the future.
local function read_next(self)
  return self:read(function(link)
    local row = link:run(NEXT)[1]
    row.now = self.clock and self.clock() or row.now
    local claim_at = math.min(row.together_at or math.huge, row.alone_at or math.huge)
    row.claim_at = claim_at < math.huge and claim_at or nil
    row.is_ahead = row.set_at ~= nil and row.set_at > row.now
    return row
  end)
end

function methods:next_in()
  local found, message, code = read_next(self)
  if not found then return nil, message, code end
  return lease_rules.next_in(found)
end

--[[ recover ]]

local AHEAD = "SELECT id FROM inbox WHERE " .. indexes.LEADING .. " AND set_at > :now LIMIT :limit " ..
  "FOR UPDATE SKIP LOCKED"

local CORRECT = "UPDATE inbox SET received_at = least(received_at, :now), " ..
  "at = CASE WHEN state = 'leased' THEN :now + (at - set_at) ELSE :now END, set_at = :now " ..
  "WHERE id = :id AND set_at > :now"

-- The time is read again once they are locked: until then others can set one that is later than when this began.
local function correct_some(self, link, began)
  local ahead = link:run(AHEAD, { now = began, limit = MOST_RECOVERED })
  link:each(CORRECT, ahead, { now = self:now(link) })
  return #ahead == MOST_RECOVERED
end

-- What was set while the clock was ahead.
local function correct_clocks(self)
  return self:transact_in_slices(function(link, began) return correct_some(self, link, began) end)
end

local ENDED = "SELECT id, lane, token, attempt, losses, shared FROM inbox WHERE " ..
  indexes.LEASED .. " AND at <= :now ORDER BY at LIMIT :limit"

local RELEASE = "UPDATE inbox SET state = 'ready', leads = false, at = :at, set_at = :now, attempt = :attempt, " ..
  "losses = losses + 1, " .. rows.adding "'lost'" ..
  " WHERE id = :id AND token = :token AND state = 'leased' AND at <= :now RETURNING lane"

-- How many were released, and whether there may be more.
local function release_ended(link, waits, now)
  local ended = link:run(ENDED, { now = now, limit = MOST_RECOVERED })
  lanes.lock(link, ended)
  for _, row in ipairs(ended) do
    local attempt, wait = lease_rules.after_loss(row.attempt, row.losses, row.shared, waits)
    row.attempt, row.at = attempt, now + wait
  end
  local released, count = link:each(RELEASE, ended, { now = now }), 0
  lanes.elect(link, released)
  for _, row in ipairs(released) do count = count + (row and 1 or 0) end
  return count, #ended == MOST_RECOVERED
end

function methods:recover(waits)
  local found, message, code = read_next(self)
  if not found then return nil, message, code end
  if found.is_ahead then
    found, message, code = correct_clocks(self)
    if not found then return nil, message, code end
  elseif not found.lease_ends_at or found.lease_ends_at > found.now then
    return 0
  end
  local recovered = 0
  local done
  done, message, code = self:transact_in_slices(function(link, now)
    local released, has_more = release_ended(link, waits, now)
    recovered = recovered + released
    return has_more
  end)
  if not done then return nil, message, code end
  return recovered
end

--[[ claim ]]

-- What others claim at the same time is skipped. Tokens are random, so that a restore, or a standby that takes over
-- without the last leases, makes no former lease good again.
local CLAIM = "WITH chosen AS MATERIALIZED (SELECT seq FROM inbox WHERE %s AND at <= :now " ..
  "ORDER BY at, seq LIMIT :limit FOR UPDATE SKIP LOCKED), " ..
  "claimed AS (UPDATE inbox SET state = 'leased', attempt = attempt + 1, " ..
  "token = floor(random() * 9007199254740992)::bigint, at = :ends_at, set_at = :now, " ..
  "shared = (SELECT count(*) > 1 FROM chosen) WHERE seq IN (SELECT seq FROM chosen) RETURNING *) " ..
  "SELECT " .. rows.selected(fields.claimed) .. " FROM claimed ORDER BY seq"
local CLAIM_TOGETHER, CLAIM_ALONE = CLAIM:format(indexes.READY), CLAIM:format(indexes.ALONE)

-- What may have ended its process comes first, and alone.
local function claim(link, limit, lease, now)
  local claimed = link:run(CLAIM_ALONE, { now = now, ends_at = now + lease, limit = 1 })
  if #claimed > 0 then return claimed end
  return link:run(CLAIM_TOGETHER, { now = now, ends_at = now + lease, limit = limit })
end

function methods:claim(limit, lease)
  if limit < 1 and not self.closed then return {} end
  local found, message, code = read_next(self)
  if not found then return nil, message, code end
  if not found.claim_at or found.claim_at > found.now then return {} end
  local most = math.floor(math.min(limit, lease_rules.MOST_CLAIMED))
  return self:transact(function(link, now) return claim(link, most, lease, now) end)
end

--[[ finish, extend ]]

local HELD = " WHERE id = :id AND token = :token AND state = 'leased' RETURNING lane"

local FINISH = "UPDATE inbox SET state = :state, leads = false, at = CASE WHEN :state = 'done' THEN " ..
  "greatest(time, :now) ELSE :now + :wait END, set_at = :now, reason = :reason, code = :code, " ..
  "attempt = attempt - :uncounted, losses = 0, scope = CASE WHEN :state = 'done' THEN :scope ELSE scope END"
local FINISH_AND_TELL = FINISH .. ", " .. rows.adding(":what", ":told_reason") .. HELD
FINISH = FINISH .. HELD
local GIVE_BACK = "UPDATE inbox SET state = 'ready', leads = false, at = :now, set_at = :now, " ..
  "attempt = attempt - 1" .. HELD
local EXTEND = "UPDATE inbox SET at = :now::float8 + :lease, set_at = :now" .. HELD

-- Runs a statement for those of the items that are chosen; adds to `held` whether each was still held.
local function change_held(link, statement, items, is_chosen, common, held)
  local chosen, places = {}, {}
  for i, item in ipairs(items) do
    if is_chosen(item) then
      chosen[#chosen + 1], places[#places + 1] = lease_rules.outcome_of(item), i
    end
  end
  local changed = link:each(statement, chosen, common)
  for i, row in ipairs(changed) do held[places[i]] = row ~= false end
  return changed
end

local function is_unbegun(item) return item.state == "unbegun" end
local function is_told(item) return history.what_of(item) ~= nil end
local function is_finished(item) return not (is_unbegun(item) or is_told(item)) end
local function always() return true end

-- Does something to items, while others are kept from their lanes.
local function with_lanes(self, items, work)
  if #items == 0 and not self.closed then return {} end
  return self:transact(function(link, now)
    lanes.lock_of(link, items)
    local held = {}
    work(link, now, held)
    return held
  end)
end

function methods:finish(items)
  items = fields.finished(items)
  return with_lanes(self, items, function(link, now, held)
    local common = { now = now }
    lanes.elect(link, change_held(link, FINISH, items, is_finished, common, held))
    lanes.elect(link, change_held(link, FINISH_AND_TELL, items, is_told, common, held))
    lanes.elect(link, change_held(link, GIVE_BACK, items, is_unbegun, common, held))
  end)
end

function methods:extend(items, lease)
  return with_lanes(self, items, function(link, now, held)
    change_held(link, EXTEND, items, always, { now = now, lease = lease }, held)
  end)
end

return { methods = methods }
