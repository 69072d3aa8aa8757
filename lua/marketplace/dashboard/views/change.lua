--- What an operator decides about packages: asks what is meant, and says what became of it. The decisions are those of
--- `marketplace packages withdraw`, `restore`, `hold`, `release` and `fetch`.
local entries = require "marketplace.dashboard.entries"
local h = require "marketplace.dashboard.html"
local page = require "marketplace.dashboard.page"
local search = require "marketplace.dashboard.search"
local shown = require "marketplace.dashboard.shown"
local text = require "marketplace.text"
local versions = require "marketplace.dashboard.versions"
local words = require "marketplace.packages.words"

local view = { path = "/change", title = "Packages", section = "/packages" }

local SCOPES = { "version", "package", "app" }
local NAMES = { version = "This version", package = "All versions of its package", app = "All versions of its app" }
local MOST_COUNTED = 100

local DECISIONS = {
  withdraw = { verb = "Withdraw", class = "danger", has_territories = true,
    explains = "It is no longer served, until a later event of Apple's or a restore makes it available again. Of a " ..
      "territory, files know nothing: there, your catalogue and your answers to devices leave it out." },
  restore = { verb = "Restore", class = "primary", has_territories = true,
    explains = "What was withdrawn is served again, or fetched if it is no longer here. A hold stays." },
  hold = { verb = "Hold", class = "danger", has_reason = true,
    explains = "It is no longer served, whatever events of Apple's say, until you release it." },
  release = { verb = "Release", class = "primary",
    explains = "The hold ends. What Apple lets be distributed is served again, or fetched if it is no longer here." },
  fetch = { verb = "Fetch now", class = "primary",
    explains = "The next attempt is made at once, by `marketplace packages work`." },
}

--[[ What is asked for ]]

-- The ids that a decision can be about, by scope: those of a version that is known, and those of the address.
local function subjects_of(query, row)
  local ids = {}
  for _, scope in ipairs(SCOPES) do
    local given = text.trim(query[scope] or "")
    ids[scope] = given ~= "" and search.is_text(given) and given or nil
  end
  if not row then return ids end
  return { version = row.id or ids.version, package = row.package, app = row.app or row.item_id }
end

local function version_of(context)
  local id = text.trim(context.query.version or "")
  if id == "" or not search.is_text(id) then return nil end
  local found, message = context.packages:overview { version = id, limit = 1 }
  if not found then return nil, context.failed(message) end
  return found.rows[1]
end

local function asked_of(context)
  if not context.packages then return nil, context.not_found "This dashboard has no folder of packages." end
  local name = context.query["do"]
  local decision = DECISIONS[name]
  if not decision then return nil, context.invalid "There is no such decision." end
  local row, answer = version_of(context)
  if answer then return nil, answer end
  local ids = subjects_of(context.query, row)
  if name == "release" then ids = row and row.hold and { [row.hold.scope] = row.hold.id } or ids end
  if name == "fetch" then ids = { version = ids.version, package = not ids.version and ids.package or nil } end
  return { name = name, decision = decision, row = row, ids = ids }
end

local function query_of(context, asked)
  local query = context.query
  return { ["do"] = asked.name, version = query.version, package = query.package, app = query.app }
end

--[[ The question ]]

