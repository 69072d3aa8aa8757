--- What operators and retention change in the inbox in PostgreSQL.
local changes = require "marketplace.inbox.changes"
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
local indexes = require "marketplace.inbox.postgres.indexes"
local lanes = require "marketplace.inbox.postgres.lanes"
local queries = require "marketplace.inbox.postgres.queries"
local quoted = require("marketplace.inbox.sql").quoted
local retention = require "marketplace.inbox.retention"
local rows = require "marketplace.inbox.postgres.rows"

local methods = {}

--[[ replay ]]

-- In a transaction, for which others wait; and read at once, and looked at for that.
local LIMITS = { changed = 500, selected = 5000, examined = 20000 }

local CAN_REPLAY = { -- by state, as marketplace.inbox.fields says it
  dead = "code IN (" .. quoted(codes.REPLAYED) .. ")", done = "body IS NOT NULL",
}

local REPLAY = lanes.MAKE_READY .. "%s WHERE id = :id AND state = '%s' AND %s RETURNING lane, id"
local REPLAY_STATE = {
  dead = REPLAY:format(rows.adding "'replayed'", "dead", CAN_REPLAY.dead),
  done = REPLAY:format(rows.ADDING_DONE_AND_REPLAYED, "done", CAN_REPLAY.done),
}

-- A page of those that a filter selects and a further condition.
local function reader(self, condition)
  return function(page) return queries.page(self, "seq, id", page, condition) end
end

-- What is older must be ready before what waits behind it.
function methods:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  replayed = replayed or {}
  local function change(link, slice, now)
    lanes.lock_of(link, slice)
    local ready = link:each(REPLAY_STATE[replayed.state], slice, { now = now })
    lanes.elect_anew(link, ready)
    return ready
  end
  return changes.run(self, {
    filter = replayed, read = reader(self, CAN_REPLAY[replayed.state]), change = change, limits = LIMITS,
    is_reversed = replayed.newest,
  })
end

--[[ run, cancel ]]

local RUN = "UPDATE inbox SET at = :now, set_at = :now, " .. rows.adding "'run'" ..
  " WHERE id = :id AND state = 'ready' RETURNING id"

function methods:run(filter)
  local operated = fields.operated("run", filter)
  if not operated and not self.closed then return {} end
  local function change(link, slice, now)
    lanes.lock_of(link, slice)
    return link:each(RUN, slice, { now = now })
  end
  return changes.run(self, {
    filter = operated or {}, read = reader(self), change = change, limits = LIMITS, is_meant = true,
  })
end

local CANCEL = "UPDATE inbox SET state = 'dead', code = 'cancelled', reason = :reason, leads = false, at = :now, " ..
  "set_at = :now, " .. rows.adding("'cancelled'", ":told_reason") .. " WHERE id = :id AND " .. lanes.LIVE ..
  " RETURNING lane, id"

-- What waits behind another is cancelled before that, so that it does not run meanwhile.
function methods:cancel(filter, reason)
  local operated = fields.operated("cancel", filter)
  if not operated and not self.closed then return {} end
  operated = operated or {}
  local function change(link, slice, now)
    lanes.lock_of(link, slice)
    local cancelled = link:each(CANCEL, slice, { now = now, reason = reason, told_reason = history.reason(reason) })
    lanes.elect(link, cancelled)
    return cancelled
  end
  local condition = not operated.state and indexes.LANE or nil
  return changes.run(self, {
    filter = operated, read = reader(self, condition), change = change, limits = LIMITS,
    is_reversed = not operated.newest, is_meant = true,
  })
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
