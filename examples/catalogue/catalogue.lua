--- A marketplace's catalogue in a file: which package versions may be sold where.
---
--- Notifications come at least once, in any order. So the file keeps when each event happened, by Apple's clock, and
--- the latest event about a thing counts: one that comes twice, or after a later one, changes nothing, and no callback
--- has to know what came before.
---
--- Each event is a line of JSON that is only ever added, with one write: any number of processes can do so at a time,
--- and one that is killed leaves all of the event or nothing that can be read. If the machine loses power, its last
--- events may be missing; `marketplace inbox replay --done --since 1h` adds them again.
local json = require "marketplace.json"

local catalogue = {}

local Catalogue = {}
Catalogue.__index = Catalogue

local APP = "app" -- what an event is about: this, or a package's id
local EVERYWHERE = ""

local function append(self, event)
  -- the line break comes first: a line that was cut short must not spoil the next one
  local ok, message = self.file:write("\n" .. json.encode(event))
  return ok and true, message
end

--- A version can be sold, and with it its app.
---@param app_id string
---@param version_id string
---@param package_id string
---@param at number when Apple says that it happened, seconds since the epoch
---@return true|nil
---@return string? message
function Catalogue:add(app_id, version_id, package_id, at)
  return append(self, {
    app_id = app_id, version_id = version_id, package_id = package_id, at = at,
    about = { APP, package_id }, territories = { EVERYWHERE }, gone = false,
  })
end

--- An app, or some of its packages, is gone or back: in these territories, or everywhere.
---@param app_id string
---@param package_ids string[]|nil nil: the app
---@param territories string[]|nil nil: everywhere
---@param gone boolean
---@param at number
---@return true|nil
---@return string? message
function Catalogue:say(app_id, package_ids, territories, gone, at)
  return append(self, {
    app_id = app_id, at = at, about = package_ids or { APP }, territories = territories or { EVERYWHERE }, gone = gone,
  })
end

-- Of two events at the same time, "gone" counts: better not sold than wrongly sold.
local function is_later(event, other)
  return not other or event.at > other.at or event.at == other.at and event.gone
end

-- Adds an event to `apps`, by id: {packages = package ids by version id, latest = by subject and territory}.
local function note(apps, event)
  local app = apps[event.app_id] or { packages = {}, latest = {} }
  apps[event.app_id] = app
  if event.version_id then app.packages[event.version_id] = event.package_id end
  for _, subject in ipairs(event.about) do
    local latest = app.latest[subject] or {}
    app.latest[subject] = latest
    for _, territory in ipairs(event.territories) do
      if is_later(event, latest[territory]) then latest[territory] = event end
    end
  end
end

local function read(path)
  local apps = {}
  for line in io.lines(path) do
    local event = json.decode(line)
    if event then note(apps, event) end
  end
  return apps
end

-- What is gone everywhere may have come back in one territory since.
local function is_gone(latest, territory)
  local here, everywhere = latest[territory], latest[EVERYWHERE]
  if here and here.gone then return true end
  return everywhere and everywhere.gone and not (here and here.at > everywhere.at)
end

--- What may be sold in a territory.
---@param territory string such as "FRA"
---@return table[] versions each {version_id=, app_id=}
function Catalogue:sold_in(territory)
  local sold = {}
  for app_id, app in pairs(read(self.path)) do
    for version_id, package_id in pairs(app.packages) do
      if not is_gone(app.latest[APP], territory) and not is_gone(app.latest[package_id], territory) then
        sold[#sold + 1] = { version_id = version_id, app_id = app_id }
      end
    end
  end
  table.sort(sold, function(a, b)
    if a.app_id ~= b.app_id then return a.app_id < b.app_id end
    return a.version_id < b.version_id
  end)
  return sold
end

function Catalogue:close()
  self.file:close()
end

--- Opens the file, or makes it.
---@param path string
---@return table catalogue
function catalogue.open(path)
  local file = assert(io.open(path, "a"))
  file:setvbuf "no" -- each event is written at once, and whole
  return setmetatable({ path = path, file = file }, Catalogue)
end

return catalogue
