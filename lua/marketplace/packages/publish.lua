--- A version that is whole is served: by one rename, within the transaction that makes sure once more that it may be.
---
--- A takedown by another process comes either before that transaction, which then sees it, or after it, and then finds
--- the folder in public. A process that is killed in between leaves the folder in public with a row that says that it
--- is staged: the next attempt, or the sweep, completes that, and a takedown moves it out all the same.
local contents = require "marketplace.packages.contents"
local folder = require "marketplace.packages.folder"
local settle = require "marketplace.packages.settle"

local publish = {}

local COMPLETED = "COMPLETED" -- Apple's word for a version that is to be served

local function failed(message, code)
  return { failed = { message, code } }
end

--[[ What is there ]]

-- Without its package's id, no takedown of the package would find it.
local function check_rows(version, assets)
  if not version.package then
    return nil, ("the package of the package version %s is not known"):format(version.id), "package_unknown"
  end
  for _, asset in ipairs(assets) do
    if not asset.proof then
      return nil, ("%s of the package version %s is not there"):format(asset.path, version.id), "package_incomplete"
    end
  end
  return true
end

local function check_keys(p, version, assets)
  local missing, message, code = p.keys:missing(version.id, settle.public_ids(assets))
  if not missing then return nil, message, code end
  if #missing == 0 then return true end
  return nil, ("%d key blobs of the package version %s are missing, first that of %s"):format(#missing, version.id,
    missing[1]), "key_blob_missing"
end

local function sync(p, path)
  for _, place in ipairs { "/variant", "/delta", "" } do
    if folder.exists(path .. place) then
      local ok, message, code = p.io.sync(path .. place)
      if not ok then return nil, message, code end
    end
  end
  return true
end

-- Where the version is, if it is whole there: in public, if a former attempt has moved it already.
local function find(p, version, assets)
  local message, code
  for _, path in ipairs { p.folder:public(version), p.folder:staging(version.id) } do
    if folder.exists(path) then
      local digests
      digests, message, code = contents.check(p.io, path, version, assets)
      if digests then return { path = path, digests = digests } end
    end
  end
  return nil, message or ("%s is not there"):format(p.folder:staging(version.id)), code or "package_incomplete"
end

local function prepare(p, version)
  local assets, ok, found, message, code
  assets, message, code = p.store:assets(version.id)
  if not assets then return nil, message, code end
  ok, message, code = check_rows(version, assets)
  if ok then ok, message, code = check_keys(p, version, assets) end
  if not ok then return nil, message, code end
  found, message, code = find(p, version, assets)
  if not found then return nil, message, code end
  ok, message, code = sync(p, found.path)
  if not ok then return nil, message, code end
  return found
end

--[[ The transaction ]]

-- Whole, but not to be served: it is kept, so that it can be once that changes.
local function set_aside(p, version, change, found, why)
  local ok, message, code = p.folder:keep(version, found.path)
  if not ok then return failed(message, code) end
  change:withdrawn(why, found.digests)
  return { outcome = why }
end

local function expose(p, version, change, found)
  local public = p.folder:public(version)
  if found.path ~= public then
    -- what is there already is not whole: a former one that was found so
    local ok, message, code = p.folder:discard(version.id, public)
    if ok then ok, message, code = p.folder:expose(version, found.path) end
    if not ok then return failed(message, code) end
  end
  change:published(found.digests)
  return { outcome = "published" }
end

-- Of what was decided before.
local function outcome_of(version)
  if version.state == "published" then return "published" end
  return version.state == "withdrawn" and version.why or nil
end

local function decide(p, version, change, found, state)
  if outcome_of(version) then return { outcome = outcome_of(version) } end
  if state ~= COMPLETED then return set_aside(p, version, change, found, "superseded") end
  if version.refusal then return set_aside(p, version, change, found, version.refusal.why) end
  return expose(p, version, change, found)
end

--[[ Whose it is ]]

--- Notes whose version it is, of one that was found in public: it may have been taken down under that name.
---@param p table of marketplace.packages
---@param id string
---@param about {package?: string, app?: string}
---@return true|nil
---@return string? message
---@return string? code store_unavailable, file_failed, disk_full
function publish.identify(p, id, about)
  local withdrawn, settled, message, code
  withdrawn, message, code = p.store:identify(id, about)
  if not withdrawn then return nil, message, code end
  settled, message, code = settle.all(p, withdrawn)
  if not settled then return nil, message, code end
  return true
end

--[[ The whole ]]

local function tell(p, version, former)
  if former and former.revision > version.revision then
    p.log.write {
      level = "warning", message = "lower revision", version = version.id, reason = ("revision %d replaces revision " ..
        "%d, as Apple has it"):format(version.revision, former.revision),
    }
  end
  p.on_event { event = "published", version = version.id, replaced = former and former.id or nil }
end

-- Without its row, a version that is whole would be fetched again.
local function move_back(p, id)
  p.store:change(id, function(version)
    local staging = p.folder:staging(id)
    for _, path in ipairs { p.folder:public(version), p.folder:withdrawn(id) } do
      if version.state == "staged" and folder.exists(path) and not folder.exists(staging) then
        p.io.rename(path, staging)
      end
    end
    return true
  end)
end

local function run(p, version, state)
  local found, former, result, message, code
  found, message, code = prepare(p, version)
  if not found then return nil, message, code end
  former, message, code = p.store:current(version.item_id, version.apple_version_id)
  if former == nil then return nil, message, code end
  result, message, code = p.store:change(version.id, function(now, change)
    return decide(p, now, change, found, state)
  end)
  if result == nil then move_back(p, version.id) end
  if not result then return nil, message or "the version is gone from the store", code or "version_unknown" end
  if result.failed then return nil, result.failed[1], result.failed[2] end
  if result.outcome ~= "published" then return result.outcome end
  tell(p, version, former or nil)
  -- by this version an id may have become known under which others were taken down
  local ok
  ok, message, code = publish.identify(p, version.id, {})
  if not ok then return nil, message, code end
  return "published"
end

--- Publishes a version that is staged.
---@param p table of marketplace.packages
---@param id string of the package version
---@param given {state: string} Apple's word for it, asked for just now
---@return "published"|"held"|"unavailable"|"superseded"|nil outcome whether it is served, or why not
---@return string? message
---@return string? code package_incomplete, package_unknown, key_blob_missing, version_unknown, store_unavailable,
--- file_failed, disk_full
function publish.run(p, id, given)
  local version, message, code = p.store:version(id)
  if version == nil then return nil, message, code end
  if not version then return nil, ("there is no package version %s"):format(id), "version_unknown" end
  local outcome = outcome_of(version)
  if outcome then return outcome end
  return run(p, version, given.state)
end

return publish
