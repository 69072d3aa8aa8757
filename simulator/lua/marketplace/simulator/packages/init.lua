--- Alternative distribution packages, generated: the same ids always have the same bytes.
---
--- A package version's URL leads to a zip of manifest.json and signature, the manifest lists variants and deltas with
--- the SHA-256 digests of their chunks, and each of those has a URL of its own. The URLs need no token, and expire.
--- (Apple: "Getting notified of available alternative distribution packages", "Alternative distribution packages".)
local core = require "marketplace.core"
local json = require "marketplace.json"
local log = require "marketplace.log"
local problems = require "marketplace.simulator.problems"
local query = require "marketplace.simulator.query"
local uuid = require "marketplace.uuid"
local zip = require "marketplace.simulator.zip"

local packages = {}

local PACKAGES = "alternativeDistributionPackages"
local VERSIONS = "alternativeDistributionPackageVersions"
local KINDS = {
  variants = { type = "alternativeDistributionPackageVariants", folder = "variant", details = "variantDetails" },
  deltas = { type = "alternativeDistributionPackageDeltas", folder = "delta", details = "deltaDetails" },
}
local NORMAL_SIZE, NORMAL_VARIANTS, MOST_SIZE, MOST_ASSETS = 150000, 2, 64 * 1024 * 1024, 50
local CHUNK = 65536 -- bytes
local BLOCK = 4096

--[[ Bytes ]]

local function block_of(id)
  local parts = {}
  for i = 1, BLOCK / 64 do parts[i] = core.sha256(id .. ":" .. i) end
  return table.concat(parts)
end

-- Hex digits: one block repeated, each time with its number in front. Quick to make, and no two blocks are alike.
local function bytes_of(record)
  local block, parts = block_of(record.id):sub(17), {}
  for i = 1, math.ceil(record.size / BLOCK) do parts[i] = ("%016d"):format(i) .. block end
  return table.concat(parts):sub(1, record.size)
end

local function chunk_digests(bytes)
  local digests = json.list {}
  for at = 1, #bytes, CHUNK do digests[#digests + 1] = core.sha256(bytes:sub(at, at + CHUNK - 1)) end
  return digests
end

