--- What the inbox in PostgreSQL tells of its entries.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local indexes = require "marketplace.inbox.postgres.indexes"
local rows = require "marketplace.inbox.postgres.rows"
local sql = require "marketplace.inbox.sql"

local methods = {}
local queries = { methods = methods }

local function count_of(condition) return "(SELECT count(*) FROM inbox WHERE " .. condition .. ")" end

-- From the indexes alone, as what is done has been there for months.
local COUNTS = "SELECT " .. count_of(indexes.LANE) .. " AS live, " .. count_of(indexes.LEASED) .. " AS leased, " ..
  count_of(indexes.DONE) .. " AS done, " .. count_of(indexes.DEAD) .. " AS dead"

function methods:counts()
  return self:read(function(link)
    local found = link:run(COUNTS)[1]
    return { ready = found.live - found.leased, leased = found.leased, done = found.done, dead = found.dead }
  end)
end

-- The index of lanes has all that this reads of what is ready.
local LIVE_TOTALS = "SELECT count(*) AS live, min(received_at) AS oldest, " .. count_of(indexes.LEASED) ..
  " AS leased FROM inbox WHERE " .. indexes.LANE
local DEAD_TOTALS = "SELECT code, count(*) AS count FROM inbox WHERE " .. indexes.DEAD .. " GROUP BY code"

function methods:backlog()
  return self:read(function(link)
    local totals = link:run(LIVE_TOTALS)[1]
    local backlog = {
      ready = totals.live - totals.leased, leased = totals.leased, dead = 0, codes = codes.counts(),
      oldest_age = totals.oldest and math.max(0, self:now(link) - totals.oldest),
    }
    for _, row in ipairs(link:run(DEAD_TOTALS)) do
      backlog.codes[row.code], backlog.dead = row.count, backlog.dead + row.count
    end
    return backlog
  end)
end

--[[ Filters ]]

-- Of filters that are not simply a column's value. All ids of a key are "KEY" or "KEY#DIGEST".
local function clauses_with(states)
  return {
    id = "id >= :id AND id < :id || '$' AND (id = :id OR key = :id)",
    received_before = "received_at < :received_before", received_since = "received_at >= :received_since",
    state = states,
  }
end

local BY_STATE = clauses_with {
  ready = indexes.LANE .. " AND state = 'ready'", leased = indexes.LEASED, done = indexes.DONE, dead = indexes.DEAD,
}
local BY_NAME = clauses_with(nil)

--- The rest of a SELECT, behind its columns; its values are the filter's.
---@param filter marketplace.InboxFilter
---@param condition? string a further one
---@return string
function queries.where(filter, condition)
  local has_name = filter.id or filter.app_id -- of which there are few: their indexes find them among all others
  local is_live = filter.state == "ready" or filter.state == "leased"
  -- +seq: the planner, which does not know that they are few, would go through all in order until it has enough
  return sql.where(filter, has_name and BY_NAME or BY_STATE, condition, (has_name or is_live) and "+seq" or "seq") ..
    (filter.limit and (" LIMIT %d"):format(filter.limit) or "")
end

local SUMMARY = "SELECT " .. rows.selected(fields.summary)

function methods:list(filter)
  filter = fields.checked("inbox:list", filter)
  return self:read(function(link) return link:run(SUMMARY .. queries.where(filter), filter) end)
end

local ENTRY = "SELECT " .. rows.selected(fields.entry) .. " FROM inbox WHERE id = :id"

function methods:get(id)
  local found, message, code = self:read(function(link) return link:run(ENTRY, { id = id }) end)
  if not found then return nil, message, code end
  return found[1]
end

local LATER = "SELECT " .. rows.selected(fields.later, { body = "CASE WHEN scope IS NULL THEN body END" }) ..
  " FROM inbox WHERE app_id = :app_id AND time > :time"

function methods:later(app_id, time)
  return self:read(function(link) return link:run(LATER, { app_id = app_id, time = time }) end)
end

function methods:id()
  return self:read(function(link) return link:run("SELECT id FROM inbox_self")[1].id end)
end

return queries
