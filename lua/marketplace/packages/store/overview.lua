--- What an operator sees of package versions: each with its job, the hold that it is under, where it is available, and
--- how much of it is here. Read by pages, each on one state of the store; nobody who writes waits for that.
local availability = require "marketplace.packages.store.availability"
local assets = require "marketplace.packages.store.assets"
local folder = require "marketplace.packages.folder"
local holds = require "marketplace.packages.store.holds"
local jobs = require "marketplace.packages.store.jobs"
local json = require "marketplace.json"
local versions = require "marketplace.packages.store.versions"
local words = require "marketplace.packages.words"

local methods = {}
local overview = { methods = methods }

local MOST_ROWS = 100
local IS_OF_JOB = { wanted = true, ended = true }

--[[ Which ones: the versions that are known, and after them the jobs for what is not known yet ]]

local POSITION = "(item_id, length(apple_version_id), apple_version_id, staged_at, id)"

local OF_VERSIONS = {
  select = "SELECT id, item_id, apple_version_id, staged_at FROM versions",
  order = " ORDER BY " .. POSITION:sub(2, -2) .. " LIMIT :limit",
  conditions = {
    { "version", "id = :version" }, { "package", "package = :package" }, { "app", "(app = :app OR item_id = :app)" },
    { "state", "state = :state" },
    { "job", "EXISTS (SELECT 1 FROM jobs WHERE jobs.version = versions.id AND jobs.state = :job)" },
    { "current", "EXISTS (SELECT 1 FROM current WHERE " .. versions.IS_CURRENT .. ")" },
    { "item_id", ("item_id >= :item_id AND %s > (:item_id, length(:apple_version_id), :apple_version_id, " ..
      ":staged_at, :id)"):format(POSITION) },
  },
}

local OF_JOBS = {
  select = "SELECT * FROM jobs",
  order = " ORDER BY since, id LIMIT :limit",
  conditions = {
    { "limit", "NOT EXISTS (SELECT 1 FROM versions WHERE versions.id = jobs.version)" },
    { "version", "version = :version" }, { "package", "package = :package" }, { "app", "app = :app" },
    { "job", "state = :job" }, { "since", "(since, id) > (:since, :id)" },
  },
}

