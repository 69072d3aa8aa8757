--- What waits, what came and what has died, in figures.
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"

local waiting = {}

local OLD = 900 -- seconds after which something has waited too long
local HOUR, DAY = 3600, 86400
local MOST = 10000 -- that are counted

local function received(context, seconds)
  local count, more = context.inbox:count({ received_since = context.now - seconds }, MOST)
  if not count then return nil, more end
  return shown.count(count, more)
end

--- Reads what it shows.
---@param context marketplace.dashboard.Context
---@return table|nil figures
---@return string? message
function waiting.read(context)
  local hour, message = received(context, HOUR)
  if not hour then return nil, message end
  local day
  day, message = received(context, DAY)
  if not day then return nil, message end
  return { hour = hour, day = day }
end

local function inbox_of(context, state)
  return { address = context.url("/inbox", { state = state }) }
end

--- The panel.
---@param context marketplace.dashboard.Context
---@param backlog marketplace.InboxBacklog
---@param read {hour: string, day: string}
---@return any node
function waiting.show(context, backlog, read)
  local age, unhandled = backlog.oldest_age, backlog.codes.no_callback
  return h.dl { class = "figures",
    shown.figure("Waiting", shown.count(backlog.ready), inbox_of(context, "ready")),
    shown.figure("Running", shown.count(backlog.leased), inbox_of(context, "leased")),
    shown.figure("Oldest has waited", age and shown.duration(age) or "–", {
      kind = age and age > OLD and "problem" or nil,
    }),
    shown.figure("Received in an hour", read.hour),
    shown.figure("Received in a day", read.day),
    shown.figure("Dead", shown.count(backlog.dead), {
      kind = backlog.dead > 0 and "problem" or nil, address = context.url "/dead",
    }),
    shown.figure("Without a callback", shown.count(unhandled), {
      kind = unhandled > 0 and "problem" or nil, address = context.url("/dead", { code = "no_callback" }),
    }),
  }
end

return waiting
