--- The last notification of each app, page by page.
local h = require "marketplace.dashboard.html"
local panel = require "marketplace.dashboard.panels.apps"
local search = require "marketplace.dashboard.search"
local shown = require "marketplace.dashboard.shown"

local apps = { path = "/apps", title = "Apps", nav = "Apps" }

local PAGE = 50

function apps.get(context)
  local from = context.query.from
  if from and not search.is_text(from) then return nil, context.invalid "No page begins there." end
  local list, following = context.inbox:apps { limit = PAGE, from = from }
  if not list then return nil, context.failed(following) end
  return {
    h.p { class = "quiet", "The last notification of each app, by the app's id." },
    #list == 0 and shown.nothing "No app has had a notification yet." or panel.table(context, list),
    h.nav { class = "row", ["aria-label"] = "Pages",
      from and h.a { class = "button", href = context.url "/apps", "First page" },
      following and h.a { class = "button", href = context.url("/apps", { from = following }), "Next page" },
    },
  }
end

return apps
