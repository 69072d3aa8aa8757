--- What an operator looks at first: whether anything waits too long, what has died and why, what came last, and how the
--- rest does.
local entries = require "marketplace.dashboard.entries"
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"

local overview = { path = "/", title = "Overview", nav = "Overview" }

local SECONDS = 10 -- between two looks
local NEWEST = 8

local function panel(name)
  return require("marketplace.dashboard.panels." .. name)
end

local waiting, dead, apps = panel "waiting", panel "dead", panel "apps"
local packages, reconcile, outside = panel "packages", panel "reconcile", panel "outside"

local function newest(context, list)
  return h.section { ["aria-labelledby"] = "newest",
    h.h2 { id = "newest", "Received last" },
    #list == 0 and shown.nothing "Nothing has been received yet." or
      entries.table(context, list, "The notifications that were received last"),
  }
end

local READERS = {
  { "backlog", function(context) return context.inbox:backlog() end },
  { "figures", waiting.read },
  { "newest", function(context) return context.inbox:list { newest = true, limit = NEWEST, examine = NEWEST } end },
  { "apps", apps.read },
  { "packages", function(context) return context.packages and packages.read(context) end },
  { "reconcile", function(context) return context.dashboard.reconcile_state and reconcile.read(context) end },
}

-- All of it before anything is written: reading may wait.
local function read(context)
  local found = {}
  for _, reader in ipairs(READERS) do
    local value, message = reader[2](context)
    if value == nil and message then return nil, message end
    found[reader[1]] = value
  end
  return found
end

function overview.get(context)
  local found, message = read(context)
  if not found then return nil, context.failed(message) end
  return h.div { id = "overview", class = "stack", ["data-live"] = SECONDS,
    waiting.show(context, found.backlog, found.figures),
    context.outside and outside.show(context, context.outside:known()),
    found.packages and packages.show(context, found.packages),
    found.backlog.dead > 0 and dead.show(context, found.backlog),
    found.reconcile and reconcile.show(context, found.reconcile),
    h.div { class = "stack", apps.show(context, found.apps), newest(context, found.newest) },
  }, { refresh = 30 }
end

return overview
