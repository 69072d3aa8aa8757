--- How an inbox in a SQL database leases entries. A poll that finds nothing to do writes nothing.
local fields = require "marketplace.inbox.fields"
local lanes = require "marketplace.inbox.postgres.lanes"
local lease_rules = require "marketplace.inbox.lease"
local rows = require "marketplace.inbox.postgres.rows"

local methods = {}
local leases = { methods = methods }

local MOST_RECOVERED = 500 -- in a transaction, for which others wait

--[[ What is next ]]

local NEXT = "SELECT (SELECT min(at) FROM inbox WHERE leads = 1 AND state = 'ready' AND losses = 0), " ..
  "(SELECT min(at) FROM inbox WHERE leads = 1 AND state = 'ready' AND losses > 0), " ..
  "(SELECT min(at) FROM inbox WHERE state = 'leased'), (SELECT max(set_at) FROM inbox WHERE leads = 1)"

-- When the first leaders can be claimed and the first lease ends, nil for none, and whether one was set in the future.
local function read_next(self)
  return self:read(function(run)
    local row, now = run(NEXT)[1], self.database.now(run)
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

local CORRECT = "UPDATE inbox SET received_at = CASE WHEN received_at > ? THEN ? ELSE received_at END, " ..
  "at = CASE WHEN state = 'leased' THEN ? + (at - set_at) ELSE ? END, set_at = ? WHERE id = ? AND set_at > ?"

-- The time is read again once they are locked: until then others can set one that is later than when this began.
local function correct_some(self, run, began)
  local ahead = run(self.lease_statements.ahead, self.database.number(began), MOST_RECOVERED)
  local at = self.database.number(self.database.now(run))
  for _, row in ipairs(ahead) do run(CORRECT, at, at, at, at, at, row[1], at) end
  return #ahead == MOST_RECOVERED
end

-- What was set while the clock was ahead.
local function correct_clocks(self)
  return self:transact_in_slices(function(run, began) return correct_some(self, run, began) end)
end

local ENDED = "SELECT id, lane, token, attempt, losses, shared FROM inbox WHERE state = 'leased' AND at <= ? " ..
  "ORDER BY at LIMIT ?"

local RELEASE = "UPDATE inbox SET state = 'ready', leads = 0, at = ?, set_at = ?, attempt = ?, losses = losses + 1 " ..
  "WHERE id = ? AND token = ? AND state = 'leased' AND at <= ? RETURNING 1"

local function release(self, run, row, waits, now)
  local number = self.database.number
  local id, lane, token, losses, was_shared = row[1], row[2], row[3], row[5], row[6] == 1
  local attempt, wait = lease_rules.after_loss(row[4], losses, was_shared, waits)
  local at = number(now)
  if not run(RELEASE, number(now + wait), at, attempt, id, token, at)[1] then return 0 end
  lanes.elect(run, lane)
  return 1
end

-- How many were released, and whether there may be more.
local function release_ended(self, run, waits, now)
  local ended, names, released = run(ENDED, self.database.number(now), MOST_RECOVERED), {}, 0
  for i, row in ipairs(ended) do names[i] = row[2] end
  self.database.lock_lanes(run, names)
  for _, row in ipairs(ended) do released = released + release(self, run, row, waits, now) end
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
    local released, has_more = release_ended(self, run, waits, now)
    recovered = recovered + released
    return has_more
  end)
  if not done then return nil, message, code end
  return recovered
end

--[[ claim ]]

local CLAIMED = fields.claimed
local SEQ = #CLAIMED + 1 -- the column behind them

local function claim_statement(database, losses)
  return ("WITH chosen AS MATERIALIZED (SELECT seq FROM inbox WHERE leads = 1 AND state = 'ready' AND losses %s " ..
    "AND at <= ? ORDER BY at, seq LIMIT ? %s) UPDATE inbox SET state = 'leased', attempt = attempt + 1, " ..
    "token = token + 1, at = ?, set_at = ?, shared = (SELECT CASE WHEN count(*) > 1 THEN 1 ELSE 0 END FROM chosen) " ..
    "WHERE seq IN (SELECT seq FROM chosen) RETURNING %s, CAST(seq AS float8)"):format(
    losses, database.skip_locked, rows.selected(CLAIMED))
