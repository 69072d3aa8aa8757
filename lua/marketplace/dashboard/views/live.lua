--- The newest notifications as they come.
local h = require "marketplace.dashboard.html"
local entries = require "marketplace.dashboard.entries"
local search = require "marketplace.dashboard.search"
local shown = require "marketplace.dashboard.shown"

local live = { path = "/live", title = "Live", nav = "Live" }

local MOST = 50
local SECONDS = 2 -- between two looks
local EXAMINED = 20000 -- entries, so that a look takes a bounded time whatever waits

local function described(context)
  local app = context.query.app
  if not app or app == "" then return nil end
  return h.p { "Of app ", h.code { app }, " only. ", h.a { href = context.url "/live", "Show all" } }
end

function live.get(context)
  local app = context.query.app ~= "" and context.query.app or nil
  if app and not search.is_text(app) then return nil, context.invalid "The app's id is no text." end
  local list, message = context.inbox:list { newest = true, limit = MOST, app_id = app, examine = EXAMINED }
  if not list then return nil, context.failed(message) end
  return {
    described(context),
    h.section { id = "newest", ["data-live"] = SECONDS, ["aria-label"] = "Newest notifications",
      #list == 0 and shown.nothing "Nothing has been received yet." or
        entries.table(context, list, ("The newest %d notifications"):format(#list)),
    },
  }, { refresh = 5 }
end

return live
