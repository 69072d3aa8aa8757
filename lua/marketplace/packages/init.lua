--- Alternative distribution packages: from "a version is available" to files that a device can install.
---
--- A folder holds what is served (`public`, the only web root), what is being made (`staging`), what was taken down
--- (`withdrawn`), and the store and the key blobs (`state`). Any number of processes use it; one at a time is the
--- writer, which calls `turn` and downloads.
local asked = require "marketplace.packages.asked"
local core = require "marketplace.core"
local log = require "marketplace.log"
local options = require "marketplace.options"
local runtime = require "marketplace.runtime"

local packages = {}

local GIB = 2 ^ 30
local DEFAULTS = { parallel = 4, min_free = 5 * GIB, grace = 2 * 24 * 3600, checksum = "when_needed" }
local CHECKSUM = { when_needed = true, always = true, never = true }

---@class marketplace.Packages
local Packages = {}
Packages.__index = Packages

--[[ What is wanted ]]

---@class marketplace.PackageRequestOptions
---@field version? string id of a package version; this or `package` is needed
---@field package? string id of a package: its newest version
---@field app? string id of the app
---@field at? number when it became available, in seconds since the epoch: that overrules older takedowns
---@field event? string id of the notification
---@field now? boolean a job that waits for another attempt is due at once
local REQUEST = {
  version = "string", package = "string", app = "string", at = "number", event = "string", now = "boolean",
}

--- Records that a package version is wanted: quick, durable, and the same however often it is done.
---@param given marketplace.PackageRequestOptions
---@return "new"|"known"|nil
---@return string? message
---@return string? code id_invalid, store_unavailable
function Packages:request(given)
  options.check("packages:request", given, REQUEST)
  if not (given.version or given.package) then
    error("packages:request: option 'version' or 'package' is needed", 2)
  end
  if self.writer then self.writer.look_at = 0 end
  return self.store:request(given)
end

--- Downloads and publishes what is wanted, for about so long; what is under way goes on in the next turn. Never raises
--- for what the outside does: that is logged, and tried again.
---@param seconds number
---@return number pause seconds until the next turn
---@return "standby"|nil another process fetches into this folder
function Packages:turn(seconds)
  if not self.client then error("packages:turn: option 'client' of marketplace.packages is needed", 2) end
  return require("marketplace.packages.jobs").turn(self, seconds)
end

--- Becomes the writer now, in place of with the first turn.
---@return true|nil
---@return string? message
---@return string? code locked, file_failed, store_unavailable, stopped
function Packages:lock()
  if not self.client then error("packages:lock: option 'client' of marketplace.packages is needed", 2) end
  return require("marketplace.packages.jobs").take_lock(self)
end

---@class marketplace.PackageSyncOptions
---@field apps? string[] ids of apps: only these, and also the packages of one's own among them; default all that are
--- known here
local SYNC = { apps = "table" }

--- Asks App Store Connect, and requests what is COMPLETED and not served: of the packages that are known here, and of
--- one's own apps if they are named. Withdraws nothing. Blocks.
---@param given? marketplace.PackageSyncOptions
---@return {seen: integer, known: integer, requested: string[]}|nil
---@return string? message
---@return string? code store_unavailable, and those of the client
function Packages:sync(given)
  options.check("packages:sync", given or {}, SYNC)
  if not self.client then error("packages:sync: option 'client' of marketplace.packages is needed", 2) end
  return require("marketplace.packages.sync").run(self, given and given.apps)
end

--- Adds callbacks to a receiver or a dispatcher, which request, withdraw and restore what Apple's five events say.
---@param receiver table with `on`
function Packages:add_callbacks(receiver)
  require("marketplace.packages.callbacks").add(self, receiver)
end

--[[ What is there ]]

--- What devices install of an app, or of one of its versions.
---@param item_id string Apple's id of the app
---@param apple_version? string Apple's id of the app's version; default the newest that is served
---@return marketplace.packages.Version|false|nil version false: there is none
---@return string? message
---@return string? code store_unavailable
function Packages:current(item_id, apple_version)
  return self.store:current(item_id, apple_version)
end

