--- Lets an inbox forget what was done long ago, in small slices: first the bodies, later the ids.
---
--- A clock may jump, the inbox's or this process's, and must not take with it what was done yesterday. So this begins
--- with what was done first, and goes on by a day for each day of uptime, which the monotonic clock measures, and no
--- further than what this process's clock says is old enough. What has piled up before stays: `marketplace inbox prune`
--- is there for that.
local core = require "marketplace.core"
local ages = require "marketplace.inbox.retention"

local retention = {}

local SLICE = 200          -- of each kind, in one transaction
local IDLE_SECONDS = 60    -- between two looks if there is nothing more to forget
local SHARE = 1 / 20       -- of the time, at most, while there is more

---@class marketplace.dispatcher.Retention
local Retention = {}
Retention.__index = Retention

-- What was done before the frontier can be forgotten. `oldest` is when the first of them was done; nil for none.
local function advance(frontier, oldest, now, age, elapsed)
  local limit = now - age
  if frontier then return math.max(frontier, math.min(frontier + elapsed, limit)) end
  -- if that lies in the future, the clock is wrong and tells nothing about age
  return oldest and oldest <= now and math.min(oldest, limit) or nil
end

local function advance_both(self, now)
  local oldest = {}
  if not (self.bodies and self.ids) then
    local message
    oldest, message = self.inbox:oldest_done()
    if not oldest then return nil, message end
  end
  local at = core.monotonic()
  local elapsed = at - self.advanced_at
  self.advanced_at = at
  self.bodies = advance(self.bodies, oldest.body, now, self.keep, elapsed)
  self.ids = advance(self.ids, oldest.id, now, ages.ids, elapsed)
  return true
end

-- Whether there is more to forget; nil and why if that is not known.
local function forget_slice(self)
  local now = self.clock()
  local advanced, message = advance_both(self, now)
  if not advanced then return nil, message end
  if not self.ids then return false end
  local before = {
    bodies = math.min(self.bodies or self.ids, now - self.keep), ids = math.min(self.ids, now - ages.ids),
  }
  local forgotten, problem = self.inbox:forget(before, SLICE)
  if not forgotten then return nil, problem end
  self.report:forgot(forgotten)
  return forgotten.bodies >= SLICE or forgotten.ids >= SLICE
end

--- Forgets a slice if it is time for one. Never raises; what goes wrong is logged, and tried again later.
---@return number pause seconds until it is time for the next
function Retention:turn()
  local started = core.monotonic()
  if started < self.next_at then return self.next_at - started end
  local ok, has_more, message = pcall(forget_slice, self)
  local ended = core.monotonic()
  if not ok or has_more == nil then self.report:cannot_forget(message or has_more, self.clock()) end
  local pause = ok and has_more and (ended - started) / SHARE or IDLE_SECONDS
  self.next_at = ended + pause
  return pause
end

--- Nothing is forgotten in its first minute.
---@param given {inbox: marketplace.Inbox, keep: number, clock: (fun(): number), report: marketplace.dispatcher.Report}
--- keep: seconds for which bodies are kept
---@return marketplace.dispatcher.Retention
function retention.new(given)
  local now = core.monotonic()
  return setmetatable({
    inbox = given.inbox, keep = given.keep, clock = given.clock, report = given.report, advanced_at = now,
    next_at = now + IDLE_SECONDS, bodies = nil, ids = nil,
  }, Retention)
end

return retention
