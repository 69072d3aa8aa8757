--- What the inbox in a SQLite file tells of its entries.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local limits = require "marketplace.inbox.sqlite.limits"
local rows = require "marketplace.inbox.sqlite.rows"
local schema = require "marketplace.inbox.sqlite.schema"
local sql = require "marketplace.inbox.sql"

local methods = {}
local queries = { methods = methods }

--[[ Totals ]]

local COUNTS = "SELECT (SELECT count(*) FROM inbox WHERE leads IS NULL) + (SELECT count(*) FROM inbox WHERE " ..
  schema.IN_LANE .. " AND state = 'ready') AS ready, (SELECT count(*) FROM inbox WHERE state = 'leased') AS leased, " ..
  "(SELECT count(*) FROM inbox WHERE state = 'done') AS done, " ..
  "(SELECT count(*) FROM inbox WHERE state = 'dead') AS dead"

function methods:counts()
  return self:read(function(link) return link:run(COUNTS)[1] end)
end

-- Indexes have all that these read.
local NEW = "SELECT count(*) AS count, min(received_at) AS received_at FROM inbox WHERE leads IS NULL"
local PLACED = "SELECT count(*) AS count, min(received_at) AS received_at FROM inbox WHERE " .. schema.IN_LANE
local LEASED = "SELECT count(*) AS count FROM inbox WHERE state = 'leased'"
local DEAD = "SELECT code, count(*) AS count FROM inbox WHERE state = 'dead' GROUP BY code"

function methods:backlog()
  return self:read(function(link)
    local new, placed, leased = link:run(NEW)[1], link:run(PLACED)[1], link:run(LEASED)[1].count
    local oldest = math.min(new.received_at or math.huge, placed.received_at or math.huge)
    local backlog = {
      ready = new.count + placed.count - leased, leased = leased, dead = 0, codes = codes.counts(),
      oldest_age = oldest < math.huge and math.max(0, self.clock() - oldest) or nil,
    }
    for _, row in ipairs(link:run(DEAD)) do
      backlog.codes[row.code], backlog.dead = row.count, backlog.dead + row.count
    end
    return backlog
  end)
end

--[[ Filters ]]

local CLAUSES = { -- of filters that are not simply a column's value
  id = "(hash = hash(:id) AND id = :id OR key = :id)",
  app_id = "seq IN (SELECT seq FROM inbox WHERE app_id = :app_id AND " .. schema.OVER .. " UNION ALL " ..
    "SELECT seq FROM inbox WHERE app_id = :app_id AND " .. schema.IN_LANE .. " UNION ALL " ..
    "SELECT seq FROM inbox WHERE app_id = :app_id AND leads IS NULL)",
  received_before = "received_at < :received_before",
  received_since = "received_at >= :received_since",
  -- constants, as the indexes of marketplace.inbox.sqlite.schema have them
  state = { ready = "state = 'ready'", leased = "state = 'leased'", done = "state = 'done'", dead = "state = 'dead'" },
}

-- The rest of a SELECT, behind its columns; its parameters have the filter's names.
local function where(filter, condition, order)
  return sql.where(filter, CLAUSES, condition, order) .. (filter.limit and " LIMIT :limit" or "")
end

-- Those that are live are few among many, which the planner does not know: with +seq it uses their indexes.
local function select_live(link, columns, filter, condition)
  return link:run("SELECT " .. columns .. where(filter, condition, "+seq"), filter)
end

local function select_new(link, columns, filter)
  return link:run("SELECT " .. columns .. where(filter, "leads IS NULL", "seq"), filter)
end

