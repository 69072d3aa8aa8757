--- How many are dead, and why.
local codes = require "marketplace.inbox.codes"
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"

local dead = {}

local MEANINGS = {
  failed = "its callback failed too often", cancelled = "a callback or an operator gave it up",
  invalid = "it could not be read", too_old = "it is older than what the inbox remembers, so it may have run before",
  no_callback = "no callback takes it",
}

--- The panel.
---@param context marketplace.dashboard.Context
---@param backlog marketplace.InboxBacklog
---@return any node
function dead.show(context, backlog)
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

return dead
