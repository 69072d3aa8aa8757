--- Notifications in a list.
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"

local entries = {}

--- A link to a notification, named by its id.
---@param context marketplace.dashboard.Context
---@param id string
---@return any node
function entries.link(context, id)
  return h.a { href = context.url("/notification", { id = id }), h.code { id } }
end

local function app(context, entry)
  return entry.app_id and h.a { href = context.url("/inbox", { app = entry.app_id }), h.code { entry.app_id } }
end

--- A table of entries.
---@param context marketplace.dashboard.Context
---@param list table[] as inbox:list gives them
---@param caption string
---@return any node
function entries.table(context, list, caption)
  return shown.table({
    { "Received", function(entry) return shown.ago(entry.received_at, context.now) end },
    { "State", function(entry) return shown.state(entry) end },
    { "Event", function(entry) return entry.event or entry.type end },
    { "App", function(entry) return app(context, entry) end },
    { "Id", function(entry) return entries.link(context, entry.id) end },
    { "Attempts", function(entry) return entry.attempt end, "number" },
  }, list, caption)
end

return entries