end

local function by_seq(a, b) return a[SEQ] < b[SEQ] end

-- What may have ended its process comes first, and alone.
local function claim(self, run, limit, lease, now)
  local statements, at, ends_at = self.lease_statements, self.database.number(now), self.database.number(now + lease)
  local claimed = run(statements.claim_alone, at, 1, ends_at, at)
  if #claimed == 0 then claimed = run(statements.claim, at, limit, ends_at, at) end
  table.sort(claimed, by_seq)
  return rows.entries(claimed, CLAIMED)
end

function methods:claim(limit, lease)
  if limit < 1 and not self.closed then return {} end
  local found, message, code = read_next(self)
  if not found then return nil, message, code end
  if not found.claim_at or found.claim_at > found.now then return {} end
  local most = math.min(limit, lease_rules.MOST_CLAIMED)
  return self:transact(function(run, now) return claim(self, run, most, lease, now) end)
end

--[[ finish, extend ]]

local FINISH = "UPDATE inbox SET state = ?, leads = 0, at = %s, set_at = ?, reason = ?, code = ?, " ..
  "attempt = attempt - ?, losses = 0%s WHERE id = ? AND token = ? AND state = 'leased' RETURNING lane"
local GIVE_BACK = "UPDATE inbox SET state = 'ready', leads = 0, at = ?, set_at = ?, attempt = attempt - 1 " ..
  "WHERE id = ? AND token = ? AND state = 'leased' RETURNING lane"
local FINISH_LATER = FINISH:format("?", "")
local FINISH_DONE = FINISH:format("CASE WHEN time > ? THEN time ELSE ? END", ", scope = ?")

-- The rows that were changed.
local function write_outcome(self, run, item, now)
  local number, state, uncounted = self.database.number, item.state, item.uncounted and 1 or 0
  local at = number(now)
  if state == "unbegun" then return run(GIVE_BACK, at, at, item.id, item.token) end
  if state == "done" then
    return run(FINISH_DONE, state, at, at, at, nil, nil, uncounted, item.scope, item.id, item.token)
  end
  local ready_at = number(now + (state == "ready" and item.wait or 0))
  local code = state == "dead" and item.code or nil
  return run(FINISH_LATER, state, ready_at, at, item.reason, code, uncounted, item.id, item.token)
end

local function finish_one(self, run, item, now)
  local found = write_outcome(self, run, item, now)
  if found[1] then lanes.elect(run, found[1][1]) end
  return found[1] ~= nil
end

local EXTEND = "UPDATE inbox SET at = ?, set_at = ? WHERE id = ? AND token = ? AND state = 'leased' RETURNING 1"

local function extend_one(self, run, item, now, lease)
  local number = self.database.number
  return run(EXTEND, number(now + lease), number(now), item.id, item.token)[1] ~= nil
end

-- Does something to each item, while others are kept from their lanes.
local function with_each(self, items, work, lease)
  if #items == 0 and not self.closed then return {} end
  return self:transact(function(run, now)
    self.database.lock_lanes_of(run, items)
    local held = {}
    for i = 1, #items do held[i] = work(self, run, items[i], now, lease) end
    return held
  end)
end

function methods:finish(items)
  return with_each(self, fields.finished(items), finish_one)
end

function methods:extend(items, lease)
  return with_each(self, items, extend_one, lease)
end

--- The statements that differ between databases.
---@param database table see marketplace.inbox.postgres.inbox
---@return table<string, string>
function leases.statements(database)
  return {
    ahead = "SELECT id FROM inbox WHERE leads = 1 AND set_at > ? LIMIT ? " .. database.skip_locked,
    claim = claim_statement(database, "= 0"), claim_alone = claim_statement(database, "> 0"),
  }
end

return leases
