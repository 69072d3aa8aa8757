--- What is said of a package version: as JSON, as a row of a list, as lines.
local json = require "marketplace.json"
local log = require "marketplace.log"
local text = require "marketplace.text"
local times = require "marketplace.cli.support.times"
local words = require "marketplace.packages.words"

local rows = {}

local IS_TIME = {
  staged_at = true, published_at = true, current_since = true, replaced_at = true, withdrawn_at = true, since = true,
  due = true, ended_at = true, set_at = true, at = true,
}

local IS_LIST = {
  platforms = true, capabilities = true, unavailable_in = true, available_in = true, why_unverified = true,
  asset_list = true,
}

--- For programs: with its times as words.
---@param row table
---@return table
function rows.object(row)
  local object = {}
  for name, value in pairs(row) do
    if type(value) == "table" then value = rows.object(value) end
    if IS_LIST[name] then json.list(value) end
    object[name] = IS_TIME[name] and type(value) == "number" and log.timestamp(value) or value
  end
  return object
end

--- What a call has done, for programs: all tables in it are lists.
---@param outcome table
---@return table
function rows.outcome(outcome)
  local object = {}
  for name, value in pairs(outcome) do object[name] = type(value) == "table" and json.list(value) or value end
  return object
end

--[[ For people ]]

-- Since when it is current, or in its state.
local function since(row)
  if row.state == "published" then return row.current_since or row.published_at end
  if row.state == "staged" then return row.staged_at end
  return row.withdrawn_at or row.since or row.replaced_at
end

local function next_try(row, now)
  local job = row.job
  if not job or job.state ~= "wanted" then return nil end
  return job.due > now and "in " .. times.length(job.due - now) or "now"
end

local function reasons(row)
  local list = words.reasons(row)
  return #list > 0 and table.concat(list, "; ") or nil
end

local function shown_version(row)
  return row.version and ("%s (%s)"):format(row.version, row.build)
end

--- The columns of a list.
---@param now number
---@return table[] see output.list
function rows.columns(now)
  return {
    { "STATE", "state" },
    { "CURRENT", "is_current" },
    { "FOR", function(row) return since(row) and times.length(now - since(row)) end },
    { "NEXT", function(row) return next_try(row, now) end },
    { "APP", function(row) return row.item_id or row.app end },
    { "VERSION", shown_version },
    { "REVISION", "revision" },
    { "SIZE", function(row) return row.bytes and text.bytes(row.bytes) end },
    { "ID", function(row) return row.id or row.package end },
    { "REASON", reasons },
  }
end

local FIELDS = {
  "id", "path", "package", "app", "item_id", "apple_version_id", "bundle_id", "version", "build", "revision",
  "platforms", "state", "why", "is_current", "current_since", "staged_at", "published_at", "replaced_at",
  "withdrawn_at", "unavailable_in", "available_in", "bytes", "bytes_here", "assets",
  "missing", "unverified", "why_unverified",
}
local FIELDS_OF_HOLD = { "scope", "id", "since", "reason" }
local FIELDS_OF_JOB = { "state", "since", "attempts", "due", "code", "message" }

local function shown(value)
  if type(value) == "table" then return table.concat(value, " ") end
  if type(value) == "boolean" then return value and "yes" or "no" end
  return type(value) == "number" and ("%.0f"):format(value) or value
end

local function add_fields(lines, object, names, heading)
  for _, name in ipairs(names) do
    local value = object[name]
    if value ~= nil and not (type(value) == "table" and #value == 0) then
      lines[#lines + 1] = ("%-18s %s"):format(heading .. name, shown(value))
    end
  end
end

local function asset_line(asset)
  local why = words.why_unverified(asset)
  return ("%-9s %8s  %s%s"):format(asset.proof or "not here", text.bytes(asset.size), asset.path,
    why and " (" .. why .. ")" or "")
end

--- For people: a line for each field, then one for each asset, with what proves it.
---@param row table
---@return string[]
function rows.lines(row)
  local lines, object = {}, rows.object(row)
  add_fields(lines, object, FIELDS, "")
  if row.hold then add_fields(lines, object.hold, FIELDS_OF_HOLD, "hold ") end
  if row.job then add_fields(lines, object.job, FIELDS_OF_JOB, "job ") end
  if row.asset_list then lines[#lines + 1] = "" end
  for _, asset in ipairs(row.asset_list or {}) do lines[#lines + 1] = asset_line(asset) end
  return lines
end

return rows
