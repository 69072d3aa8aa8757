--- All notifications, the newest first, and a search.
local h = require "marketplace.dashboard.html"
local listing = require "marketplace.dashboard.listing"
local search = require "marketplace.dashboard.search"

local view = { path = "/inbox", title = "Inbox", nav = "Inbox" }

-- Which ones are shown, in one step.
local function tabs(context, found)
  local items = {}
  for i, state in ipairs { "", "ready", "leased", "done", "dead" } do
    local query = {}
    for name, value in pairs(found.given) do query[name] = name ~= "code" and value or nil end
    query.state, query.order = state, found.oldest and "oldest" or nil
    items[i] = h.li { h.a {
      href = context.url(view.path, query),
      ["aria-current"] = (found.filter.state or "") == state and "true" or nil,
      state == "" and "all" or state,
    } }
  end
  return h.nav { class = "tabs", ["aria-label"] = "States", h.ul { items } }
end

function view.get(context)
  local found = search.read(context.query, context.now)
  local made, answer = listing.read(context, found)
  if not made then return nil, answer end
  return {
    tabs(context, found), listing.form(context, found, view.path), listing.actions(context, made),
    listing.list(context, made, view.path, "Notifications"),
  }
end

return view
