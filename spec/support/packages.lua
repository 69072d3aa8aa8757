--- Manifests, folders and stores of packages for specs.
local json = require "marketplace.json"

local packages = {}

packages.ITEM = "6499000001"
packages.APPLE_VERSION = "870000001"

--- A public id or a version's id: the same for the same number.
---@param number integer
---@return string
function packages.uuid(number)
  return ("%08x-0000-4000-8000-%012x"):format(number, number)
end

local function details(size, digests, chunk_size)
  return {
    compressedSize = size, uncompressedSize = size * 2, hashes = json.list { {
      algorithm = "sha256", chunkSize = chunk_size or size, encryptedChunkDigests = json.list(digests),
      unencryptedChunkDigests = json.list { ("0"):rep(64) },
    } },
  }
end

--- An entry of `variants`.
---@param number integer of its public id
---@param size integer
---@param digests string[]
---@param chunk_size? integer
---@return table
function packages.variant(number, size, digests, chunk_size)
  local id = packages.uuid(number)
  return {
    publicId = id, assetPath = ("variant/%s.ipa"):format(id), variantDetails = details(size, digests, chunk_size),
    installTargets = json.list { { device = "iPhone14,5", os = "17.4" } },
  }
end

--- An entry of `deltas`, to the variant of another number.
---@param number integer
---@param target integer
---@param size integer
---@param digests string[]
---@param chunk_size? integer
---@return table
function packages.delta(number, target, size, digests, chunk_size)
  local id = packages.uuid(number)
  return {
    publicId = id, assetPath = ("delta/%s.ipa"):format(id), deltaDetails = details(size, digests, chunk_size),
    sourceVariant = { appleVersionId = "860000001", version = "1.9", installTargets = json.list {} },
    targetVariantAssetPath = ("variant/%s.ipa"):format(packages.uuid(target)),
  }
end

--- A manifest's document.
---@param variants table[]
---@param deltas? table[]
---@param more? table members in place of the usual ones
---@return table
function packages.document(variants, deltas, more)
  local document = {
    manifestSchemaVersion = "1.0", distributionPackageRevision = 1, appleItemId = packages.ITEM,
    bundleId = "com.example.game", shortVersionString = "2.0", bundleVersion = "42",
    appleVersionId = packages.APPLE_VERSION, platforms = json.list { "ios" }, minimumSystemVersions = { ios = "17.2" },
    requiredDeviceCapabilities = json.list { "arm64", "metal" }, appInstallDeterminants = json.list {},
    hasMessagesExtension = false, variants = json.list(variants), deltas = json.list(deltas or {}),
  }
  for name, value in pairs(more or {}) do document[name] = value end
  return document
end

return packages
