--- What the inbox in PostgreSQL tells of its entries.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local lanes = require "marketplace.inbox.postgres.lanes"
local number = require("marketplace.text").number
local rows = require "marketplace.inbox.postgres.rows"
local unpack = require("marketplace.runtime").unpack

local methods = {}
local queries = { methods = methods }

local KIND = fields.kind

function methods:counts()
  return self:read(function(run)
    local counts = { ready = 0, leased = 0, done = 0, dead = 0 }
    for _, row in ipairs(run "SELECT state, count(*)::float8 FROM inbox GROUP BY state") do
      counts[row[1]] = row[2]
    end
    return counts
  end)
end

-- The index of lanes has all that this reads of what is ready.
local LIVE_TOTALS = "SELECT count(*)::float8, min(received_at), (SELECT count(*)::float8 FROM inbox " ..
  "WHERE state = 'leased') FROM inbox WHERE " .. lanes.LIVE
local DEAD_TOTALS = "SELECT code, count(*)::float8 FROM inbox WHERE state = 'dead' GROUP BY code"

function methods:backlog()
  return self:read(function(run)
    local live, oldest, leased = unpack(run(LIVE_TOTALS)[1], 1, 3)
    local backlog = {
      ready = live - leased, leased = leased, dead = 0,
      codes = codes.counts(),
      oldest_age = oldest and math.max(0, self.now(run) - oldest),
    }
    for _, row in ipairs(run(DEAD_TOTALS)) do
      backlog.codes[row[1]], backlog.dead = row[2], backlog.dead + row[2]
    end
    return backlog
  end)
end

--[[ Filters ]]

local STATES = { -- as the indexes have them
  ready = lanes.LIVE .. " AND state = 'ready'", leased = "state = 'leased'", done = "state = 'done'",
  dead = "state = 'dead'",
}

-- Of filters that are not simply a column's value, which ? stands for. All ids of a key are "KEY" or "KEY#DIGEST", and
-- ids have an index.
local CLAUSES = {
  id = "(id = ? OR (key = ? AND id >= ? AND id < ? || '$'))",
  received_before = "received_at < ?", received_since = "received_at >= ?",
}

local function clause_of(name, value, parameters)
  if name == "state" and STATES[value] then return STATES[value] end
  parameters[#parameters + 1] = KIND[name] == "clock" and number(value) or value
  return ((CLAUSES[name] or name .. " = ?"):gsub("%?", "$" .. #parameters))
end

--- The rest of a SELECT, behind its columns, and its parameters.
---@param filter marketplace.InboxFilter
---@param condition? string a further one
---@return string
---@return any[]
function queries.where(filter, condition)
  local clauses, parameters = { condition }, {}
  for _, name in ipairs(fields.filter) do
    if filter[name] then clauses[#clauses + 1] = clause_of(name, filter[name], parameters) end
  end
  local where = #clauses > 0 and " WHERE " .. table.concat(clauses, " AND ") or ""
  local limit = filter.limit and (" LIMIT %d"):format(filter.limit) or ""
  -- +seq: those that are live have indexes, and are few among many, which the planner does not know
  local is_live = filter.state == "ready" or filter.state == "leased"
  local order = " ORDER BY " .. (is_live and "+seq" or "seq")
  return " FROM inbox" .. where .. order .. (filter.newest and " DESC" or "") .. limit, parameters
end

local SUMMARY = "SELECT " .. rows.selected(fields.summary)

function methods:list(filter)
  filter = fields.checked("inbox:list", filter)
  return self:read(function(run)
    local clause, parameters = queries.where(filter)
    return rows.entries(run(SUMMARY .. clause, unpack(parameters)), fields.summary)
  end)
end

local ENTRY = "SELECT " .. rows.selected(fields.entry) .. " FROM inbox WHERE id = $1"

function methods:get(id)
  local found, message, code = self:read(function(run) return rows.entries(run(ENTRY, id), fields.entry) end)
  if not found then return nil, message, code end
  return found[1]
end

local LATER = "SELECT " .. rows.selected(fields.later):gsub("body$", "CASE WHEN scope IS NULL THEN body END") ..
  " FROM inbox WHERE app_id = $1 AND time > $2"

function methods:later(app_id, time)
  return self:read(function(run) return rows.entries(run(LATER, app_id, number(time)), fields.later) end)
end

function methods:id()
  return self:read(function(run) return run "SELECT id FROM inbox_self"[1][1] end)
end

return queries
