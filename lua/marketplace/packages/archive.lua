--- The archive of a package version: manifest.json and signature, kept byte for byte.
local core = require "marketplace.core"
local manifest = require "marketplace.packages.manifest"

local archive = {}

local MOST = 64 * 1024 * 1024 -- bytes
local NAMES = { "manifest.json", "signature" }

local function is_as_told(checksum, bytes)
  local told = checksum and manifest.checksum(checksum)
  if not told or not told.sha256 then return nil end
  return told.sha256 == core.sha256(bytes)
end

-- The CRC of each entry proves it, so that a fileChecksum which is understood wrongly stops nothing unless it is to.
local function check(run, version, bytes)
  if run.checksum_policy == "never" or is_as_told(version.checksum, bytes) ~= false then return true end
  local message = ("the archive is not what its fileChecksum says (%s)"):format(version.checksum)
  if run.checksum_policy == "always" then return nil, message, "archive_invalid" end
  run:log { level = "warning", message = "fileChecksum differs", reason = message }
  return true
end

local function download(run, url)
  local pieces = {}
  local result, message, code, detail = run.client:download(url, {
    sink = function(piece) pieces[#pieces + 1] = piece end, max_bytes = MOST,
  })
  if not result then return nil, "the archive: " .. message, code, detail end
  return table.concat(pieces)
end

--- Fetches it.
---@param run marketplace.packages.Run
---@param version table of marketplace.packages.remote
---@return table<string, string>|nil files the bytes of each, by name
---@return string? message
---@return string? code archive_invalid, answer_invalid, or the client's
---@return table? detail the client's
function archive.fetch(run, version)
  if type(version.url) ~= "string" then
    return nil, "App Store Connect gives no address for the archive", "answer_invalid"
  end
  local bytes, message, code, detail = download(run, version.url)
  if not bytes then return nil, message, code, detail end
  local ok
  ok, message, code = check(run, version, bytes)
  if not ok then return nil, message, code end
  local files
  files, message, code = run.p.io.read_archive { bytes = bytes, max_size = MOST, names = NAMES }
  if not files then return nil, "the archive: " .. message, code end
  return files
end

--- Writes both files into the folder that is being made, and syncs them: for a web server to read, whatever the umask.
---@param folder string
---@param files table<string, string>
---@return true|nil
---@return string? message
---@return string? code file_failed
function archive.write(folder, files)
  for _, name in ipairs(NAMES) do
    local lock, message, code = core.replace_locked(("%s/%s"):format(folder, name), files[name])
    if not lock then return nil, message, code end
    lock:close()
  end
  return true
end

return archive
