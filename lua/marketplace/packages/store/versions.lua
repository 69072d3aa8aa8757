--- The package versions in the store, and which of them is current. What changes one is done in a transaction of
--- `store:change`, which tells whether it may be served.
local availability = require "marketplace.packages.store.availability"
local holds = require "marketplace.packages.store.holds"
local jobs = require "marketplace.packages.store.jobs"
local json = require "marketplace.json"

local methods = {}
local versions = { methods = methods }

--[[ Records ]]

---@class marketplace.packages.Version
---@field id string of the package version
---@field package? string
---@field app? string Apple's id of the app in notifications
---@field item_id string Apple's id of the app in the manifest
---@field apple_version_id string
---@field revision integer
---@field bundle_id string
---@field version string as it is shown
---@field build string
---@field platforms string[]
---@field minimum_systems table<string, string>
---@field capabilities string[]
---@field bytes integer of its assets
---@field assets integer how many there are
---@field missing integer how many of them are not there yet
---@field unverified integer how many are there of which only the size is proved
---@field state "staged"|"published"|"withdrawn"|"collected"
---@field why? string see marketplace.packages.store.schema
---@field is_current boolean
---@field current_since? number
---@field ordinal? integer
---@field manifest_sha256? string
---@field signature_sha256? string
---@field staged_at number
---@field published_at? number the last time
---@field replaced_at? number
---@field withdrawn_at? number

local COUNT = "(SELECT count(*) FROM assets WHERE assets.version = versions.id%s) AS %s"

local IS_CURRENT = "current.item_id = versions.item_id AND current.apple_version_id = versions.apple_version_id AND " ..
  "current.version = versions.id"

--- Whether a row of `current` is about a row of `versions`.
versions.IS_CURRENT = IS_CURRENT

local SELECT = "SELECT versions.*, " .. COUNT:format("", "assets") .. ", " ..
  COUNT:format(" AND proof IS NULL", "missing") .. ", " .. COUNT:format(" AND proof = 'size'", "unverified") ..
  ", (SELECT since FROM current WHERE " .. IS_CURRENT .. ") AS current_since FROM versions "

local function record(row)
  for _, name in ipairs { "platforms", "minimum_systems", "capabilities" } do row[name] = json.decode(row[name]) end
  row.is_current = row.current_since ~= nil
  return row
end

local function records(rows)
  for _, row in ipairs(rows) do record(row) end
  return rows
end

local BY_ID = SELECT .. "WHERE id = :id"

--- The version with an id, or nil.
---@param link table
---@param id string
---@return marketplace.packages.Version|nil
function versions.get(link, id)
  local row = link:run(BY_ID, { id = id })[1]
  return row and record(row)
end

--- The version with an id.
---@param id string
---@return marketplace.packages.Version|false|nil false: there is none
---@return string? message
---@return string? code store_unavailable
function methods:version(id)
  return self:read(function(link) return versions.get(link, id) or false end)
end

local LIST = SELECT .. "WHERE (:id IS NULL OR id = :id) AND (:app IS NULL OR :app IN (app, item_id)) AND " ..
  "(:package IS NULL OR package = :package) AND (:apple_version_id IS NULL OR apple_version_id = :apple_version_id) " ..
  "AND (:state IS NULL OR state = :state) AND (:current IS NULL OR (current_since IS NOT NULL) = :current) " ..
  "ORDER BY item_id, length(apple_version_id), apple_version_id, staged_at, id"

--- The versions, those of one app together, the oldest first.
---@param filter? {id?: string, app?: string, package?: string, apple_version_id?: string, state?: string,
--- current?: boolean} app: either of its ids
---@return marketplace.packages.Version[]|nil
---@return string? message
---@return string? code store_unavailable
function methods:versions(filter)
  return self:read(function(link) return records(link:run(LIST, filter)) end)
end

-- The ids are decimal numbers of up to 20 digits. For IN in place of OR, SQLite would read all that is served.
local CURRENT = SELECT .. "JOIN current ON " .. IS_CURRENT .. " WHERE (versions.item_id = :item OR app = :item) AND " ..
  "(:apple_version_id IS NULL OR versions.apple_version_id = :apple_version_id) ORDER BY " ..
  "length(ltrim(versions.apple_version_id, '0')) DESC, ltrim(versions.apple_version_id, '0') DESC LIMIT 1"