-- What was placed is older than what was not.
local function select_ready(link, columns, filter)
  local function placed(given) return select_live(link, columns, given, schema.IN_LANE) end
  local function new(given) return select_new(link, columns, given) end
  local first, second = placed, new
  if filter.newest then first, second = new, placed end
  local found, rest = first(filter), fields.copy(filter, fields.filter)
  rest.newest, rest.limit = filter.newest, filter.limit and filter.limit - #found
  if rest.limit == 0 then return found end
  for _, row in ipairs(second(rest)) do found[#found + 1] = row end
  return found
end

--- The rows that a filter selects, in its order.
---@param link table
---@param columns string of a SELECT
---@param filter marketplace.InboxFilter
---@param condition? string a further one
---@return table[]
function queries.select(link, columns, filter, condition)
  if filter.state == "ready" then return select_ready(link, columns, filter) end
  if filter.state == "leased" then return select_live(link, columns, filter) end
  return link:run("SELECT " .. columns .. where(filter, condition, "seq"), filter)
end

--[[ Leaders of those that were not placed ]]

local LEADER = "SELECT id FROM inbox WHERE app_id = :app_id AND leads = 1 AND " .. schema.IN_LANE
local FIRST_NEW = "SELECT id FROM inbox WHERE leads IS NULL AND app_id = :app_id ORDER BY seq LIMIT 1"
local ALL_FIRST_NEW = "SELECT app_id, id, min(seq) AS seq FROM inbox WHERE leads IS NULL AND app_id IS NOT NULL " ..
  "GROUP BY app_id"

-- By app, for those that have no leader that was placed.
local function first_new(link, apps)
  local first = {}
  if #apps > limits.apps then
    for _, row in ipairs(link:run(ALL_FIRST_NEW)) do first[row.app_id] = row.id end
    return first
  end
  for i, row in ipairs(link:each(FIRST_NEW, apps)) do first[apps[i].app_id] = row and row.id end
  return first
end

local function apps_of_new(list)
  local apps, seen = {}, {}
  for _, row in ipairs(list) do
    if row.is_new == 1 and row.app_id and not seen[row.app_id] then
      seen[row.app_id], apps[#apps + 1] = true, { app_id = row.app_id }
    end
  end
  return apps
end

-- Says for which leader each waits that was not placed.
local function add_behind(link, list)
  local apps, leaders, leaderless = apps_of_new(list), {}, {}
  for i, leader in ipairs(link:each(LEADER, apps)) do
    leaders[apps[i].app_id] = leader and leader.id
    if not leader then leaderless[#leaderless + 1] = apps[i] end
  end
  local first = first_new(link, leaderless)
  for _, row in ipairs(list) do
    local leader = row.is_new == 1 and row.app_id and (leaders[row.app_id] or first[row.app_id])
    if leader and leader ~= row.id then row.behind = leader end
    row.is_new = nil
  end
  return list
end

local IS_NEW = ", leads IS NULL AS is_new"
local SUMMARY = rows.selected(fields.summary) .. IS_NEW

function methods:list(filter)
  filter = fields.checked("inbox:list", filter)
  return self:read(function(link) return add_behind(link, queries.select(link, SUMMARY, filter)) end)
end

local ENTRY = "SELECT " .. rows.selected(fields.entry) .. IS_NEW .. " FROM inbox WHERE hash = hash(:id) AND id = :id"

function methods:get(id)
  local found, message, code = self:read(function(link) return add_behind(link, link:run(ENTRY, { id = id })) end)
  if not found then return nil, message, code end
  return found[1]
end

local LATER_BODY = "CASE WHEN scope IS NULL THEN " .. rows.BODY .. " END"
local LATER = "SELECT " .. rows.selected(fields.later, { body = LATER_BODY }) ..
  " FROM inbox WHERE app_id = :app_id AND time > :time AND "
-- indexes have them by app, but for what was not placed: that is what came since the last claim, or else a backlog
local LATER_OF_EACH = { LATER .. schema.OVER, LATER .. schema.IN_LANE, LATER .. "leads IS NULL" }

function methods:later(app_id, time)
  return self:read(function(link)
    local given, found = { app_id = app_id, time = time }, {}
    for _, statement in ipairs(LATER_OF_EACH) do
      for _, row in ipairs(link:run(statement, given)) do found[#found + 1] = row end
    end
    return found
  end)
end

--- When the first done one that has a body, and the first of all, was done.
queries.OLDEST_DONE = "SELECT (SELECT min(at) FROM inbox WHERE state = 'done' AND kept = 1) AS body, " ..
  "(SELECT min(at) FROM inbox WHERE state = 'done') AS id"

function methods:oldest_done()
  return self:read(function(link) return link:run(queries.OLDEST_DONE)[1] end)
end

function methods:id()
  return self:read(function(link) return link:run("SELECT id FROM self")[1].id end)
end

return queries
