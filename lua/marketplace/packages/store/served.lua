--- What devices are to have of the apps that they name: versions that are served, that run on the device, and that
--- Apple lets be distributed in its owner's territory. One read of the rows answers for many apps, each by indexes.
local availability = require "marketplace.packages.store.availability"
local fits = require "marketplace.packages.fits"
local holds = require "marketplace.packages.store.holds"
local json = require "marketplace.json"

local methods = {}
local served = { methods = methods }

--[[ Rows ]]

-- Apple's ids are decimal numbers, longer than what SQLite has as numbers. Devices know the id of the manifest.
local CURRENT = "SELECT versions.id, package, app, versions.item_id, versions.apple_version_id, bundle_id, " ..
  "versions.version, build, platforms, minimum_systems FROM current " ..
  "JOIN versions ON versions.id = current.version WHERE current.item_id = :item "
local NUMBER = "ltrim(%s.apple_version_id, '0')"
local OF_CURRENT = NUMBER:format "current"
local NEWEST_FIRST = ("ORDER BY length(%s) DESC, %s DESC"):format(OF_CURRENT, OF_CURRENT)

local ALL = CURRENT .. NEWEST_FIRST
local FROM = CURRENT .. ("AND (length(%s), %s) >= (:digits, :number) "):format(OF_CURRENT, OF_CURRENT) .. NEWEST_FIRST
local ITSELF = CURRENT .. ("AND %s = :number"):format(OF_CURRENT)

-- All that is known of a version, whatever became of its files.
local KNOWN = "SELECT id, package, app, item_id FROM versions WHERE item_id = :item AND " ..
  NUMBER:format "versions" .. " = :number"

local function number_of(version)
  return (version.apple_version_id:gsub("^0+", ""))
end

local function rows_of(link, statement, app)
  local number = number_of(app)
  return link:run(statement, { item = app.item_id, number = number, digits = #number })
end

local function runs_on(row, device)
  local needs = { platforms = json.decode(row.platforms), minimum_systems = json.decode(row.minimum_systems) }
  return fits.runs_on(needs, device.platform, device.system)
end

-- Looks no further than it has to: an app may have fifty versions.
local function first_available(link, rows, territory, device)
  for _, row in ipairs(rows) do
    if (not device or runs_on(row, device)) and availability.is_there(link, row, territory) then return row end
  end
end

--[[ Answers ]]

local UNAVAILABLE, UNFIT, CURRENT_ALREADY = { outcome = "unavailable" }, { outcome = "unfit" }, { outcome = "current" }

local SHOWN = { "id", "item_id", "apple_version_id", "bundle_id", "version", "build" }

local function found(row)
  local version = {}
  for _, name in ipairs(SHOWN) do version[name] = row[name] end
  return { outcome = "served", version = version }
end

-- What is newer than the device's, and what the device has, which is the last of these rows if it is served.
local function newer_and_own(link, app)
  local rows, own, number = rows_of(link, FROM, app), {}, number_of(app)
  while rows[1] and number_of(rows[#rows]) == number do own[#own + 1] = table.remove(rows) end
  return rows, own
end

local function is_refused(link, app, territory)
  for _, row in ipairs(link:run(KNOWN, { item = app.item_id, number = number_of(app) })) do
    if holds.of(link, row) or not availability.is_there(link, row, territory) then return true end
  end
  return false
end

-- If there is nothing newer: whether what the device has may stay. What is not served may, if its files were merely
-- lost or it was never here, as long as its app is there.
local function own_may_stay(link, own, app, territory)
  if own[1] then return first_available(link, own, territory) ~= nil end
  if is_refused(link, app, territory) then return false end
  return first_available(link, rows_of(link, ALL, app), territory) ~= nil
end

local function newer(link, app, asked)
  local rows, own = newer_and_own(link, app)
  local version = first_available(link, rows, asked.territory, asked)
  if version then return found(version) end
  return own_may_stay(link, own, app, asked.territory) and CURRENT_ALREADY or UNAVAILABLE
end

local function that_very_one(link, app, asked)
  local own = rows_of(link, ITSELF, app)
  if not first_available(link, own, asked.territory) then return UNAVAILABLE end
  local version = first_available(link, own, asked.territory, asked)
  return version and found(version) or UNFIT
end

---@class marketplace.packages.Served
---@field outcome "served"|"current"|"unfit"|"unavailable" current: there is nothing newer for this device; unfit:
--- the version does not run on it; unavailable: gone, never known, or not distributed in that territory
---@field version? {id: string, item_id: string, apple_version_id: string, bundle_id: string, version: string,
--- build: string} if served

--- What a device is to have of each app.
---@param asked {apps: {item_id: string, apple_version_id: string}[], newer?: boolean, platform?: string,
--- system?: string, territory?: string} apple_version_id: a decimal number of any length, which the device has or,
--- unless newer, wants; territory: ISO 3166 alpha-3, default those that no event names
---@return marketplace.packages.Served[]|nil list by app
---@return string? message
---@return string? code store_unavailable
function methods:served(asked)
  local answer = asked.newer and newer or that_very_one
  return self:read(function(link)
    local list = {}
    for i, app in ipairs(asked.apps) do list[i] = answer(link, app, asked) end
    return list
  end)
end

return served