--- What a device is to have of each of some apps, with one read of the store.
---@param given marketplace.PackageServedOptions
---@return marketplace.packages.Served[]|nil list by app: {outcome=, version=}. outcome: "served", with the version;
--- "current", nothing is newer; "unfit", it does not run there; "unavailable"
---@return string? message
---@return string? code store_unavailable
function Packages:served(given)
  asked.check_served(given)
  return self.store:served(given)
end

--- What there is to offer, app by app: what is served, and neither held nor taken down.
---@param given marketplace.PackageCatalogueOptions
---@return marketplace.packages.CataloguePage|nil page
---@return string? message
---@return string? code store_unavailable
function Packages:catalogue(given)
  asked.check_catalogue(given)
  return self.store:catalogue(given)
end

--- Where the pages of the catalogue begin and end.
---@param size integer apps on a page
---@return {first: string, last: string}[]|nil pages ids of apps
---@return string? message
---@return string? code store_unavailable
function Packages:catalogue_pages(size)
  asked.check_page_size(size)
  return self.store:catalogue_pages(size)
end

--- The package versions, those of one app together.
---@param given? {id?: string, app?: string, package?: string, apple_version_id?: string, state?: string,
--- current?: boolean}
---@return marketplace.packages.Version[]|nil
---@return string? message
---@return string? code store_unavailable
function Packages:list(given)
  return self.store:versions(given or {})
end

--- What an operator sees of package versions, page by page, and after them of the jobs for what is not known yet.
---@param given? marketplace.PackageOverviewOptions
---@return {rows: marketplace.packages.OverviewRow[], following?: string}|nil page following: `from` of the next page
---@return string? message
---@return string? code cursor_invalid, store_unavailable
function Packages:overview(given)
  given = given or {}
  asked.check_overview(given)
  return self.store:overview(given)
end

--- How much there is.
---@return marketplace.packages.Totals|nil
---@return string? message
---@return string? code store_unavailable
function Packages:totals()
  return self.store:totals()
end

--- What is wanted, and what was given up, the oldest first.
---@param given? {state?: "wanted"|"ended", version?: string, package?: string}
---@return table[]|nil jobs
---@return string? message
---@return string? code store_unavailable
function Packages:jobs(given)
  return self.store:jobs(given)
end

--- In which territories something may be distributed, as far as Apple's events say.
---@param about {id?: string, package?: string, app?: string, item_id?: string} id: of a package version
---@return table<string, boolean>|nil territories "*": in all that are not named
---@return string? message
---@return string? code store_unavailable
function Packages:territories(about)
  return self.store:territories(about)
end

--- What is held, the oldest first.
---@return {scope: "app"|"package"|"version", id: string, reason?: string, since: number}[]|nil holds
---@return string? message
---@return string? code store_unavailable
function Packages:holds()
  return self.store:holds()
end

--- One package version, with its assets in `asset_list`.
---@param version string
---@return marketplace.packages.Version|nil
---@return string? message
---@return string? code not_found, store_unavailable
function Packages:show(version)
  local row, message, code = self.store:version(version)
  if row == nil then return nil, message, code end
  if not row then return nil, "no package version has this id: " .. version, "not_found" end
  row.asset_list, message, code = self.store:assets(version)
  if not row.asset_list then return nil, message, code end
  return row
end

--- The key blob of an asset, as a licence needs it.
---@param public_id string
---@param version? string id of the package version; default the newest that has it
---@return string|nil blob base64, as App Store Connect gave it
---@return string? message
---@return string? code store_unavailable; nil if there is none
function Packages:key_blob(public_id, version)
  return self.keys:get(public_id, version)
end

--- What a licence needs of each of some assets, with one read of each store.
---@param given marketplace.PackageLicensableOptions
---@return {available: boolean, key_blob: string|false}[]|nil list by app; key_blob: base64, as of Packages:key_blob,
--- of apps that are available only
---@return string? message
---@return string? code store_unavailable
function Packages:licensable(given)
  asked.check_licensable(given)
  return require("marketplace.packages.licensable").of(self, given)
end

--[[ What an operator or Apple decides ]]

--- Takes versions down, as Apple's events do. What was requested for them meanwhile is not published.
---@param given marketplace.PackageScopeOptions
---@return {changed: string[], older: string[], versions: string[], withdrawn: string[]}|nil outcome changed: the
--- territories of which this is the newest word; older: those of which it is not; versions: what it is about;
--- withdrawn: those that left public
---@return string? message
---@return string? code id_invalid, store_unavailable, file_failed
function Packages:withdraw(given)
  asked.check_scope("withdraw", given)
  return require("marketplace.packages.withdraw").run(self, given)
