--- Whether Apple lets a package version be distributed, and where: what its events say, in whatever order they come.
---
--- Of the events about one thing and one territory the newest counts, by the event's own time; of two of the same time
--- the takedown. An app, its packages and their versions are things of their own: a version may be served where none of
--- them is unavailable, so an app that is sold again does not bring back a package that was taken down for itself.
---
--- One exception: a version that becomes available says that its app and package are distributed again. It overrules
--- what was said of them before for all territories; a new version does not bring back single territories.
---
--- The scope "folder" is no event of Apple's: the folder of a published version was found withdrawn, so that the store
--- must have forgotten why. Any newer event that makes its app, its package or itself available overrules it.
local availability = {}

local EVERYWHERE = "*"

--[[ The rule ]]

-- Of two events about one thing.
local function newer(one, other)
  if not (one and other) then return one or other end
  if one.at ~= other.at then return one.at > other.at and one or other end
  return one.available and other or one
end

local function by_territory(rows)
  local scopes = { app = {}, package = {}, version = {}, folder = {} }
  for _, row in ipairs(rows) do
    local said = scopes[row.scope]
    said[row.territory] = newer(row, said[row.territory])
  end
  return scopes
end

local OVERRULED_BY_VERSION = { app = true, package = true }

-- The event that keeps it from a territory; nil if none does.
local function refused_by(scopes, scope, territory)
  local said = newer(scopes[scope][territory], scopes[scope][EVERYWHERE])
  if not said or said.available then return nil end
  local version = scopes.version[EVERYWHERE]
  local is_overruled = OVERRULED_BY_VERSION[scope] and said.territory == EVERYWHERE and version and
    version.available and version.at > said.at
  return not is_overruled and said or nil
end

local function latest_availability(scopes)
  local latest = -math.huge
  for _, said in pairs(scopes) do
    for _, row in pairs(said) do
      if row.available then latest = math.max(latest, row.at) end
    end
  end
  return latest
end

local function refusal_of(scopes, territory)
  for _, scope in ipairs { "app", "package", "version" } do
    local row = refused_by(scopes, scope, territory)
    if row then return row end
  end
  local found = scopes.folder[EVERYWHERE]
  if found and latest_availability(scopes) <= found.at then return found end
  return nil
end

--- What events say together.
---@param rows {scope: string, territory: string, available: boolean, at: number, event?: string}[] about one version:
--- the newest of each scope, id and territory; an app can have two ids
---@return table<string, boolean> territories whether it is available there; "*": in all that are not named
---@return table<string, table> refusals by territory, the event that keeps it from there
function availability.decide(rows)
  local scopes, territories, refusals = by_territory(rows), { [EVERYWHERE] = true }, {}
  for _, row in ipairs(rows) do territories[row.territory] = true end
  for territory in pairs(territories) do
    refusals[territory] = refusal_of(scopes, territory)
    territories[territory] = refusals[territory] == nil
  end
  return territories, refusals
end

--[[ Rows ]]

-- For OR and IN, SQLite would make a table first, which takes far longer than these searches.
local OF_ONE = "SELECT scope, id, territory, available, at, event FROM availability WHERE scope = '%s' AND id = %s"
local ABOUT = table.concat({
  OF_ONE:format("app", ":app"), OF_ONE:format("app", ":item_id AND :item_id IS NOT :app"),
  OF_ONE:format("package", ":package"), OF_ONE:format("version", ":id"), OF_ONE:format("folder", ":id"),
}, " UNION ALL ")

local function rows_about(link, about)
  local rows = link:run(ABOUT, about)
  for _, row in ipairs(rows) do row.available = row.available == 1 end
  return rows
end

--- What is known about a version.
---@param link table see marketplace.sqlite.link
---@param about {id?: string, package?: string, app?: string, item_id?: string}
---@return table<string, boolean> territories as of availability.decide
---@return table<string, table> refusals
function availability.of(link, about)
  return availability.decide(rows_about(link, about))
end

--- What is said of a territory: of itself, or of all that are not named.
---@param territories table<string, boolean> as of availability.decide
---@param territory string
---@return boolean
function availability.in_territory(territories, territory)
  local is_there = territories[territory]
  if is_there == nil then return territories[EVERYWHERE] end
  return is_there
end

--- Whether a version is available in one territory.
---@param link table
---@param about table as of availability.of
---@param territory string|nil default those that no event names
---@return boolean
function availability.is_there(link, about, territory)
  return refusal_of(by_territory(rows_about(link, about)), territory or EVERYWHERE) == nil
end

--- Whether files have to be served: if the version is available anywhere.
---@param link table
---@param about table as of availability.of
---@return boolean
---@return table|nil refusal the event that keeps it from everywhere
function availability.anywhere(link, about)
  local territories, refusals = availability.of(link, about)
  for _, is_available in pairs(territories) do
    if is_available then return true end
  end
  return false, refusals[EVERYWHERE]
end

-- Whatever the order in which events are recorded, the same rows are left.
local RECORD = "INSERT INTO availability (scope, id, territory, available, at, event, recorded_at) VALUES " ..
  "(:scope, :id, :territory, :available, :at, :event, :now) ON CONFLICT (scope, id, territory) DO UPDATE SET " ..
  "available = excluded.available, at = excluded.at, event = excluded.event, recorded_at = excluded.recorded_at " ..
  "WHERE excluded.at > at OR (excluded.at = at AND NOT excluded.available AND available)"

local LATEST = "SELECT coalesce(max(at), 0) AS at FROM availability WHERE available AND " ..
  "(scope = 'version' OR (scope = :scope AND id = :id))"

-- An event without a time is as old as can be if it makes something available, and as new as can be if it does not,
-- also if the clock is behind those by which it was made available.
local function time_of(link, event, now)
  if event.at then return event.at end
  if event.available then return event.event and 0 or now end
  return math.max(now, link:run(LATEST, { scope = event.scope, id = event.id })[1].at)
end

--- Records an event.
---@param link table
---@param event {scope: string, id: string, territories?: string[]|"*", available: boolean, at?: number, event?: string}
---@param now number
---@return {changed: string[], older: string[]} territories of which it is the newest event from now on; and those of
--- which something newer, or the same, is known
function availability.record(link, event, now)
  local territories = event.territories or EVERYWHERE
  if territories == EVERYWHERE then territories = { EVERYWHERE } end
  local items, at = {}, time_of(link, event, now)
  for i, territory in ipairs(territories) do items[i] = { territory = territory } end
  local outcome = { changed = {}, older = {} }
  local written = link:each(RECORD, items, {
    scope = event.scope, id = event.id, available = event.available, at = at, event = event.event, now = now,
  })
  for i, is_new in ipairs(written) do
    local list = is_new and outcome.changed or outcome.older
    list[#list + 1] = territories[i]
  end
  return outcome
end

return availability
