--- What a callback is given beside its notification: which attempt it is, and what it can ask for. It is the table
--- that the inbox's claim gave, with methods: another one for each run would be a good part of what that costs.
local notification = require "marketplace.notification"
local superseded = require "marketplace.dispatcher.superseded"

local context = {}

local MOST_SECONDS = 366 * 86400

---@class marketplace.Context
---@field attempt integer from 1
---@field key string names the notification: its id or, where it has none, the SHA-256 of its body
local Context = {}
Context.__index = Context

--- Run this notification again in so many seconds; the attempt does not count.
---@param seconds number from 0 to a year
function Context:snooze(seconds)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= MOST_SECONDS) then
    error("ctx:snooze: seconds must be a number from 0 to a year", 2)
  end
  self.snoozed = math.max(self.snoozed or 0, seconds)
end

--- Give this notification up: it becomes dead with this reason, visible and replayable.
---@param reason string
function Context:cancel(reason)
  if type(reason) ~= "string" then error("ctx:cancel: a reason is expected, a string", 2) end
  self.cancelled = reason
end

--- Lengthens the lease: for a callback that may take longer than a lease (60 seconds unless the dispatcher was told
--- otherwise), every now and then while it works. Raises where the inbox cannot be reached.
---@return boolean held false: the lease has passed to another worker, which runs this notification too
function Context:heartbeat()
  local held = assert(self.run.inbox:extend({ self }, self.run.clock(), self.run.lease))
  return held[1]
end

local function scope_of(entry)
  if entry.scope then return entry.scope end
  local n = entry.body and notification.parse(entry.body)
  return n and superseded.scope(n)
end

--- Whether a later event, by the time that Apple gives, has already told the opposite of this one for the same app or
--- the same packages: then this one came late, and must not undo what is newer. Raises where the inbox cannot be
--- reached.
---@return table|nil later {key=, event=, time=} of the latest such event
function Context:superseded()
  local n = self.notification
  if not (n.app_id and n.time and superseded.concerns(n.event)) then return nil end
  local found
  for _, entry in ipairs(assert(self.run.inbox:later(n.app_id, n.time))) do
    local scope = superseded.concerns(entry.event) and scope_of(entry)
    if scope and superseded.by(n, entry.event, scope) and (not found or entry.time > found.time) then
      found = { key = entry.key, event = entry.event, time = entry.time }
    end
  end
  return found
end

--- Makes a context of a claimed notification.
---@param claimed table as the inbox's claim gave it
---@param n marketplace.Notification
---@param run {inbox: table, lease: number, clock: fun(): number}
---@return marketplace.Context
function context.of(claimed, n, run)
  claimed.notification, claimed.run = n, run
  return setmetatable(claimed, Context)
end

return context
