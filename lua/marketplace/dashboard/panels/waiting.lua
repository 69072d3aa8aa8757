--- What waits, what came and what has died, in figures.
local h = require "marketplace.dashboard.html"
local shown = require "marketplace.dashboard.shown"

local waiting = {}

local OLD = 900 -- seconds after which something has waited too long
local HOUR, DAY = 3600, 86400
local MOST = 5000 -- that are counted, of the newest

-- They are in the order in which they came: behind one that is too old there is none.
local function received(context, seconds)
  local filter = { received_since = context.now - seconds, newest = true, examine = MOST + 1 }
  local count, message = context.inbox:count(filter, MOST)
  if not count then return nil, message end
  return { count = count, more = count == MOST }
end

--- Reads what it shows.
---@param context marketplace.dashboard.Context
---@return {hour: {count: integer, more: boolean}, day: {count: integer, more: boolean}}|nil
---@return string? message
function waiting.read(context)
  local hour, message = received(context, HOUR)
  if not hour then return nil, message end
  local day = hour
  if not hour.more then day, message = received(context, DAY) end
  if not day then return nil, message end
  return { hour = hour, day = day }
end

local function inbox_of(context, state)
  return { address = context.url("/inbox", { state = state }) }
end

--- The panel.
---@param context marketplace.dashboard.Context
---@param backlog marketplace.InboxBacklog
---@param read table
---@return any node
function waiting.show(context, backlog, read)
  local age, unhandled = backlog.oldest_age, backlog.codes.no_callback
  return h.dl { class = "figures",
    shown.figure("Waiting", shown.count(backlog.ready), inbox_of(context, "ready")),
    shown.figure("Running", shown.count(backlog.leased), inbox_of(context, "leased")),
    shown.figure("Oldest has waited", age and shown.duration(age) or "–", {
      kind = age and age > OLD and "problem" or nil,
    }),
    shown.figure("Received in an hour", shown.count(read.hour.count, read.hour.more)),
    shown.figure("Received in a day", shown.count(read.day.count, read.day.more)),
    shown.figure("Dead", shown.count(backlog.dead), {
      kind = backlog.dead > 0 and "problem" or nil, address = context.url "/dead",
    }),
    shown.figure("Without a callback", shown.count(unhandled), {
      kind = unhandled > 0 and "problem" or nil, address = context.url("/dead", { code = "no_callback" }),
    }),
  }
end

return waiting
