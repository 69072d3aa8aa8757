--- Package versions: which are served, which are on their way, which are not to be served, and why.
local h = require "marketplace.dashboard.html"
local page = require "marketplace.dashboard.page"
local search = require "marketplace.dashboard.search"
local shown = require "marketplace.dashboard.shown"
local text = require "marketplace.text"
local versions = require "marketplace.dashboard.versions"

local view = { path = "/packages", title = "Packages", nav = "Packages", needs = "packages" }

local PAGE = 50 -- versions
local STATES = { "wanted", "staged", "published", "withdrawn", "collected", "ended" }
local IS_OF_JOB = { wanted = true, ended = true }

--[[ Reading ]]

local function filter_of(query)
  local filter, given = { limit = PAGE }, {}
  for _, name in ipairs { "app", "package", "version", "state" } do
    local value = text.trim(query[name] or "")
    if value ~= "" and search.is_text(value) then filter[name], given[name] = value, value end
  end
  if query.current == "1" then filter.current, given.current = true, "1" end
  filter.from = query.from
  return filter, given
end

local function read(context, filter)
  local totals, problem = context.packages:totals()
  if not totals then return nil, context.failed(problem) end
  local found, message, code = context.packages:overview(filter)
  if code == "cursor_invalid" then return nil, context.invalid "No page begins there." end
  if not found then return nil, context.failed(message) end
  return { totals = totals, rows = found.rows, following = found.following }
end

--[[ What is shown ]]

local function tab(context, label, query, count, is_this)
  return h.li { h.a {
    href = context.url(view.path, query), ["aria-current"] = is_this and "true" or nil,
    label, count and { " ", h.span { class = "value", shown.count(count) } },
  } }
end

local function tabs(context, totals, given)
  local items = {
    tab(context, "all", {}, nil, not given.state and not given.current),
    tab(context, "current", { current = true }, nil, given.current ~= nil),
  }
  for _, state in ipairs(STATES) do
    local count = IS_OF_JOB[state] and totals.jobs[state] or totals.versions[state]
    items[#items + 1] = tab(context, state, { state = state }, count, given.state == state)
  end
  return h.nav { class = "tabs", ["aria-label"] = "States", h.ul { items } }
end

local function summary(totals)
  local figures = {
    shown.figure("Served", text.bytes(totals.bytes)),
    shown.figure("Oldest wait", totals.oldest_wanted and shown.duration(totals.oldest_wanted) or "–"),
  }
  if totals.unverified > 0 then
    figures[3] = shown.figure("Unverified assets", shown.count(totals.unverified), { kind = "warning" })
  end
  return h.dl { class = "figures", figures }
end

local function field(given, name, label)
  local id = "search-" .. name
  return page.field(label, h.input {
    id = id, name = name, value = given[name], autocomplete = "off", spellcheck = "false",
  }, id)
end

local function form(context, given)
  return h.form { method = "get", action = context.url(view.path), class = "search", role = "search",
    given.state and h.input { type = "hidden", name = "state", value = given.state },
    given.current and h.input { type = "hidden", name = "current", value = "1" },
    h.div { class = "grid", field(given, "app", "App"), field(given, "package", "Package"),
      field(given, "version", "Package version") },
    h.p { class = "buttons", h.button { class = "primary", type = "submit", "Search" },
      h.a { href = context.url(view.path), "Clear" } },
  }
end

local function decide(context, given)
  local links = {}
  for i, one in ipairs { { "hold", "Hold…" }, { "withdraw", "Withdraw…" }, { "restore", "Restore…" } } do
    links[i] = h.a { class = "button", href = context.url("/change", {
      ["do"] = one[1], app = given.app, package = given.package, version = given.version,
    }), one[2] }
  end
  return h.div { class = "actions", role = "group", ["aria-label"] = "Decide about an app, a package or a version",
    h.span { class = "hint", "An app, a package or a version:" }, links }
end

local function pages(context, filter, given, following)
  local links = {}
  if filter.from then links[1] = h.a { href = context.url(view.path, given), rel = "first", "First page" } end
  if following then
    local query = { from = following }
    for name, value in pairs(given) do query[name] = value end
    links[#links + 1] = h.a { href = context.url(view.path, query), rel = "next", "Next page" }
  end
  return #links > 0 and h.nav { class = "pages", ["aria-label"] = "Pages", links } or nil
end

function view.get(context)
  if not context.packages then
    return shown.nothing "This dashboard has no folder of packages: start it with --packages FOLDER."
  end
  local filter, given = filter_of(context.query)
  local made, answer = read(context, filter)
  if not made then return nil, answer end
  local nothing = next(given) and "No package version fits." or "No package version is wanted or here yet."
  return {
    summary(made.totals), tabs(context, made.totals, given), form(context, given), decide(context, given),
    #made.rows > 0 and versions.table(context, made.rows) or shown.nothing(nothing),
    pages(context, filter, given, made.following),
  }
end

return view
