--- Whether what is served is what Apple made: all files, nothing else, and each byte as far as there is something to
--- compare it with.
local contents = require "marketplace.packages.contents"
local core = require "marketplace.core"
local manifest = require "marketplace.packages.manifest"

local verify = {}

local STEP = 16 * 2 ^ 20 -- bytes that are hashed before others have their turn

--[[ Files ]]

local function hash(io, given, on_step)
  local check, message, code = io.check(given)
  if not check then return nil, message, code end
  local read = 0
  while true do
    local done
    done, message, code = check:step(STEP)
    if done == nil then return nil, message, code end
    read = math.min(read + STEP, given.size)
    if on_step(read) == false then return nil, "it was stopped", "stopped" end
    if done then return check:result() end
  end
end

--- Reads an asset and compares it with its digests.
---@param io table marketplace.package_io
---@param path string of the package's folder
---@param asset marketplace.packages.Asset
---@param sha256? string what the whole is to have, if it is known
---@param on_step? fun(bytes: integer): boolean? is called every 16 MiB with how much has been read; false ends it
---@return "chunks"|"checksum"|"size"|nil proof by what it was proved
---@return string? message
---@return string? code asset_corrupt, asset_size, stopped, or the file system's
function verify.asset(io, path, asset, sha256, on_step)
  local result, message, code = hash(io, {
    path = ("%s/%s"):format(path, asset.path), size = asset.size, chunk_size = asset.chunk_size,
    digests = asset.digests, sha256 = sha256 ~= nil,
  }, on_step or function() end)
  if not result then return nil, message, code end
  if sha256 and result.sha256 ~= sha256 then
    return nil, asset.path .. " is not what it was when it was fetched", "asset_corrupt"
  end
  if asset.digests then return "chunks" end
  return sha256 and "checksum" or "size"
end

--[[ Versions ]]

--- What the store has of a version's assets.
---@param p table of marketplace.packages
---@param id string
---@return {rows: table[], sha256: table<string, string>}|nil known sha256: of the files, by public id
---@return string? message
---@return string? code store_unavailable
function verify.known(p, id)
  local rows, message, code = p.store:assets(id)
  if not rows then return nil, message, code end
  local sha256 = {}
  for _, row in ipairs(rows) do sha256[row.public_id] = row.sha256 end
  return { rows = rows, sha256 = sha256 }
end

-- None if the manifest cannot be used, which is a problem that was told already.
local function assets_in(path)
  local bytes = core.read_file(path .. "/manifest.json")
  local found = bytes and manifest.parse(bytes)
  return found and found.assets or {}
end

local function check_assets(p, version, path, known, report, on_progress)
  for _, asset in ipairs(assets_in(path)) do
    local function on_step(bytes)
      if not on_progress then return end
      on_progress {
        event = "verifying", version = version.id, asset = asset.path, bytes = report.bytes + bytes,
        total = version.bytes,
      }
    end
    local proof, message = verify.asset(p.io, path, asset, known.sha256[asset.public_id], on_step)
    if not proof then report.problems[#report.problems + 1] = message end
    if proof == "size" then report.unverified = report.unverified + 1 end
    report.bytes = report.bytes + asset.size
  end
end

-- False if it was moved meanwhile: then what was found says nothing.
local function verify_version(p, version, on_progress)
  local path = p.folder:place(version)
  local known, message, code = verify.known(p, version.id)
  if not known then return nil, message, code end
  local report = { version = version.id, problems = {}, bytes = 0, assets = version.assets, unverified = 0 }
  local whole, problem = contents.check(p.io, path, version, known.rows)
  if not whole then report.problems[1] = problem end
  check_assets(p, version, path, known, report, on_progress)
  local now
  now, message, code = p.store:version(version.id)
  if now == nil then return nil, message, code end
  if not now or now.state ~= version.state then return false end
  return report
end

--- Reads what is served, or one version that is served or withdrawn, and says what is wrong with it. It changes
--- nothing.
---@param p table of marketplace.packages
---@param given {version?: string} default: all that are served
---@param on_progress? fun(event: {event: "verifying", version: string, asset: string, bytes: integer, total: integer})
--- every 16 MiB; bytes: of the version that have been read
---@return {version: string, problems: string[], bytes: integer, assets: integer, unverified: integer}[]|nil reports
---unverified: assets of which there is only the size to compare
---@return string? message
---@return string? code version_unknown, store_unavailable
function verify.run(p, given, on_progress)
  local list, message, code = p.store:versions {
    id = given.version, state = not given.version and "published" or nil,
  }
  if not list then return nil, message, code end
  if given.version and not list[1] then
    return nil, "there is no package version " .. tostring(given.version), "version_unknown"
  end
  local reports = {}
  for _, version in ipairs(list) do
    local report
    report, message, code = verify_version(p, version, on_progress)
    if report == nil then return nil, message, code end
    if report then reports[#reports + 1] = report end
  end
  return reports
end

return verify
