--- The archive that a package version's URL leads to: a zip of manifest.json and signature.
local bomb = require "marketplace.simulator.bomb"
local core = require "marketplace.core"
local json = require "marketplace.json"
local manifest = require "marketplace.simulator.packages.manifest"
local zip = require "marketplace.simulator.zip"

local archive = {}

local LINK = 10 -- the type of a symbolic link, in a mode of Unix
local IS_ENCRYPTED = 1
local BOMB = 100 * 1024 * 1024 -- bytes

-- What can be wrong with it; each changes the list of files, or what the archive says of one.
local WRONG = {
  third_entry = function(files) files[3] = { name = "readme.txt", bytes = "not part of a package\n" } end,
  path = function(files) files[2].name = "../signature" end,
  link = function(files)
    files[2].bytes, files[2].file_type = "manifest.json", LINK
  end,
  -- it is said to be small
  bomb = function(files)
    files[1].bytes, files[1].inflated_size = bomb(BOMB), #files[1].bytes
  end,
  encrypted = function(files) files[1].flags = IS_ENCRYPTED end,
  no_signature = function(files) files[2] = nil end,
}

--- What can be wrong with an archive, as a set of words.
archive.PROBLEMS = { truncated = true }
for word in pairs(WRONG) do archive.PROBLEMS[word] = true end

--- Reads a file that stands for a generated one.
---@param path string
---@return string|nil bytes
---@return string? message
function archive.read(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local text, problem = file:read "*a"
  file:close()
  return text, problem
end

local function manifest_of(package, version)
  local given = version.manifest
  if type(given) == "string" then return given end
  local object = manifest.object(package, version)
  if given then object = given(object) end
  return type(object) == "string" and object or json.encode(object) .. "\n"
end

local function make(package, version)
  local text = manifest_of(package, version)
  local files = {
    { name = "manifest.json", bytes = text },
    { name = "signature", bytes = "simulated signature of " .. core.sha256(text) .. "\n" },
  }
  if WRONG[version.archive_problem] then WRONG[version.archive_problem](files) end
  local made = zip.stored(files)
  return version.archive_problem == "truncated" and made:sub(1, math.floor(#made / 2)) or made
end

--- The archive's bytes. They are made when they are first needed, as digests of large files take time, and stay.
---@param package table
---@param version table
---@return string
function archive.bytes(package, version)
  version.archive = version.archive or make(package, version)
  return version.archive
end

return archive
