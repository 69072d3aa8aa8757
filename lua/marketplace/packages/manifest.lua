--- `manifest.json` of an alternative distribution package: what is in the package, checked.
---
--- It decides which files are written where, so nothing of it is used unchecked. Members that nobody knows are ignored;
--- the bytes of the file are kept as they came, by others.
local core = require "marketplace.core"
local ids = require "marketplace.packages.ids"
local json = require "marketplace.json"
local text = require "marketplace.text"

local manifest = {}

local MOST_BYTES = 16 * 2 ^ 20
local MOST_ASSET_BYTES = 64 * 2 ^ 30
local MOST_REVISION = 2 ^ 31
local SHOWN_BYTES = 100

---@class marketplace.packages.Asset
---@field kind "variant"|"delta"
---@field public_id string
---@field path string in the package's folder: "variant/<public id>.ipa"
---@field size integer bytes
---@field chunk_size? integer bytes; nil if there are no digests of the file
---@field digests? string[] SHA-256 of each chunk in lower-case hex; nil if the manifest has none of the file itself
---@field source? {apple_version_id: string, version?: string} of a delta: from which version it leads
---@field target? string of a delta: the path of the variant to which it leads

---@class marketplace.packages.Manifest
---@field item_id string Apple's id of the app
---@field apple_version_id string of the app's version; all revisions of one have the same
---@field revision integer
---@field bundle_id string
---@field version string as it is shown
---@field build string
---@field platforms string[]
---@field minimum_systems table<string, string> by platform
---@field capabilities string[] that a device must have
---@field assets marketplace.packages.Asset[] variants first
---@field bytes integer of all assets

--[[ What is wrong ]]

local Invalid = {}

local function shown(value)
  if value == nil then return "missing" end
  if value == json.null then return "null" end
  if type(value) == "table" then return "a list or an object" end
  if type(value) ~= "string" then return tostring(value) end
  return '"' .. text.safe(text.cut(value, SHOWN_BYTES)) .. '"'
end

-- `at` says where the member is, as in `variants[2].`.
local function invalid(at, member, problem)
  error(setmetatable({ message = at .. member .. " " .. problem }, Invalid), 0)
end

local function wrong(at, member, value, expected)
  if value == nil then invalid(at, member, "is missing") end
  invalid(at, member, ("is %s, not %s"):format(shown(value), expected))
end

--[[ Members ]]

local function string_of(object, at, member)
  local value = object[member]
  if type(value) ~= "string" or value == "" then wrong(at, member, value, "a text") end
  return value
end

local function number_id(object, at, member)
  local value = object[member]
  if not ids.is_number(value) then wrong(at, member, value, "a number of up to 20 digits in a text") end
  return value
end

local function integer_of(object, at, member, most)
  local value = object[member]
  if type(value) ~= "number" or value % 1 ~= 0 or value < 1 or value > most then
    wrong(at, member, value, ("a whole number from 1 to %.0f"):format(most))
  end
  return value
end

-- An empty object and an empty list are the same here.
local function list_of(object, at, member, if_missing)
  local value = object[member]
  if value == nil then value = if_missing end
  if type(value) ~= "table" or (next(value) ~= nil and value[1] == nil) then wrong(at, member, value, "a list") end
  return value
end

local function object_of(object, at, member)
  local value = object[member]
  if type(value) ~= "table" or value[1] ~= nil then wrong(at, member, value, "an object") end
  return value
end

local function strings_of(object, member, if_missing)
  local values = list_of(object, "", member, if_missing)
  for i, value in ipairs(values) do
    if type(value) ~= "string" then wrong("", ("%s[%d]"):format(member, i), value, "a text") end
  end
  return values
end

local function systems_of(object)
  local systems = object_of(object, "", "minimumSystemVersions")
  for platform, version in pairs(systems) do
    if type(version) ~= "string" then wrong("minimumSystemVersions.", text.safe(platform), version, "a text") end
  end
  return systems
end

--[[ Digests ]]

-- Other algorithms may come: they prove nothing to those who do not know them.
local function sha256_of(details, at)
  local found
  for i, hash in ipairs(list_of(details, at, "hashes")) do
    local where = ("%shashes[%d]"):format(at, i)
    if type(hash) ~= "table" then wrong(where, "", hash, "an object") end
    if string_of(hash, where .. ".", "algorithm") == "sha256" then
      if found then invalid(where, "", "is a second sha256") end
      found = { hash = hash, at = where .. "." }
    end
  end
  return found
end

local function digest_of(value, at, i)
  if type(value) ~= "string" or #value ~= 64 or not value:find "^%x+$" then
    wrong(at, ("encryptedChunkDigests[%d]"):format(i), value, "64 hex digits")
  end
  return value:lower()
end

