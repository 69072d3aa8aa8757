--- How views show package versions, and where the form that changes them is.
local entries = require "marketplace.dashboard.entries"
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"
local text = require "marketplace.text"
local words = require "marketplace.packages.words"

local versions = {}

local MOST_REASON = 300 -- bytes in a list

local KINDS = {
  published = "ok", wanted = "warning", staged = "warning", ended = "problem", withdrawn = "quiet", collected = "quiet",
}

--- The page of a version; of a job for a package whose version is not known, the list of that package.
---@param context marketplace.dashboard.Context
---@param row table of Packages:overview
---@return string
function versions.address(context, row)
  if row.id then return context.url("/version", { id = row.id }) end
  return context.url("/packages", { package = row.package })
end

--- Its state, and whether devices are to have it.
---@param row table of Packages:overview
---@return any node
function versions.state(row)
  return {
    shown.badge(KINDS[row.state], row.state), row.is_current and { " ", shown.badge("ok", "current") },
    row.hold and { " ", shown.badge("warning", "held") },
  }
end

--- How much of it is here.
---@param row table of Packages:overview
---@return any node nil if nothing is known of that
function versions.progress(row)
  if not row.assets or row.state == "collected" then return nil end
  if row.state ~= "staged" then return text.bytes(row.bytes) end
  local told = ("%s of %s, %d of %d assets"):format(text.bytes(row.bytes_here), text.bytes(row.bytes),
    row.assets - row.missing, row.assets)
  return { h.progress { max = ("%.0f"):format(row.bytes), value = ("%.0f"):format(row.bytes_here),
    ["aria-label"] = "How much is here" }, " ", told }
end

--- When its job is tried again.
---@param context marketplace.dashboard.Context
---@param row table of Packages:overview
---@return any node nil without a job that is wanted
function versions.next_try(context, row)
  local job = row.job
  if not job or job.state ~= "wanted" then return nil end
  return job.due > context.now and shown.ago(job.due, context.now) or "now"
end

-- Since when it is current, or in its state.
local function since(row)
  if row.state == "published" then return row.current_since or row.published_at end
  if row.state == "staged" then return row.staged_at end
  return row.withdrawn_at or row.since or row.replaced_at
end

local function app_link(context, row)
  local id = row.item_id or row.app
  return id and h.a { href = context.url("/packages", { app = id }), h.code { entries.short(id, 20) } }
end

local function reasons(row)
  local list = words.reasons(row)
  return #list > 0 and entries.short(table.concat(list, "; "), MOST_REASON) or nil
end

--- A version as people call it: what is shown of it, with its build.
---@param row table of Packages:overview
---@return string|nil
function versions.name(row)
  return row.version and ("%s (%s)"):format(entries.short(row.version, 80), entries.short(row.build, 80))
end

--- A table of them.
---@param context marketplace.dashboard.Context
---@param list table[] of Packages:overview
---@return any node
function versions.table(context, list)
  return shown.table({
    { "State", versions.state, class = "short" },
    { "Since", function(row) return shown.ago(since(row), context.now) end },
    { "App", function(row) return app_link(context, row) end, class = "app" },
    { "Version", versions.name, class = "short" },
    { "Revision", function(row) return row.revision and shown.count(row.revision) end, class = "number" },
    { "Here", versions.progress },
    { "Next try", function(row) return versions.next_try(context, row) end },
    { "Id", function(row)
      return h.a { href = versions.address(context, row), h.code { entries.short(row.id or row.package, 80) } }
    end, class = "id" },
    { "Reason", reasons, class = "reason" },
  }, list, "Package versions")
end

return versions
