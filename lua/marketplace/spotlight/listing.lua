--- The apps that Spotlight is to find: what the packages' store offers, with what the operator's catalogue says of it.
local countries = require "marketplace.spotlight.countries"
local entry = require "marketplace.spotlight.entry"
local markup = require "marketplace.spotlight.markup"

local listing = {}

---@class marketplace.SpotlightApp
---@field item_id string
---@field name string clean
---@field url string of its page
---@field changed_at number
---@field entry marketplace.SpotlightEntry of its newest version
---@field versions {version: marketplace.packages.CatalogueVersion, entry: marketplace.SpotlightEntry,
--- countries?: string[]}[] the newest first

--- The name of an app's page below base_url.
---@param item_id string
---@return string
function listing.page_name(item_id)
  return ("apps/%s.html"):format(item_id)
end

local function entry_of(self, version)
  local ok, given = pcall(self.app, version)
  local read, problems
  if ok then ok, read, problems = pcall(entry.read, given, self.base) end
  if not ok then
    error(("option 'app' failed for app %s: %s"):format(version.item_id, tostring(read or given)), 0)
  end
  for _, problem in ipairs(problems) do self.remarks:add(version, problem) end
  return read
end

-- Without territories of its own, a marketplace says where an app is to be found only if that is not everywhere.
local function countries_of(self, version)
  if self.is_everywhere and version.territories["*"] and not next(version.territories, "*") and
    next(version.territories) == "*" then
    return nil
  end
  local codes = countries.of(version.territories, self.territories)
  if self.is_everywhere and #codes == #self.territories then return nil end
  return codes
end

local function listed_version(self, version, read)
  return { version = version, entry = read, countries = countries_of(self, version) }
end

-- The newest version speaks for the app.
local function listed_app(self, row)
  local newest = row.versions[1]
  local read = entry_of(self, newest)
  if not read then return nil end
  local app = {
    item_id = row.item_id, name = read.name or markup.clean(newest.bundle_id), entry = read,
    url = read.page or ("%s/%s"):format(self.base, listing.page_name(row.item_id)),
    changed_at = math.max(row.changed_at, read.changed_at or 0), versions = { listed_version(self, newest, read) },
  }
  for i = 2, #row.versions do
    local older = entry_of(self, row.versions[i])
    if older then app.versions[#app.versions + 1] = listed_version(self, row.versions[i], older) end
  end
  return app
end

local function listed_apps(self, rows)
  local apps = {}
  for _, row in ipairs(rows) do apps[#apps + 1] = listed_app(self, row) end
  return apps
end

--- Reads a page of the catalogue.
---@param self marketplace.Spotlight
---@param asked {versions?: integer, limit?: integer, first?: string, last?: string} as of packages:catalogue
---@return {apps: marketplace.SpotlightApp[], first?: string, last?: string, following?: string}|nil page
---@return string? message
---@return string? code store_unavailable, catalogue_failed
function listing.read(self, asked)
  asked.territories = self.territories
  local page, message, code = self.packages:catalogue(asked)
  if not page then return nil, message, code end
  local ok, apps = pcall(listed_apps, self, page.apps)
  if not ok then return nil, apps, "catalogue_failed" end
  page.apps = apps
  return page
end

return listing
