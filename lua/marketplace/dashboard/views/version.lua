--- One package version: what it is, whether and where it is served, what its files are proved by, and how far its
--- download is.
local entries = require "marketplace.dashboard.entries"
local h = require "marketplace.dashboard.html"
local search = require "marketplace.dashboard.search"
local shown = require "marketplace.dashboard.shown"
local text = require "marketplace.text"
local versions = require "marketplace.dashboard.versions"
local words = require "marketplace.packages.words"

local view = { path = "/version", title = "Package version", section = "/packages" }

local MOST_ASSETS = 500
local MOST_MESSAGE = 2000 -- bytes

--[[ What it is ]]

local function time(context, seconds)
  return shown.time_and_age(seconds, context.now)
end

local function code(value)
  return value and h.code { entries.short(value, 300) }
end

local function list_of(row, context, name)
  return row[name] and h.a { href = context.url("/packages", { [name == "package" and name or "app"] = row[name] }),
    code(row[name]) }
end

local function systems(row)
  local list = {}
  for platform, system in pairs(row.minimum_systems or {}) do
    list[#list + 1] = ("%s %s"):format(entries.short(tostring(platform), 40), entries.short(tostring(system), 40))
  end
  table.sort(list)
  return #list > 0 and table.concat(list, ", ") or nil
end

local function fields(context, row)
  return shown.fields {
    { "Id", code(row.id) }, { "Package", list_of(row, context, "package") },
    { "App", list_of(row, context, "app") }, { "App, by the manifest", list_of(row, context, "item_id") },
    { "Apple's id of the app's version", code(row.apple_version_id) }, { "Bundle id", code(row.bundle_id) },
    { "Version", versions.name(row) }, { "Revision", row.revision and shown.count(row.revision) },
    { "Needs at least", systems(row) }, { "Path below the web root", row.state == "published" and code(row.path) },
    { "Staged", time(context, row.staged_at) }, { "Published", time(context, row.published_at) },
    { "Current", time(context, row.current_since) }, { "Replaced", time(context, row.replaced_at) },
    { "Withdrawn", time(context, row.withdrawn_at) }, { "Here", versions.progress(row) },
  }
end

local function territories(row)
  if not row.item_id then return nil end
  local list = row.unavailable_in or row.available_in
  local codes = table.concat(list, " ")
  if row.unavailable_in then
    return #list == 0 and "Apple's events keep it from no territory." or
      { "Apple's events keep it from ", h.code { codes }, ". It is to be offered everywhere else." }
  end
  return #list == 0 and "Apple's events keep it from all territories." or
    { "Apple's events let it be distributed in ", h.code { codes }, " only." }
end

--[[ What is wrong, and what comes next ]]

local function why(row)
  local reasons = words.reasons(row)
  if #reasons == 0 then return nil end
  local items = {}
  for i, reason in ipairs(reasons) do items[i] = h.li { entries.short(reason, MOST_MESSAGE) } end
  return h.ul { class = "reasons", items }
end

local function job(context, row)
  local given = row.job
  if not given then return nil end
  return { h.h2 "To fetch", shown.fields {
    { "State", shown.badge(given.state == "wanted" and "warning" or "problem", given.state) },
    { "Wanted", time(context, given.since) }, { "Attempts", shown.count(given.attempts) },
    { "Next try", versions.next_try(context, row) }, { "Given up", time(context, given.ended_at) },
    { "Last error", given.message and { h.code { given.code }, h.pre { class = "reason",
      entries.short(given.message, MOST_MESSAGE) } } },
  } }
end

local function actions(context, row)
  local links = {}
  local function add(name, label)
    links[#links + 1] = h.a { class = "button", href = context.url("/change", { ["do"] = name, version = row.id }),
      label }
  end
  if row.job then add("fetch", "Fetch now…") end
  if row.hold then add("release", "Release…") else add("hold", "Hold…") end
  add("withdraw", "Withdraw…")
  add("restore", "Restore…")
  return h.div { class = "actions", role = "group", ["aria-label"] = "Actions", links }
end

--[[ Its files ]]

local PROOFS = {
  chunks = { "ok", "each chunk" }, checksum = { "ok", "checksum" }, size = { "warning", "size only" },
}

local function proof(asset)
  local known = PROOFS[asset.proof]
  return known and shown.badge(known[1], known[2]) or shown.badge("quiet", "not here")
end

local function assets(row)
  local list = row.asset_list
  if not list or #list == 0 then return nil end
  return { h.h2 "Assets",
    #list < row.assets and h.p { class = "hint", ("The first %d of %s."):format(#list, shown.count(row.assets)) },
    shown.table({
      { "Proved by", proof },
      { "Size", function(asset) return text.bytes(asset.size) end, class = "number" },
      { "Kind", function(asset) return entries.short(asset.kind, 40) end },
      { "Path", function(asset) return h.code { entries.short(asset.path, 200) } end },
      { "SHA-256", function(asset) return asset.sha256 and h.code { asset.sha256 } end },
      { "Why", words.why_unverified, class = "reason" },
    }, list, "Assets") }
end

--[[ The page ]]

function view.get(context)
  local id = context.query.id or ""
  if not context.packages then return nil, context.not_found "This dashboard has no folder of packages." end
  local found, message = { rows = {} }, nil
  if id ~= "" and search.is_text(id) then
    found, message = context.packages:overview { version = id, assets = MOST_ASSETS, limit = 1 }
  end
  if not found then return nil, context.failed(message) end
  local row = found.rows[1]
  if not row then
    return nil, context.not_found(("No package version has the id %s."):format(entries.short(id, 300)))
  end
  return {
    h.p { class = "outlook", versions.state(row) }, why(row), actions(context, row), fields(context, row),
    h.p { territories(row) }, job(context, row), assets(row),
  }, { title = row.version and "Package version " .. versions.name(row) or nil }
end

return view
