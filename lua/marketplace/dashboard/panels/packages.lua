--- What is to be fetched, what is served, and what was given up.
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"

local packages = {}

local OLD = 21600 -- seconds after which something is wanted for too long

--- Reads what it shows.
---@param context marketplace.dashboard.Context
---@return marketplace.packages.Totals|nil
---@return string? message
function packages.read(context)
  return context.packages:totals()
end

local function address_of(context, state)
  return context.url("/packages", { state = state })
end

--- The panel.
---@param context marketplace.dashboard.Context
---@param totals marketplace.packages.Totals
---@return any node
function packages.show(context, totals)
  local age = totals.oldest_wanted
  return h.section { ["aria-labelledby"] = "packages",
    h.h2 { id = "packages", "Packages" },
    h.dl { class = "figures",
      shown.figure("To fetch", shown.count(totals.jobs.wanted), { address = address_of(context, "wanted") }),
      shown.figure("Wanted for", age and shown.duration(age) or "–", { kind = age and age > OLD and "problem" or nil }),
      shown.figure("Given up", shown.count(totals.jobs.ended), {
        kind = totals.jobs.ended > 0 and "problem" or nil, address = address_of(context, "ended"),
      }),
      shown.figure("Served", shown.count(totals.versions.published), { address = address_of(context, "published") }),
      shown.figure("Withdrawn", shown.count(totals.versions.withdrawn), { address = address_of(context, "withdrawn") }),
      shown.figure("Assets without proof", shown.count(totals.unverified), {
        kind = totals.unverified > 0 and "warning" or nil,
      }),
    },
  }
end

return packages