local function base64(bytes)
  local text = core.base64url(bytes):gsub("-", "+"):gsub("_", "/")
  return text .. ("="):rep(-#text % 4)
end

--[[ The manifest ]]

local function asset(record, kind)
  local bytes = bytes_of(record)
  return {
    publicId = record.id, assetPath = ("%s/%s.ipa"):format(kind.folder, record.id),
    [kind.details] = {
      compressedSize = #bytes, uncompressedSize = 3 * #bytes,
      hashes = { { algorithm = "sha256", chunkSize = CHUNK, encryptedChunkDigests = chunk_digests(bytes) } },
    },
  }
end

local function assets(sim, version, name)
  local kind, list = KINDS[name], json.list {}
  for i, record in ipairs(sim.store:list(kind.type, "alternativeDistributionPackageVersion", version.id)) do
    list[i] = asset(record, kind)
  end
  return list
end

local function manifest_of(sim, version)
  local package = sim.store:get(PACKAGES, version.refs.alternativeDistributionPackage)
  return json.encode {
    appleItemId = package.app_id, bundleId = "com.example.app" .. package.app_id,
    shortVersionString = "1." .. version.attributes.version, bundleVersion = version.attributes.version,
    appleVersionId = tostring(800000000 + version.sequence), platforms = { "IOS" },
    minimumSystemVersions = { IOS = "17.4" }, variants = assets(sim, version, "variants"),
    deltas = assets(sim, version, "deltas"),
  }
end

-- Made when it is first needed: digests of large files take time.
local function zip_of(sim, version)
  if not version.zip then
    local manifest = manifest_of(sim, version)
    version.zip = zip.stored {
      { name = "manifest.json", bytes = manifest },
      { name = "signature", bytes = "simulated signature of " .. core.sha256(manifest) .. "\n" },
    }
  end
  return version.zip
end

--[[ URLs ]]

local function seal(sim, name, id, expires)
  return core.sha256(("%s:%s:%s:%d"):format(sim.file_secret, name, id, expires)):sub(1, 32)
end

local function url_of(sim, name, record)
  local expires = math.floor(sim.clock() + sim.url_lifetime)
  local url = ("%s/simulator/files/%s/%s?expires=%d&seal=%s"):format(sim.base_url, name, record.id, expires,
    seal(sim, name, record.id, expires))
  return url, log.timestamp(expires)
end

local function present_version(sim, version)
  return function()
    local url, expires = url_of(sim, "versions", version)
    return {
      url = url, urlExpirationDate = expires, version = version.attributes.version, state = version.attributes.state,
      fileChecksum = core.sha256(zip_of(sim, version)),
    }
  end
end

local function present_asset(sim, name, record)
  return function()
    local url, expires = url_of(sim, name, record)
    record.checksum = record.checksum or core.sha256(bytes_of(record))
    return {
      url = url, urlExpirationDate = expires, fileChecksum = record.checksum,
      alternativeDistributionKeyBlob = base64("simulated key blob of " .. record.id),
    }
  end
end

--[[ Creating ]]

--- Creates a package without versions.
---@param sim table
---@param given {id?: string, app_id: string, app_store_version?: string}
function packages.create(sim, given)
  local id = given.id or uuid.new(sim.random)
  local package = sim.store:add {
    type = PACKAGES, id = id, app_id = given.app_id,
    refs = { appStoreVersion = given.app_store_version or uuid.new(sim.random) },
    attributes = { sourceFileChecksum = { file = { hash = core.sha256(id), algorithm = "SHA_256" } } },
  }
  sim.latest_package[given.app_id] = package
  return package
end

local function add_assets(sim, version, name, count, size)
  for _ = 1, count do
    local record = sim.store:add {
      type = KINDS[name].type, id = uuid.new(sim.random), size = size,
      refs = { alternativeDistributionPackageVersion = version.id },
    }
    record.present = present_asset(sim, name, record)
  end
end

--- Adds a version to a package, which replaces the one before.
---@param sim table
---@param package table
---@param given {id?: string, variants?: integer, deltas?: integer, size?: integer} how many, at most 50 each; bytes of
--- each asset, at most 64 MiB
function packages.add_version(sim, package, given)
  local before = sim.store:list(VERSIONS, "alternativeDistributionPackage", package.id)
  for _, version in ipairs(before) do version.attributes.state = "REPLACED" end
  local version = sim.store:add {
    type = VERSIONS, id = given.id or uuid.new(sim.random), refs = { alternativeDistributionPackage = package.id },
    attributes = { version = tostring(#before + 1), state = "COMPLETED" },
  }
  version.present = present_version(sim, version)
  add_assets(sim, version, "variants", given.variants or NORMAL_VARIANTS, given.size or NORMAL_SIZE)
  add_assets(sim, version, "deltas", given.deltas or 0, given.size or NORMAL_SIZE)
  return version
end

--- What is wrong with the numbers given for a new version, if anything.
function packages.problem(given)
  for name, most in pairs { variants = MOST_ASSETS, deltas = MOST_ASSETS, size = MOST_SIZE } do
    local number = given[name]
    if number and not (number >= 0 and number <= most and number == math.floor(number)) then
      return ("'%s' must be a whole number from 0 to %d"):format(name, most)
    end
  end
end

--[[ Serving the files ]]

local function refuse(status, why)
  return { status = status, body = why .. "\n", headers = { ["content-type"] = "text/plain; charset=utf-8" } }
end

local function file_of(sim, name, id)
  if name == "versions" then
    local version = sim.store:get(VERSIONS, id)
    return version and zip_of(sim, version), "application/zip"
  end
  local record = KINDS[name] and sim.store:get(KINDS[name].type, id)
  return record and bytes_of(record), "application/octet-stream"
end

local function is_sealed(sim, name, id, parameters)
  -- a double holds every number with this many digits exactly
  local digits = (parameters.expires or ""):match "^%d+$"
  local expires = digits and #digits <= 15 and tonumber(digits)
  return expires and parameters.seal == seal(sim, name, id, expires) and expires > sim.clock()
end

local function with_range(request, bytes, kind)
  local headers = { ["content-type"] = kind, ["accept-ranges"] = "bytes" }
  local range = request.headers.range
  local first, last
  -- a header that came more than once is a list, and is ignored like an invalid one
  if type(range) == "string" then first, last = range:match "^bytes=(%d+)%-(%d*)$" end
  if not first then return { status = 200, body = bytes, headers = headers } end
  first, last = tonumber(first), math.min(tonumber(last) or #bytes, #bytes - 1)
  if first >= #bytes or last < first then return refuse(416, "the file is shorter than that") end
  headers["content-range"] = ("bytes %d-%d/%d"):format(first, last, #bytes)
  return { status = 206, body = bytes:sub(first + 1, last + 1), headers = headers }
end

--- Answers a request for a file. As storage services do, it refuses a bearer token beside the URL's own seal.
---@param sim table
---@param request table
function packages.serve(sim, request)
  if request.method ~= "GET" then return problems.one(405, "METHOD_NOT_ALLOWED", "Files can only be read") end
  local name, id = request.path:match "^/simulator/files/(%a+)/([^/]+)$"
  if not name then return refuse(404, "no such file") end
  if request.headers.authorization then return refuse(400, "the URL is the authorization: send no other") end
  if not is_sealed(sim, name, id, query.read(request.query or "")) then return refuse(403, "the URL has expired") end
  local bytes, kind = file_of(sim, name, id)
  if not bytes then return refuse(404, "no such file") end
  return with_range(request, bytes, kind)
end

return packages
