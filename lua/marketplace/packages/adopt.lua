--- Folders of which the store does not know that they are whole: a publication was cut off, or the store is an older
--- backup. Each byte is looked at before anybody relies on it.
local contents = require "marketplace.packages.contents"
local core = require "marketplace.core"
local manifest = require "marketplace.packages.manifest"
local settle = require "marketplace.packages.settle"
local verify = require "marketplace.packages.verify"

local adopt = {}

local function count(outcome, what)
  outcome[what] = (outcome[what] or 0) + 1
end

--[[ What a folder holds ]]

local function read_manifest(path)
  local bytes, message, code = core.read_file(path .. "/manifest.json")
  if not bytes then return nil, message, code end
  return manifest.parse(bytes)
end

-- How each asset is proved; nil and "package_incomplete" if the folder is not whole.
local function prove(p, id, path, found, known, on_progress)
  local whole, message, code = contents.check(p.io, path, found, found.assets)
  if not whole then return nil, message, code end
  local proofs = {}
  for i, asset in ipairs(found.assets) do
    local function on_step()
      if on_progress then on_progress { event = "verifying", version = id, asset = asset.path } end
      return not core.stop_asked() -- there may be a lot to read, and the next writer begins with it again
    end
    local proof
    proof, message, code = verify.asset(p.io, path, asset, known[asset.public_id], on_step)
    if not proof then return nil, message, code end
    proofs[i] = { public_id = asset.public_id, proof = proof }
  end
  return proofs
end

local NOT_WHOLE = {
  package_incomplete = true, manifest_invalid = true, asset_corrupt = true, asset_size = true, file_missing = true,
}

--[[ What becomes of it ]]

local function discard(p, version, path, problem, outcome)
  p.log.write { level = "error", message = "not whole any more", version = version.id, reason = problem }
  count(outcome, "discarded")
  local ok, message, code = p.store:request { version = version.id }
  if not ok then return nil, message, code end
  return p.folder:discard(version.id, path)
end

-- The row comes first, then the folder. Whose it is, and what key blobs it has, Apple says.
local function finish(p, id, digests, missing_keys, outcome)
  local done, message, code = p.store:change(id, function(version, change)
    if version.state ~= "staged" then return true end
    local why = version.refusal and version.refusal.why
    if not why and #missing_keys > 0 then why = "no_keys" end
    if not why and change:may_be_taken_down() then
      p.log.write {
        level = "error", message = "withdrawn for a reason unknown", version = id,
        reason = "the store does not know it, and has takedowns of packages that it does not know either",
      }
      why = "unavailable"
      change:lost()
    end
    if not version.package or why == "no_keys" then change:requested() end
    if why then change:withdrawn(why, digests) else change:published(digests) end
    count(outcome, why and "withdrawn" or "adopted")
    return true
  end)
  if done == nil then return nil, message, code end
  return settle.one(p, id)
end

local function complete(p, version, outcome)
  local list, digests, missing, message, code
  list, message, code = p.store:assets(version.id)
  if not list then return nil, message, code end
  digests, message, code = contents.check(p.io, p.folder:public(version), version, list)
  if not digests then return nil, message, code end
  missing, message, code = p.keys:missing(version.id, settle.public_ids(list))
  if not missing then return nil, message, code end
  return finish(p, version.id, digests, missing, outcome)
end

-- Reads the whole folder, and writes what it is.
local function examine(p, version, outcome)
  local path = p.folder:public(version)
  local known, found, proofs, ok, message, code
  known, message, code = verify.known(p, version.id)
  if not known then return nil, message, code end
  found, message, code = read_manifest(path)
  if found and (found.item_id ~= version.item_id or found.apple_version_id ~= version.apple_version_id) then
    found, message, code = nil, "its manifest is another app's", "manifest_invalid"
  end
  if found then proofs, message, code = prove(p, version.id, path, found, known.sha256, outcome.on_progress) end
  if not proofs then return nil, message, code end
  ok, message, code = p.store:adopt(version.id, found, proofs)
  if ok == nil then return nil, message, code end
  return true
end

--- Has a version served, or withdrawn, that lies in public and whose row says that it is staged or collected.
---@param p table of marketplace.packages
---@param version marketplace.packages.Version
---@param outcome table counts
---@return true|nil
---@return string? message
---@return string? code
function adopt.run(p, version, outcome)
  local ok, message, code = true, nil, nil
  if version.state == "collected" or version.missing > 0 then
    ok, message, code = examine(p, version, outcome)
  end
  if ok then ok, message, code = complete(p, version, outcome) end
  if ok then return true end
  if not NOT_WHOLE[code] then return nil, message, code end
  return discard(p, version, p.folder:public(version), message, outcome)
end

--- The same for one that has no row.
---@param p table of marketplace.packages
---@param found {id: string, item_id: string, apple_version_id: string}
---@param outcome table counts
---@return true|nil
---@return string? message
---@return string? code
function adopt.unknown(p, found, outcome)
  local ok, message, code = examine(p, found, outcome)
  if not ok and NOT_WHOLE[code] then return discard(p, found, p.folder:public(found), message, outcome) end
  if not ok then return nil, message, code end
  local version
  version, message, code = p.store:version(found.id)
  if not version then return nil, message, code end
  return complete(p, version, outcome)
end

--- Makes a row for a version that is kept in withdrawn and has none: nobody knows why it is there, so that something
--- newer has to bring it back.
---@param p table of marketplace.packages
---@param id string
---@param outcome table counts
---@return true|nil
---@return string? message
---@return string? code
function adopt.kept(p, id, outcome)
  local path = p.folder:withdrawn(id)
  local found, proofs, message, code
  found, message, code = read_manifest(path)
  if found then proofs, message, code = prove(p, id, path, found, {}, outcome.on_progress) end
  if not proofs and NOT_WHOLE[code] then
    count(outcome, "discarded")
    return p.folder:discard(id, path)
  end
  if not proofs then return nil, message, code end
  p.log.write {
    level = "error", message = "withdrawn for a reason unknown", version = id,
    reason = "the store does not know it, as if it were an older backup",
  }
  count(outcome, "withdrawn")
  return p.store:adopt(id, found, proofs, function(_, change)
    change:lost()
    change:withdrawn "unavailable"
    return true
  end)
end

return adopt
