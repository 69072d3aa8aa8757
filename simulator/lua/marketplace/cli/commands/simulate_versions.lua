--- The options that say what a new package version is like, for `marketplace simulate event` and `add-version`.
local check = require "marketplace.cli.support.options"
local json = require "marketplace.json"

local versions = {}

local MOST = 1e15
local NUMBERS = { "revision", "variants", "deltas" }
local CHUNKS = { "chunk_size", "kept_chunk_size" }
local WORDS = {
  "package", "package_version", "app_store_version", "item_id", "apple_version_id", "short_version", "build", "state",
  "from", "digests", "checksum", "kept_digests", "archive", "manifest_file", "archive_file",
}
local FLAGS = { "fresh", "new_blobs" }
local LISTS = { variant = "variants", delta = "deltas" }

local ASSET = "several KEY=VALUE, separated by commas: count, id, size, chunk_size, digests, checksum, blob"

local function describe_package(command)
  command:option("--package-version", "id of the version (without it: a new one)"):argname("ID")
  command:option("--app-store-version", "id of a new package's App Store version"):argname("ID")
  command:option("--item-id", "appleItemId of a new package's manifest (without it: the app's id)"):argname("ID")
  command:option("--apple-version-id", "appleVersionId of a new package's manifest"):argname("ID")
  command:option("--short-version", "shortVersionString of a new package's manifest"):argname("VERSION")
  command:option("--build", "bundleVersion of a new package's manifest"):argname("VERSION")
  command:option("--revision", "distributionPackageRevision of the new version's manifest (without it: the next one)")
    :argname("N")
  command:option("--state", "state of the new version (without it: COMPLETED, which replaces the others)")
    :choices { "COMPLETED", "REPLACED" }:argname("STATE")
  command:option("--from", "earlier version whose assets the new one lists too (without it: the latest)"):argname("ID")
  command:flag("--fresh", "list no assets of an earlier version")
end

local function describe_assets(command)
  command:option("--variants", "number of new variants (without it: 2 in a package's first version)"):argname("N")
  command:option("--deltas", "number of new deltas (without it: none)"):argname("N")
  command:option("--variant", "new variant, as " .. ASSET .. "; may be repeated"):count("*"):argname("KEY=VALUE,...")
  command:option("--delta", "new delta, likewise"):count("*"):argname("KEY=VALUE,...")
  command:option("--size", "size of each new asset, in bytes (without it: 150000)"):argname("BYTES")
  command:option("--chunk-size", "size of the chunks whose digests the manifest lists, in bytes, or `single` " ..
    "(without it: 10485760)"):argname("BYTES")
  command:option("--digests", "digests that the manifest lists of new assets; mixed: not the encrypted ones of " ..
    "every fourth (without it: both)"):choices { "both", "encrypted", "unencrypted", "mixed" }:argname("WHICH")
  command:option("--checksum", "what fileChecksum is (without it: sha256, or none for files over 64 MiB)")
    :choices { "sha256", "md5", "sha256_base64", "md5_base64", "unknown", "wrong", "none" }:argname("KIND")
end

local function describe_rest(command)
  command:option("--kept-digests", "digests that the manifest lists of an earlier version's assets (without it: as " ..
    "before)"):choices { "both", "encrypted", "unencrypted", "mixed" }:argname("WHICH")
  command:option("--kept-chunk-size", "size of their chunks (without it: as before)"):argname("BYTES")
  command:flag("--new-blobs", "give an earlier version's assets other key blobs")
  command:option("--manifest-file", "file to serve as manifest.json"):argname("PATH")
  command:option("--archive-file", "file to serve as the archive of manifest.json and signature"):argname("PATH")
  command:option("--archive", "what is wrong with the archive")
    :choices { "bomb", "encrypted", "link", "no_signature", "path", "third_entry", "truncated" }:argname("FAULT")
end

--- Adds the options, all but --app and --package.
---@param command table argparse's
function versions.describe(command)
  describe_package(command)
  describe_assets(command)
  describe_rest(command)
end

--[[ Reading ]]

local ASSET_WORDS = { id = true, digests = true, checksum = true }

local function bytes(text)
  local read = { size = text }
  return not check.bytes_problem(read, "size") and read.size or nil
end

local function chunk_size(text)
  return text == "single" and text or bytes(text)
end

local function asset_value(key, value)
  if key == "count" then return tonumber(value) end
  if key == "size" then return bytes(value) end
  if key == "chunk_size" then return chunk_size(value) end
  if key == "blob" and (value == "yes" or value == "no") then return value == "yes" end
  if ASSET_WORDS[key] then return value end
end

local function asset(text)
  local read = {}
  for pair in text:gmatch "[^,]+" do
    local key, value = pair:match "^([%w_]+)=(.*)$"
    if key then value = asset_value(key, value) end
    if value == nil then return nil, ("'%s' is not understood; expected are %s"):format(pair, ASSET) end
    read[key] = value
  end
  return read
end

local function add_lists(options, given)
  for name, target in pairs(LISTS) do
    local list = json.list {}
    for i, text in ipairs(options[name]) do
      local problem
      list[i], problem = asset(text)
      if problem then return ("--%s: %s"):format(name, problem) end
    end
    if #list > 0 then
      if given[target] then return ("--%s and --%s do not go together"):format(name, target) end
      given[target] = list
    end
  end
end

local function absolute(path)
  local folder = os.getenv "PWD"
  if not path or path:sub(1, 1) == "/" or not folder then return path end
  return folder .. "/" .. path
end

local function add_chunks(options, given)
  for _, name in ipairs(CHUNKS) do
    if options[name] then
      given[name] = chunk_size(options[name])
      if not given[name] then
        return ("--%s must be a number of bytes, such as 65536 or 10M, or single"):format((name:gsub("_", "-")))
      end
    end
  end
end

--- What the options ask for, as sim:add_package_version takes it.
---@param options table parsed arguments
---@param given table what it is added to
---@return string? problem
function versions.read(options, given)
  for _, name in ipairs(NUMBERS) do
    local problem = check.number_problem(options, name, 0, MOST)
    if problem then return problem end
    given[name] = options[name]
  end
  local problem = check.bytes_problem(options, "size")
  if problem then return problem end
  given.size = options.size
  for _, name in ipairs(WORDS) do given[name] = options[name] end
  for _, name in ipairs(FLAGS) do given[name] = options[name] end
  given.manifest_file, given.archive_file = absolute(options.manifest_file), absolute(options.archive_file)
  return add_chunks(options, given) or add_lists(options, given)
end

return versions
