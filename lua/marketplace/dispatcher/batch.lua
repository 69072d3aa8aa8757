--- A batch: what one claim gave, until the inbox knows what became of it.
---
--- A lease counts from before it was asked for, by the monotonic clock: however late the inbox answers, no callback
--- begins once another worker may have the notification. A batch that has taken its time is settled: what has run is
--- finished, what has not begun is given back, so that nothing waits for a slow callback.
local core = require "marketplace.core"
local forwards = require "marketplace.dispatcher.forwards"
local outcome = require "marketplace.dispatcher.outcome"
local run = require "marketplace.dispatcher.run"

local batch = {}

local BATCH_SECONDS = 0.05 -- that a batch may take before it is settled
local LARGEST_BATCH = 64   -- claimed at a time, with one commit

---@class marketplace.dispatcher.Batch
---@field inbox marketplace.Inbox
---@field items table[] what the inbox does not know the outcome of yet; their `lease_ends_at` is by core.monotonic
---@field place integer of the item that runs or is the next to run
---@field claimed integer how many the claim gave
---@field ran integer how many of them were run
---@field now number by core.monotonic, when the last of them had run
local Batch = {}
Batch.__index = Batch

--- Claims as many as should fit into the time of a batch, judging by the one before.
---@param dispatcher marketplace.Dispatcher
---@param limit number
---@return marketplace.dispatcher.Batch|nil
---@return string? message
---@return string? code inbox_unavailable
function batch.claim(dispatcher, limit)
  local lease_ends_at = core.monotonic() + dispatcher.lease
  local items, message, code = dispatcher.inbox:claim(math.min(dispatcher.batch, limit), dispatcher.lease)
  local now = core.monotonic()
  dispatcher.active_at = now
  if not items then return nil, message, code end
  for i = 1, #items do items[i].lease_ends_at = lease_ends_at end
  return setmetatable({
    dispatcher = dispatcher, inbox = dispatcher.inbox, items = items, place = 1, claimed = #items, ran = 0,
    claimed_at = now, now = now,
  }, Batch)
end

--[[ Telling the inbox ]]

-- Of one that the inbox refused. Had it taken the outcome before, without an answer, it would refuse it, too; once the
-- lease has ended, that cannot be told from another worker's claim.
local function report_refused(dispatcher, item)
  if item.state == "unbegun" then return end
  local is_late = core.monotonic() >= item.lease_ends_at
  if item.was_unanswered and not is_late then return end
  dispatcher.report:lost(item, dispatcher.clock(), item.was_unanswered)
end

-- If the inbox does not answer, it can be told again: if it did take the outcomes, their tokens are no longer valid,
-- and whoever has claimed the notifications since has others.
local function tell(dispatcher, items)
  local held, message, code = dispatcher.inbox:finish(items)
  dispatcher.active_at = core.monotonic()
  for i = 1, #items do
    if not held then
      items[i].was_unanswered = true
    elseif not held[i] then
      report_refused(dispatcher, items[i])
    end
  end
  if not held then return nil, message, code end
  return true
end

--- Tells the inbox what became of items, and once more with the next turn if it does not answer.
---@param dispatcher marketplace.Dispatcher
---@param items table[]
---@return true|nil
---@return string? message
---@return string? code inbox_unavailable
function batch.finish(dispatcher, items)
  if #items == 0 then return true end
  local finished, message, code = tell(dispatcher, items)
  if finished then return true end
  table.insert(dispatcher.unfinished, items)
  return nil, message, code
end

--- Tells the inbox again what it did not answer when a batch ended. It takes that as long as nobody has recovered the
--- leases.
---@param dispatcher marketplace.Dispatcher
---@return true|nil
---@return string? message
---@return string? code inbox_unavailable
function batch.finish_former(dispatcher)
  local former = dispatcher.unfinished
  while #former > 0 do
    -- out of the list before the inbox is asked: in nginx others go on meanwhile
    local left = table.remove(former, 1)
    local finished, message, code = tell(dispatcher, left)
    if not finished then
      table.insert(former, 1, left)
      return nil, message, code
    end
  end
  return true
