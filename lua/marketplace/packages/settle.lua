--- Brings the folder of a version to where the rows say that it belongs: out of public if it must not be served, and
--- back if it may again.
---
--- It looks at the rows and at the disk within one transaction that writes, so that of two processes one comes after
--- the other; and it can be repeated. So what a process that was killed left half done, the next one completes: nothing
--- has to be undone.
local contents = require "marketplace.packages.contents"
local folder = require "marketplace.packages.folder"

local settle = {}

local MOST_LOOKS = 3

---@class marketplace.packages.Settled
---@field outcome "published"|"withdrawn"|"restored"|"requested"|"unchanged" withdrawn: its folder left public

--[[ Out of public ]]

local function failed(message, code)
  return { failed = { message, code } }
end

-- Whether it was there, or a failure.
local function leave_public(p, version)
  local path = p.folder:public(version)
  if not folder.exists(path) then return false end
  local ok, message, code = p.folder:keep(version, path)
  return ok and true or failed(message, code)
end

-- Whatever its state is: a publication may have been cut off before its row was written.
local function take_down(p, version, change)
  local was_there = leave_public(p, version)
  if type(was_there) == "table" then return was_there end
  if version.state == "published" or (was_there and version.state == "staged") then
    change:withdrawn(version.refusal.why)
  end
  return { outcome = was_there and "withdrawn" or "unchanged" }
end

--[[ Back into public ]]

local function want_again(p, version, change, why)
  for _, path in ipairs { p.folder:public(version), p.folder:withdrawn(version.id) } do
    local ok, message, code = p.folder:discard(version.id, path)
    if not ok then return failed(message, code) end
  end
  change:collected(why)
  change:requested()
  return { outcome = "requested" }
end

-- It may not come back yet, or not at all.
local function stay_withdrawn(p, version, outcome)
  local was_there = leave_public(p, version)
  if type(was_there) == "table" then return was_there end
  return { outcome = was_there and "withdrawn" or outcome }
end

local function bring_back(p, version, change, found)
  if change:has_successor() then
    change:replaced()
    return stay_withdrawn(p, version, "unchanged")
  end
  if not found.digests then return want_again(p, version, change, found.why) end
  if #found.missing_keys > 0 then
    change:requested()
    return stay_withdrawn(p, version, "requested")
  end
  if found.path ~= p.folder:public(version) then
    local ok, message, code = p.folder:expose(version, found.path)
    if not ok then return failed(message, code) end
  end
  change:published(found.digests)
  return { outcome = "restored" }
end

--- The public ids of assets.
---@param assets {public_id: string}[]
---@return string[]
function settle.public_ids(assets)
  local list = {}
  for i, asset in ipairs(assets) do list[i] = asset.public_id end
  return list
end

-- What there is of a version that may be brought back: looked at before the transaction, for which others wait. What is
-- in withdrawn never changes; it may be moved away meanwhile, and then the move fails.
local function look(p, version)
  local assets, message, code = p.store:assets(version.id)
  if not assets then return nil, message, code end
  local missing_keys
  missing_keys, message, code = p.keys:missing(version.id, settle.public_ids(assets))
  if not missing_keys then return nil, message, code end
  for _, path in ipairs { p.folder:public(version), p.folder:withdrawn(version.id) } do
    if folder.exists(path) then
      local digests
      digests, message, code = contents.check(p.io, path, version, assets)
      if not digests and code ~= "package_incomplete" then return nil, message, code end
      return { path = path, digests = digests, why = "damaged", missing_keys = missing_keys }
    end
  end
  return { why = "missing", missing_keys = missing_keys }
end

--[[ Both ]]

local function may_come_back(version)
  return version.state == "withdrawn" and not version.replaced_at
end

local function is_wanted_again(version)
  return version.state == "collected" and not version.replaced_at
end

local function settled(p, version, change, found)
  if version.refusal then return take_down(p, version, change) end
  if may_come_back(version) then return bring_back(p, version, change, found) end
  if is_wanted_again(version) and not change:has_job() then
    change:requested()
    return { outcome = "requested" }
  end
  if version.state == "published" then return { outcome = "published" } end
  if version.state == "staged" then return { outcome = "unchanged" } end
  return stay_withdrawn(p, version, "unchanged")
end

local function tell(p, version, outcome)
  if outcome == "restored" then
    p.log.write { level = "info", message = "restored", version = version.id }
    p.on_event { event = "published", version = version.id }
  elseif outcome == "withdrawn" then
    p.log.write { level = "info", message = "withdrawn", version = version.id }
    p.on_event { event = "withdrawn", version = version.id }
  end
end

-- A version, and what there is of it if it may come back. If its files are moved away while they are looked at,
-- somebody else has settled it, and what is to be known is known anew.
local function read(p, id)
  local message, code
  for _ = 1, MOST_LOOKS do
    local version, found
    version, message, code = p.store:version(id)
    if version == nil then return nil, nil, message, code end
    if not (version and may_come_back(version)) then return version end
    found, message, code = look(p, version)
    if found then return version, found end
    if code ~= "file_missing" then break end
  end
  return nil, nil, message, code
end

--- Brings one version's folder to where it belongs.
---@param p table of marketplace.packages
---@param id string
---@return marketplace.packages.Settled|nil
---@return string? message
---@return string? code file_failed, disk_full, store_unavailable
function settle.one(p, id)
  local version, found, message, code = read(p, id)
  if version == nil then return nil, message, code end
  if not version then return { outcome = "unchanged" } end
  local result
  result, message, code = p.store:change(id, function(now, change)
    -- it came to be withdrawn after the look: whoever withdrew it has settled it
    if may_come_back(now) and not found and not now.refusal then return { outcome = "unchanged" } end
    return settled(p, now, change, found)
  end)
  if not result then return nil, message, code end
  if result.failed then return nil, result.failed[1], result.failed[2] end
  tell(p, version, result.outcome)
  return result
end

--- Brings several to where they belong; one that fails keeps no other from it.
---@param p table of marketplace.packages
---@param ids string[]
---@return {withdrawn: string[], restored: string[], requested: string[]}|nil
---@return string? message of the first that failed
---@return string? code
function settle.all(p, ids)
  local lists, failure = { withdrawn = {}, restored = {}, requested = {} }, nil
  for _, id in ipairs(ids) do
    local result, message, code = settle.one(p, id)
    failure = failure or (not result and { message, code })
    local list = result and lists[result.outcome]
    if list then list[#list + 1] = id end
  end
  if failure then return nil, failure[1], failure[2] end
  return lists
end

return settle
