--- What a filter selects in the inbox in a SQLite file: all of it, or a page.
---
--- A page that is to look at only so many entries *walks* them, in order, by the one index that has just them, or else
--- the table. If there are few of those that the filter can select, they are sorted instead, and all looked at.
local fields = require "marketplace.inbox.fields"
local limits = require "marketplace.inbox.sqlite.limits"
local schema = require "marketplace.inbox.sqlite.schema"
local sql = require "marketplace.inbox.sql"

local selection = {}

local OF_APP = "SELECT seq FROM inbox WHERE app_id = :app_id AND " .. schema.OVER .. " UNION ALL " ..
  "SELECT seq FROM inbox WHERE app_id = :app_id AND " .. schema.IN_LANE .. " UNION ALL " ..
  "SELECT seq FROM inbox WHERE app_id = :app_id AND leads IS NULL"

local CLAUSES = { -- of filters that are not simply a column's value
  id = "(hash = hash(:id) AND id = :id OR key = :id)",
  app_id = "seq IN (" .. OF_APP .. ")",
  received_before = "received_at < :received_before",
  received_since = "received_at >= :received_since",
  -- constants, as the indexes of marketplace.inbox.sqlite.schema have them
  state = { ready = "state = 'ready'", leased = "state = 'leased'", done = "state = 'done'", dead = "state = 'dead'" },
}

-- Those that were placed are in indexes by app, and what was not placed need not be looked at for them.
local PLACED_CLAUSES = fields.copy(CLAUSES, { "id", "received_before", "received_since", "state" })

