--- What a folder of packages tells Prometheus.
local metrics = require "marketplace.metrics"
local settle = require "marketplace.packages.settle"

local packages_metrics = {}

local STATES = { "wanted", "ended" } -- of jobs

local function add_jobs(lines, totals)
  local values = {}
  for i, state in ipairs(STATES) do values[i] = { totals.jobs[state], "state", state } end
  metrics.add(lines, "marketplace_packages_jobs", "gauge", "Package versions to fetch, and those that were given up.",
    values)
  metrics.add(lines, "marketplace_packages_oldest_wanted_seconds", "gauge",
    "Seconds since the oldest of those to fetch was wanted.", { { totals.oldest_wanted or 0 } })
end

local function missing_keys(p, version)
  local assets, message, code = p.store:assets(version)
  if not assets then return nil, message, code end
  local missing
  missing, message, code = p.keys:missing(version, settle.public_ids(assets))
  return missing and #missing, message, code
end

local function add_served(p, lines, totals)
  local versions, message, code = p.store:versions { state = "published" }
  if not versions then return nil, message, code end
  local missing = 0
  for _, version in ipairs(versions) do
    local count
    count, message, code = missing_keys(p, version.id)
    if not count then return nil, message, code end
    missing = missing + count
  end
  metrics.add(lines, "marketplace_packages_served", "gauge", "Package versions that are served.",
    { { totals.versions.published } })
  metrics.add(lines, "marketplace_packages_unverified", "gauge",
    "Assets that are served and of which only the size is known to be right.", { { totals.unverified } })
  metrics.add(lines, "marketplace_packages_missing_keys", "gauge",
    "Assets that are served and have no key blob, so no device can use them.", { { missing } })
  return true
end

local function add_disk(p, lines)
  metrics.add(lines, "marketplace_packages_bytes_total", "counter", "Bytes of assets that this process downloaded.",
    { { p.counts.bytes } })
  local free = p.io.disk_free(p.folder.root)
  if not free then return end
  metrics.add(lines, "marketplace_packages_disk_free_bytes", "gauge", "Bytes that are free on the disk of the folder.",
    { { free } })
end

--- The metrics.
---@param p table
---@return string|nil text
---@return string? message
---@return string? code store_unavailable
function packages_metrics.text(p)
  local lines = {}
  local totals, message, code = p.store:totals()
  if not totals then return nil, message, code end
  add_jobs(lines, totals)
  local ok
  ok, message, code = add_served(p, lines, totals)
  if not ok then return nil, message, code end
  add_disk(p, lines)
  return metrics.text(lines)
end

return packages_metrics
