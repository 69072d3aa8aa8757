--- What is seen from the outside, and what is wrong with it.
local h = require "marketplace.dashboard.html"
local outside_panel = require "marketplace.dashboard.panels.outside"
local page = require "marketplace.dashboard.page"
local shown = require "marketplace.dashboard.shown"

local check = { path = "/check", title = "From the outside", nav = "Check", needs = "outside" }

local ORDER = { error = 1, warning = 2, skipped = 3, ok = 4 }

local function by_level(findings)
  local list = {}
  for i, finding in ipairs(findings) do list[i] = { place = i, finding = finding } end
  table.sort(list, function(a, b)
    local first, second = ORDER[a.finding.level], ORDER[b.finding.level]
    if first ~= second then return first < second end
    return a.place < b.place
  end)
  for i, one in ipairs(list) do list[i] = one.finding end
  return list
end

local function details(found)
  return shown.table({
    { "Outcome", outside_panel.badge },
    { "Of", function(finding) return finding.about end },
    { "Found", function(finding) return finding.message end },
    { "To do", function(finding) return finding.action end },
  }, by_level(found.findings), "What was found")
end

local NONE = "Nothing is looked at from the outside: start the dashboard with a key of App Store Connect's API and " ..
  "--app, or with --webhook-url."

function check.get(context)
  if not context.outside then return nil, context.not_found(NONE) end
  local found, problem = context.outside:look()
  if problem then return nil, context.failed(problem) end
  return {
    outside_panel.show(context, found or nil),
    page.button(context, context.url "/check", "Look again", "primary"),
    found and details(found) or h.p { class = "quiet", "Somebody else is looking: reload this page in a while." },
  }
end

function check.post(context)
  if not context.outside then return context.not_found(NONE) end
  local _, problem = context.outside:look(true)
  if problem then return context.failed(problem) end
  return context.redirect "/check"
end

return check
