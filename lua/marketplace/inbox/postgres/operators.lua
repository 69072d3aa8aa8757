--- What operators and retention change in the inbox in PostgreSQL.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local lanes = require "marketplace.inbox.postgres.lanes"
local number = require("marketplace.text").number
local queries = require "marketplace.inbox.postgres.queries"
local quoted = require("marketplace.inbox.postgres.rows").quoted
local unpack = require("marketplace.runtime").unpack

local methods = {}

--[[ replay ]]

local REPLAYED_AT_ONCE = 500 -- in a transaction, for which others wait

local CAN_REPLAY = { -- by state, as marketplace.inbox.fields says it
  dead = "code IN (" .. quoted(codes.REPLAYED) .. ")", done = "body IS NOT NULL",
}

local REPLAY = "UPDATE inbox SET state = 'ready', attempt = 0, losses = 0, reason = NULL, code = NULL, at = $2, " ..
  "set_at = $2, leads = false WHERE id = $1 AND state = '%s' AND %s RETURNING lane"
local REPLAY_STATE = {}
for state, condition in pairs(CAN_REPLAY) do REPLAY_STATE[state] = REPLAY:format(state, condition) end

-- Adds those that are ready then to `is_ready`.
local function replay_slice(run, ids, state, now, is_ready)
  lanes.lock_of(run, ids)
  for _, id in ipairs(ids) do
    local lane = run(REPLAY_STATE[state], id, number(now))[1]
    if lane then
      lanes.elect_anew(run, lane[1])
      is_ready[id] = true
    end
  end
end

-- The ids that a filter selects, in its order, and in the order in which they were stored.
local function find(self, filter)
  local clause, parameters = queries.where(filter, CAN_REPLAY[filter.state])
  return self:read(function(run)
    local found, oldest_first = run("SELECT id" .. clause, unpack(parameters)), {}
    for i, row in ipairs(found) do
      found[i] = row[1]
      oldest_first[filter.newest and #found - i + 1 or i] = row[1]
    end
    return { found = found, oldest_first = oldest_first }
  end)
end

-- What is older must be ready before what waits behind it.
function methods:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  local selected, message, code = find(self, replayed or {})
  if not selected then return nil, message, code end
  local ids, is_ready, last = selected.oldest_first, {}, 0
  if #ids == 0 then return {} end
  local done
  done, message, code = self:transact_in_slices(function(run, now)
    local slice = { unpack(ids, last + 1, math.min(#ids, last + REPLAYED_AT_ONCE)) }
    replay_slice(run, slice, replayed.state, now, is_ready)
    last = last + #slice
    return last < #ids
  end)
  if not done then return nil, message, code end
  local list = {}
  for _, id in ipairs(selected.found) do
    if is_ready[id] then list[#list + 1] = id end
  end
  return list
end

--[[ run, cancel ]]

local RUN = "UPDATE inbox SET at = $2, set_at = $2 WHERE id = $1 AND state = 'ready' RETURNING 1"

function methods:run(id)
  return self:transact(function(run, now) return run(RUN, id, number(now))[1] ~= nil end)
end

local CANCEL = "UPDATE inbox SET state = 'dead', code = 'cancelled', reason = $3, leads = false, at = $2, " ..
  "set_at = $2 WHERE id = $1 AND " .. lanes.LIVE .. " RETURNING lane"

function methods:cancel(id, reason)
  return self:transact(function(run, now)
    lanes.lock_of(run, { id })
    local lane = run(CANCEL, id, number(now), reason)[1]
    if lane then lanes.elect(run, lane[1]) end
    return lane ~= nil
  end)
end

--[[ forget ]]

-- What others forget at the same time is skipped.
local CHOSEN = "WITH chosen AS MATERIALIZED (SELECT seq FROM inbox WHERE state = 'done'%s AND at < $1 ORDER BY at " ..
  "LIMIT $2 FOR UPDATE SKIP LOCKED) "
local FORGET_IDS = CHOSEN:format "" .. "DELETE FROM inbox WHERE seq IN (SELECT seq FROM chosen) RETURNING 1"
local FORGET_BODIES = CHOSEN:format " AND body IS NOT NULL" ..
  "UPDATE inbox SET body = NULL WHERE seq IN (SELECT seq FROM chosen) RETURNING 1"

-- When the first with a body, and the first of all was done, and before when ids were deleted.
local LOOK = "SELECT (SELECT min(at) FROM inbox WHERE state = 'done' AND body IS NOT NULL), " ..
  "(SELECT min(at) FROM inbox WHERE state = 'done'), (SELECT forgotten_before FROM inbox_self)"

local function look_at_done(self)
  return self:read(function(run) return run(LOOK)[1] end)
end

local REMEMBER = "UPDATE inbox_self SET forgotten_before = $1 WHERE forgotten_before IS NULL OR forgotten_before < $1"

local function forget_ids(self, before, limit)
  return self:transact(function(run)
    run(REMEMBER, number(before))
    return #run(FORGET_IDS, number(before), limit)
  end)
end

local function forget_bodies(self, before, limit)
  return self:transact(function(run) return #run(FORGET_BODIES, number(before), limit) end)
end

function methods:oldest_done()
  local look, message, code = look_at_done(self)
  if not look then return nil, message, code end
  return { body = look[1], id = look[2] }
end

-- A transaction for each, so that neither keeps others waiting for long.
function methods:forget(before, limit)
  local look, message, code = look_at_done(self)
  if not look then return nil, message, code end
  local body_at, id_at, forgotten_before = look[1], look[2], look[3]
  local forgotten = { bodies = 0, ids = 0 }
  if id_at and id_at < before.ids or not forgotten_before or forgotten_before < before.ids then
    forgotten.ids, message, code = forget_ids(self, before.ids, limit)
    if not forgotten.ids then return nil, message, code end
  end
  if body_at and body_at < before.bodies then
    forgotten.bodies, message, code = forget_bodies(self, before.bodies, limit)
    if not forgotten.bodies then return nil, message, code end
  end
  return forgotten
end

return { methods = methods }
