--- What may be asked of marketplace.packages, checked: a wrong value must not look like a store that fails.
local ids = require "marketplace.packages.ids"
local options = require "marketplace.options"

local asked = {}

local CALLER = 4 -- as in `error`: of the public function that calls one of `asked`

local function raise(where, problem)
  if problem then error(("packages:%s: %s"):format(where, problem), CALLER) end
end

local function territory_problem(code, name)
  if code == nil or ids.is_territory(code) then return nil end
  return name .. " must be an ISO 3166 alpha-3 code, such as \"DEU\""
end

local function apps_problem(apps, names, needed)
  for i, app in ipairs(apps) do
    for _, name in ipairs(names) do
      if type(app) ~= "table" or type(app[name]) ~= "string" then return ("apps[%d] needs %s"):format(i, needed) end
    end
  end
end

local function apps_and_territory_problem(given, ...)
  return territory_problem(given.territory, "option 'territory'") or apps_problem(given.apps, ...)
end

---@class marketplace.PackageServedOptions
---@field apps {item_id: string, apple_version_id: string}[] Apple's ids of apps, and of the versions that the device
--- has or, unless `newer`, wants: decimal numbers of any length; "0" is older than any
---@field newer? boolean the newest version that is newer than the device's and runs on it; default that very one
---@field platform? string of the device, such as "iOS"; default any
---@field system? string version of its system; default any
---@field territory? string ISO 3166 alpha-3 code; default those that no event of Apple's names
local SERVED = { apps = "!table", newer = "boolean", platform = "string", system = "string", territory = "string" }

--- Raises unless it is what packages:served takes.
---@param given marketplace.PackageServedOptions
function asked.check_served(given)
  options.check("packages:served", given, SERVED, CALLER)
  raise("served", apps_and_territory_problem(given, { "item_id", "apple_version_id" },
    "'item_id' and 'apple_version_id', both strings"))
end

---@class marketplace.PackageLicensableOptions
---@field apps {item_id: string, apple_version_id: string, public_id: string}[] Apple's ids of apps, of their versions
--- and of one asset of each
---@field territory? string ISO 3166 alpha-3 code; default those that no event of Apple's names
local LICENSABLE = { apps = "!table", territory = "string" }

--- Raises unless it is what packages:licensable takes.
---@param given marketplace.PackageLicensableOptions
function asked.check_licensable(given)
  options.check("packages:licensable", given, LICENSABLE, CALLER)
  raise("licensable", apps_and_territory_problem(given, { "item_id", "apple_version_id", "public_id" },
    "'item_id', 'apple_version_id' and 'public_id', all strings"))
end

local MOST_ROWS = 1000000

local function count_problem(count, name)
  if type(count) == "number" and count >= 1 and count <= MOST_ROWS and count % 1 == 0 then return nil end
  return ("%s must be an integer from 1 to %d"):format(name, MOST_ROWS)
end

local function territories_problem(list)
  if #list == 0 then return "option 'territories' must be a list, and not empty" end
  for i, code in ipairs(list) do
    local problem = territory_problem(code, ("territories[%d]"):format(i))
    if problem then return problem end
  end
end

---@class marketplace.PackageCatalogueOptions
---@field territories string[] ISO 3166 alpha-3 codes: what is available in none of them is left out
---@field versions? integer of each app at most so many, the newest; default 1
---@field limit? integer look at so many apps at most, default 1000
---@field first? string id of the app to begin with, default the first
---@field last? string id of the app to end with, default the last
local CATALOGUE = { territories = "!table", versions = "number", limit = "number", first = "string", last = "string" }

--- Raises unless it is what packages:catalogue takes.
---@param given marketplace.PackageCatalogueOptions
function asked.check_catalogue(given)
  options.check("packages:catalogue", given, CATALOGUE, CALLER)
  raise("catalogue", count_problem(given.versions or 1, "option 'versions'") or
    count_problem(given.limit or 1, "option 'limit'") or territories_problem(given.territories))
end

---@class marketplace.PackageOverviewOptions
---@field version? string id of a package version
---@field package? string id of a package
---@field app? string either id of an app
---@field state? string of the version, or of its job: wanted, staged, published, withdrawn, collected or ended
---@field current? boolean only what is current
---@field limit? integer rows of a page, default 100
---@field from? string `following` of the page before
---@field assets? integer at most so many assets of each version, default none
local OVERVIEW = {
  version = "string", package = "string", app = "string", state = "string", current = "boolean", limit = "number",
  from = "string", assets = "number",
}

--- Raises unless it is what packages:overview takes.
---@param given marketplace.PackageOverviewOptions
function asked.check_overview(given)
  options.check("packages:overview", given, OVERVIEW, CALLER)
  raise("overview", count_problem(given.limit or 1, "option 'limit'") or
    count_problem(given.assets or 1, "option 'assets'"))
end

---@class marketplace.PackageScopeOptions
---@field app? string id of an app; one of this, `package` and `version`
---@field package? string id of a package
---@field version? string id of a package version
---@field territories? string[] ISO 3166 alpha-3 codes; default everywhere
---@field at? number when it was decided: the newest counts; default now, and for a takedown not before anything that
--- made it available, whatever the clock says
---@field event? string id of the notification
---@field reason? string of a hold
local SCOPE = {
  app = "string", package = "string", version = "string", territories = "table", at = "number", event = "string",
  reason = "string",
}

--- Raises unless it says what an operator's decision is about.
---@param name string the method
---@param given marketplace.PackageScopeOptions
function asked.check_scope(name, given)
  options.check("packages:" .. name, given, SCOPE, CALLER)
  local count = 0
  for _, scope in ipairs { "app", "package", "version" } do count = count + (given[scope] and 1 or 0) end
  raise(name, count ~= 1 and "one of 'app', 'package' and 'version' is needed" or nil)
end

--- Raises unless it is a size that packages:catalogue_pages takes.
---@param size integer
function asked.check_page_size(size)
  raise("catalogue_pages", count_problem(size, "the size of a page"))
end

return asked
