--- What a new version of a package is to be like: the options, checked, and what they mean for each of its assets.
local archive = require "marketplace.simulator.packages.archive"
local options = require "marketplace.options"

local shape = {}

--- The size of a chunk if nothing else is said: what nearly all of Apple's manifests have.
shape.CHUNK = 10 * 1024 * 1024

local NORMAL_SIZE, NORMAL_VARIANTS = 150000, 2
local MOST_SIZE = 64 * 1024 ^ 3
local MOST_ASSETS, MOST_CHUNKS, MOST_REVISION = 1000, 100000, 1000000
local MOST_HASHED = 64 * 1024 * 1024 -- bytes of a file whose whole digest is computed without being asked for

local DIGESTS = { both = true, encrypted = true, unencrypted = true, mixed = true }
local CHECKSUMS = {
  sha256 = true, md5 = true, sha256_base64 = true, md5_base64 = true, unknown = true, wrong = true, none = true,
}
local STATES = { COMPLETED = true, REPLACED = true }

---@class marketplace.SimulatorAssetOptions
---@field count? integer how many like this one, default 1
---@field id? string its public id, default a new one; a file with the same id and size has the same bytes everywhere
---@field size? integer bytes, at most 64 GiB; nothing of it is stored
---@field chunk_size? integer|"single" bytes of a chunk of the manifest's digests
---@field digests? "both"|"encrypted"|"unencrypted" which lists of digests the manifest fills
---@field checksum? string what fileChecksum is, as in a version's options
---@field blob? boolean whether it has a key blob, default true
local ASSET = {
  count = "number", id = "string", size = "number", chunk_size = "number|string", digests = "string",
  checksum = "string", blob = "boolean",
}

---@class marketplace.SimulatorPackageVersionOptions
---@field app? string the app that it is of, default the first of the simulator's
---@field package? string id of a package, which gets one more version, or of a new one; default a new id
---@field package_version? string id of the version, default a new one
---@field app_store_version? string of a new package: id of its App Store version
---@field item_id? string of a new package: the manifest's appleItemId, default the app's id
---@field apple_version_id? string of a new package: the manifest's appleVersionId, which its versions share
---@field short_version? string of a new package: the manifest's shortVersionString, such as "1.4"
---@field build? string of a new package: the manifest's bundleVersion
---@field revision? integer the manifest's distributionPackageRevision, default one more than the latest version's
---@field state? "COMPLETED"|"REPLACED" default COMPLETED, which makes the package's other versions REPLACED
---@field from? string id of a version of the package whose assets this one lists too, default the latest
---@field fresh? boolean list no assets of an earlier version
---@field variants? integer|marketplace.SimulatorAssetOptions[] new ones, default 2 if it lists none of an earlier
--- version
---@field deltas? integer|marketplace.SimulatorAssetOptions[] new ones, default none
---@field size? integer bytes of each new asset, default 150000
---@field chunk_size? integer|"single" bytes of a chunk, or "single" for one of the whole file; default 10 MiB, or
--- the file's size if it is smaller
---@field digests? "both"|"encrypted"|"unencrypted"|"mixed" which lists of digests the manifest fills for new assets;
--- mixed: encryptedChunkDigests is empty for every fourth; default both
---@field checksum? string what fileChecksum is: sha256, md5 (hex), sha256_base64, md5_base64, unknown (of a kind that
--- nobody knows), wrong (of other bytes) or none; default sha256, or none for files above 64 MiB
---@field kept_digests? "both"|"encrypted"|"unencrypted"|"mixed" the same for the assets of the earlier version, default
--- as they were
---@field kept_chunk_size? integer|"single" likewise
---@field new_blobs? boolean give the assets of the earlier version other key blobs
---@field manifest? string|fun(manifest: table): table|string in place of the generated manifest.json; a function is
--- given it as a table
---@field manifest_file? string path of a file with the manifest
---@field archive_file? string path of a file that is served as the archive
---@field archive? "bomb"|"encrypted"|"link"|"no_signature"|"path"|"third_entry"|"truncated" what is wrong with the
--- archive; bomb: it inflates to more than it says
local OPTIONS = {
  app = "string", package = "string", package_version = "string", app_store_version = "string", item_id = "string",
  apple_version_id = "string", short_version = "string", build = "string", revision = "number", state = "string",
  from = "string", fresh = "boolean", variants = "number|table", deltas = "number|table", size = "number",
  chunk_size = "number|string", digests = "string", checksum = "string", kept_digests = "string",
  kept_chunk_size = "number|string", new_blobs = "boolean", manifest = "string|function", manifest_file = "string",
  archive_file = "string", archive = "string",
}
shape.OPTIONS = OPTIONS

--- Raises, blaming the caller's caller, if there is no such option or one has another type.
---@param given marketplace.SimulatorPackageVersionOptions
function shape.check(given)
  options.check("marketplace.simulator: package version", given, OPTIONS, 4)
