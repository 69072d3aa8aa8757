--- What operators and retention change in the inbox in a SQLite file.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local lanes = require "marketplace.inbox.sqlite.lanes"
local limits = require "marketplace.inbox.sqlite.limits"
local queries = require "marketplace.inbox.sqlite.queries"
local quoted = require("marketplace.inbox.sql").quoted
local retention = require "marketplace.inbox.retention"
local unpack = require("marketplace.runtime").unpack

local methods = {}

--[[ replay ]]

local CAN_REPLAY = { -- by state, as marketplace.inbox.fields says it
  dead = "code IN (" .. quoted(codes.REPLAYED) .. ")", done = "kept = 1",
}

local REPLAY = lanes.MAKE_READY .. " WHERE seq = :seq AND id = :id AND state = '%s' AND %s " ..
  "RETURNING app_id"
local REPLAY_STATE = {}
for state, condition in pairs(CAN_REPLAY) do REPLAY_STATE[state] = REPLAY:format(state, condition) end

-- What is older is made ready before what waits behind it.
local function oldest_first(list, filter)
  if not filter.newest then return list end
  local reversed = {}
  for i = #list, 1, -1 do reversed[#reversed + 1] = list[i] end
  return reversed
end

function methods:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  local selected, message, code = self:read(function(link)
    return queries.select(link, "seq, id", replayed, CAN_REPLAY[replayed.state])
  end)
  if not selected then return nil, message, code end
  local list, last, done = oldest_first(selected, replayed), 0, #selected == 0
  if done then return {} end
  done, message, code = self:transact_in_slices(function(link, now)
    local slice = { unpack(list, last + 1, math.min(#list, last + limits.replayed)) }
    local ready = link:each(REPLAY_STATE[replayed.state], slice, { now = now })
    lanes.elect_anew(link, ready)
    for i, row in ipairs(slice) do row.is_ready = ready[i] ~= false end
    last = last + #slice
    return last < #list
  end)
  if not done then return nil, message, code end
  local ids = {}
  for _, row in ipairs(selected) do
    if row.is_ready then ids[#ids + 1] = row.id end
  end
  return ids
end

--[[ run, cancel ]]

local RUN = "UPDATE inbox SET at = :now, set_at = :now WHERE hash = hash(:id) AND id = :id AND state = 'ready'"

function methods:run(id)
  return self:transact(function(link, now) return link:each(RUN, { { id = id } }, { now = now })[1] end)
end

local CANCEL = "UPDATE inbox SET state = 'dead', code = 'cancelled', reason = :reason, leads = -1, at = :now, " ..
  "set_at = :now WHERE hash = hash(:id) AND id = :id AND state IN ('ready', 'leased') RETURNING app_id"

function methods:cancel(id, reason)
  return self:transact(function(link, now)
    local cancelled = link:run(CANCEL, { id = id, reason = reason, now = now })
    lanes.elect(link, cancelled)
    return cancelled[1] ~= nil
  end)
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
