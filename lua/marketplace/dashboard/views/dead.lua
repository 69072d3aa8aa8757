--- What was given up: how many for which reason, what that means, and what an operator can do about it.
local codes = require "marketplace.inbox.codes"
local h = require "marketplace.dashboard.html"
local listing = require "marketplace.dashboard.listing"
local search = require "marketplace.dashboard.search"
local shown = require "marketplace.dashboard.shown"

local view = { path = "/dead", title = "Dead letters", nav = "Dead letters" }

local MOST_COUNTED, MOST_EXAMINED = 1000, 20000

local MEANS = {
  failed = "The callback failed too often. See the reason, mend it, and replay them.",
  cancelled = "A callback or an operator gave them up.",
  invalid = "Signed by App Store Connect, but not readable. They cannot be replayed: look at the body.",
  too_old = "The event is older than what the inbox remembers, so it may have run before. Replay it if it has not.",
  no_callback = "No callback takes them. Add one to the handlers file, restart, and replay them.",
}

local function count_each(context)
  local counts = {}
  for _, code in ipairs(codes.ALL) do
    local count, more = context.inbox:count({
      state = "dead", code = code, examine = MOST_EXAMINED,
    }, MOST_COUNTED)
    if not count then return nil, context.failed(more) end
    counts[code] = { count = count, more = more }
  end
  return counts
end

local function code_card(context, code, counted, is_chosen)
  local can_replay = counted.count > 0 and code ~= "invalid"
  return h.li { class = "card", ["aria-current"] = is_chosen and "true" or nil,
    h.h3 { h.a { href = context.url(view.path, { code = code }), code },
      " ", h.span { class = "value", shown.count(counted.count, counted.more) } },
    h.p { MEANS[code] },
    can_replay and h.p { h.a { class = "button", href = context.url("/confirm", {
      ["do"] = "replay", state = "dead", code = code,
    }), "Replay all…", h.span { class = "hidden", " of code " .. code } } },
  }
end

local function cards(context, counts, chosen)
  local items, is_empty = {}, true
  for _, code in ipairs(codes.ALL) do
    if counts[code].count > 0 or counts[code].more then
      is_empty = false
      items[#items + 1] = code_card(context, code, counts[code], code == chosen)
    end
  end
  if is_empty then return nil end
  return { h.h2 { class = "hidden", "By code" }, h.ul { class = "cards", items } }
end

function view.get(context)
  local query = { state = "dead" }
  for name, value in pairs(context.query) do
    if name ~= "state" then query[name] = value end
  end
  local found = search.read(query, context.now)
  found.given.state = nil
  local counts, answer = count_each(context)
  if not counts then return nil, answer end
  local made
  made, answer = listing.read(context, found)
  if not made then return nil, answer end
  return {
    cards(context, counts, found.given.code), h.h2 "Which ones", listing.form(context, found, view.path),
    listing.actions(context, made), listing.list(context, made, view.path, "Dead notifications"),
  }
end

return view
