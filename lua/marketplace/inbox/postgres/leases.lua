--- How the inbox in PostgreSQL leases entries. A poll that finds nothing to do writes nothing.
local fields = require "marketplace.inbox.fields"
local lanes = require "marketplace.inbox.postgres.lanes"
local lease_rules = require "marketplace.inbox.lease"
local number = require("marketplace.text").number
local rows = require "marketplace.inbox.postgres.rows"

local methods = {}

local MOST_RECOVERED = 500 -- in a transaction, for which others wait

--[[ What is next ]]

local NEXT = "SELECT (SELECT min(at) FROM inbox WHERE leads AND state = 'ready' AND losses = 0), " ..
  "(SELECT min(at) FROM inbox WHERE leads AND state = 'ready' AND losses > 0), " ..
  "(SELECT min(at) FROM inbox WHERE state = 'leased'), (SELECT max(set_at) FROM inbox WHERE leads)"

-- When the first leaders can be claimed and the first lease ends, nil for none, and whether one was set in the future.
local function read_next(self)
  return self:read(function(run)
    local row, now = run(NEXT)[1], self.now(run)
    local claim_at = row[1]
    if row[2] and not (claim_at and claim_at < row[2]) then claim_at = row[2] end
    return { now = now, claim_at = claim_at, lease_ends_at = row[3], is_ahead = row[4] ~= nil and row[4] > now }
  end)
end

function methods:next_in()
  local found, message, code = read_next(self)
  if not found then return nil, message, code end
  if found.is_ahead then return 0 end
  local first = found.claim_at or found.lease_ends_at
  if not first then return nil end
  return math.max(0, math.min(first, found.lease_ends_at or first) - found.now)
end

--[[ recover ]]

local AHEAD = "SELECT id FROM inbox WHERE leads AND set_at > $1 LIMIT $2 FOR UPDATE SKIP LOCKED"

local CORRECT = "UPDATE inbox SET received_at = least(received_at, $1), " ..
  "at = CASE WHEN state = 'leased' THEN $1 + (at - set_at) ELSE $1 END, set_at = $1 WHERE id = $2 AND set_at > $1"

-- The time is read again once they are locked: until then others can set one that is later than when this began.
local function correct_some(self, run, began)
  local ahead = run(AHEAD, number(began), MOST_RECOVERED)
  local at = number(self.now(run))
  for _, row in ipairs(ahead) do run(CORRECT, at, row[1]) end
  return #ahead == MOST_RECOVERED
end

-- What was set while the clock was ahead.
local function correct_clocks(self)
  return self:transact_in_slices(function(run, began) return correct_some(self, run, began) end)
end

local ENDED = "SELECT id, lane, token, attempt, losses, shared FROM inbox WHERE state = 'leased' AND at <= $1 " ..
  "ORDER BY at LIMIT $2"

local RELEASE = "UPDATE inbox SET state = 'ready', leads = false, at = $4, set_at = $3, attempt = $5, " ..
  "losses = losses + 1 WHERE id = $1 AND token = $2 AND state = 'leased' AND at <= $3 RETURNING 1"

local function release(run, row, waits, now)
  local id, lane, token, losses, was_shared = row[1], row[2], row[3], row[5], row[6]
  local attempt, wait = lease_rules.after_loss(row[4], losses, was_shared, waits)
  if not run(RELEASE, id, token, number(now), number(now + wait), attempt)[1] then return 0 end
  lanes.elect(run, lane)
  return 1
end

-- How many were released, and whether there may be more.
local function release_ended(run, waits, now)
  local ended, names, released = run(ENDED, number(now), MOST_RECOVERED), {}, 0
  for i, row in ipairs(ended) do names[i] = row[2] end
  lanes.lock(run, names)
  for _, row in ipairs(ended) do released = released + release(run, row, waits, now) end
  return released, #ended == MOST_RECOVERED
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
  done, message, code = self:transact_in_slices(function(run, now)
    local released, has_more = release_ended(run, waits, now)
    recovered = recovered + released
    return has_more
  end)
  if not done then return nil, message, code end
  return recovered
