--- What operators and retention change in the inbox in PostgreSQL.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
local indexes = require "marketplace.inbox.postgres.indexes"
local lanes = require "marketplace.inbox.postgres.lanes"
local queries = require "marketplace.inbox.postgres.queries"
local quoted = require("marketplace.inbox.sql").quoted
local retention = require "marketplace.inbox.retention"
local rows = require "marketplace.inbox.postgres.rows"
local unpack = require("marketplace.runtime").unpack

local methods = {}

--[[ replay ]]

local CHANGED_AT_ONCE = 500 -- in a transaction, for which others wait

local CAN_REPLAY = { -- by state, as marketplace.inbox.fields says it
  dead = "code IN (" .. quoted(codes.REPLAYED) .. ")", done = "body IS NOT NULL",
}

local REPLAY = lanes.MAKE_READY .. "%s WHERE id = :id AND state = '%s' AND %s RETURNING lane, id"
local REPLAY_STATE = {
  dead = REPLAY:format(rows.adding "'replayed'", "dead", CAN_REPLAY.dead),
  done = REPLAY:format(rows.ADDING_DONE_AND_REPLAYED, "done", CAN_REPLAY.done),
}

local function reversed(list)
  local other = {}
  for i = #list, 1, -1 do other[#other + 1] = list[i] end
  return other
end

-- The ids of the rows of a list that change(link, slice, now) changes; it returns what link:each did. Others are kept
-- from their lanes meanwhile, but can write between slices.
local function change_in_slices(self, list, change)
  local ids, last = {}, 0
  local done, message, code = self:transact_in_slices(function(link, now)
    local slice = { unpack(list, last + 1, math.min(#list, last + CHANGED_AT_ONCE)) }
    lanes.lock_of(link, slice)
    for _, row in ipairs(change(link, slice, now)) do
      if row then ids[row.id] = true end
    end
    last = last + #slice
    return last < #list
  end)
  if not done then return nil, message, code end
  return ids
end

-- The ids of those that select(link) finds and that are changed, in the order in which they were found. `is_reversed`:
-- the last of them are to be changed first.
local function change_selected(self, select, is_reversed, change)
  local found, message, code = self:read(select)
  if not found then return nil, message, code end
  local list, changed = {}, {}
  if #found > 0 then
    changed, message, code = change_in_slices(self, is_reversed and reversed(found) or found, change)
  end
  if not changed then return nil, message, code end
  for _, row in ipairs(found) do
    if changed[row.id] then list[#list + 1] = row.id end
  end
  return list
end

local function find(link, filter, condition)
  return link:run("SELECT id" .. queries.where(filter, condition), filter)
end

-- What is older must be ready before what waits behind it.
function methods:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  replayed = replayed or {}
  local function select(link) return find(link, replayed, CAN_REPLAY[replayed.state]) end
  return change_selected(self, select, replayed.newest, function(link, slice, now)
    local ready = link:each(REPLAY_STATE[replayed.state], slice, { now = now })
    lanes.elect_anew(link, ready)
    return ready
  end)
end

--[[ run, cancel ]]

local RUN = "UPDATE inbox SET at = :now, set_at = :now, " .. rows.adding "'run'" ..
  " WHERE id = :id AND state = 'ready' RETURNING id"

function methods:run(filter)
  local operated = fields.operated("run", filter)
  if not operated and not self.closed then return {} end
  local function select(link) return fields.meant(find(link, operated), operated) end
  return change_selected(self, select, false, function(link, slice, now)
    return link:each(RUN, slice, { now = now })
  end)
end

local CANCEL = "UPDATE inbox SET state = 'dead', code = 'cancelled', reason = :reason, leads = false, at = :now, " ..
  "set_at = :now, " .. rows.adding("'cancelled'", ":told_reason") .. " WHERE id = :id AND " .. lanes.LIVE ..
  " RETURNING lane, id"

-- What waits behind another is cancelled before that, so that it does not run meanwhile.
function methods:cancel(filter, reason)
  local operated = fields.operated("cancel", filter)
  if not operated and not self.closed then return {} end
  operated = operated or {}
  local function select(link)
    return fields.meant(find(link, operated, not operated.state and indexes.LANE or nil), operated)
  end
  return change_selected(self, select, not operated.newest, function(link, slice, now)
    local given = { now = now, reason = reason, told_reason = history.reason(reason) }
    local cancelled = link:each(CANCEL, slice, given)
    lanes.elect(link, cancelled)
    return cancelled
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
