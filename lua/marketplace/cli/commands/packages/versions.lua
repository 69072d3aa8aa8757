--- The package versions that list and show are about: those that are here, and those of which there is a job only.
--- Each is a row of the store, with its `job`, its `hold`, `unavailable_in` (territories), `why_unverified` (reasons)
--- and `path` (below the web root, if it is published).
local folder = require "marketplace.packages.folder"

local versions = {}

--- States of a version, and of a job.
versions.STATES = { "wanted", "staged", "published", "withdrawn", "collected", "ended" }

local IS_OF_JOB = { wanted = true, ended = true }

local function row_of(job)
  return {
    id = job.version, package = job.package, app = job.app, state = job.state, is_current = false, since = job.since,
    job = job,
  }
end

--[[ What is wrong with it ]]

-- Where it is not to be offered although it is served; or the only territories where it is.
local function add_territories(packages, row)
  local territories, message = packages:territories(row)
  if not territories then return nil, message end
  local exceptions = {}
  for territory, is_available in pairs(territories) do
    if is_available ~= territories["*"] then exceptions[#exceptions + 1] = territory end
  end
  table.sort(exceptions)
  row[territories["*"] and "unavailable_in" or "available_in"] = exceptions
  return true
end

local UNVERIFIED = "the manifest has no digests of it, and App Store Connect gives %s"

--- Why of an asset no more than its size is known to be right; nil if it is proved.
---@param asset table
---@return string?
function versions.why_unverified(asset)
  if asset.proof ~= "size" then return nil end
  return UNVERIFIED:format(asset.checksum and "a fileChecksum of an unknown kind" or "no fileChecksum")
end

local function reasons_of(assets)
  local list, known = {}, {}
  for _, asset in ipairs(assets) do
    local why = versions.why_unverified(asset)
    if why and not known[why] then
      known[why], list[#list + 1] = true, why
    end
  end
  return list
end

local function is_on(hold, row)
  if hold.scope == "app" then return hold.id == row.app or hold.id == row.item_id end
  if hold.scope == "package" then return hold.id == row.package end
  return hold.id == row.id
end

-- Adds the hold that each is under.
local function add_holds(packages, rows)
  local holds, message = packages:holds()
  if not holds then return nil, message end
  for _, row in ipairs(rows) do
    for _, hold in ipairs(holds) do
      if not row.hold and is_on(hold, row) then row.hold = hold end
    end
  end
  return rows
end

-- Adds to a row what other tables say of it.
local function complete(packages, row)
  if not row.item_id then return row end
  row.path = folder.below_public(row)
  local ok, message = add_territories(packages, row)
  if not ok then return nil, message end
  if row.unverified == 0 then return row end
  local shown
  shown, message = packages:show(row.id)
  if not shown then return nil, message end
  row.why_unverified = reasons_of(shown.asset_list)
  return row
end

--[[ Which ones ]]

local function is_meant(row, filter)
  if filter.app and filter.app ~= row.app and filter.app ~= row.item_id then return false end
  if filter.package and filter.package ~= row.package then return false end
  return not IS_OF_JOB[filter.state] or row.job ~= nil and row.job.state == filter.state
end

-- The rows of the store with their jobs, and the jobs without a row.
local function joined(packages, filter)
  local found, message = packages:list { app = filter.app, package = filter.package }
  if not found then return nil, message end
  local jobs
  jobs, message = packages:jobs {}
  if not jobs then return nil, message end
  local by_id = {}
  for _, row in ipairs(found) do by_id[row.id] = row end
  for _, job in ipairs(jobs) do
    local row = job.version and by_id[job.version]
    if row then row.job = job else found[#found + 1] = row_of(job) end
  end
  return add_holds(packages, found)
end

--- The versions that a filter selects, those of one app together.
---@param packages table
---@param filter {app?: string, package?: string, state?: string, current?: boolean, limit?: integer}
---@return table[]|nil
---@return string? message
function versions.list(packages, filter)
  local all, message = joined(packages, filter)
  if not all then return nil, message end
  local rows = {}
  for _, row in ipairs(all) do
    local has_state = not filter.state or IS_OF_JOB[filter.state] or row.state == filter.state
    if has_state and is_meant(row, filter) and (row.is_current or not filter.current) and #rows < filter.limit then
      rows[#rows + 1], message = complete(packages, row)
      if message then return nil, message end
    end
  end
  return rows
end

--- One version.
---@param packages table
---@param id string
---@return table|nil row with `asset_list` if it is here
---@return string? message
function versions.get(packages, id)
  local jobs, message = packages:jobs { version = id }
  if not jobs then return nil, message end
  local row, problem, code = packages:show(id)
  if not row then
    if code ~= "not_found" or not jobs[1] then return nil, problem end
    row = row_of(jobs[1])
  end
  row.job = jobs[1]
  local held
  held, message = add_holds(packages, { row })
  if not held then return nil, message end
  return complete(packages, row)
end

return versions
