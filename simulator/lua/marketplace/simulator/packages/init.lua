--- Alternative distribution packages, as App Store Connect has them, with files that are generated.
---
--- A package belongs to one version of an app. Its own versions are revisions: each lists the assets of the one before,
--- with the same ids and bytes, and new ones. A version's URL leads to a zip of manifest.json and signature, and each
--- asset has a URL and a key blob of its own.
--- (Apple: "Getting notified of available alternative distribution packages", "Alternative distribution packages".)
local addresses = require "marketplace.simulator.packages.addresses"
local archive = require "marketplace.simulator.packages.archive"
local bytes = require "marketplace.simulator.packages.bytes"
local core = require "marketplace.core"
local shape = require "marketplace.simulator.packages.shape"
local uuid = require "marketplace.uuid"

local packages = {}

local PACKAGES = "alternativeDistributionPackages"
local VERSIONS = "alternativeDistributionPackageVersions"
local ASSETS = {
  variants = "alternativeDistributionPackageVariants", deltas = "alternativeDistributionPackageDeltas",
}
local NAMES = { "variants", "deltas" } -- in this order, so that the same random numbers make the same ids
local FIRST_APP_VERSION = 800000000

--[[ What the API says of them ]]

local function base64(text)
  local encoded = core.base64url(text):gsub("-", "+"):gsub("_", "/")
  return encoded .. ("="):rep(-#encoded % 4)
end

local function from_hex(hex)
  return (hex:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- Each takes a function from a kind of digest to the digest of the file, in hex.
local CHECKSUMS = {
  sha256 = function(digest) return digest "sha256" end,
  md5 = function(digest) return digest "md5" end,
  sha256_base64 = function(digest) return base64(from_hex(digest "sha256")) end,
  md5_base64 = function(digest) return base64(from_hex(digest "md5")) end,
  unknown = function() return "crc64:5f3759df5f3759df" end,
  wrong = function() return core.sha256 "other bytes" end,
  none = function() end,
}

local function digest_of_text(text)
  return function(kind)
    local hash = assert(core.hash(kind))
    assert(hash:add(text))
    return assert(hash:hex())
  end
end

-- Kept: of a large file it takes time.
local function checksum_of(asset)
  local key = asset.checksum .. asset.seed
  asset.checksums = asset.checksums or {}
  asset.checksums[key] = asset.checksums[key] or
    CHECKSUMS[asset.checksum](function(kind) return bytes.digest(kind, asset) end)
  return asset.checksums[key]
end

-- A version that was replaced has no URL any more.
local function present_version(sim, package, version)
  return function()
    local given = version.attributes
    local shown = { version = given.version, state = given.state }
    if given.state ~= "COMPLETED" then return shown end
    shown.url, shown.urlExpirationDate = addresses.new(sim, "versions", version.id)
    shown.fileChecksum = CHECKSUMS[version.checksum](digest_of_text(archive.bytes(package, version)))
    return shown
  end
end

local function present_asset(sim, name, asset)
  return function()
    local url, expires = addresses.new(sim, name, asset.id)
    local blob = ("simulated key blob %d of %s"):format(asset.blob_number, asset.id)
    return {
      url = url, urlExpirationDate = expires, fileChecksum = checksum_of(asset),
      alternativeDistributionKeyBlob = asset.has_blob and base64(blob) or nil,
    }
  end
end

--[[ Packages ]]

local function count_of_app(sim, app_id)
  local count = 0
  for _, package in ipairs(sim.store:list(PACKAGES)) do
    if package.app_id == app_id then count = count + 1 end
  end
  return count
end

--- Creates a package without versions.
---@param sim table
---@param given marketplace.SimulatorPackageVersionOptions
---@param app_id string
---@return table package
function packages.create(sim, given, app_id)
  local id, number = given.package or uuid.new(sim.random), count_of_app(sim, app_id) + 1
  local package = sim.store:add {
    type = PACKAGES, id = id, app_id = app_id, item_id = given.item_id or app_id,
    short_version = given.short_version or "1." .. number, build = given.build or tostring(number),
    refs = { appStoreVersion = given.app_store_version or uuid.new(sim.random) },
    attributes = { sourceFileChecksum = { file = { hash = core.sha256(id), algorithm = "SHA_256" } } },
  }
  package.apple_version_id = given.apple_version_id or ("%.0f"):format(FIRST_APP_VERSION + package.sequence)
  sim.latest_package[app_id] = package
  return package
end

--[[ Versions ]]

local function versions_of(sim, package)
  return sim.store:list(VERSIONS, "alternativeDistributionPackage", package.id)
end

local function list_asset(version, name, asset, how)
  asset.refs.alternativeDistributionPackageVersion[version.id] = true
  table.insert(version.listed[name], {
    asset = asset, chunk_size = shape.chunk_size(asset.size, how.chunk_size), digests = how.digests,
  })
end

local function keep_assets(version, earlier, given)
  for _, name in ipairs(NAMES) do
    for i, entry in ipairs(earlier.listed[name]) do
      local asset = entry.asset
      if given.new_blobs then asset.blob_number = asset.blob_number + 1 end
      list_asset(version, name, asset, {
        chunk_size = given.kept_chunk_size or entry.chunk_size,
        digests = given.kept_digests and shape.digests(given.kept_digests, i) or entry.digests,
      })
    end
  end
end

local function add_asset(sim, name, made)
  local id = made.id or uuid.new(sim.random)
  local asset = sim.store:add {
    type = ASSETS[name], id = id, seed = id, size = made.size, checksum = made.checksum, has_blob = made.has_blob,
    blob_number = 1, refs = { alternativeDistributionPackageVersion = {} },
  }
  asset.present = present_asset(sim, name, asset)
  return asset
end

local function add_assets(sim, version, given, keeps)
  for _, name in ipairs(NAMES) do
    for _, made in ipairs(shape.assets(given, name, keeps)) do
      local asset = made.id and sim.store:get(ASSETS[name], made.id) or add_asset(sim, name, made)
      list_asset(version, name, asset, made)
    end
  end
end

--- Makes a version COMPLETED, and the package's others REPLACED; or this one REPLACED.
---@param sim table
---@param version table
---@param state "COMPLETED"|"REPLACED"
function packages.set_state(sim, version, state)
  if state == "COMPLETED" then
    local package = sim.store:get(PACKAGES, version.refs.alternativeDistributionPackage)
    for _, other in ipairs(versions_of(sim, package)) do other.attributes.state = "REPLACED" end
  end
  version.attributes.state = state
end

local function manifest_of(given)
  if given.manifest_file then return assert(archive.read(given.manifest_file)) end
  return given.manifest
end

local function earlier_version(sim, given, before)
  if given.fresh then return nil end
  return given.from and sim.store:get(VERSIONS, given.from) or before[#before]
end

--- Adds a version to a package.
---@param sim table
---@param package table
---@param given marketplace.SimulatorPackageVersionOptions checked
---@return table version
function packages.add_version(sim, package, given)
  local before = versions_of(sim, package)
  local earlier, latest = earlier_version(sim, given, before), before[#before]
  local version = sim.store:add {
    type = VERSIONS, id = given.package_version or uuid.new(sim.random), listed = { variants = {}, deltas = {} },
    refs = { alternativeDistributionPackage = package.id }, revision = given.revision or
      (latest and latest.revision or 0) + 1,
    attributes = { version = ("%.0f"):format(#before + 1) }, checksum = given.checksum or "sha256",
    manifest = manifest_of(given), archive_problem = given.archive,
    archive = given.archive_file and assert(archive.read(given.archive_file)),
  }
  version.present = present_version(sim, package, version)
  if earlier then keep_assets(version, earlier, given) end
  add_assets(sim, version, given, earlier ~= nil)
  packages.set_state(sim, version, given.state or "COMPLETED")
  return version
end

local function reference_problem(sim, given)
  if given.from and not sim.store:get(VERSIONS, given.from) then return "'from' must be the id of a package version" end
  for _, name in ipairs { "manifest_file", "archive_file" } do
    local text, message = archive.read(given[name] or "/dev/null")
    if not text then return ("'%s': %s"):format(name, message) end
  end
end

--- What is wrong with the options of a new version, whose types were checked, if anything.
---@param sim table
---@param given marketplace.SimulatorPackageVersionOptions
---@return string?
function packages.problem(sim, given)
  return shape.problem(given) or reference_problem(sim, given)
end

--- Adds a version to the package that the options name, or to a new one.
---@param sim table
---@param given marketplace.SimulatorPackageVersionOptions checked
---@param app_id string of a new package
---@return table version
---@return table package
function packages.add(sim, given, app_id)
  local package = given.package and sim.store:get(PACKAGES, given.package) or packages.create(sim, given, app_id)
  return packages.add_version(sim, package, given), package
end

--- Removes a version: the API does not know it any more, nor its assets that no other version lists.
---@param sim table
---@param version table
function packages.remove_version(sim, version)
  for _, name in ipairs(NAMES) do
    for _, entry in ipairs(version.listed[name]) do
      local refs = entry.asset.refs.alternativeDistributionPackageVersion
      refs[version.id] = nil
      if next(refs) == nil then sim.store:remove(entry.asset) end
    end
  end
  sim.store:remove(version)
end

--- The asset with this id.
---@param sim table
---@param id string
---@return table|nil
function packages.asset(sim, id)
  return sim.store:get(ASSETS.variants, id) or sim.store:get(ASSETS.deltas, id)
end

--- The version with this id.
---@param sim table
---@param id string
---@return table|nil
function packages.version(sim, id)
  return sim.store:get(VERSIONS, id)
end

--- What a version has.
---@param sim table
---@param version table
---@return table
function packages.describe(sim, version)
  local package = sim.store:get(PACKAGES, version.refs.alternativeDistributionPackage)
  local shown = {
    id = version.id, package = package.id, app = package.app_id, item_id = package.item_id,
    apple_version_id = package.apple_version_id, short_version = package.short_version, revision = version.revision,
    state = version.attributes.state, variants = #version.listed.variants, deltas = #version.listed.deltas, bytes = 0,
  }
  for _, name in ipairs(NAMES) do
    for _, entry in ipairs(version.listed[name]) do shown.bytes = shown.bytes + entry.asset.size end
  end
  return shown
end

--- All versions, oldest first, with what they have.
---@param sim table
---@return table[] versions
function packages.list(sim)
  local list = {}
  for i, version in ipairs(sim.store:list(VERSIONS)) do list[i] = packages.describe(sim, version) end
  return list
end

return packages