end

local function give_back_from(self, first)
  for i = first, #self.items do outcome.give_back(self.items[i]) end
end

-- All but the one that runs. If the inbox does not answer, it is told again together with that one.
local function settle(self)
  give_back_from(self, self.place + 1)
  local others = self.items
  local running = table.remove(others, self.place)
  self.items, self.place = { running }, 1
  if #others == 0 or tell(self.dispatcher, others) then return end
  others[#others + 1] = running
  self.items, self.place = others, #others
end

local function is_slow(self, now)
  return now >= self.claimed_at + BATCH_SECONDS
end

--- Extends the lease of the one that runs.
---@return boolean|nil held
---@return string? message
---@return string? code inbox_unavailable
function Batch:heartbeat()
  local dispatcher, item = self.dispatcher, self.items[self.place]
  local lease_ends_at = core.monotonic() + dispatcher.lease
  local held, message, code = self.inbox:extend({ item }, dispatcher.lease)
  dispatcher.active_at = core.monotonic()
  if not held then return nil, message, code end
  if held[1] then item.lease_ends_at = lease_ends_at end
  if is_slow(self, dispatcher.active_at) then settle(self) end
  -- an answer that came too late says nothing about now
  return held[1] and core.monotonic() < item.lease_ends_at
end

--[[ Running ]]

-- If what this dispatch has put back comes again, it ends: otherwise a callback that snoozes for 0 seconds would run
-- for ever.
local function is_over(self, deadline, returned)
  if returned[self.items[self.place].id] then return true end
  return self.ran > 0 and (self.dispatcher.stop_asked() or is_slow(self, self.now) or self.now >= deadline)
end

-- One that is on its way to another system is the batch's no longer.
local function begin_forward(self, item)
  if self.dispatcher.forwards:begin(item) then
    table.remove(self.items, self.place)
  else
    self.place = self.place + 1
  end
  self.now = core.monotonic()
end

local function run_callbacks(self, item, started)
  local dispatcher = self.dispatcher
  local handled = run.one(dispatcher, self, item)
  self.now = core.monotonic()
  dispatcher.report:ran(item, handled, self.now - started, dispatcher.clock)
  self.place = self.place + 1
end

-- Returns whether the next may follow.
local function run_next(self, returned)
  local dispatcher, item, started = self.dispatcher, self.items[self.place], core.monotonic()
  dispatcher.active_at = started
  if started >= item.lease_ends_at then
    dispatcher.report:not_begun(#self.items - self.place + 1, dispatcher.clock())
    return false
  end
  local run_it = forwards.is_one(item) and begin_forward or run_callbacks
  run_it(self, item, started)
  if item.state == "ready" then returned[item.id] = true end
  self.ran = self.ran + 1
  return true
end

local function fit_next(self)
  local fitting = BATCH_SECONDS * self.ran / (core.monotonic() - self.claimed_at)
  self.dispatcher.batch = math.floor(math.max(1, math.min(LARGEST_BATCH, fitting)))
end

--- Runs one after another, for as long as the batch may take, and tells the inbox what became of all.
---@param deadline number by core.monotonic, after which no further one is begun
---@param returned table<string, true> ids of what this dispatch has put back for later; added to
---@return true|nil
---@return string? message
---@return string? code inbox_unavailable
function Batch:run(deadline, returned)
  local dispatcher = self.dispatcher
  while self.place <= #self.items and not is_over(self, deadline, returned) and run_next(self, returned) do end
  give_back_from(self, self.place)
  local finished, message, code = batch.finish(dispatcher, self.items)
  if not finished then return nil, message, code end
  if self.ran > 0 then fit_next(self) end
  return true
end

return batch
