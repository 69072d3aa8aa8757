--- What operators and retention change in the inbox in PostgreSQL.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local indexes = require "marketplace.inbox.postgres.indexes"
local lanes = require "marketplace.inbox.postgres.lanes"
local queries = require "marketplace.inbox.postgres.queries"
local quoted = require("marketplace.inbox.sql").quoted
local retention = require "marketplace.inbox.retention"
local unpack = require("marketplace.runtime").unpack

local methods = {}

--[[ replay ]]

local REPLAYED_AT_ONCE = 500 -- in a transaction, for which others wait

local CAN_REPLAY = { -- by state, as marketplace.inbox.fields says it
  dead = "code IN (" .. quoted(codes.REPLAYED) .. ")", done = "body IS NOT NULL",
}

local REPLAY = lanes.MAKE_READY .. " WHERE id = :id AND state = '%s' AND %s RETURNING lane, id"
local REPLAY_STATE = {}
for state, condition in pairs(CAN_REPLAY) do REPLAY_STATE[state] = REPLAY:format(state, condition) end

-- Adds those that are ready then to `is_ready`.
local function replay_slice(link, slice, state, now, is_ready)
  lanes.lock_of(link, slice)
  local replayed = link:each(REPLAY_STATE[state], slice, { now = now })
  for _, row in ipairs(replayed) do
    if row then is_ready[row.id] = true end
  end
  lanes.elect_anew(link, replayed)
end

-- The ids that a filter selects, as rows: in its order, and in the order in which they were stored.
local function find(self, filter)
  local clause = queries.where(filter, CAN_REPLAY[filter.state])
  return self:read(function(link)
    local found, oldest_first = link:run("SELECT id" .. clause, filter), {}
    for i, row in ipairs(found) do oldest_first[filter.newest and #found - i + 1 or i] = row end
    return { found = found, oldest_first = oldest_first }
  end)
end

-- What is older must be ready before what waits behind it.
function methods:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  local selected, message, code = find(self, replayed or {})
  if not selected then return nil, message, code end
  local entries, is_ready, last = selected.oldest_first, {}, 0
  if #entries == 0 then return {} end
  local done
  done, message, code = self:transact_in_slices(function(link, now)
    local slice = { unpack(entries, last + 1, math.min(#entries, last + REPLAYED_AT_ONCE)) }
    replay_slice(link, slice, replayed.state, now, is_ready)
    last = last + #slice
    return last < #entries
  end)
  if not done then return nil, message, code end
  local list = {}
  for _, row in ipairs(selected.found) do
    if is_ready[row.id] then list[#list + 1] = row.id end
  end
  return list
end

--[[ run, cancel ]]

local RUN = "UPDATE inbox SET at = :now, set_at = :now WHERE id = :id AND state = 'ready' RETURNING id"

function methods:run(id)
  return self:transact(function(link, now) return link:run(RUN, { id = id, now = now })[1] ~= nil end)
end

local CANCEL = "UPDATE inbox SET state = 'dead', code = 'cancelled', reason = :reason, leads = false, at = :now, " ..
  "set_at = :now WHERE id = :id AND " .. lanes.LIVE .. " RETURNING lane"

function methods:cancel(id, reason)
  return self:transact(function(link, now)
    lanes.lock_of(link, { { id = id } })
    local cancelled = link:run(CANCEL, { id = id, reason = reason, now = now })
    lanes.elect(link, cancelled)
    return cancelled[1] ~= nil
  end)
end

--[[ forget ]]

-- What others forget at the same time is skipped.
local CHOSEN = "WITH chosen AS MATERIALIZED (SELECT seq FROM inbox WHERE %s AND at < :before ORDER BY at " ..
  "LIMIT :limit FOR UPDATE SKIP LOCKED) "
local FORGET_IDS = CHOSEN:format(indexes.DONE) ..
  "DELETE FROM inbox WHERE seq IN (SELECT seq FROM chosen) RETURNING seq"
local FORGET_BODIES = CHOSEN:format(indexes.WITH_BODY) ..
  "UPDATE inbox SET body = NULL WHERE seq IN (SELECT seq FROM chosen) RETURNING seq"

-- When the first with a body, and the first of all was done, and before when ids were deleted.
local LOOK = "SELECT (SELECT min(at) FROM inbox WHERE " .. indexes.WITH_BODY .. ") AS body, " ..
  "(SELECT min(at) FROM inbox WHERE " .. indexes.DONE .. ") AS id, (SELECT forgotten_before FROM inbox_self)"

local function look_at_done(self)
  return self:read(function(link) return link:run(LOOK)[1] end)
end

local REMEMBER = "UPDATE inbox_self SET forgotten_before = :before WHERE forgotten_before IS NULL " ..
  "OR forgotten_before < :before"

local function forget_ids(self, before, limit)
  return self:transact(function(link)
    link:run(REMEMBER, { before = before })
    return #link:run(FORGET_IDS, { before = before, limit = limit })
  end)
end

local function forget_bodies(self, before, limit)
  return self:transact(function(link) return #link:run(FORGET_BODIES, { before = before, limit = limit }) end)
end

function methods:oldest_done()
  local look, message, code = look_at_done(self)
  if not look then return nil, message, code end
  return { body = look.body, id = look.id }
end

function methods:forget(before, limit)
  local look, message, code = look_at_done(self)
  if not look then return nil, message, code end
  return retention.forget(look, before, {
    ids = function() return forget_ids(self, before.ids, limit) end,
    bodies = function() return forget_bodies(self, before.bodies, limit) end,
  })
end

return { methods = methods }
