--- Runs the callbacks of one claimed notification.
local call = require "marketplace.dispatcher.call"
local callbacks = require "marketplace.dispatcher.callbacks"
local context = require "marketplace.dispatcher.context"
local notification = require "marketplace.notification"
local outcome = require "marketplace.dispatcher.outcome"
local superseded = require "marketplace.dispatcher.superseded"

local run = {}

-- One whose last attempt ended as a failure would be dead: so that attempt ended without a result.
local function give_up(item, attempts)
  outcome.dead(item, "failed", ("attempt %d of %d ended its process, or took longer than its lease: mend the " ..
    "callbacks, then replay the notification"):format(attempts, attempts))
end

local function without_callback(item, event)
  if not callbacks.must_be_taken(event) then return outcome.done(item) end
  outcome.dead(item, "no_callback", ("no callback takes %s: add one, then replay the notification"):format(event))
end

local function run_one(dispatcher, batch, item)
  local retry = dispatcher.retry
  if item.attempt > retry.attempts then
    give_up(item, retry.attempts)
    return true
  end
  local n, problem = notification.parse(item.body)
  if not n then
    outcome.dead(item, "invalid", problem)
    return true
  end
  -- before the callbacks, which may change the notification
  item.scope = superseded.scope(n)
  local list = dispatcher.callbacks:of(n)
  if #list == 0 then
    without_callback(item, n.event)
    return false
  end
  local ctx = context.open(item, n, batch)
  local failure = call.all(list, n, ctx)
  outcome.after_callbacks(retry, item, failure, context.close(ctx))
  return true
end

--- Runs the callbacks, and writes what becomes of the notification into its item. A bug of this project costs one
--- notification an attempt, not the whole batch.
---@param dispatcher marketplace.Dispatcher
---@param batch marketplace.dispatcher.Batch
---@param item table as the inbox's claim returned it
---@return boolean handled false: there is no callback
function run.one(dispatcher, batch, item)
  local ok, handled = pcall(run_one, dispatcher, batch, item)
  if ok then return handled end
  outcome.failed(dispatcher.retry, item, call.reason(handled))
  return true
end

return run