--- The package version to be served for an app's version, or for its newest.
---@param item string either of the app's ids
---@param apple_version_id? string default the newest one that is served
---@return marketplace.packages.Version|false|nil false: there is none
---@return string? message
---@return string? code store_unavailable
function methods:current(item, apple_version_id)
  return self:read(function(link)
    local row = link:run(CURRENT, { item = item, apple_version_id = apple_version_id })[1]
    return row and record(row) or false
  end)
end

local LATER = "SELECT 1 AS found FROM versions JOIN current ON current.item_id = versions.item_id AND " ..
  "current.apple_version_id = versions.apple_version_id JOIN versions AS served ON served.id = current.version " ..
  "WHERE versions.id = :id AND served.revision > versions.revision"

--- Whether a later revision is served than that of a version.
---@param id string
---@return boolean|nil false, too, if the version is not known
---@return string? message
---@return string? code store_unavailable
function methods:is_below_current(id)
  return self:read(function(link) return link:run(LATER, { id = id })[1] ~= nil end)
end

--[[ Which one is current ]]

local OF_APP_VERSION = "WHERE item_id = :item_id AND apple_version_id = :apple_version_id "
local LAST_PUBLISHED = "SELECT id FROM versions " .. OF_APP_VERSION .. "AND state = 'published' " ..
  "ORDER BY ordinal DESC LIMIT 1"
local SET_CURRENT = "INSERT INTO current (item_id, apple_version_id, version, since) VALUES " ..
  "(:item_id, :apple_version_id, :id, :now) ON CONFLICT (item_id, apple_version_id) DO UPDATE SET " ..
  "version = excluded.version, since = excluded.since WHERE version <> excluded.version"
local NO_CURRENT = "DELETE FROM current " .. OF_APP_VERSION
local MARK_REPLACED = "UPDATE versions SET replaced_at = CASE WHEN id = :id THEN NULL " ..
  "ELSE coalesce(replaced_at, :now) END " .. OF_APP_VERSION .. "AND state = 'published'"

local function settle_current(link, version, now)
  local last = link:run(LAST_PUBLISHED, version)[1]
  local values = {
    item_id = version.item_id, apple_version_id = version.apple_version_id, id = last and last.id, now = now,
  }
  if not last then return link:run(NO_CURRENT, values) end
  link:run(SET_CURRENT, values)
  link:run(MARK_REPLACED, values)
end

--[[ Changes ]]

local PUBLISHED = "UPDATE versions SET state = 'published', why = NULL, withdrawn_at = NULL, published_at = :now, " ..
  "ordinal = coalesce(ordinal, (SELECT coalesce(max(ordinal), 0) + 1 FROM versions)), " ..
  "manifest_sha256 = coalesce(:manifest_sha256, manifest_sha256), " ..
  "signature_sha256 = coalesce(:signature_sha256, signature_sha256) WHERE id = :id"
local WITHDRAWN = "UPDATE versions SET state = 'withdrawn', why = :why, withdrawn_at = :now, replaced_at = " ..
  "CASE WHEN :why = 'superseded' THEN :now ELSE replaced_at END, " ..
  "ordinal = coalesce(ordinal, CASE WHEN :why <> 'superseded' THEN " ..
  "(SELECT coalesce(max(ordinal), 0) + 1 FROM versions) END), " ..
  "manifest_sha256 = coalesce(:manifest_sha256, manifest_sha256), " ..
  "signature_sha256 = coalesce(:signature_sha256, signature_sha256) WHERE id = :id"
local COLLECTED = "UPDATE versions SET state = 'collected', why = coalesce(:why, why) WHERE id = :id"
local FORGET_ASSETS = "UPDATE assets SET proof = NULL, etag = NULL, sha256 = NULL WHERE version = :id"

---@class marketplace.packages.Change what can be made of a version within store:change
local Change = {}
Change.__index = Change

local function write(self, statement, values)
  values.id, values.now = self.version.id, self.now
  self.link:run(statement, values)
  settle_current(self.link, self.version, self.now)
end

