--- Whether a folder holds a package version: all of its files, and nothing else.
local core = require "marketplace.core"
local manifest = require "marketplace.packages.manifest"
local text = require "marketplace.text"

local contents = {}

local function incomplete(path, problem)
  return nil, ("%s is not a whole package: %s"):format(path, problem), "package_incomplete"
end

-- What is in a folder, by name.
local function names_in(io, path)
  local list, message, code = io.list(path)
  if not list then return nil, message, code end
  local names = {}
  for _, entry in ipairs(list) do names[entry.name] = entry end
  return names
end

-- Takes what is expected from what was found.
local function take(found, name, kind, size)
  local entry = found[name]
  if not entry then return "is missing" end
  found[name] = nil
  if entry.type ~= kind then return ("is a %s"):format(entry.type) end
  if size and entry.size ~= size then return ("has %.0f bytes instead of %.0f"):format(entry.size, size) end
end

local function read(path, name)
  local bytes, message, code = core.read_file(("%s/%s"):format(path, name))
  if not bytes then return nil, message, code end
  return bytes, core.sha256(bytes)
end

local function expected_folders(assets)
  local folders = { variant = {}, delta = {} }
  for _, asset in ipairs(assets) do
    local place, name = asset.path:match "^(%l+)/(.*)$"
    folders[place][name] = asset
  end
  return folders
end

-- Adds what is wrong with one of the folders of assets.
local function check_place(io, path, place, expected, add)
  local found, message, code = names_in(io, ("%s/%s"):format(path, place))
  if not found then return nil, message, code end
  for name, asset in pairs(expected) do
    add(("%s/%s"):format(place, name), take(found, name, "file", asset.size))
  end
  for name in pairs(found) do add(("%s/%s"):format(place, name), "does not belong to it") end
  return true
end

--- Every problem with the names and sizes of a package's files.
---@param io table marketplace.package_io
---@param path string of the folder
---@param assets {path: string, size: integer}[] that it is to hold
---@return string[]|nil problems
---@return string? message
---@return string? code
function contents.problems(io, path, assets)
  local found, message, code = names_in(io, path)
  if not found then return nil, message, code end
  local problems = {}
  local function add(name, problem)
    if problem then problems[#problems + 1] = ("%s %s"):format(text.safe(name), problem) end
  end
  for _, name in ipairs { "manifest.json", "signature" } do add(name, take(found, name, "file")) end
  for place, expected in pairs(expected_folders(assets)) do
    -- a first revision has no deltas, and may have an empty folder for them
    local is_needed = next(expected) ~= nil or found[place] ~= nil
    local problem, ok = is_needed and take(found, place, "folder"), true
    add(place, problem)
    if is_needed and not problem then ok, message, code = check_place(io, path, place, expected, add) end
    if not ok then return nil, message, code end
  end
  for name in pairs(found) do add(name, "does not belong to it") end
  table.sort(problems)
  return problems
end

--[[ What does not belong to it ]]

local TOP = { ["manifest.json"] = "file", signature = "file", variant = "folder", delta = "folder" }

local function remove_unless(io, path, belongs)
  local found, message, code = names_in(io, path)
  if not found then return code == "file_missing" or nil, message, code end
  for name, entry in pairs(found) do
    local ok = true
    if not belongs(entry, found) then ok, message, code = io.remove_tree(("%s/%s"):format(path, name)) end
    if not ok then return nil, message, code end
  end
  return true
end

--- Removes from where a package is made what earlier attempts left there and is of no use: other assets, unfinished
--- files of those that are whole, and what a process that was killed had not yet put in its place.
---@param io table marketplace.package_io
---@param path string of the folder, which need not be there
---@param assets {path: string}[] that it is to hold
---@return true|nil
---@return string? message
---@return string? code the file system's
function contents.tidy(io, path, assets)
  local ok, message, code = remove_unless(io, path, function(entry) return TOP[entry.name] == entry.type end)
  for place, expected in pairs(expected_folders(assets)) do
    if not ok then break end
    ok, message, code = remove_unless(io, ("%s/%s"):format(path, place), function(entry, found)
      local whole = entry.name:match "^(.*)%.part$"
      return entry.type == "file" and (expected[entry.name] or expected[whole] and not found[whole])
    end)
  end
  return ok, message, code
end

--[[ Whether it is whole ]]

local function is_same(one, other)
  if #one ~= #other then return false end
  for i, asset in ipairs(one) do
    if asset.path ~= other[i].path or asset.size ~= other[i].size then return false end
  end
  return true
end

local function check_manifest(path, version, bytes, assets)
  local found, message = manifest.parse(bytes)
  if not found then return incomplete(path, message) end
  for _, name in ipairs { "item_id", "apple_version_id", "revision" } do
    if found[name] ~= version[name] then return incomplete(path, "its manifest is another one's") end
  end
  if not is_same(found.assets, assets) then return incomplete(path, "its manifest names other assets") end
  return true
end

--- Whether a folder holds a version whole: quickly, without reading its assets.
---@param io table marketplace.package_io
---@param path string
---@param version marketplace.packages.Version
---@param assets {path: string, size: integer}[] in the manifest's order
---@return {manifest_sha256: string, signature_sha256: string}|nil digests
---@return string? message
---@return string? code package_incomplete, or the file system's
function contents.check(io, path, version, assets)
  local problems, message, code = contents.problems(io, path, assets)
  if not problems then return nil, message, code end
  if #problems > 0 then return incomplete(path, table.concat(problems, "; ")) end
  local bytes, signature, digest, signature_digest, ok
  bytes, digest, code = read(path, "manifest.json")
  if not bytes then return nil, digest, code end
  signature, signature_digest, code = read(path, "signature")
  if not signature then return nil, signature_digest, code end
  ok, message, code = check_manifest(path, version, bytes, assets)
  if not ok then return nil, message, code end
  if version.manifest_sha256 and version.manifest_sha256 ~= digest then
    return incomplete(path, "manifest.json is not what it was")
  end
  if version.signature_sha256 and version.signature_sha256 ~= signature_digest then
    return incomplete(path, "signature is not what it was")
  end
  return { manifest_sha256 = digest, signature_sha256 = signature_digest }
end

return contents
