--- Makes rows and folders agree when the writer begins: after a process that was killed, and after a backup of the
--- store or of the folders took the place of what was there.
---
--- Whatever happened, what the rows keep from being served is not served. What is served without a row is looked at
--- whole, and stays if nothing speaks against it. What the rows have as served, and is kept in withdrawn instead, was
--- taken down after the backup: it stays there until something newer brings it back.
local adopt = require "marketplace.packages.adopt"
local contents = require "marketplace.packages.contents"
local core = require "marketplace.core"
local folder = require "marketplace.packages.folder"
local ids = require "marketplace.packages.ids"
local settle = require "marketplace.packages.settle"

local sweep = {}

local function count(outcome, what)
  outcome[what] = (outcome[what] or 0) + 1
end

local ENDS_SWEEP = { store_unavailable = true, stopped = true }

-- What cannot be read or moved of one version stops no other.
local function go_on(p, id, outcome, ok, message, code)
  if ok then return true end
  if ENDS_SWEEP[code] then return nil, message, code end
  p.log.write { level = "error", message = "not swept", version = id, code = code, reason = message }
  count(outcome, "failed")
  return true
end

--[[ What is in public ]]

local function each_folder(p, path, is_id, visit)
  local entries, message, code = p.io.list(path)
  if not entries then return nil, message, code end
  for _, entry in ipairs(entries) do
    local place, ok = ("%s/%s"):format(path, entry.name), true
    if entry.type == "folder" and is_id(entry.name) then
      ok, message, code = visit(place, entry.name)
    else
      p.log.write { level = "warning", message = "does not belong there", reason = place }
    end
    if not ok then return nil, message, code end
  end
  return true
end

