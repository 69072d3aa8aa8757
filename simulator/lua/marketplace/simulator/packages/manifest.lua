--- The manifest of a package version: every member that Apple's manifests have had, and some that they may get.
---
--- (Apple: "Getting notified of available alternative distribution packages"; the members that Apple does not document
--- are as in the manifests that a large publisher serves.)
local bytes = require "marketplace.simulator.packages.bytes"
local core = require "marketplace.core"
local json = require "marketplace.json"

local manifest = {}

local DEVICES = { "iPhone14,5", "iPhone15,2", "iPhone16,1", "iPad13,4", "iPad14,6-A", "iPhone17,3" }
local SYSTEMS = { "17.4", "18", "26" }
local UNKNOWN = "unknown members are to be ignored"
local MOST_SOURCES = 7 -- versions that deltas of one manifest start from

local KINDS = {
  variants = { folder = "variant", details = "variantDetails" },
  deltas = { folder = "delta", details = "deltaDetails" },
}

--- Where an asset's file is in the package's folder.
---@param name "variants"|"deltas"
---@param id string
---@return string
function manifest.path(name, id)
  return ("%s/%s.ipa"):format(KINDS[name].folder, id)
end

local function targets(number)
  local list = json.list {}
  for i, system in ipairs(SYSTEMS) do
    list[i] = { device = DEVICES[(number + i) % #DEVICES + 1], os = system }
  end
  return list
end

--[[ Digests ]]

-- Computed once: they take time, and only files that change get others.
local function chunk_digests(asset, chunk_size)
  asset.chunk_digests = asset.chunk_digests or {}
  local key = ("%s/%d"):format(asset.seed, chunk_size)
  asset.chunk_digests[key] = asset.chunk_digests[key] or bytes.chunk_digests(asset, chunk_size)
  return asset.chunk_digests[key]
end

-- Of what the file would be if it were decrypted, which nobody but Apple and the device can do.
local function others(digests)
  local list = json.list {}
  for i, digest in ipairs(digests) do list[i] = core.sha256("decrypted " .. digest) end
  return list
end

local function hash_of(entry)
  local digests = chunk_digests(entry.asset, entry.chunk_size)
  return {
    algorithm = "sha256", chunkSize = entry.chunk_size,
    encryptedChunkDigests = json.list(entry.digests ~= "unencrypted" and digests or {}),
    unencryptedChunkDigests = entry.digests ~= "encrypted" and others(digests) or nil,
  }
end

--[[ Assets ]]

local function source(package, number, count)
  local back = (number - 1) % math.min(MOST_SOURCES, count) + 1
  return {
    appleVersionId = ("%.0f"):format(math.max(tonumber(package.apple_version_id) - back, 1)),
    version = "0." .. back, installTargets = targets(number),
  }
end

local function object(entry, name)
  local asset = entry.asset
  return {
    publicId = asset.id, assetPath = manifest.path(name, asset.id), simulatedMember = UNKNOWN,
    [KINDS[name].details] = {
      compressedSize = asset.size, uncompressedSize = 3 * asset.size, hashes = json.list { hash_of(entry) },
    },
  }
end

local function variants(version)
  local list = json.list {}
  for i, entry in ipairs(version.listed.variants) do
    list[i] = object(entry, "variants")
    list[i].installTargets = targets(i)
  end
  return list
end

local function deltas(package, version)
  local list, whole, made = json.list {}, version.listed.variants, version.listed.deltas
  for i, entry in ipairs(made) do
    local target = whole[(i - 1) % math.max(#whole, 1) + 1]
    list[i] = object(entry, "deltas")
    list[i].sourceVariant = source(package, i, #made)
    list[i].targetVariantAssetPath = manifest.path("variants", target and target.asset.id or "none")
  end
  return list
end

--- The manifest as a table.
---@param package table
---@param version table
---@return table
function manifest.object(package, version)
  return {
    manifestSchemaVersion = "1.0", distributionPackageRevision = version.revision, appleItemId = package.item_id,
    bundleId = "com.example.app" .. package.app_id, shortVersionString = package.short_version,
    bundleVersion = package.build, appleVersionId = package.apple_version_id, platforms = json.list { "ios" },
    minimumSystemVersions = { ios = "17.4" }, requiredDeviceCapabilities = json.list { "arm64", "metal" },
    appInstallDeterminants = json.list {}, hasMessagesExtension = false, isLaunchProhibited = false,
    backgroundAssets = {
      maxInstallSize = 0, essentialMaxInstallSize = 0, downloadAllowance = 0, essentialDownloadAllowance = 0,
    },
    simulatedMember = { reason = UNKNOWN },
    variants = variants(version), deltas = deltas(package, version),
  }
end

return manifest
