--- What operators and retention change in the inbox in a SQLite file.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
local lanes = require "marketplace.inbox.sqlite.lanes"
local limits = require "marketplace.inbox.sqlite.limits"
local queries = require "marketplace.inbox.sqlite.queries"
local quoted = require("marketplace.inbox.sql").quoted
local retention = require "marketplace.inbox.retention"
local rows = require "marketplace.inbox.sqlite.rows"
local selection = require "marketplace.inbox.sqlite.selection"
local unpack = require("marketplace.runtime").unpack

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

local function reversed(list)
  local other = {}
  for i = #list, 1, -1 do other[#other + 1] = list[i] end
  return other
end

-- Those of a list, {seq=, id=}, that change(link, slice, now) changes; it returns what link:each did. Others can write
-- between slices.
local function change_in_slices(self, list, change)
  local last = 0
  return self:transact_in_slices(function(link, now)
    local slice = { unpack(list, last + 1, math.min(#list, last + limits.replayed)) }
    local changed = change(link, slice, now)
    for i, row in ipairs(slice) do row.is_changed = changed[i] ~= false end
    last = last + #slice
    return last < #list
  end)
end

-- The ids of those that were selected and changed, in the order in which they were selected; nil, a message and a code
-- if that fails. `is_reversed`: the last of them are to be changed first.
local function change_selected(self, select, is_reversed, change)
  local selected, message, code = self:read(select)
  if not selected then return nil, message, code end
  local done, ids = true, {}
  if #selected > 0 then
    done, message, code = change_in_slices(self, is_reversed and reversed(selected) or selected, change)
  end
  if not done then return nil, message, code end
  for _, row in ipairs(selected) do
    if row.is_changed then ids[#ids + 1] = row.id end
  end
  return ids
end

local PLACE = "seq, id"

-- What is older is made ready before what waits behind it.
function methods:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  local function select(link) return selection.all(link, PLACE, replayed, CAN_REPLAY[replayed.state]) end
  return change_selected(self, select, replayed and replayed.newest, function(link, slice, now)
    local ready = link:each(REPLAY_STATE[replayed.state], slice, { now = now })
    lanes.elect_anew(link, ready)
    return ready
  end)
end

--[[ run, cancel ]]

local RUN = "UPDATE inbox SET at = :now, set_at = :now, " .. rows.adding "'run'" ..
  " WHERE seq = :seq AND id = :id AND state = 'ready'"

function methods:run(filter)
  local operated = fields.operated("run", filter)
  if not operated and not self.closed then return {} end
  local function select(link) return fields.meant(selection.all(link, PLACE, operated), operated) end
  return change_selected(self, select, false, function(link, slice, now)
    return link:each(RUN, slice, { now = now })
  end)
end

local CANCEL = "UPDATE inbox SET state = 'dead', code = 'cancelled', reason = :reason, leads = -1, at = :now, " ..
  "set_at = :now, " .. rows.adding("'cancelled'", ":told_reason") ..
  " WHERE seq = :seq AND id = :id AND state IN ('ready', 'leased') RETURNING app_id"

-- What waits behind another is cancelled before that, so that it does not run meanwhile.
function methods:cancel(filter, reason)
  local operated = fields.operated("cancel", filter)
  if not operated and not self.closed then return {} end
  local function select(link) return fields.meant(selection.live(link, PLACE, operated), operated) end
  return change_selected(self, select, operated and not operated.newest, function(link, slice, now)
    local given = { now = now, reason = reason, told_reason = history.reason(reason) }
    local cancelled = link:each(CANCEL, slice, given)
    lanes.elect(link, cancelled)
    return cancelled
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