--- Its folder is in public.
---@param digests? {manifest_sha256: string, signature_sha256: string} of what it holds
function Change:published(digests)
  digests = digests or {}
  write(self, PUBLISHED, { manifest_sha256 = digests.manifest_sha256, signature_sha256 = digests.signature_sha256 })
end

local MADE_CURRENT = "UPDATE versions SET ordinal = (SELECT max(ordinal) + 1 FROM versions) WHERE id = :id"

--- It is published already, and Apple has gone back to it.
function Change:made_current()
  write(self, MADE_CURRENT, {})
end

--- Its folder is not to be in public.
---@param why string see marketplace.packages.store.schema
---@param digests? {manifest_sha256: string, signature_sha256: string}
function Change:withdrawn(why, digests)
  digests = digests or {}
  write(self, WITHDRAWN, {
    why = why, manifest_sha256 = digests.manifest_sha256, signature_sha256 = digests.signature_sha256,
  })
end

--- Its files are gone, or about to be.
---@param why? string default: as it was
function Change:collected(why)
  write(self, COLLECTED, { why = why })
  self.link:run(FORGET_ASSETS, { id = self.version.id })
end

--- Another revision took its place while it was not in public.
function Change:replaced()
  self.link:run("UPDATE versions SET replaced_at = :now WHERE id = :id", { id = self.version.id, now = self.now })
end

--- It was never whole, and is not wanted any more.
function Change:forgotten()
  self.link:run("DELETE FROM assets WHERE version = :id", { id = self.version.id })
  self.link:run("DELETE FROM versions WHERE id = :id", { id = self.version.id })
end

--- It is to be fetched.
---@return "new"|"known"
function Change:requested()
  return jobs.request(self.link, {
    version = self.version.id, package = self.version.package, app = self.version.app,
  }, self.now)
end

--- Its folder was found out of place, so that the store must have forgotten why: only something newer brings it back.
function Change:lost()
  availability.record(self.link, {
    scope = "folder", id = self.version.id, available = false, at = self.now,
  }, self.now)
end

local NEWER = "SELECT 1 AS found FROM versions " .. OF_APP_VERSION .. "AND state = 'published' AND ordinal > :ordinal"

--- Whether a revision that came later is published.
---@return boolean
function Change:has_successor()
  return self.version.ordinal ~= nil and self.link:run(NEWER, self.version)[1] ~= nil
end

local CURRENT_OF = SELECT .. "JOIN current ON " .. IS_CURRENT .. " WHERE " ..
  "versions.item_id = :item_id AND versions.apple_version_id = :apple_version_id"

--- The package version that is served for the same version of the app, or nil.
---@return marketplace.packages.Version|nil
function Change:current()
  local row = self.link:run(CURRENT_OF, self.version)[1]
  return row and record(row)
end

local IS_WANTED = "SELECT 1 AS found FROM jobs WHERE version = :id AND state = 'wanted'"

--- Whether a job for it is to be done.
---@return boolean
function Change:is_wanted()
  return self.link:run(IS_WANTED, { id = self.version.id })[1] ~= nil
end

local HAS_JOB = "SELECT 1 AS found FROM jobs WHERE version = :id"

--- Whether there is a job for it, be it that it ended without success.
---@return boolean
function Change:has_job()
  return self.link:run(HAS_JOB, { id = self.version.id })[1] ~= nil
end

-- What was taken down of which no version is known by those ids.
local UNKNOWN_TAKEDOWN = "SELECT 1 AS found FROM availability WHERE available = 0 AND territory = '*' AND " ..
  "((scope = 'app' AND NOT EXISTS (SELECT 1 FROM versions AS v WHERE availability.id IN (v.app, v.item_id))) OR " ..
  "(scope = 'package' AND NOT EXISTS (SELECT 1 FROM versions AS v WHERE v.package = availability.id))) LIMIT 1"

--- Whether it may have been taken down under an id that is not known to be its own.
---@return boolean
function Change:may_be_taken_down()
  return not self.version.package and self.link:run(UNKNOWN_TAKEDOWN)[1] ~= nil
end

--- Why a version must not be served; nil if it may.
---@param link table
---@param version marketplace.packages.Version
---@return {why: "held"|"unavailable", by: table}|nil
function versions.refusal(link, version)
  local hold = holds.of(link, version)
  if hold then return { why = "held", by = hold } end
  local is_available, event = availability.anywhere(link, version)
  if not is_available then return { why = "unavailable", by = event } end
  return nil
