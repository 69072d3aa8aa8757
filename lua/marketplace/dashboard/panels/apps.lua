--- The last notification of each app.
local entries = require "marketplace.dashboard.entries"
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"

local apps = {}

local MOST = 10 -- on the overview

--- Reads what it shows.
---@param context marketplace.dashboard.Context
---@return {list: table[], following: string|nil}|nil
---@return string? message
function apps.read(context)
  local list, following = context.inbox:apps { limit = MOST }
  if not list then return nil, following end
  return { list = list, following = following }
end

--- A table of them.
---@param context marketplace.dashboard.Context
---@param list table[] as of inbox:apps
---@return any node
function apps.table(context, list)
  return shown.table({
    { "App", function(app) return entries.app(context, app.app_id) end },
    { "Received", function(app) return shown.ago(app.received_at, context.now) end },
    { "Event", function(app) return entries.event(app) end },
    { "State", function(app) return shown.state(app) end },
    { "Id", function(app) return entries.link(context, app.id) end },
  }, list, "The last notification of each app")
end

--- The panel.
---@param context marketplace.dashboard.Context
---@param read {list: table[], following: string|nil}
---@return any node
function apps.show(context, read)
  return h.section { ["aria-labelledby"] = "apps",
    h.h2 { id = "apps", "Last notification, by app" },
    #read.list == 0 and shown.nothing "No app has had a notification yet." or apps.table(context, read.list),
    read.following and h.p { h.a { href = context.url "/apps", "All apps" } },
  }
end

return apps
