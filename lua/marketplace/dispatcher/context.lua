--- What a callback gets beside its notification: which attempt it is, and what it can ask for.
local superseded = require "marketplace.dispatcher.superseded"

local context = {}

local MOST_SECONDS = 366 * 86400

---@class marketplace.Context
---@field attempt integer from 1
---@field id string names the notification, as `marketplace inbox show` takes it
---@field traceparent? string W3C Trace Context's header of the request that brought it
local Context = {}
Context.__index = Context

-- The private part of each context: its batch, and what the callbacks asked for. Weak, as nginx can end a callback
-- without returning to its caller.
local private = setmetatable({}, { __mode = "k" })

local function private_of(ctx, method)
  local own = private[ctx]
  if own then return own end
  error(("ctx:%s: the callbacks of this notification have ended"):format(method), 3)
end

--- Runs this notification again after so many seconds; the attempt does not count.
---@param seconds number from 0 to a year
function Context:snooze(seconds)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= MOST_SECONDS) then
    error("ctx:snooze: seconds must be a number from 0 to a year", 2)
  end
  local own = private_of(self, "snooze")
  own.snoozed = math.max(own.snoozed or 0, seconds)
end

--- Gives this notification up: it becomes dead with this reason, and can be seen and replayed.
---@param reason string
function Context:cancel(reason)
  if type(reason) ~= "string" then error("ctx:cancel: the reason must be a string", 2) end
  private_of(self, "cancel").cancelled = reason
end

--- Extends the lease, and gives back what was claimed together with this notification, so that other workers can run
--- it. A callback that may take seconds calls this now and then. Raises if the inbox cannot be reached.
---@return boolean held false: the lease was lost, and another worker may run this notification too
function Context:heartbeat()
  local own = private_of(self, "heartbeat")
  local held, message = own.batch:heartbeat()
  if held == nil then error(message, 0) end
  return held
end

--- Whether a later event, by Apple's time, already says the opposite about the same app or the same packages: then this
--- one is late, and must not undo what is newer. Raises if the inbox cannot be reached.
---@return table|nil later {id=, event=, time=} of the latest such event
function Context:superseded()
  local own = private_of(self, "superseded")
  return superseded.find(own.batch.inbox, own.notification)
end

--- Makes a context for the callbacks of a claimed notification.
---@param item table as the inbox's claim returned it
---@param n marketplace.Notification
---@param batch marketplace.dispatcher.Batch
---@return marketplace.Context
function context.open(item, n, batch)
  local ctx = setmetatable({ attempt = item.attempt, id = item.id, traceparent = item.traceparent }, Context)
  private[ctx] = { notification = n, batch = batch, item = item }
  return ctx
end

--- The item that a context was opened with: callbacks may have changed what else they were given.
---@param ctx marketplace.Context
---@param method string the function that asks, for the message
---@return table
function context.item(ctx, method)
  return private_of(ctx, method).item
end

--- Ends a context: its methods raise from now on.
---@param ctx marketplace.Context
---@return {snoozed?: number, cancelled?: string} asked what the callbacks asked for
function context.close(ctx)
  local own = private[ctx]
  private[ctx] = nil
  return own
end

return context