local function count_each(context, asked)
  local counts = {}
  for _, scope in ipairs(SCOPES) do
    if asked.ids[scope] then
      local found, message = context.packages:overview { [scope] = asked.ids[scope], limit = MOST_COUNTED }
      if not found then return nil, context.failed(message) end
      counts[scope] = { count = #found.rows, more = found.following ~= nil }
    end
  end
  return counts
end

local function here(counted)
  return (" %s here"):format(counted.count == 1 and "1 is known" or
    shown.count(counted.count, counted.more) .. " are known")
end

local function choices(asked, counts)
  local items, is_first = {}, true
  for _, scope in ipairs(SCOPES) do
    local id = asked.ids[scope]
    if id then
      items[#items + 1] = h.div { class = "choice",
        h.input { type = "radio", id = "scope-" .. scope, name = "scope", value = scope, checked = is_first or nil,
          required = true },
        h.label { ["for"] = "scope-" .. scope, NAMES[scope], ": ", h.code { entries.short(id, 200) },
          h.span { class = "hint", here(counts[scope]) } },
      }
      is_first = false
    end
  end
  return h.fieldset { h.legend "What", items }
end

local function free_choice()
  local options = {}
  for i, scope in ipairs { "app", "package", "version" } do options[i] = h.option { value = scope, scope } end
  return { page.field("What", h.select { id = "scope", name = "scope", options }, "scope"),
    page.field("Its id", h.input { id = "id", name = "id", required = true, autocomplete = "off",
      spellcheck = "false" }, "id") }
end

local function more_fields(asked)
  local decision = asked.decision
  return {
    decision.has_territories and page.field("Territories", h.input {
      id = "territories", name = "territories", autocomplete = "off", spellcheck = "false",
      ["aria-describedby"] = "territories-hint",
    }, "territories", "leave empty for all; else codes such as FRA DEU, for a package or an app only"),
    decision.has_reason and page.reason_field("held by an operator", "is kept with the hold, and shown"),
  }
end

local function back(context, asked)
  if asked.row and asked.row.id then return versions.address(context, asked.row) end
  return context.url "/packages"
end

function view.get(context)
  local asked, answer = asked_of(context)
  if not asked then return nil, answer end
  local counts
  counts, answer = count_each(context, asked)
  if not counts then return nil, answer end
  return {
    asked.row and h.p { class = "outlook", versions.state(asked.row) },
    h.p { asked.decision.explains },
    page.form(context, { action = context.url(view.path, query_of(context, asked)), class = "question",
      next(asked.ids) and choices(asked, counts) or free_choice(), more_fields(asked),
      h.p { class = "buttons", h.button { class = asked.decision.class, type = "submit", asked.decision.verb },
        h.a { href = back(context, asked), "Do nothing" } },
    }),
  }, { title = ("%s %s?"):format(asked.decision.verb, asked.row and versions.name(asked.row) or "what") }
end

--[[ Doing it ]]

local function territories_of(asked, scope, given)
  local list = {}
  for code in (asked.decision.has_territories and given or ""):gmatch "[^%s,;]+" do
    if not code:find "^%u%u%u$" then
      return nil, "A territory is three capital letters, such as FRA. Nothing was changed."
    end
    list[#list + 1] = code
  end
  if #list > 0 and scope == "version" then
    return nil, "A version alone is withdrawn everywhere: name its package or app for territories. Nothing was changed."
  end
  return #list > 0 and list or nil
end

local function subject(asked, form)
  local scope = form.scope
  if not NAMES[scope] then return nil, nil, "Choose what it is about. Nothing was changed." end
  local id = next(asked.ids) and asked.ids[scope] or text.trim(form.id or "")
  if not id or id == "" or not search.is_text(id) then return nil, nil, "Give an id. Nothing was changed." end
  return scope, id
end

local function decide(context, asked, scope, id)
  local form = context.form
  if asked.name == "fetch" then
    local outcome, message = context.packages:request { [scope] = id, now = true }
    return outcome and { "it is due at once" }, message
  end
  local territories, problem = territories_of(asked, scope, form.territories)
  if problem then return nil, problem end
  local outcome, message = context.packages[asked.name](context.packages, {
    [scope] = id, territories = territories, reason = asked.decision.has_reason and page.reason_of(form) or nil,
  })
  return outcome and words.outcome(outcome), message
end

function view.post(context)
  local asked, answer = asked_of(context)
  if not asked then return answer end
  local scope, id, problem = subject(asked, context.form)
  local lines
  if scope then lines, problem = decide(context, asked, scope, id) end
  local path, query = "/packages", nil
  if asked.row and asked.row.id then path, query = "/version", { id = asked.row.id } end
  if lines then return context.redirect(path, query, table.concat(lines, ". ") .. ".") end
  if asked.row or not scope then
    path, query = view.path, query_of(context, asked)
  end
  return context.redirect(path, query, problem, "problem")
end

return view
