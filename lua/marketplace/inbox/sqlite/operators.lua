--- What operators and retention change in the inbox in a SQLite file.
local changes = require "marketplace.inbox.changes"
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
local lanes = require "marketplace.inbox.sqlite.lanes"
local limits = require "marketplace.inbox.sqlite.limits"
local queries = require "marketplace.inbox.sqlite.queries"
local quoted = require("marketplace.inbox.sql").quoted
local retention = require "marketplace.inbox.retention"
local rows = require "marketplace.inbox.sqlite.rows"

local methods = {}

--[[ replay ]]

local CAN_REPLAY = { -- by state, as marketplace.inbox.fields says it
  dead = "code IN (" .. quoted(codes.REPLAYED) .. ")", done = "kept = 1",
}

local REPLAY = lanes.MAKE_READY .. "%s WHERE seq = :seq AND id = :id AND state = '%s' AND %s RETURNING app_id"
local REPLAY_STATE = {
  dead = REPLAY:format(rows.adding "'replayed'", "dead", CAN_REPLAY.dead),
  done = REPLAY:format(rows.ADDING_DONE_AND_REPLAYED, "done", CAN_REPLAY.done),
}

-- A page of those that a filter selects and a further condition.
local function reader(self, condition)
  return function(page) return queries.page(self, "seq, id", page, condition) end
end

-- What is older is made ready before what waits behind it.
function methods:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  replayed = replayed or {}
  local function change(link, slice, now)
    local ready = link:each(REPLAY_STATE[replayed.state], slice, { now = now })
    lanes.elect_anew(link, ready)
    return ready
  end
  return changes.run(self, {
    filter = replayed, read = reader(self, CAN_REPLAY[replayed.state]), change = change, limits = limits,
    is_reversed = replayed.newest,
  })
end

--[[ run, cancel ]]

local RUN = "UPDATE inbox SET at = :now, set_at = :now, " .. rows.adding "'run'" ..
  " WHERE seq = :seq AND id = :id AND state = 'ready'"

function methods:run(filter)
  local operated = fields.operated("run", filter)
  if not operated and not self.closed then return {} end
  local function change(link, slice, now) return link:each(RUN, slice, { now = now }) end
  return changes.run(self, {
    filter = operated or {}, read = reader(self), change = change, limits = limits, is_meant = true,
  })
end

local CANCEL = "UPDATE inbox SET state = 'dead', code = 'cancelled', reason = :reason, leads = -1, at = :now, " ..
  "set_at = :now, " .. rows.adding("'cancelled'", ":told_reason") ..
  " WHERE seq = :seq AND id = :id AND state IN ('ready', 'leased') RETURNING app_id"

-- What waits behind another is cancelled before that, so that it does not run meanwhile.
function methods:cancel(filter, reason)
  local operated = fields.operated("cancel", filter)
  if not operated and not self.closed then return {} end
  operated = operated or {}
  local function change(link, slice, now)
    local cancelled = link:each(CANCEL, slice, { now = now, reason = reason, told_reason = history.reason(reason) })
    lanes.elect(link, cancelled)
    return cancelled
  end
  return changes.run(self, {
    filter = operated, read = reader(self, "+state IN ('ready', 'leased')"), change = change, limits = limits,
    is_reversed = not operated.newest, is_meant = true,
  })
end

--[[ forget ]]

local REMEMBER = "UPDATE self SET forgotten_before = :before WHERE forgotten_before IS NULL OR " ..
  "forgotten_before < :before"
local DONE = "SELECT seq FROM inbox WHERE state = 'done' %s AND at < :before ORDER BY at LIMIT :limit"
local DONE_BEFORE, KEPT_BEFORE = DONE:format "", DONE:format "AND kept = 1"
local DELETE, DELETE_BODY = "DELETE FROM inbox WHERE seq = :seq", "DELETE FROM bodies WHERE seq = :seq"
local FORGET_BODY = "UPDATE inbox SET kept = 0 WHERE seq = :seq"

local function forget_ids(self, before, limit)
  return self:transact(function(link)
    link:run(REMEMBER, { before = before })
    local list = link:run(DONE_BEFORE, { before = before, limit = limit })
    link:each(DELETE_BODY, list)
    link:each(DELETE, list)
    return #list
  end)
end

local function forget_bodies(self, before, limit)
  return self:transact(function(link)
    local list = link:run(KEPT_BEFORE, { before = before, limit = limit })
    link:each(DELETE_BODY, list)
    link:each(FORGET_BODY, list)
    return #list
  end)
end

local LOOK = queries.OLDEST_DONE .. ", (SELECT forgotten_before FROM self) AS forgotten_before"

local function look_at_done(self)
  return self:read(function(link) return link:run(LOOK)[1] end)
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