-- A statement that names only what is asked for, so that SQLite can use its indexes.
local function statement_of(kind, values)
  local parts = {}
  for _, condition in ipairs(kind.conditions) do
    if values[condition[1]] then parts[#parts + 1] = condition[2] end
  end
  local where = #parts > 0 and " WHERE " .. table.concat(parts, " AND ") or ""
  return kind.select .. where .. kind.order
end

local function found(link, kind, filter, after, limit)
  local values = { version = filter.version, package = filter.package, app = filter.app, limit = limit }
  values[IS_OF_JOB[filter.state] and "job" or "state"] = filter.state
  values.current = filter.current or nil
  for name, value in pairs(after or {}) do values[name] = value end
  return link:run(statement_of(kind, values), values)
end

--[[ Where the next page begins ]]

local KINDS = {
  versions = { { "item_id", "string" }, { "apple_version_id", "string" }, { "staged_at", "number" },
    { "id", "string" } },
  jobs = { { "since", "number" }, { "id", "number" } },
}

local function cursor_of(kind, row)
  local parts = json.list { kind }
  for i, field in ipairs(row and KINDS[kind] or {}) do parts[i + 1] = row[field[1]] end
  return json.encode(parts)
end

-- What a cursor says: nil if it is none.
local function position_of(cursor)
  local parts = json.decode(cursor)
  local fields = json.is_list(parts) and KINDS[parts[1]]
  if not fields or (#parts ~= 1 and #parts ~= #fields + 1) then return nil end
  local after = {}
  for i, field in ipairs(#parts > 1 and fields or {}) do
    if type(parts[i + 1]) ~= field[2] then return nil end
    after[field[1]] = parts[i + 1]
  end
  return { kind = parts[1], after = after }
end

--[[ Rows ]]

local BYTES_HERE = "SELECT coalesce(sum(size), 0) AS bytes FROM assets WHERE version = :id AND proof IS NOT NULL"
local UNVERIFIED = "SELECT proof, checksum FROM assets WHERE version = :id AND proof = 'size' " ..
  "GROUP BY checksum IS NULL ORDER BY min(number)"

-- Where it is not to be offered although it is served; or the only territories where it is.
local function add_territories(link, row)
  local territories, exceptions = availability.of(link, row), {}
  for territory, is_available in pairs(territories) do
    if is_available ~= territories["*"] then exceptions[#exceptions + 1] = territory end
  end
  table.sort(exceptions)
  row[territories["*"] and "unavailable_in" or "available_in"] = exceptions
end

local function add_why_unverified(link, row)
  if row.unverified == 0 then return end
  row.why_unverified = {}
  for i, asset in ipairs(link:run(UNVERIFIED, { id = row.id })) do
    row.why_unverified[i] = words.why_unverified(asset)
  end
end

local function row_of_version(link, id, most_assets)
  local row = versions.get(link, id)
  row.path, row.job, row.hold = folder.below_public(row), jobs.of_version(link, id), holds.of(link, row)
  row.bytes_here = link:run(BYTES_HERE, { id = id })[1].bytes
  add_territories(link, row)
  add_why_unverified(link, row)
  if most_assets then row.asset_list = assets.of(link, id, most_assets) end
  return row
end

local function row_of_job(link, job)
  local about = { id = job.version, package = job.package, app = job.app }
  return {
    id = job.version, package = job.package, app = job.app, state = job.state, is_current = false, since = job.since,
    job = job, hold = holds.of(link, about),
  }
end

--[[ Pages ]]

local function add_versions(link, page, filter, position, limit)
  local after = position and position.after
  local list = found(link, OF_VERSIONS, filter, after, limit + 1)
  if list[limit + 1] then page.following = cursor_of("versions", list[limit]) end
  list[limit + 1] = nil
  for i, row in ipairs(list) do page.rows[i] = row_of_version(link, row.id, filter.assets) end
end

local function add_jobs(link, page, filter, position, limit)
  local room = limit - #page.rows
  local list = found(link, OF_JOBS, filter, position and position.kind == "jobs" and position.after or nil, room + 1)
  if list[room + 1] then page.following = cursor_of("jobs", list[room]) end
  list[room + 1] = nil
  for _, job in ipairs(list) do page.rows[#page.rows + 1] = row_of_job(link, job) end
end

local function page_of(link, filter, position)
  local page, limit = { rows = {} }, filter.limit or MOST_ROWS
  if not (position and position.kind == "jobs") then add_versions(link, page, filter, position, limit) end
  local has_jobs = not filter.current and (not filter.state or IS_OF_JOB[filter.state])
  if has_jobs and not page.following then add_jobs(link, page, filter, position, limit) end
  return page
end

---@class marketplace.packages.OverviewRow: marketplace.packages.Version what is known of a version; of one of which
--- there is a job only, nothing but `id`, `package`, `app`, `state` ("wanted" or "ended"), `since`, `job` and `hold`
---@field job? table as of Packages:jobs
---@field hold? table as of Packages:holds: the oldest that it is under
---@field path string below the web root, if it is published
---@field bytes_here integer of its assets that are here and whole
---@field unavailable_in? string[] territories, if it is available elsewhere
---@field available_in? string[] the only territories where it is available
---@field why_unverified? string[] why of some assets only the size is proved
---@field asset_list? table[] as of Packages:show, if they were asked for

--- A page of them: the versions of one app together, the oldest first, and then the jobs for what is not known yet.
---@param filter marketplace.PackageOverviewOptions
---@return {rows: marketplace.packages.OverviewRow[], following?: string}|nil page following: nil after the last page
---@return string? message
---@return string? code cursor_invalid, store_unavailable
function methods:overview(filter)
  local position = filter.from and position_of(filter.from)
  if filter.from and not position then return nil, "no page begins there", "cursor_invalid" end
  return self:read(function(link) return page_of(link, filter, position) end)
end

return overview
