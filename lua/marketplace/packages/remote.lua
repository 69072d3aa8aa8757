--- What App Store Connect says about a package version and its assets.
---
--- Everything in here waits, in a coroutine, until a call may be made (marketplace.packages.calls).
local remote = {}

local PAGE = 200 -- the most that App Store Connect lists at once

local RESOURCES = {
  variant = "alternativeDistributionPackageVariants", delta = "alternativeDistributionPackageDeltas",
}

local UNSIGNED = "; if the key has access to this app, an agreement that its developer has not signed is a known " ..
  "cause, also for hours after it was signed"

--- Whether a call failed because there is none of what it asked for.
---@param code string|nil the client's
---@param detail table|nil the client's
---@return boolean
function remote.is_gone(code, detail)
  local status = detail and detail.status
  return status == 404 or status == 200 and code == "api_error"
end

-- What the failure of a call means for a job.
local function failure(message, code, detail)
  if detail and detail.status == 403 then return nil, message .. UNSIGNED, "forbidden" end
  return nil, message, remote.is_gone(code, detail) and "gone" or code
end

local function related_id(resource, name)
  if type(resource[name]) == "table" then return resource[name].id end
  local relationship = resource.relationships and resource.relationships[name]
  local linkage = type(relationship) == "table" and relationship.data
  return type(linkage) == "table" and linkage.id or nil
end

--- A package version.
---@param run marketplace.packages.Run
---@param id string
---@return {id: string, package: string|nil, state: string|nil, url: string|nil, checksum: string|nil}|nil
---@return string? message
---@return string? code forbidden, gone, or the client's
function remote.version(run, id)
  run.calls:wait(run.pause)
  local found, message, code, detail = run.client.alternativeDistributionPackageVersions:get(id,
    { include = "alternativeDistributionPackage" })
  if not found then return failure(message, code, detail) end
  return {
    id = found.id, package = related_id(found, "alternativeDistributionPackage"), state = found.state,
    url = found.url, checksum = found.fileChecksum, number = found.version,
  }
end

-- Pages of resources; the iterator is called by hand, as on Lua 5.1 what `for` calls must not yield.
local function each(run, resource, given, visit)
  local iterator, state = run.client[resource]:each(given)
  while true do
    local needs_call = not state.list or state.index >= #state.list and state.page.next
    if needs_call then run.calls:wait(run.pause) end
    local found = iterator(state)
    if not found then break end
    visit(found)
  end
  local problem = state.problem
  if problem then return failure(problem.message, problem.code, problem.detail) end
  return true
end

local function is_newer(one, other)
  local number, than = tonumber(one.version), tonumber(other.version)
  return number and than and number > than or number and not than
end

--- The newest version of a package that is COMPLETED; false if there is none.
---@param run table
---@param package string
---@return {id: string, number: string|nil}|false|nil
---@return string? message
---@return string? code
function remote.newest(run, package)
  local newest = false
  local ok, message, code = each(run, "alternativeDistributionPackageVersions", {
    alternativeDistributionPackage = package, filter = { state = "COMPLETED" }, limit = PAGE,
  }, function(found)
    local is_completed = found.state == nil or found.state == "COMPLETED"
    if is_completed and (not newest or is_newer(found, newest)) then newest = found end
  end)
  if not ok then return nil, message, code end
  return newest and { id = newest.id, number = newest.version }
end

local function text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
end

local function described(resource)
  return {
    blob = text_of(resource.alternativeDistributionKeyBlob), checksum = text_of(resource.fileChecksum),
    url = text_of(resource.url),
  }
end

--- What is listed of the assets of a package version, by public id.
---@param run table
---@param version string
---@return table<string, {blob: string|nil, checksum: string|nil}>|nil
---@return string? message
---@return string? code
function remote.assets(run, version)
  local assets = {}
  for _, kind in ipairs { "variant", "delta" } do
    local ok, message, code = each(run, RESOURCES[kind],
      { alternativeDistributionPackageVersion = version, limit = PAGE }, function(found)
        assets[found.id] = described(found)
      end)
    if not ok then return nil, message, code end
  end
  return assets
end

--- What App Store Connect says about one asset, with an address for now.
---@param run table
---@param asset table of the manifest
---@return {blob: string|nil, checksum: string|nil, url: string|nil}|nil
---@return string? message
---@return string? code
function remote.asset(run, asset)
  run.calls:wait(run.pause)
  local found, message, code, detail = run.client[RESOURCES[asset.kind]]:get(asset.public_id)
  if not found then return failure(message, code, detail) end
  return described(found)
end

return remote
