--- How views show entries of an inbox: in lists, and what each waits for.
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"
local text = require "marketplace.text"

local entries = {}

-- Bytes in a list: a UUID and Apple's numbers are shown whole.
local MOST_ID, MOST_APP, MOST_TYPE, MOST_REASON, BEGINNING, MOST_TITLE = 36, 20, 40, 200, 8, 300

--- Something from outside, short enough for a list.
---@param value string
---@param most integer bytes
---@return string
function entries.short(value, most)
  return #value > most and text.cut(value, most) .. "…" or value
end

--- The address of an entry's page.
---@param context marketplace.dashboard.Context
---@param id string
---@return string
function entries.address(context, id)
  return context.url("/notification", { id = id })
end

--- Its id, which leads to its page.
---@param context marketplace.dashboard.Context
---@param id string
---@param most? integer bytes of it that are shown, default 36
---@return any node
function entries.link(context, id, most)
  most = most or MOST_ID
  return h.a { href = entries.address(context, id), title = #id > most and text.cut(id, MOST_TITLE) or nil,
    h.code { entries.short(id, most) } }
end

--- What it is about: the event, and Apple's type of what is no event of ours.
---@param entry table
---@return any node
function entries.event(entry)
  if not entry.event then return "not readable" end
  if entry.event ~= "other" or not entry.type then return entry.event end
  return { "other: ", h.code { entries.short(entry.type, MOST_TYPE) } }
end

--- An app's id, which leads to all of its notifications.
---@param context marketplace.dashboard.Context
---@param app_id string|nil
---@param most? integer bytes of it that are shown, default 20
---@return any node nil without one
function entries.app(context, app_id, most)
  if not app_id then return nil end
  return h.a { href = context.url("/inbox", { app = app_id }), h.code { entries.short(app_id, most or MOST_APP) } }
end

--- When something happens to it, or happened last.
---@param context marketplace.dashboard.Context
---@param entry table
---@return any node
function entries.next(context, entry)
  local now = context.now
  if entry.behind then return { "behind ", entries.link(context, entry.behind, BEGINNING) } end
  if entry.state == "ready" then return entry.at > now and shown.ago(entry.at, now) or "now" end
  if entry.state == "leased" then
    return entry.at > now and { "lease ends ", shown.ago(entry.at, now) } or "its lease has ended"
  end
  return { entry.state == "done" and "done " or "dead ", shown.ago(entry.at, now) }
end

--- A table of them.
---@param context marketplace.dashboard.Context
---@param list table[]
---@param caption string
---@return any node
function entries.table(context, list, caption)
  return shown.table({
    { "State", shown.state, class = "short" },
    { "Next", function(entry) return entries.next(context, entry) end, class = "short" },
    { "Received", function(entry) return shown.ago(entry.received_at, context.now) end },
    { "Event", entries.event, class = "short" },
    { "App", function(entry) return entries.app(context, entry.app_id) end, class = "app" },
    { "Tries", function(entry) return shown.count(entry.attempt) end, class = "number" },
    { "Id", function(entry) return entries.link(context, entry.id) end, class = "id" },
    { "Reason", function(entry)
      return entry.reason and entries.short(entry.reason:match "^[^\n]*", MOST_REASON)
    end, class = "reason" },
  }, list, caption)
end

return entries