end

--- Puts versions up again, or requests what is no longer here.
---@param given marketplace.PackageScopeOptions
---@return {changed: string[], older: string[], versions: string[], restored: string[], requested: string[]}|nil outcome
--- restored: those that are served again; requested: those that are to be fetched
---@return string? message
---@return string? code id_invalid, store_unavailable, file_failed
function Packages:restore(given)
  asked.check_scope("restore", given)
  return require("marketplace.packages.restore").run(self, given)
end

--- Takes versions down until they are released, whatever Apple's events say.
---@param given marketplace.PackageScopeOptions
---@return {versions: string[], withdrawn: string[]}|nil outcome
---@return string? message
---@return string? code id_invalid, store_unavailable, file_failed
function Packages:hold(given)
  asked.check_scope("hold", given)
  return require("marketplace.packages.withdraw").hold(self, given)
end

--- Ends a hold.
---@param given marketplace.PackageScopeOptions
---@return {was_held: boolean, versions: string[], restored: string[], requested: string[]}|nil outcome
---@return string? message
---@return string? code id_invalid, store_unavailable, file_failed
function Packages:release(given)
  asked.check_scope("release", given)
  return require("marketplace.packages.restore").release(self, given)
end

---@class marketplace.PackageVerifyOptions
---@field version? string id of a package version, default all that are served
---@field on_progress? fun(event: table) is told how far it is
local VERIFY = { version = "string", on_progress = "function" }

--- Hashes what is served anew, and compares it with Apple's manifests.
---@param given? marketplace.PackageVerifyOptions
---@return table[]|nil reports see marketplace.packages.verify
---@return string? message
---@return string? code not_found, store_unavailable
function Packages:verify(given)
  given = given or {}
  options.check("packages:verify", given, VERIFY)
  return require("marketplace.packages.verify").run(self, { version = given.version }, given.on_progress)
end

---@class marketplace.PackageCollectOptions
---@field older_than? number seconds since then, default the grace
local COLLECT = { older_than = "number" }

--- Deletes what was replaced or withdrawn.
---@param given? marketplace.PackageCollectOptions
---@return {collected: string[], bytes: integer}|nil
---@return string? message
---@return string? code store_unavailable, file_failed
function Packages:collect(given)
  given = given or {}
  options.check("packages:collect", given, COLLECT)
  return require("marketplace.packages.collect").run(self, { older_than = given.older_than or self.settings.grace })
end

--- Metrics for Prometheus.
---@return string|nil text
---@return string? message
---@return string? code store_unavailable
function Packages:metrics()
  return require("marketplace.packages.metrics").text(self)
end

--- Ends what is under way, which the next writer goes on with, and closes the store.
function Packages:close()
  if self.writer then require("marketplace.packages.jobs").close(self) end
  self.store:close()
  self.keys:close()
end

--[[ Opening ]]

---@class marketplace.PackagesOptions
---@field folder string path, made if it is not there; `public` in it is what a web server serves
---@field client? marketplace.Client is needed for `turn` and `sync`
---@field parallel? integer assets that are downloaded at the same time, default 4
---@field max_bytes_per_second? number of all downloads together, default no limit
---@field max_calls_per_hour? integer calls of App Store Connect's API, default as many as that grants, but a tenth
---@field min_free? number bytes of the disk that stay free, default 5 GiB
---@field grace? number seconds for which what was replaced or withdrawn is kept, default two days
---@field checksum? "when_needed"|"always"|"never" when a fileChecksum that does not match makes an asset bad: if no
--- digest of the manifest proves it (the default), always, or never; its algorithm is not documented
---@field log? fun(entry: table)|table see marketplace.log; default what someone should look at, on standard error
---@field clock? fun(): number seconds since the epoch, default the machine's
---@field on_event? fun(event: table) is told what happens: {event=, version=, package=, asset=, bytes=, total=, ...}
local OPTIONS = {
  folder = "!string", client = "table", parallel = "number", max_bytes_per_second = "number",
  max_calls_per_hour = "number", min_free = "number", grace = "number", checksum = "string", log = "function|table",
  clock = "function", on_event = "function",
}