end

--[[ claim ]]

local CLAIMED = fields.claimed

-- What others claim at the same time is skipped.
local CLAIM = "WITH chosen AS MATERIALIZED (SELECT seq FROM inbox WHERE leads AND state = 'ready' AND losses %s " ..
  "AND at <= $1 ORDER BY at, seq LIMIT $3 FOR UPDATE SKIP LOCKED), " ..
  "claimed AS (UPDATE inbox SET state = 'leased', attempt = attempt + 1, token = token + 1, at = $2, set_at = $1, " ..
  "shared = (SELECT count(*) > 1 FROM chosen) WHERE seq IN (SELECT seq FROM chosen) RETURNING *) " ..
  "SELECT " .. rows.selected(CLAIMED) .. " FROM claimed ORDER BY seq"
local CLAIM_NEW, CLAIM_LOST = CLAIM:format "= 0", CLAIM:format "> 0"

-- What may have ended its process comes first, and alone.
local function claim(run, limit, lease, now)
  local at, ends_at = number(now), number(now + lease)
  local claimed = run(CLAIM_LOST, at, ends_at, 1)
  if #claimed == 0 then claimed = run(CLAIM_NEW, at, ends_at, limit) end
  return rows.entries(claimed, CLAIMED)
end

function methods:claim(limit, lease)
  if limit < 1 and not self.closed then return {} end
  local found, message, code = read_next(self)
  if not found then return nil, message, code end
  if not found.claim_at or found.claim_at > found.now then return {} end
  local most = math.min(limit, lease_rules.MOST_CLAIMED)
  return self:transact(function(run, now) return claim(run, most, lease, now) end)
end

--[[ finish, extend ]]

local OF_ITEM = " WHERE id = $1 AND token = $2 AND state = 'leased' RETURNING lane"

local FINISH_DONE = "UPDATE inbox SET state = 'done', leads = false, at = greatest(time, $3), set_at = $3, " ..
  "reason = NULL, code = NULL, attempt = attempt - $4, losses = 0, scope = $5" .. OF_ITEM
local FINISH_LATER = "UPDATE inbox SET state = $5, leads = false, at = $6, set_at = $3, reason = $7, code = $8, " ..
  "attempt = attempt - $4, losses = 0" .. OF_ITEM
local GIVE_BACK = "UPDATE inbox SET state = 'ready', leads = false, at = $3, set_at = $3, " ..
  "attempt = attempt - 1" .. OF_ITEM
local EXTEND = "UPDATE inbox SET at = $4, set_at = $3" .. OF_ITEM

-- The rows that were changed.
local function write_outcome(run, item, now)
  local id, token, state, uncounted = item.id, item.token, item.state, item.uncounted and 1 or 0
  local at = number(now)
  if state == "unbegun" then return run(GIVE_BACK, id, token, at) end
  if state == "done" then return run(FINISH_DONE, id, token, at, uncounted, item.scope) end
  local ready_at = number(now + (state == "ready" and item.wait or 0))
  local code = state == "dead" and item.code or nil
  return run(FINISH_LATER, id, token, at, uncounted, state, ready_at, item.reason, code)
end

local function finish_one(run, item, now)
  local found = write_outcome(run, item, now)
  if found[1] then lanes.elect(run, found[1][1]) end
  return found[1] ~= nil
end

local function extend_one(run, item, now, lease)
  return run(EXTEND, item.id, item.token, number(now), number(now + lease))[1] ~= nil
end

-- Does something to each item, while others are kept from their lanes.
local function with_each(self, items, work, lease)
  if #items == 0 and not self.closed then return {} end
  local ids = {}
  for i, item in ipairs(items) do ids[i] = item.id end
  return self:transact(function(run, now)
    lanes.lock_of(run, ids)
    local held = {}
    for i = 1, #items do held[i] = work(run, items[i], now, lease) end
    return held
  end)
end

function methods:finish(items)
  return with_each(self, fields.finished(items), finish_one)
end

function methods:extend(items, lease)
  return with_each(self, items, extend_one, lease)
end

return { methods = methods }
