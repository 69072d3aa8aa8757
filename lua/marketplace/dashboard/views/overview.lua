--- What an operator looks at first: whether anything waits too long, what has died and why, and what came last.
local codes = require "marketplace.inbox.codes"
local entries = require "marketplace.dashboard.entries"
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"

local overview = { path = "/", title = "Overview", nav = "Overview" }

local SECONDS = 10 -- between two looks
local NEWEST = 8
local OLD = 900 -- seconds after which something waits too long

local function age_kind(age)
  return age and age > OLD and "problem" or nil
end

local function figures(context, backlog)
  local unhandled = backlog.codes.no_callback
  return h.dl { class = "figures",
    shown.figure("Waiting", shown.count(backlog.ready), { address = context.url("/inbox", { state = "ready" }) }),
    shown.figure("Running", shown.count(backlog.leased), { address = context.url("/inbox", { state = "leased" }) }),
    shown.figure("Oldest waits for", backlog.oldest_age and shown.duration(backlog.oldest_age) or "–", {
      kind = age_kind(backlog.oldest_age),
    }),
    shown.figure("Dead", shown.count(backlog.dead), {
      kind = backlog.dead > 0 and "problem" or nil, address = context.url "/dead",
    }),
    shown.figure("Without a callback", shown.count(unhandled), {
      kind = unhandled > 0 and "problem" or nil, address = context.url("/dead", { code = "no_callback" }),
    }),
  }
end

local MEANINGS = {
  failed = "its callback failed too often", cancelled = "a callback or an operator gave it up",
  invalid = "it could not be read", too_old = "it is older than what the inbox remembers, so it may have run before",
  no_callback = "no callback takes it",
}

local function dead(context, backlog)
  local rows = {}
  for _, code in ipairs(codes.ALL) do
    local count = backlog.codes[code]
    if count > 0 then rows[#rows + 1] = { code = code, count = count } end
  end
  return h.section { ["aria-labelledby"] = "dead",
    h.h2 { id = "dead", "Dead, by code" },
    #rows == 0 and shown.nothing "Nothing is dead." or shown.table({
      { "Code", function(row) return h.a { href = context.url("/dead", { code = row.code }), row.code } end },
      { "Notifications", function(row) return shown.count(row.count) end, class = "number" },
      { "Meaning", function(row) return MEANINGS[row.code] end },
    }, rows, "Dead notifications by code"),
  }
end

local function newest(context, list)
  return h.section { ["aria-labelledby"] = "newest",
    h.h2 { id = "newest", "Received last" },
    #list == 0 and shown.nothing "Nothing has been received yet." or
      entries.table(context, list, "The notifications that were received last"),
  }
end

function overview.get(context)
  local backlog, message = context.inbox:backlog()
  if not backlog then return nil, context.failed(message) end
  local list
  list, message = context.inbox:list { newest = true, limit = NEWEST }
  if not list then return nil, context.failed(message) end
  return h.div { id = "overview", class = "stack", ["data-live"] = SECONDS,
    figures(context, backlog), dead(context, backlog), newest(context, list),
  }, { refresh = 30 }
end

return overview