local function check_integer(given, name, least, most)
  local value = given[name]
  if value and not (value >= least and value <= most and value == math.floor(value)) then
    error(("marketplace.packages: option '%s' must be an integer from %d to %d"):format(name, least, most), 4)
  end
end

local function check_options(given)
  options.check("marketplace.packages", given, OPTIONS, 4)
  if given.folder == "" then error("marketplace.packages: option 'folder' is empty", 3) end
  check_integer(given, "parallel", 1, 64)
  check_integer(given, "max_calls_per_hour", 1, 1000000)
  for _, name in ipairs { "max_bytes_per_second", "min_free", "grace" } do
    if given[name] and (given[name] ~= given[name] or given[name] < 0) then
      error(("marketplace.packages: option '%s' must not be negative"):format(name), 3)
    end
  end
  if given.checksum and not CHECKSUM[given.checksum] then
    error("marketplace.packages: option 'checksum' must be when_needed, always or never", 3)
  end
end

local function settings_of(given)
  local settings = { max_bytes_per_second = given.max_bytes_per_second, max_calls_per_hour = given.max_calls_per_hour }
  for name, normal in pairs(DEFAULTS) do
    settings[name] = given[name] == nil and normal or given[name]
  end
  return settings
end

-- The parts write entries with a time, and need not know whether anybody wants them.
local function log_of(self, given)
  local target = log.target(given)
  return {
    write = function(entry)
      if entry.level == "info" and not target.wants_info then return end
      entry.at = self.clock()
      target.write(entry)
    end,
  }
end

-- What follows must not stop what it follows.
local function teller_of(self, on_event)
  if not on_event then return function() end end
  return function(event)
    local ok, problem = pcall(on_event, event)
    if not ok then self.log.write { level = "error", message = "on_event failed", reason = tostring(problem) } end
  end
end

-- A disk that is not mounted looks like a new folder, and a file that was lost like one that was never there.
local function tell_of_new(self, had_store, had_keys)
  if not had_store then
    self.log.write {
      level = "info", message = "new folder of packages", reason = self.folder.root .. ": if there were packages " ..
        "before, stop what uses it, and mount the disk or restore the backup",
    }
  elseif not had_keys then
    self.log.write {
      level = "warning", message = "advice", reason = self.folder:state "keys.db" .. " was gone, and is empty now: " ..
        "restore it from a backup, or no device gets a licence until packages work has read the key blobs again",
    }
  end
end

local function open_stores(self)
  local had_store, had_keys = core.file_id(self.folder:state "store.db"), core.file_id(self.folder:state "keys.db")
  local ok, message, code = self.folder:make()
  if not ok then return nil, message, code end
  local settings = { folder = self.folder, clock = self.clock, warn = function(warning)
    self.log.write { level = "warning", message = "advice", reason = warning }
  end }
  self.store, message, code = require("marketplace.packages.store").open(settings)
  if not self.store then return nil, message, code end
  self.keys, message, code = require("marketplace.packages.keys").open(settings)
  if self.keys then
    tell_of_new(self, had_store, had_keys)
    return true
  end
  self.store:close()
  return nil, message, code
end

--- Opens a folder of packages, and makes what is missing in it. In nginx every call that reaches the disk is made in a
--- thread of nginx's, and what downloads is not there.
---@param given marketplace.PackagesOptions
---@return marketplace.Packages|nil packages
---@return string? message
---@return string? code not_installed, file_failed, store_unavailable
function packages.new(given)
  check_options(given)
  if runtime.yielding_sleep then return require("marketplace.nginx.packages").open(given) end
  local missing = require("marketplace.packages.rocks").problem()
  if missing then return nil, missing, "not_installed" end
  local io = require "marketplace.package_io"
  local self = setmetatable({
    folder = require("marketplace.packages.folder").new(given.folder, io), client = given.client, io = io,
    clock = given.clock or core.now, settings = settings_of(given), counts = { bytes = 0 }, writer = nil,
    stands_by = nil,
  }, Packages)
  self.log, self.on_event = log_of(self, given.log), teller_of(self, given.on_event)
  local ok, message, code = open_stores(self)
  if not ok then return nil, message, code end
  return self
end

return packages