-- All versions that lie in public, each {id=, item_id=, apple_version_id=}.
local function list_public(p)
  local found = {}
  local ok, message, code = each_folder(p, p.folder.root .. "/public", ids.is_number, function(app_path, item_id)
    return each_folder(p, app_path, ids.is_number, function(version_path, apple_version_id)
      return each_folder(p, version_path, ids.is_name, function(_, id)
        found[#found + 1] = { id = id, item_id = item_id, apple_version_id = apple_version_id }
        return true
      end)
    end)
  end)
  if not ok then return nil, message, code end
  return found
end

-- Where the rows do not have it: it is not served from there.
local function misplaced(p, found, outcome)
  local path = p.folder:public(found)
  p.log.write { level = "warning", message = "out of place", version = found.id, reason = path }
  count(outcome, "discarded")
  return p.folder:discard(found.id, path)
end

-- Of what is served, names and sizes have to be right, and no key blob may be missing.
local function check_published(p, version, outcome)
  local assets, problems, missing, message, code
  assets, message, code = p.store:assets(version.id)
  if not assets then return nil, message, code end
  problems, message, code = contents.problems(p.io, p.folder:public(version), assets)
  if not problems then return nil, message, code end
  missing, message, code = p.keys:missing(version.id, settle.public_ids(assets))
  if not missing then return nil, message, code end
  if #problems == 0 and #missing == 0 then return true end
  p.log.write {
    level = "error", message = "not whole any more", version = version.id,
    reason = problems[1] or #missing .. " key blobs are missing",
  }
  count(outcome, "requested")
  -- the row comes first: found in withdrawn, a version whose row says otherwise is taken for a takedown's
  local done
  done, message, code = p.store:change(version.id, function(now, change)
    if now.state == "published" then change:withdrawn(#problems > 0 and "damaged" or "no_keys") end
    return true
  end)
  if done == nil then return nil, message, code end
  return settle.one(p, version.id)
end

local function sweep_known(p, version, outcome)
  if version.state == "staged" or version.state == "collected" and not version.replaced_at then
    return adopt.run(p, version, outcome)
  end
  local settled, message, code = settle.one(p, version.id)
  if not settled then return nil, message, code end
  count(outcome, settled.outcome)
  if settled.outcome ~= "published" then return true end
  return check_published(p, version, outcome)
end

local function sweep_found(p, found, outcome)
  local version, message, code = p.store:version(found.id)
  if version == nil then return nil, message, code end
  if not version then return adopt.unknown(p, found, outcome) end
  if version.item_id ~= found.item_id or version.apple_version_id ~= found.apple_version_id then
    return misplaced(p, found, outcome)
  end
  return sweep_known(p, version, outcome)
end

local function sweep_public(p, outcome)
  local list, message, code = list_public(p)
  if not list then return nil, message, code end
  for _, found in ipairs(list) do
    local ok
    ok, message, code = go_on(p, found.id, outcome, sweep_found(p, found, outcome))
    if not ok then return nil, message, code end
  end
  return true
end

--[[ Rows ]]

local function wanted_again(p, version, change, why, outcome)
  change:collected(why)
  if not version.refusal and not version.replaced_at then
    p.log.write { level = "error", message = "not whole any more", version = version.id, reason = "its folder is gone" }
    change:requested()
    count(outcome, "requested")
  end
  return true
end

-- The rows have it as served, and it is not in public.
local function sweep_absent(p, version, outcome)
  local done, message, code = p.store:change(version.id, function(now, change)
    if now.state ~= "published" or folder.exists(p.folder:public(now)) then return true end
    if now.replaced_at or not folder.exists(p.folder:withdrawn(now.id)) then
      return wanted_again(p, now, change, now.replaced_at and "replaced" or "missing", outcome)
    end
    if not now.refusal then
      p.log.write {
        level = "error", message = "withdrawn for a reason unknown", version = now.id,
        reason = "the store does not know of it, as if it were an older backup",
      }
      change:lost()
    end
    change:withdrawn(now.refusal and now.refusal.why or "unavailable")
    count(outcome, "withdrawn")
    return true
  end)
  if done == nil then return nil, message, code end
  return settle.one(p, version.id)
end

-- It was set aside, and the row was not written.
local function finish_setting_aside(p, version, list)
  local staging, kept = p.folder:staging(version.id), p.folder:withdrawn(version.id)
  if version.missing > 0 or folder.exists(staging) or not folder.exists(kept) then return true end
  local digests, message, code = contents.check(p.io, kept, version, list)
  if not digests and code == "package_incomplete" then return true end
  if not digests then return nil, message, code end
  local result
  result, message, code = p.store:change(version.id, function(now, change)
    if not now.refusal then return "staged" end
    change:withdrawn(now.refusal.why, digests)
    return "withdrawn"
  end)
  if result == "staged" then return p.io.rename(kept, staging) end
  return result, message, code
end

-- What is not there is not proved.
local function sweep_staged(p, version)
  local list, ok, message, code
  list, message, code = p.store:assets(version.id)
  if not list then return nil, message, code end
  ok, message, code = finish_setting_aside(p, version, list)
  if not ok then return nil, message, code end
  if ok == "withdrawn" then return true end
  for _, asset in ipairs(list) do
    local file = core.stat(("%s/%s"):format(p.folder:staging(version.id), asset.path))
    if asset.proof and not (file and file.type == "file" and file.size == asset.size) then
      ok, message, code = p.store:asset_begun(version.id, asset.public_id)
      if not ok then return nil, message, code end
    end
  end
  return true
end

local function sweep_withdrawn(p, version, outcome)
  local settled, message, code = settle.one(p, version.id)
  if not settled then return nil, message, code end
  count(outcome, settled.outcome)
  return true
end

-- A restore may have been cut off before the job was made.
local function sweep_collected(p, version, outcome)
  local done, message, code = p.store:change(version.id, function(now, change)
    if now.state == "collected" and not now.refusal and not now.replaced_at and not change:has_job() then
      change:requested()
      count(outcome, "requested")
    end
    return true
  end)
  if done == nil then return nil, message, code end
  return true
end

local KINDS = {
  published = sweep_absent, staged = sweep_staged, withdrawn = sweep_withdrawn, collected = sweep_collected,
}

local function sweep_rows(p, outcome)
  local list, message, code = p.store:versions()
  if not list then return nil, message, code end
  for _, version in ipairs(list) do
    local ok
    ok, message, code = go_on(p, version.id, outcome, KINDS[version.state](p, version, outcome))
    if not ok then return nil, message, code end
  end
  return true
end

--[[ What is in withdrawn, and has no row ]]

local function sweep_kept(p, outcome)
  local entries, message, code = p.io.list(p.folder.root .. "/withdrawn")
  if not entries then return nil, message, code end
  for _, entry in ipairs(entries) do
    local ok = true
    if ids.is_name(entry.name) then
      local version
      version, message, code = p.store:version(entry.name)
      if version == nil then return nil, message, code end
      if not version then ok, message, code = go_on(p, entry.name, outcome, adopt.kept(p, entry.name, outcome)) end
    end
    if not ok then return nil, message, code end
  end
  return true
end

--- Makes rows and folders agree. Only for the process that has the writer's lock.
---@param p table of marketplace.packages
---@param on_progress? fun(event: table) as of marketplace.packages.verify, while a folder without a row is read
---@return table<string, integer>|nil counts published, withdrawn, restored, requested, adopted, discarded, unchanged;
--- failed: of which something could not be read or moved, as is logged
---@return string? message
---@return string? code store_unavailable; file_failed if the folder cannot be listed; stopped
function sweep.run(p, on_progress)
  local outcome = { on_progress = on_progress }
  local ok, message, code = sweep_public(p, outcome)
  if ok then ok, message, code = sweep_rows(p, outcome) end
  if ok then ok, message, code = sweep_kept(p, outcome) end
  if not ok then return nil, message, code end
  outcome.on_progress = nil
  return outcome
end

return sweep
