--- A list of notifications with the form that selects them, its pages, and what can be done with all that it selects:
--- what the views of the inbox and of dead ones have in common.
local bulk = require "marketplace.dashboard.bulk"
local codes = require "marketplace.inbox.codes"
local entries = require "marketplace.dashboard.entries"
local fields = require "marketplace.inbox.fields"
local h = require "marketplace.dashboard.html"
local page = require "marketplace.dashboard.page"
local search = require "marketplace.dashboard.search"
local shown = require "marketplace.dashboard.shown"

local listing = {}

local PAGE = 50        -- entries
local EXAMINED = 20000 -- entries that are looked at for a page

--[[ Reading ]]

---@class marketplace.dashboard.Listing
---@field search marketplace.dashboard.Search
---@field list table[]
---@field following? string cursor of the next page
---@field from? string cursor of this page

--- Reads a page.
---@param context marketplace.dashboard.Context
---@param found marketplace.dashboard.Search
---@return marketplace.dashboard.Listing|nil
---@return table? answer
function listing.read(context, found)
  local made = { search = found, list = {}, from = context.query.from }
  if made.from and not fields.is_cursor(made.from) then return nil, context.invalid "No page begins there." end
  if next(found.problems) then return made end
  local filter = { newest = not found.oldest, limit = PAGE, examine = EXAMINED, from = made.from }
  for name, value in pairs(found.filter) do filter[name] = value end
  local list, following = context.inbox:list(filter)
  if not list then return nil, context.failed(following) end
  made.list, made.following = list, following
  return made
end

--[[ The form ]]

local function choice(found, name, label, values)
  local id, options = "search-" .. name, { h.option { value = "", "any" } }
  for i, value in ipairs(values) do
    options[i + 1] = h.option { value = value, selected = found.given[name] == value or nil, value }
  end
  return page.field(label, h.select { id = id, name = name, options }, id)
end

local function input(found, name, label, hint)
  local id, problem = "search-" .. name, found.problems[name]
  local hint_id = (problem or hint) and id .. "-hint" or nil
  return h.div { class = "field",
    h.label { ["for"] = id, label },
    h.input {
      id = id, name = name, value = found.given[name], autocomplete = "off", spellcheck = "false",
      ["aria-describedby"] = hint_id, ["aria-invalid"] = problem and "true" or nil,
    },
    hint_id and h.p { id = hint_id, class = problem and "hint bad" or "hint", problem and "This " .. problem .. "."
      or hint },
  }
end

local AGO = "such as 2h or 7d"

local function more_fields(found)
  local is_open = found.given.code or found.given.type or found.given.secret or found.given.before or found.oldest
  return h.details { class = "more", open = is_open and true or nil,
    h.summary "More",
    h.div { class = "grid",
      choice(found, "code", "Code of dead ones", codes.ALL),
      input(found, "before", "Received before", AGO),
      input(found, "type", "Type", "by Apple's name"),
      input(found, "secret", "Signed with", "fingerprint of the secret"),
      page.field("Order", h.select { id = "search-order", name = "order",
        h.option { value = "", "the newest first" },
        h.option { value = "oldest", selected = found.oldest or nil, "the oldest first" },
      }, "search-order"),
    },
  }
end

--- The form that selects.
---@param context marketplace.dashboard.Context
---@param found marketplace.dashboard.Search
---@param path string of the view
---@return any node
function listing.form(context, found, path)
  return h.form { method = "get", action = context.url(path), class = "search", role = "search",
    found.given.state and h.input { type = "hidden", name = "state", value = found.given.state },
    h.div { class = "grid",
      input(found, "app", "App"), choice(found, "event", "Event", search.EVENTS), input(found, "id", "Id"),
      input(found, "since", "Received since", AGO),
    },
    more_fields(found),
    h.p { class = "buttons", h.button { class = "primary", type = "submit", "Search" },
      h.a { href = context.url(path), "Clear" } },
  }
end

--[[ The list and its pages ]]

local function nothing(made)
  if next(made.search.problems) then return "Nothing was searched for: see what is wrong above." end
  if made.following then return "Nothing that fits among those that were looked at so far." end
  if made.from then return "Nothing more." end
  return next(made.search.given) and "No notification fits." or "No notification is here yet."
end

-- How far a page has looked, if that is not as far as its entries tell.
local function looked(made)
  if not made.following or #made.list >= PAGE then return nil end
  return h.p { class = "hint", ("This page looked at %s notifications. There are %s ones that it has not looked at.")
    :format(shown.count(EXAMINED), made.search.oldest and "newer" or "older") }
end

local function pages(context, made, path)
  local query, links = {}, {}
  for name, value in pairs(made.search.given) do query[name] = value end
  query.order = made.search.oldest and "oldest" or nil
  if made.from then links[1] = h.a { href = context.url(path, query), rel = "first", "First page" } end
  if made.following then
    query.from = made.following
    links[#links + 1] = h.a { href = context.url(path, query), rel = "next", #made.list < PAGE and "Look further" or
      made.search.oldest and "Newer" or "Older" }
  end
  return #links > 0 and h.nav { class = "pages", ["aria-label"] = "Pages", links } or nil
end

--- The list.
---@param context marketplace.dashboard.Context
---@param made marketplace.dashboard.Listing
---@param path string of the view
---@param caption string
---@return any node
function listing.list(context, made, path, caption)
  return {
    #made.list > 0 and entries.table(context, made.list, caption) or shown.nothing(nothing(made)),
    looked(made), pages(context, made, path),
  }
end

--[[ What can be done with all of them ]]

--- Links to what can be done with all that is selected, each of which asks first.
---@param context marketplace.dashboard.Context
---@param made marketplace.dashboard.Listing
---@return any node nil if there is nothing
function listing.actions(context, made)
  if #made.list == 0 and not made.following then return nil end
  local links = {}
  local filter = made.search.filter
  if filter.state == "done" and not search.is_narrow(filter) then
    return h.p { class = "hint", "To replay what is done, search for an app, an event, an id or a time since when." }
  end
  for _, name in ipairs(bulk.possible(filter)) do
    local query = search.query(filter)
    query["do"] = name
    links[#links + 1] = h.a { class = "button", href = context.url("/confirm", query), bulk.ACTIONS[name].link }
  end
  if #links == 0 then return nil end
  return h.div { class = "actions", role = "group", ["aria-label"] = "With all that the search selects",
    h.span { class = "hint", "All that this selects:" }, links }
end

return listing