end

--[[ What is wrong with them ]]

local function number_problem(given, name, least, most)
  local number = given[name]
  if number == nil then return nil end
  local is_whole = type(number) == "number" and number == math.floor(number)
  if is_whole and number >= least and number <= most then return nil end
  return ("'%s' must be a whole number from %d to %.0f"):format(name, least, most)
end

local function words(set)
  local list = {}
  for word in pairs(set) do list[#list + 1] = word end
  table.sort(list)
  return table.concat(list, ", ")
end

local function word_problem(given, name, set)
  if given[name] == nil or set[given[name]] then return nil end
  return ("'%s' must be one of %s"):format(name, words(set))
end

local function chunk_problem(given, name)
  if given[name] == "single" then return nil end
  local problem = number_problem(given, name, 1, MOST_SIZE)
  return problem and problem .. ", or single"
end

local function id_problem(given, name)
  if given[name] == nil or given[name]:find "^[%w._-]+$" then return nil end
  return ("'%s' must consist of letters, digits, full stops, _ and -"):format(name)
end

local function digits_problem(given, name)
  if given[name] == nil or given[name]:find "^%d+$" then return nil end
  return ("'%s' must consist of digits"):format(name)
end

local function file_problem(given)
  return number_problem(given, "size", 0, MOST_SIZE) or chunk_problem(given, "chunk_size")
    or word_problem(given, "digests", DIGESTS) or word_problem(given, "checksum", CHECKSUMS)
end

local function asset_problem(given)
  local ok, message = pcall(options.check, "an asset", given, ASSET, 0)
  if not ok then return message end
  if given.id and (given.count or 1) ~= 1 then return "'id' is of one asset: 'count' must be 1" end
  return number_problem(given, "count", 0, MOST_ASSETS) or id_problem(given, "id") or file_problem(given)
end

local function list_problem(given, name)
  if type(given[name]) ~= "table" then return number_problem(given, name, 0, MOST_ASSETS) end
  if next(given[name]) ~= nil and #given[name] == 0 then return ("'%s' must be a number or a list"):format(name) end
  for _, asset in ipairs(given[name]) do
    local problem = asset_problem(asset)
    if problem then return ("'%s': %s"):format(name, problem) end
  end
end

--- What is wrong with the options of a new version, whose types were checked, if anything.
---@param given marketplace.SimulatorPackageVersionOptions
---@return string?
function shape.problem(given)
  return list_problem(given, "variants") or list_problem(given, "deltas") or file_problem(given)
    or number_problem(given, "revision", 0, MOST_REVISION) or word_problem(given, "state", STATES)
    or word_problem(given, "kept_digests", DIGESTS) or chunk_problem(given, "kept_chunk_size")
    or word_problem(given, "archive", archive.PROBLEMS) or id_problem(given, "package")
    or id_problem(given, "package_version") or digits_problem(given, "apple_version_id")
end

--[[ What they mean ]]

--- The size of a chunk of a file of that size.
---@param size integer
---@param given integer|"single"|nil
---@return integer
function shape.chunk_size(size, given)
  if size == 0 then return 1 end
  if given == "single" then return size end
  return math.max(given or math.min(shape.CHUNK, size), math.ceil(size / MOST_CHUNKS))
end

--- Which lists of digests the manifest fills for one of several assets.
---@param digests "both"|"encrypted"|"unencrypted"|"mixed"
---@param number integer
---@return "both"|"encrypted"|"unencrypted"
function shape.digests(digests, number)
  if digests ~= "mixed" then return digests end
  return number % 4 == 0 and "unencrypted" or "both"
end

local function whole_asset(given, asset, number)
  local size = asset.size or given.size or NORMAL_SIZE
  return {
    id = asset.id, size = size, chunk_size = asset.chunk_size or given.chunk_size,
    digests = shape.digests(asset.digests or given.digests or "both", number),
    checksum = asset.checksum or given.checksum or size <= MOST_HASHED and "sha256" or "none",
    has_blob = asset.blob ~= false,
  }
end

--- The new assets of one kind that the options ask for.
---@param given marketplace.SimulatorPackageVersionOptions
---@param name "variants"|"deltas"
---@param keeps boolean whether assets of an earlier version are listed too
---@return table[] assets {id=, size=, chunk_size= as it was given, digests=, checksum=, has_blob=}
function shape.assets(given, name, keeps)
  local wanted = given[name] or name == "variants" and not keeps and NORMAL_VARIANTS or 0
  if type(wanted) == "number" then wanted = { { count = wanted } } end
  local assets = {}
  for _, asset in ipairs(wanted) do
    for _ = 1, asset.count or 1 do assets[#assets + 1] = whole_asset(given, asset, #assets + 1) end
  end
  return assets
end

return shape