-- Those of the decrypted file, unencryptedChunkDigests, say nothing about what is downloaded.
local function add_digests(asset, details, at)
  local found = sha256_of(details, at)
  if not found then return end
  local chunk_size = integer_of(found.hash, found.at, "chunkSize", 2 ^ 53)
  local listed = list_of(found.hash, found.at, "encryptedChunkDigests")
  if #listed == 0 then return end
  local expected = math.ceil(asset.size / chunk_size)
  if #listed ~= expected then
    invalid(found.at, "encryptedChunkDigests", ("has %d digests, and %.0f bytes in chunks of %.0f are %.0f"):format(
      #listed, asset.size, chunk_size, expected))
  end
  asset.chunk_size, asset.digests = chunk_size, {}
  for i, digest in ipairs(listed) do asset.digests[i] = digest_of(digest, found.at, i) end
end

--[[ Assets ]]

-- Raises unless the path is the one that the public id stands for: whatever else it is, it could be elsewhere.
local function check_path(asset, given, at)
  asset.path = ("%s/%s.ipa"):format(asset.kind, asset.public_id)
  if given ~= asset.path then wrong(at, "assetPath", given, '"' .. asset.path .. '"') end
end

local function asset_of(kind, entry, at)
  if type(entry) ~= "table" then wrong(at, "", entry, "an object") end
  local id = entry.publicId
  at = ids.is_name(id) and ("%s (publicId %s)."):format(at, id) or at .. "."
  if not ids.is_name(id) then wrong(at, "publicId", id, "letters, digits, full stops, _ and -") end
  local asset = { kind = kind, public_id = id }
  check_path(asset, entry.assetPath, at)
  local details = object_of(entry, at, kind .. "Details")
  at = ("%s%sDetails."):format(at, kind)
  asset.size = integer_of(details, at, "compressedSize", MOST_ASSET_BYTES)
  add_digests(asset, details, at)
  return asset
end

local function add_way(delta, entry, at, variants)
  local target, source = entry.targetVariantAssetPath, entry.sourceVariant
  if type(target) ~= "string" or not variants[target] then
    wrong(at, "targetVariantAssetPath", target, "the assetPath of a variant in this manifest")
  end
  delta.target = target
  if type(source) == "table" and type(source.appleVersionId) == "string" then
    delta.source = {
      apple_version_id = source.appleVersionId, version = type(source.version) == "string" and source.version or nil,
    }
  end
end

local function add_asset(found, asset, at)
  local other = found.places[asset.public_id]
  if other then invalid(at, ".publicId", ("is %s, as is that of %s"):format(asset.public_id, other)) end
  found.places[asset.public_id] = at
  found.assets[#found.assets + 1] = asset
  found.bytes = found.bytes + asset.size
end

local function add_variants(found, document)
  local variants = {}
  for i, entry in ipairs(list_of(document, "", "variants")) do
    local at = ("variants[%d]"):format(i)
    local asset = asset_of("variant", entry, at)
    add_asset(found, asset, at)
    variants[asset.path] = true
  end
  if #found.assets == 0 then invalid("", "variants", "is empty: there is nothing to install") end
  return variants
end

local function add_deltas(found, document, variants)
  for i, entry in ipairs(list_of(document, "", "deltas", {})) do
    local at = ("deltas[%d]"):format(i)
    local asset = asset_of("delta", entry, at)
    add_way(asset, entry, at .. ".", variants)
    add_asset(found, asset, at)
  end
end

--[[ The whole ]]

local function read(document)
  local found = {
    item_id = number_id(document, "", "appleItemId"), apple_version_id = number_id(document, "", "appleVersionId"),
    revision = integer_of(document, "", "distributionPackageRevision", MOST_REVISION),
    bundle_id = string_of(document, "", "bundleId"), version = string_of(document, "", "shortVersionString"),
    build = string_of(document, "", "bundleVersion"), platforms = strings_of(document, "platforms"),
    minimum_systems = systems_of(document), capabilities = strings_of(document, "requiredDeviceCapabilities", {}),
    assets = {}, bytes = 0, places = {},
  }
  add_deltas(found, document, add_variants(found, document))
  found.places = nil
  return found
end

local function failed(message)
  return nil, "the manifest cannot be used: " .. message, "manifest_invalid"
end

--- Reads a manifest.
---@param bytes string of manifest.json
---@return marketplace.packages.Manifest|nil
---@return string? message names the member and the asset
---@return string? code manifest_invalid
function manifest.parse(bytes)
  if #bytes > MOST_BYTES then return failed "it is larger than 16 MiB" end
  local document, problem = json.decode(bytes)
  if problem then return failed "it is not JSON" end
  if type(document) ~= "table" or document[1] ~= nil then return failed "it is not a JSON object" end
  local ok, found = pcall(read, document)
  if ok then return found end
  if getmetatable(found) ~= Invalid then error(found, 0) end
  return failed(found.message)
end

--[[ fileChecksum ]]

local ALGORITHM_OF = { [32] = "sha256", [16] = "md5" } -- by bytes

local function hex_of(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- With or without padding, in either alphabet.
local function base64_decode(value)
  local body = value:match "^([0-9A-Za-z+/_-]+)=?=?$"
  if not body or (#body < #value and #value % 4 ~= 0) then return nil end
  return core.base64url_decode((body:gsub("%+", "-"):gsub("/", "_")))
end

--- What a `fileChecksum` of Apple's says. Neither its algorithm nor its form is documented, so both are guessed: hex or
--- base64 of 32 bytes is SHA-256, of 16 bytes MD5.
---@param value any
---@return {sha256?: string, md5?: string}|nil lower-case hex; nil if there is none, or its form is another
function manifest.checksum(value)
  if type(value) ~= "string" then return nil end
  local algorithm = #value % 2 == 0 and value:find "^%x+$" and ALGORITHM_OF[#value / 2]
  if algorithm then return { [algorithm] = value:lower() } end
  local bytes = base64_decode(value)
  algorithm = bytes and ALGORITHM_OF[#bytes]
  return algorithm and { [algorithm] = hex_of(bytes) } or nil
end

return manifest
