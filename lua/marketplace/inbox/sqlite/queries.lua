--- What the inbox in a SQLite file tells of its entries.
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
local limits = require "marketplace.inbox.sqlite.limits"
local rows = require "marketplace.inbox.sqlite.rows"
local schema = require "marketplace.inbox.sqlite.schema"
local selection = require "marketplace.inbox.sqlite.selection"

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

--[[ Leaders of those that were not placed ]]

local LEADER = "SELECT id FROM inbox WHERE app_id = :app_id AND leads = 1 AND " .. schema.IN_LANE
local FIRST_NEW = "SELECT id FROM inbox WHERE leads IS NULL AND app_id = :app_id ORDER BY seq LIMIT 1"
local FIRST_OF_SOME = "SELECT id FROM inbox WHERE seq = (SELECT seq FROM (SELECT seq, app_id FROM inbox WHERE " ..
  "leads IS NULL ORDER BY seq LIMIT :most) WHERE app_id = :app_id LIMIT 1)"
local ALL_FIRST_NEW = "SELECT app_id, id, min(seq) AS seq FROM inbox WHERE leads IS NULL AND app_id IS NOT NULL " ..
  "GROUP BY app_id"

-- By app, for those that have no leader that was placed. `is_bounded`: not all that were not placed may be looked at.
local function first_new(link, apps, is_bounded)
  local first = {}
  if not is_bounded and #apps > limits.apps then
    for _, row in ipairs(link:run(ALL_FIRST_NEW)) do first[row.app_id] = row.id end
    return first
  end
  local statement = is_bounded and FIRST_OF_SOME or FIRST_NEW
  for i, row in ipairs(link:each(statement, apps, { most = limits.first_new })) do
    first[apps[i].app_id] = row and row.id
  end
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
local function add_behind(link, list, is_bounded)
  local apps, leaders, leaderless = apps_of_new(list), {}, {}
  for i, leader in ipairs(link:each(LEADER, apps)) do
    leaders[apps[i].app_id] = leader and leader.id
    if not leader then leaderless[#leaderless + 1] = apps[i] end
  end
  local first = first_new(link, leaderless, is_bounded)
  for _, row in ipairs(list) do
    local leader = row.is_new == 1 and row.app_id and (leaders[row.app_id] or first[row.app_id])
    if leader and leader ~= row.id then row.behind = leader end
    row.is_new, row.seq = nil, nil
  end
  return list
end

local IS_NEW = ", leads IS NULL AS is_new"
local SUMMARY = "seq, " .. rows.selected(fields.summary) .. IS_NEW

function methods:list(filter)
  local page, cursor = fields.page("inbox:list", filter), nil
  local found, message, code = self:read(function(link)
    local list
    list, cursor = selection.page(link, SUMMARY, page)
    return add_behind(link, list, page.examine ~= nil)
  end)
  if not found then return nil, message, code end
  return found, cursor
end

--- The rows of a page and its cursor; nil, a message and a code if that fails.
---@param self table the inbox
---@param columns string as of selection.page, like `page` and `condition`
---@param page marketplace.InboxPageFilter
---@param condition? string
---@return table[]|nil
---@return string? cursor if there may be more; a message if there are no rows
---@return string? code
function queries.page(self, columns, page, condition)
  local cursor
  local found, message, code = self:read(function(link)
    local list
    list, cursor = selection.page(link, columns, page, condition)
    return list
  end)
  if not found then return nil, message, code end
  return found, cursor
end

function methods:count(filter, most)
  local found, cursor, code = queries.page(self, "seq", fields.counted(filter, most))
  if not found then return nil, cursor, code end
  return fields.count_of(found, cursor, most)
end

local ENTRY = "SELECT " .. rows.selected(fields.entry) .. IS_NEW .. " FROM inbox WHERE hash = hash(:id) AND id = :id"

function methods:get(id)
  local found, message, code = self:read(function(link) return add_behind(link, link:run(ENTRY, { id = id })) end)
  if not found then return nil, message, code end
  local entry = found[1]
  if entry then entry.history = history.read(entry.history) end
  return entry
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

--[[ Apps ]]

local NEXT_APP = "SELECT min(app_id) AS app_id FROM inbox WHERE app_id > %s AND "
-- the apps of an index, one seek for each
local function apps_of(name, condition)
  return ("%s (app_id) AS (" .. NEXT_APP:format ":from" .. "%s UNION ALL SELECT (" ..
    NEXT_APP:format "%s.app_id" .. "%s) FROM %s WHERE app_id IS NOT NULL LIMIT :limit)"):format(name, condition, name,
    condition, name)
end
-- With the last of those that were not placed, as far as the newest of them are looked at.
local APPS = "WITH RECURSIVE " .. apps_of("ended", schema.OVER) .. ", " .. apps_of("placed", schema.IN_LANE) ..
  ", new (app_id, seq) AS (SELECT app_id, seq FROM inbox WHERE leads IS NULL ORDER BY seq DESC LIMIT :seen) " ..
  "SELECT app_id, max(seq) AS new FROM (SELECT app_id, NULL AS seq FROM ended UNION ALL SELECT app_id, NULL " ..
  "FROM placed UNION ALL SELECT app_id, seq FROM new) WHERE app_id > :from GROUP BY app_id ORDER BY app_id " ..
  "LIMIT :limit"

local LAST_IN_LANE = "coalesce((SELECT max(seq) FROM inbox WHERE app_id = :app_id AND leads = %d AND " ..
  schema.IN_LANE .. "), 0)"
local NEWEST = "SELECT " .. rows.selected(fields.app) .. " FROM inbox WHERE seq = coalesce(nullif(max(" ..
  "coalesce(:new, 0), " .. LAST_IN_LANE:format(0) .. ", " .. LAST_IN_LANE:format(1) .. "), 0), " ..
  "(SELECT seq FROM inbox WHERE app_id = :app_id AND " .. schema.OVER .. " ORDER BY time DESC, seq DESC LIMIT 1))"

function methods:apps(given)
  local asked, cursor = fields.apps(given), nil
  local found, message, code = self:read(function(link)
    local apps = link:run(APPS, { from = asked.from, limit = asked.limit + 1, seen = limits.new_apps })
    if #apps > asked.limit then
      apps[#apps] = nil
      cursor = (apps[#apps] or {}).app_id
    end
    return link:each(NEWEST, apps)
  end)
  if not found then return nil, message, code end
  return found, cursor
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
