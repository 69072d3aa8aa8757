--- What App Store Connect and the receiver's address look like from the outside, in a line.
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"

local outside = {}

local WORDS = { error = "wrong", warning = "warning", skipped = "not looked at", ok = "ok" }
local KINDS = { error = "problem", warning = "warning", skipped = "quiet", ok = "ok" }
local ORDER = { "error", "warning", "ok" } -- what was not looked at was not to be, mostly

--- A finding's level.
---@param finding marketplace.CheckFinding
---@return any node
function outside.badge(finding)
  return shown.badge(KINDS[finding.level], WORDS[finding.level])
end

local function counts(found)
  local list = {}
  for _, level in ipairs(ORDER) do
    local count = found.counts[level]
    if count > 0 then
      list[#list + 1] = { shown.badge(KINDS[level], ("%d %s"):format(count, WORDS[level])), " " }
    end
  end
  return list
end

local function worst(found)
  for _, level in ipairs { "error", "warning" } do
    for _, finding in ipairs(found.findings) do
      if finding.level == level then return h.p { class = "bad", finding.about, ": ", finding.message } end
    end
  end
end

--- The panel. What is not known is loaded by the script, as it takes seconds.
---@param context marketplace.dashboard.Context
---@param found table|nil of marketplace.dashboard.outside
---@return any node
function outside.show(context, found)
  local is_elsewhere = context.path ~= "/check" or context.query.from ~= nil
  local from = not found and context.url("/check", { from = "overview" }) or nil
  return h.section { id = "outside", ["aria-labelledby"] = "outside-title", ["data-from"] = from,
    h.h2 { id = "outside-title", "Webhooks, receiver and certificate" },
    h.p { class = "row",
      found and { counts(found), h.span { class = "quiet", "looked at ", shown.ago(found.at, context.now) } } or
        h.span { class = "quiet", "Not looked at in the last five minutes." },
      is_elsewhere and h.a { href = context.url "/check", found and "Details" or "Look now" },
    },
    found and worst(found),
  }
end

return outside