-- The rest of a SELECT, behind its columns; its parameters have the filter's names.
local function where(filter, clauses, condition, order)
  local conditions = { condition }
  -- where `seq` is not to choose the order, it is not to choose the index either
  if filter.from then conditions[#conditions + 1] = order:match "^%+?" .. sql.behind(filter) end
  return sql.where(filter, clauses, conditions, order) .. (filter.limit and " LIMIT :limit" or "")
end

-- Those that are live are few among many, which the planner does not know: with +seq it uses their indexes.
local function select_placed(link, columns, filter, condition)
  return link:run("SELECT " .. columns .. where(filter, PLACED_CLAUSES, condition, "+seq"), filter)
end

local function select_new(link, columns, filter)
  return link:run("SELECT " .. columns .. where(filter, CLAUSES, "leads IS NULL", "seq"), filter)
end

local function copy_of(filter)
  local copy = fields.copy(filter, fields.filter)
  copy.newest, copy.limit, copy.from = filter.newest, filter.limit, tonumber(filter.from)
  return copy
end

-- What was placed is older than what was not.
local function select_ready(link, columns, filter)
  local function placed(given) return select_placed(link, columns, given, schema.IN_LANE) end
  local function new(given) return select_new(link, columns, given) end
  local first, second = placed, new
  if filter.newest then first, second = new, placed end
  local found, rest = first(filter), copy_of(filter)
  rest.limit = filter.limit and filter.limit - #found
  if rest.limit == 0 then return found end
  for _, row in ipairs(second(rest)) do found[#found + 1] = row end
  return found
end

-- The rows that a filter selects, in its order.
local function select_all(link, columns, filter, condition)
  if filter.state == "ready" then return select_ready(link, columns, filter) end
  if filter.state == "leased" then return select_placed(link, columns, filter) end
  return link:run("SELECT " .. columns .. where(filter, CLAUSES, condition, "seq"), filter)
end

--[[ Pages ]]

local WALKED = { -- as CLAUSES; with a +, no index is used but the walk's own
  received_before = CLAUSES.received_before, received_since = CLAUSES.received_since,
  state = {
    ready = "+state = 'ready'", leased = "+state = 'leased'", done = "+state = 'done'", dead = "state = 'dead'",
  },
}

local WALKS = {
  dead = { from = "inbox INDEXED BY inbox_dead", condition = "state = 'dead'" },
  new = { from = "inbox INDEXED BY inbox_new", condition = "leads IS NULL" },
  all = { from = "inbox NOT INDEXED" },
}

local function conditions_of(walk, filter, last)
  local list = { walk.condition }
  if filter.from then list[#list + 1] = sql.behind(filter) end
  if last then list[#list + 1] = filter.newest and "seq >= :last" or "seq <= :last" end
  return list
end

-- The last of the next entries of a walk that may be looked at; nil if there are fewer.
local function last_of(link, walk, filter, examine)
  local rest = sql.where({ newest = filter.newest }, WALKED, conditions_of(walk, filter), "seq", walk.from)
  local given = { from = filter.from, skipped = examine - 1 }
  local row = link:run("SELECT seq" .. rest .. " LIMIT 1 OFFSET :skipped", given)[1]
  return row and row.seq
end

-- Rows, and the place from which to go on, nil if there is none.
local function walk_page(link, columns, filter, walk, examine, condition)
  filter.last = last_of(link, walk, filter, examine)
  local conditions = conditions_of(walk, filter, filter.last)
  conditions[#conditions + 1] = condition
  local rest = sql.where(filter, WALKED, conditions, "seq", walk.from)
  local found = link:run("SELECT " .. columns .. rest .. " LIMIT :limit", filter)
  return found, #found == filter.limit and found[#found].seq or filter.last
end

local COUNT = "SELECT count(*) AS count FROM (SELECT seq FROM inbox WHERE %s LIMIT :most)"
local COUNT_OVER, COUNT_WAITING = COUNT:format("app_id = :app_id AND " .. schema.OVER),
  COUNT:format("app_id = :app_id AND " .. schema.IN_LANE)
local COUNT_NEW, COUNT_PLACED = COUNT:format "leads IS NULL", COUNT:format(schema.IN_LANE)

local function count_up_to(link, statement, most, filter)
  return link:run(statement, { app_id = filter and filter.app_id, most = most })[1].count
end

-- Whether the filter can select only so few that they can be sorted. Those of an app that were not placed are looked
-- for among all such, in their index.
local function are_few(link, filter, most)
  if filter.id or filter.state == "leased" then return true end
  return filter.app_id ~= nil and count_up_to(link, COUNT_OVER, most + 1, filter) <= most and
    count_up_to(link, COUNT_WAITING, most + 1, filter) <= most and
    count_up_to(link, COUNT_NEW, limits.new_of_app + 1) <= limits.new_of_app
end

-- The place before the first that is ready, as months of done ones can be before that.
local function begin_of_ready(link)
  local first = link:run("SELECT min(seq) AS seq FROM inbox WHERE " .. schema.IN_LANE)[1].seq
  return first and first - 1
end

-- Of those that are ready, those that were placed are by lane in their index. If they are many, most of what is in the
-- table behind the first of them is ready.
local function ready_page(link, columns, filter, examine)
  local placed = count_up_to(link, COUNT_PLACED, examine)
  if placed == examine then
    if not (filter.newest or filter.from) then filter.from = begin_of_ready(link) end
    return walk_page(link, columns, filter, WALKS.all, examine)
  end
  local function select_those(given) return select_placed(link, columns, given, schema.IN_LANE) end
  local function walk(given) return walk_page(link, columns, given, WALKS.new, examine - placed) end
  local found, cursor
  if filter.newest then found, cursor = walk(filter) else found = select_those(filter) end
  if cursor or #found == filter.limit then return found, cursor or found[#found].seq end
  local rest, further = copy_of(filter), select_those
  if not filter.newest then further = walk end
  rest.limit = filter.limit - #found
  local others
  others, cursor = further(rest)
  for _, row in ipairs(others) do found[#found + 1] = row end
  return found, cursor or #found == filter.limit and found[#found].seq or nil
end

local function bounded_page(link, columns, filter, examine, condition)
  if filter.code then
    if filter.state and filter.state ~= "dead" then return {} end
    filter.state = "dead"
  end
  if are_few(link, filter, examine) then
    local found = select_all(link, columns, filter, condition)
    return found, #found == filter.limit and found[#found].seq or nil
  end
  if filter.state == "ready" then return ready_page(link, columns, filter, examine) end
  local walk = filter.state == "dead" and WALKS.dead or WALKS.all
  return walk_page(link, columns, filter, walk, examine, condition)
end

--- A page of what a filter selects, and its cursor if there may be more.
---@param link table
---@param columns string of a SELECT, with seq
---@param page marketplace.InboxPageFilter
---@param condition? string a further one, of those that are not ready or leased, or of all
---@return table[]
---@return string|nil cursor
function selection.page(link, columns, page, condition)
  local filter = copy_of(page)
  if filter.limit == 0 then return {}, page.from end
  local found, last
  if page.examine then
    filter.limit = filter.limit or page.examine
    found, last = bounded_page(link, columns, filter, page.examine, condition)
  else
    found = select_all(link, columns, filter, condition)
    last = filter.limit and #found == filter.limit and found[#found].seq or nil
  end
  return found, last and ("%d"):format(last)
end

return selection
