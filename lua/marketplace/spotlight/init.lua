--- The catalogue that Apple's crawler reads, so that Spotlight finds the apps of a marketplace: a sitemap, and a page
--- for each app. It is made of the packages' store, so that what is taken down is gone at once. A server, nginx or a
--- test hands it requests; or it writes the files of a static site.
local address = require "marketplace.device.address"
local core = require "marketplace.core"
local countries = require "marketplace.spotlight.countries"
local ids = require "marketplace.packages.ids"
local listing = require "marketplace.spotlight.listing"
local log = require "marketplace.log"
local metrics = require "marketplace.metrics"
local options = require "marketplace.options"
local outage = require "marketplace.outage"
local page = require "marketplace.spotlight.page"
local remarks = require "marketplace.spotlight.remarks"
local request_head = require "marketplace.request_head"
local responses = require "marketplace.responses"
local runtime = require "marketplace.runtime"
local sitemap = require "marketplace.spotlight.sitemap"
local territories = require "marketplace.territories"

local spotlight = {}

local WHERE = "marketplace.spotlight"
local MOST_VERSIONS = 100 -- of an app, on its page

---@class marketplace.Spotlight
---@field max_body integer bytes of a body that are read, of which nothing is used
---@field name string
local Spotlight = {}
Spotlight.__index = Spotlight
Spotlight.name, Spotlight.max_body = "spotlight", 1

--[[ Answers ]]

local XML, HTML = "application/xml; charset=utf-8", "text/html; charset=utf-8"

-- Those that are here now may be more than when its name was made.
local function one_sitemap(self, extent)
  local read, message = listing.read(self, {
    first = extent.first, last = extent.last, limit = 2 * sitemap.MOST, versions = 1,
  })
  if not read then return nil, message end
  return sitemap.of_pages(read.apps), XML
end

local function root_sitemap(self)
  local extents, message = self.packages:catalogue_pages(sitemap.MOST)
  if not extents then return nil, message end
  if #extents <= 1 then return one_sitemap(self, {}) end
  local names = {}
  for i, extent in ipairs(extents) do names[i] = sitemap.name(extent) end
  return sitemap.of_sitemaps(self.base, names), XML
end

--- An app as it is listed.
---@param item_id string Apple's id of the app
---@return marketplace.SpotlightApp|false|nil false: it is not
---@return string? message
---@return string? code store_unavailable, catalogue_failed
local function app_of(self, item_id)
  local read, message, code = listing.read(self, {
    first = item_id, last = item_id, limit = 1, versions = MOST_VERSIONS,
  })
  if not read then return nil, message, code end
  return read.apps[1] or false
end

local function app_page(self, item_id)
  local app, message = app_of(self, item_id)
  if app == nil then return nil, message end
  if not app or app.entry.page then return false end
  return page.html(app), HTML
end

