--- What the inbox in PostgreSQL tells of its entries.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
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

-- The rest of a SELECT, behind its columns; its values are the filter's.
local function where_of(filter, condition)
  local has_name = filter.id or filter.app_id -- of which there are few: their indexes find them among all others
  local is_live = filter.state == "ready" or filter.state == "leased" or condition == indexes.LANE
  local conditions = { condition }
  if filter.from then conditions[#conditions + 1] = sql.behind(filter) end
  -- +seq: the planner, which does not know that they are few, would go through all in order until it has enough
  return sql.where(filter, has_name and BY_NAME or BY_STATE, conditions, (has_name or is_live) and "+seq" or "seq") ..
    (filter.limit and (" LIMIT %d"):format(filter.limit) or "")
end

--[[ Pages ]]

-- The limit keeps the planner from reading them by another index, and more of them.
local WALK = "(SELECT %s FROM inbox%s ORDER BY seq%s LIMIT %d) AS inbox"
local LAST = "SELECT seq FROM inbox%s ORDER BY seq%s LIMIT 1 OFFSET %d"

-- What is walked, in order; its rest is that of a SELECT behind "FROM inbox".
local function walked(filter, condition)
  local conditions = { condition }
  if filter.from then conditions[#conditions + 1] = sql.behind(filter) end
  return #conditions > 0 and " WHERE " .. table.concat(conditions, " AND ") or "", filter.newest and " DESC" or ""
end

-- What a walk reads of each: to count, what the filter names, which may be in the index.
local function read_of(columns, filter)
  if columns ~= "seq" then return "*" end
  local list, seen = { "seq" }, {}
  for _, name in ipairs(fields.filter) do
    local column = name:match "^received" and "received_at" or name
    if filter[name] and not seen[column] then list[#list + 1], seen[column] = column, true end
  end
  return table.concat(list, ", ")
end

-- Rows, and the place from which to go on, nil if there is none.
local function walk_page(link, columns, filter, examine, condition)
  local walk = filter.state == "dead" and indexes.DEAD or nil
  local where, order = walked(filter, walk)
  if walk then filter.state = nil end
  local inner = WALK:format(read_of(columns, filter), where, order, examine)
  local rest = sql.where(filter, BY_NAME, { condition }, "seq", inner)
  local found = link:run(("SELECT %s%s LIMIT %d"):format(columns, rest, filter.limit), filter)
  if #found == filter.limit then return found, found[#found].seq end
  local last = link:run(LAST:format(where, order, examine - 1), filter)[1]
  return found, last and last.seq
end

local COUNT = "SELECT count(*) AS count FROM (SELECT 1 FROM inbox WHERE %s LIMIT %d) AS first_ones"

local function are_at_most(link, most, condition, filter)
  return link:run(COUNT:format(condition, most + 1), filter)[1].count <= most
end

-- Whether the filter can select only so few that they can be sorted.
local function are_few(link, filter, most, condition)
  if filter.id or filter.state == "leased" then return true end
  if filter.app_id then return are_at_most(link, most, "app_id = :app_id", filter) end
  local is_live = filter.state == "ready" or condition == indexes.LANE
  return is_live and are_at_most(link, most, indexes.LANE)
end

-- If those that wait are many, most of what is in the table behind the first of them waits; but months of done ones can
-- be before that.
local FIRST = "SELECT min(+seq) AS seq FROM inbox WHERE " .. indexes.LANE

local function whole_page(link, columns, filter, _, condition)
  local found = link:run("SELECT " .. columns .. where_of(filter, condition), filter)
  return found, filter.limit and #found == filter.limit and found[#found].seq or nil
end

local function bounded_page(link, columns, filter, examine, condition)
  if filter.code then
    if filter.state and filter.state ~= "dead" then return {} end
    filter.state = "dead"
  end
  if are_few(link, filter, examine, condition) then return whole_page(link, columns, filter, nil, condition) end
  if filter.state == "ready" and not (filter.newest or filter.from) then
    filter.from = link:run(FIRST)[1].seq - 1
  end
  return walk_page(link, columns, filter, examine, condition)
end

local function page_of(link, columns, page, condition)
  local filter = fields.copy(page, fields.filter)
  filter.newest, filter.limit, filter.from = page.newest, page.limit, tonumber(page.from)
  if filter.limit == 0 then return {}, page.from end
  if page.examine then filter.limit = filter.limit or page.examine end
  local found, last = (page.examine and bounded_page or whole_page)(link, columns, filter, page.examine,
    condition)
  for _, row in ipairs(found) do row.seq = nil end
  return found, last and ("%d"):format(last)
end

--- The rows of a page and its cursor; nil, a message and a code if that fails.
---@param self table the inbox
---@param columns string of a SELECT, with seq, which is not given
---@param page marketplace.InboxPageFilter
---@param condition? string a further one
---@return table[]|nil
---@return string? cursor if there may be more; a message if there are no rows
---@return string? code
function queries.page(self, columns, page, condition)
  local cursor
  local found, message, code = self:read(function(link)
    local list
    list, cursor = page_of(link, columns, page, condition)
    return list
  end)
  if not found then return nil, message, code end
  return found, cursor
end

local SUMMARY = "seq, " .. rows.selected(fields.summary)

function methods:list(filter)
  local page = fields.page("inbox:list", filter)
  return queries.page(self, SUMMARY, page)
end

function methods:count(filter, most)
  local found, cursor, code = queries.page(self, "seq", fields.counted(filter, most))
  if not found then return nil, cursor, code end
  return fields.count_of(found, cursor, most)
end

local ENTRY = "SELECT " .. rows.selected(fields.entry) .. " FROM inbox WHERE id = :id"

function methods:get(id)
  local found, message, code = self:read(function(link) return link:run(ENTRY, { id = id }) end)
  if not found then return nil, message, code end
  local entry = found[1]
  if entry then entry.history = history.read(entry.history) end
  return entry
end

--[[ Apps ]]

local NEXT_APP = "SELECT app_id FROM inbox WHERE app_id > %s ORDER BY app_id LIMIT 1"
-- Of those that wait, the last that was stored; or else the one whose event is the latest, those without a time being
-- before all.
local NEWEST_WAITING = "(SELECT max(seq) FROM inbox WHERE lane = apps.app_id AND %s AND " .. indexes.LANE .. ")"
local NEWEST_ENDED = "(SELECT seq FROM inbox WHERE app_id = apps.app_id AND time %s ORDER BY time DESC LIMIT 1)"
local APPS = "WITH RECURSIVE apps (app_id) AS ((" .. NEXT_APP:format ":from" .. ") UNION ALL SELECT (" ..
  NEXT_APP:format "apps.app_id" .. ") FROM apps WHERE app_id IS NOT NULL) SELECT " .. rows.selected(fields.app) ..
  " FROM inbox JOIN (SELECT coalesce(greatest(" .. NEWEST_WAITING:format "leads" .. ", " ..
  NEWEST_WAITING:format "NOT leads" .. "), " .. NEWEST_ENDED:format "IS NOT NULL" .. ", " ..
  NEWEST_ENDED:format "IS NULL" .. ") AS seq FROM (SELECT app_id FROM apps LIMIT :limit) AS apps) AS newest " ..
  "USING (seq) ORDER BY app_id"

function methods:apps(given)
  local asked, cursor = fields.apps(given), nil
  local found, message, code = self:read(function(link)
    return link:run(APPS, { from = asked.from, limit = asked.limit + 1 })
  end)
  if not found then return nil, message, code end
  if #found > asked.limit then
    found[#found] = nil
    cursor = (found[#found] or {}).app_id
  end
  return found, cursor
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