end

--- What store:change does, in a transaction of the caller's.
---@param link table
---@param id string
---@param now number
---@param work fun(version: marketplace.packages.Version, change: marketplace.packages.Change): any not nil
---@return any|false false: there is no such version
function versions.change(link, id, now, work)
  local version = versions.get(link, id)
  if not version then return false end
  version.refusal = versions.refusal(link, version)
  return work(version, setmetatable({ link = link, now = now, version = version }, Change))
end

--- Runs work(version, change) in a transaction. version.refusal says why it must not be served, if it must not. What
--- work does to files, it does before it changes rows: nothing else writes to the store meanwhile.
---@param id string
---@param work fun(version: marketplace.packages.Version, change: marketplace.packages.Change): any not nil
---@return any|false|nil false: there is no such version
---@return string? message
---@return string? code store_unavailable
function methods:change(id, work)
  return self:transact(function(link, now)
    local result = versions.change(link, id, now, work)
    link:limit(self.timeout) -- files took their own time
    return result
  end)
end

--- Runs work() in a transaction if nothing is known of a version, and no job wants it.
---@param id string
---@param work fun(): any not nil
---@return any|false|nil false: it is known
---@return string? message
---@return string? code store_unavailable
function methods:if_unknown(id, work)
  return self:transact(function(link)
    if versions.get(link, id) or link:run(IS_WANTED, { id = id })[1] then return false end
    return work()
  end)
end

local PUBLISHED_ONE = SELECT .. "WHERE state = 'published' AND id = :id"

--- Withdraws those of these versions that must no longer be served, before anything is done to files.
---@param link table
---@param list string[] ids
---@param now number
---@return string[] withdrawn
function versions.withdraw_refused(link, list, now)
  local withdrawn = {}
  for _, id in ipairs(list) do
    local row = link:run(PUBLISHED_ONE, { id = id })[1]
    local refusal = row and versions.refusal(link, row)
    if refusal then
      setmetatable({ link = link, now = now, version = row }, Change):withdrawn(refusal.why)
      withdrawn[#withdrawn + 1] = id
    end
  end
  return withdrawn
end

--[[ Whose they are ]]

-- An app has two ids, and not every request names the one that notifications have; without another one, its place has
-- the id of the manifest. All revisions of a version of an app are of one package.
local SHARE = {
  "UPDATE versions SET app = coalesce((SELECT app FROM versions AS other WHERE other.item_id = versions.item_id AND " ..
    "other.app <> other.item_id ORDER BY id LIMIT 1), app) WHERE item_id = :item_id AND (app IS NULL OR app = item_id)",
  "UPDATE versions SET package = (SELECT package FROM versions AS other WHERE other.item_id = versions.item_id AND " ..
    "other.apple_version_id = versions.apple_version_id AND package IS NOT NULL ORDER BY id LIMIT 1) " ..
    "WHERE item_id = :item_id AND package IS NULL",
}
local OF_APP = "SELECT id FROM versions WHERE item_id = :item_id ORDER BY id"

--- Notes for the other versions of an app what is known from one.
---@param link table
---@param id string
---@return string[] ids of all versions of the app
function versions.share_ids(link, id)
  local version, list = versions.get(link, id), {}
  if not version then return list end
  for _, statement in ipairs(SHARE) do link:run(statement, version) end
  for i, row in ipairs(link:run(OF_APP, version)) do list[i] = row.id end
  return list
end

local IDENTIFY = "UPDATE versions SET package = coalesce(:package, package), app = coalesce(:app, app) WHERE id = :id"

--- Notes whose version it is, which may show that it, or another one of the app, must not be served.
---@param id string
---@param about {package?: string, app?: string}
---@return string[]|nil withdrawn ids of those that were to be served before
---@return string? message
---@return string? code store_unavailable
function methods:identify(id, about)
  return self:transact(function(link, now)
    link:run(IDENTIFY, { id = id, package = about.package, app = about.app })
    return versions.withdraw_refused(link, versions.share_ids(link, id), now)
  end)
end

return versions