-- What makes the document of a path, and what of; nil if the path is somebody else's.
local function maker_of(self, path)
  path = path:match "^[^?]*"
  if path:sub(1, #self.prefix) ~= self.prefix then return nil end
  local name = path:sub(#self.prefix + 1)
  local item_id = name:match "^apps/(%d+)%.html$"
  if item_id and #item_id <= 20 then return app_page, item_id end
  if name == sitemap.ROOT then return root_sitemap end
  local extent = sitemap.extent(name)
  return extent and one_sitemap, extent
end

--- Whether a path is the catalogue's to answer: for a program that answers others, too.
---@param path string with a query or without
---@return boolean
function Spotlight:answers(path)
  return maker_of(self, path) ~= nil
end

local function answer_of(self, request)
  local make, about = maker_of(self, request.path)
  if not make then return responses.plain(404, "nothing is here") end
  local refusal = responses.not_get(request.method)
  if refusal then return refusal end
  local body, detail = make(self, about)
  if body == nil then
    self.outage:failed {
      level = "error", message = "catalogue not answered", at = core.now(), status = 503, reason = detail,
    }
    return responses.refusal "unavailable"
  end
  self.outage:worked(core.now())
  if not body then return responses.plain(404, "the app is not here") end
  -- a cache must not keep what is taken down
  return { status = 200, headers = { ["content-type"] = detail, ["cache-control"] = "no-cache" }, body = body }
end

-- As the metrics show it.
local function count(self, path, status, more)
  local kind = maker_of(self, path) == app_page and "page" or "sitemap"
  metrics.count_answers(self.counts, kind, status, more)
end

--- Answers a request.
---@param request {method: string, path: string} path: with its query, if it has one
---@return integer status
---@return table headers
---@return string body
function Spotlight:handle(request)
  request_head.check(request, "spotlight:handle", 2)
  local answer = answer_of(self, request)
  count(self, request.path, answer.status, 1)
  return answer.status, answer.headers, answer.body
end

--- Counts a request that its carrier refused.
---@param path string without a query
---@param status integer
---@param more? integer how many, default one
function Spotlight:refused(path, status, more)
  count(self, path, status, more or 1)
end

--- Where requests may be its own.
---@return string[]
function Spotlight:paths()
  return { self.prefix .. sitemap.ROOT, self.prefix .. "apps/" }
end

--- What it has answered, as text for Prometheus.
---@return string
function Spotlight:metrics()
  local lines = {}
  metrics.add_answers(lines, "marketplace_spotlight_answers_total",
    "Answers to crawlers of the catalogue for Spotlight, by document and status.", "document", self.counts)
  return metrics.text(lines)
end

--- Closes the packages, if it has opened them.
function Spotlight:close()
  if self.owns_packages then self.packages:close() end
end

--[[ For programs ]]

--- The script elements of an app, for a page of one's own: a version each. The catalogue names that page as `page`.
---@param item_id string Apple's id of the app
---@return string|false|nil html false: the app is not to be found
---@return string? message
---@return string? code store_unavailable, catalogue_failed
function Spotlight:scripts(item_id)
  if not ids.is_number(item_id) then error("spotlight:scripts: Apple's id of an app is expected, in a string", 2) end
  local app, message, code = app_of(self, item_id)
  if app == nil then return nil, message, code end
  return app and page.scripts(app)
end

--- Writes the sitemap and the pages into a folder, for a web server that has base_url there. Each file is replaced
--- whole; what did not change is left alone, and what is no longer listed is removed. Blocks, and is not for nginx.
---@param folder string path, made if it is not there
---@return {apps: integer, written: integer, unchanged: integer, removed: integer}|nil outcome files, but for apps
---@return string? message
---@return string? code locked (another process writes there), file_failed, file_exists (a file is somebody else's),
--- store_unavailable, catalogue_failed
function Spotlight:write(folder)
  if type(folder) ~= "string" or folder == "" then error("spotlight:write: a folder's path is expected", 2) end
  if runtime.yielding_sleep then error("spotlight:write blocks: in nginx, have the command write the files", 2) end
  return require("marketplace.spotlight.site").write(self, folder, MOST_VERSIONS)
end

--[[ Options ]]

---@class marketplace.SpotlightOptions
---@field packages marketplace.Packages|string whose apps are to be found, or the path of their folder
---@field base_url string https:// URL below which Apple's crawler finds `sitemap.xml`, and the pages
---@field app? table<string, marketplace.SpotlightEntry>|fun(version: marketplace.packages.CatalogueVersion):
--- marketplace.SpotlightEntry|nil what your catalogue says: a function of a version, or a table by Apple's ids of apps.
--- An app of whose newest version it says nothing is not listed. Default: all are listed, by their bundle ids
---@field territories? string[] where the marketplace is, ISO 3166 alpha-3; default everywhere
---@field log? fun(entry: table)|table see marketplace.log; default what someone should look at, on standard error
local OPTIONS = {
  packages = "!table|string", base_url = "!string", app = "table|function", territories = "table",
  log = "function|table",
}

local function check(given)
  if not address.is_base(given.base_url) then
    error("option 'base_url' must be an https:// URL without a query", 0)
  end
  if not address.is_plain_base(given.base_url) then error("option 'base_url' " .. address.PLAIN, 0) end
  if type(given.packages) == "table" and type(given.packages.catalogue) ~= "function" then
    error("option 'packages' must be what marketplace.packages returned: use assert(marketplace.packages{...})", 0)
  end
  if given.territories then countries.check(given.territories) end
  for item_id in pairs(type(given.app) == "table" and given.app or {}) do
    if not ids.is_number(item_id) then error("option 'app' must be named by Apple's ids of apps, in strings", 0) end
  end
end

local function nothing_said()
  return {}
end

local function function_of(app)
  if type(app) == "table" then return function(version) return app[version.item_id] end end
  return app or nothing_said
end

--- A catalogue for Spotlight.
---@param given marketplace.SpotlightOptions
---@return marketplace.Spotlight|nil
---@return string? message
---@return string? code not_installed, file_failed, store_unavailable: of packages that are given as a path
function spotlight.new(given)
  options.check(WHERE, given, OPTIONS)
  local ok, problem = pcall(check, given)
  if not ok then error(("%s: %s"):format(WHERE, problem), 2) end
  local base, target, packages = address.base(given.base_url), log.target(given.log), given.packages
  if type(packages) == "string" then
    local message, code
    packages, message, code = require("marketplace.packages").new { folder = packages, log = given.log }
    if not packages then return nil, message, code end
  end
  return setmetatable({
    packages = packages, base = base, prefix = address.path(base .. "/"), app = function_of(given.app),
    territories = given.territories or territories.STOREFRONTS, is_everywhere = not given.territories,
    log = target, outage = outage.new(target, "catalogue answered again"), remarks = remarks.new(target),
    counts = { ["page 200"] = 0, ["sitemap 200"] = 0, ["sitemap 503"] = 0 }, owns_packages = packages ~= given.packages,
  }, Spotlight)
end

return spotlight
