--- Removes what has not been served for a while: replaced and withdrawn versions, and what failed downloads left.
---
--- What is to be removed is moved first, within a transaction, to a name that nobody uses, and only what has such a
--- name is removed: so nothing that comes back at that moment can be lost. The last folder of a version that may be
--- served is never among it.
local folder = require "marketplace.packages.folder"
local ids = require "marketplace.packages.ids"

local collect = {}

local REMEMBERED = 90 * 86400 -- seconds, of jobs that ended without success

--[[ Moves ]]

local function failed(message, code)
  return { failed = { message, code } }
end

local function discard(p, version, path)
  local ok, message, code = p.folder:discard(version.id, path)
  return not ok and failed(message, code) or nil
end

-- The one that replaced it has to be there: rows alone do not serve anything.
local function collect_replaced(p, version, change, before)
  if not (version.replaced_at and version.replaced_at <= before) then return {} end
  local current = change:current()
  if not current or current.id == version.id or not folder.exists(p.folder:public(current)) then return {} end
  local failure = discard(p, version, p.folder:public(version))
  if failure then return failure end
  change:collected "replaced"
  return { collected = true }
end

local function collect_withdrawn(p, version, change, before)
  if version.withdrawn_at > before then return {} end
  -- one that may be served is about to come back; and one that is in public is about to leave it
  if not (version.refusal or version.replaced_at) or folder.exists(p.folder:public(version)) then return {} end
  local failure = discard(p, version, p.folder:withdrawn(version.id))
  if failure then return failure end
  change:collected()
  return { collected = true }
end

local function collect_staged(p, version, change, before)
  if version.staged_at > before or change:is_wanted() then return {} end
  -- a publication that was cut off: the sweep completes it
  if folder.exists(p.folder:public(version)) then return {} end
  local failure = discard(p, version, p.folder:staging(version.id))
  if failure then return failure end
  change:forgotten()
  return { collected = true }
end

local KINDS = { published = collect_replaced, withdrawn = collect_withdrawn, staged = collect_staged }

local function collect_version(p, version, before)
  local result, message, code = p.store:change(version.id, function(now, change)
    local kind = KINDS[now.state]
    return kind and kind(p, now, change, before) or {}
  end)
  if result == nil then return nil, message, code end
  if result and result.failed then return nil, result.failed[1], result.failed[2] end
  return result and result.collected or false
end

local function collect_versions(p, before, outcome)
  local list, message, code = p.store:versions()
  if not list then return nil, message, code end
  local failure
  for _, version in ipairs(list) do
    local collected
    collected, message, code = collect_version(p, version, before)
    if collected == nil then failure = failure or { message, code } end
    if collected then
      outcome.collected[#outcome.collected + 1] = version.id
      outcome.bytes = outcome.bytes + version.bytes
    end
  end
  if failure then return nil, failure[1], failure[2] end
  return true
end

--[[ What no row needs ]]

-- Whether what lies there of a version is of no use to anybody: one that is to be fetched may still be made from it.
local USELESS = {
  withdrawn = { published = true, collected = true },
  staging = { published = true, withdrawn = true, collected = true },
}

local function discard_leftover(p, place, id)
  local path = p.folder[place](p.folder, id)
  local result, message, code = p.store:change(id, function(version, change)
    if not USELESS[place][version.state] or change:is_wanted() then return {} end
    return discard(p, version, path) or {}
  end)
  if result == false then
    result, message, code = p.store:if_unknown(id, function()
      return place == "staging" and discard(p, { id = id }, path) or {}
    end)
  end
  if result == nil then return nil, message, code end
  if result and result.failed then return nil, result.failed[1], result.failed[2] end
  return true
end

-- What fails with one keeps no other from it; the first failure is told.
local function each_entry(p, path, visit)
  local entries, message, code = p.io.list(path)
  if not entries then return nil, message, code end
  local all_ok = true
  for _, entry in ipairs(entries) do
    local ok, problem, problem_code = visit(entry.name)
    if not ok and all_ok then all_ok, message, code = nil, problem, problem_code end
  end
  return all_ok, message, code
end

local function collect_leftovers(p, place)
  return each_entry(p, ("%s/%s"):format(p.folder.root, place), function(name)
    if not ids.is_name(name) then return true end
    return discard_leftover(p, place, name)
  end)
end

local function remove_discarded(p)
  local place = p.folder.root .. "/withdrawn"
  return each_entry(p, place, function(name)
    if not name:find("~", 1, true) then return true end
    return p.io.remove_tree(place .. "/" .. name)
  end)
end

--- Removes what was replaced or withdrawn, or failed, longer ago than a grace, and what no row needs. What cannot be
--- removed keeps nothing else from it.
---@param p table of marketplace.packages
---@param given {older_than: number} seconds
---@return {collected: string[], bytes: integer}|nil outcome the versions whose files are gone, and what they had
---@return string? message
---@return string? code store_unavailable, file_failed
function collect.run(p, given)
  local now = p.clock()
  local before = now - given.older_than
  local outcome = { collected = {}, bytes = 0 }
  local failure
  for _, step in ipairs {
    function() return collect_versions(p, before, outcome) end, function() return collect_leftovers(p, "staging") end,
    function() return collect_leftovers(p, "withdrawn") end, function() return remove_discarded(p) end,
    function() return p.store:prune_jobs(now - REMEMBERED) end,
  } do
    local ok, message, code = step()
    if not ok then failure = failure or { message, code } end
  end
  if failure then return nil, failure[1], failure[2] end
  return outcome
end

return collect
