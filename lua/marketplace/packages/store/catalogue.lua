--- What a marketplace offers, app by app: the versions that are served and that Apple lets be distributed in one of its
--- territories. Read by pages, each by indexes, so that a large catalogue needs no more memory than a small one.
local availability = require "marketplace.packages.store.availability"

local methods = {}
local catalogue = { methods = methods }

local AFTER_ALL = ":" -- comes after any id of an app, which is of digits

--[[ Rows ]]

local APPS = "SELECT item_id FROM current WHERE item_id >= :first AND item_id <= :last GROUP BY item_id " ..
  "ORDER BY item_id LIMIT :limit"

-- The first time of any of its revisions: what comes later is the same version, in other files.
local FIRST_PUBLISHED = "(SELECT min(published_at) FROM versions AS revision WHERE " ..
  "revision.item_id = current.item_id AND revision.apple_version_id = current.apple_version_id)"

local NUMBER = "ltrim(current.apple_version_id, '0')"
local VERSIONS = "SELECT versions.id, package, app, versions.item_id, versions.apple_version_id, bundle_id, " ..
  "versions.version, build, " .. FIRST_PUBLISHED .. " AS published_at FROM current " ..
  "JOIN versions ON versions.id = current.version WHERE current.item_id = :item " ..
  ("ORDER BY length(%s) DESC, %s DESC"):format(NUMBER, NUMBER)

-- Whatever changes which versions are offered, and where, leaves one of these times.
local ABOUT = "SELECT recorded_at FROM versions JOIN availability ON scope = '%s' AND availability.id = versions.%s " ..
  "WHERE versions.item_id = :item"
local CHANGED = "SELECT max(at) AS at FROM (SELECT max(coalesce(published_at, 0), coalesce(withdrawn_at, 0), " ..
  "coalesce(replaced_at, 0)) AS at FROM versions WHERE item_id = :item UNION ALL " .. table.concat({
    ABOUT:format("app", "app"), ABOUT:format("app", "item_id"), ABOUT:format("package", "package"),
    ABOUT:format("version", "id"),
  }, " UNION ALL ") .. ")"

local function is_offered(where, territories)
  for _, territory in ipairs(territories) do
    if availability.in_territory(where, territory) then return true end
  end
  return false
end

local SHOWN = { "id", "item_id", "apple_version_id", "bundle_id", "version", "build", "published_at" }

local function shown(row, where)
  local version = { territories = where }
  for _, name in ipairs(SHOWN) do version[name] = row[name] end
  return version
end

local function offered_versions(link, item, asked)
  local list = {}
  for _, row in ipairs(link:run(VERSIONS, { item = item })) do
    if #list == (asked.versions or 1) then break end
    local where = availability.of(link, row)
    if is_offered(where, asked.territories) then list[#list + 1] = shown(row, where) end
  end
  return list
end

local function add_app(link, apps, item, asked)
  local versions = offered_versions(link, item, asked)
  if #versions == 0 then return end
  apps[#apps + 1] = {
    item_id = item, changed_at = link:run(CHANGED, { item = item })[1].at, versions = versions,
  }
end

--[[ Pages ]]

---@class marketplace.packages.CatalogueVersion
---@field id string of the package version
---@field item_id string
---@field apple_version_id string
---@field bundle_id string
---@field version string as it is shown
---@field build string
---@field published_at number when it was first published here
---@field territories table<string, boolean> where it is available; "*": in all that are not named

---@class marketplace.packages.CatalogueApp
---@field item_id string
---@field changed_at number when something last changed of what is offered of it, and where
---@field versions marketplace.packages.CatalogueVersion[] the newest first, one at least

---@class marketplace.packages.CataloguePage
---@field apps marketplace.packages.CatalogueApp[] in the order of their ids as text
---@field first? string id of the first app that was looked at
---@field last? string id of the last one
---@field following? string id of the app with which the next page begins; nil after the last page

local MOST_APPS = 1000

local function page_of(link, asked)
  local limit = asked.limit or MOST_APPS
  local rows = link:run(APPS, { first = asked.first or "", last = asked.last or AFTER_ALL, limit = limit + 1 })
  local after = rows[limit + 1]
  rows[limit + 1] = nil
  local page = {
    apps = {}, first = rows[1] and rows[1].item_id, last = rows[1] and rows[#rows].item_id,
    following = after and after.item_id,
  }
  for _, row in ipairs(rows) do add_app(link, page.apps, row.item_id, asked) end
  return page
end

--- What is offered of some apps.
---@param asked marketplace.PackageCatalogueOptions
---@return marketplace.packages.CataloguePage|nil page
---@return string? message
---@return string? code store_unavailable
function methods:catalogue(asked)
  return self:read(function(link) return page_of(link, asked) end)
end

local EXTENT = "SELECT min(item_id) AS first, max(item_id) AS last, count(*) AS count FROM (" .. APPS .. ")"

--- Where the pages of the catalogue begin and end.
---@param size integer apps on a page
---@return {first: string, last: string}[]|nil
---@return string? message
---@return string? code store_unavailable
function methods:catalogue_pages(size)
  return self:read(function(link)
    local pages, first = {}, ""
    while true do
      local page = link:run(EXTENT, { first = first, last = AFTER_ALL, limit = size })[1]
      if page.count == 0 then return pages end
      pages[#pages + 1] = { first = page.first, last = page.last }
      if page.count < size then return pages end
      first = page.last .. "\1" -- comes after it, and before any other
    end
  end)
end

return catalogue
