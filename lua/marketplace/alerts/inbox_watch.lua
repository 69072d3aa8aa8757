--- Looks at an inbox now and then, and has alerts told: what a dispatcher has, and nginx.
local conditions = require "marketplace.alerts.conditions"
local core = require "marketplace.core"
local stopping = require "marketplace.stopping"

local inbox_watch = {}

local LOOK_SECONDS, FAILED_SECONDS = 15, 5 -- between two looks; after one that failed
local LONGEST_PAUSE, SHARE = 60, 50 -- a look that took long is followed by a pause of so many times that
local CLOSE_SECONDS = 3
local LONGEST_LOOK = 60 -- seconds: one that has not returned was ended, as ngx.exit does

local Watch = {}
Watch.__index = Watch

-- Both: a full disk can be read.
local function ask(inbox)
  local stores, message = inbox:probe()
  if not stores then return nil, message end
  return inbox:backlog()
end

--- Looks at an inbox once.
---@param inbox marketplace.Inbox
---@param age? number seconds that a notification may wait, default a quarter of an hour
---@return marketplace.alerts.Observation[] list
---@return boolean is_up
function inbox_watch.look(inbox, age)
  local ok, backlog, message = pcall(ask, inbox)
  local problem = not ok and backlog or not backlog and (message or "no answer") or nil
  local list = problem and {} or conditions.of_backlog(backlog, age or conditions.AGE)
  list[#list + 1] = conditions.inbox_unavailable(problem and tostring(problem))
  return list, problem == nil
end

local function look_if_due(self)
  local began = self.monotonic()
  if began < self.look_at or began < self.looking_until then return end
  self.looking_until = began + LONGEST_LOOK
  local list, is_up = inbox_watch.look(self.inbox, self.age)
  self.alerts:observe(list)
  local now = self.monotonic()
  self.looking_until = -math.huge
  self.look_at = now + math.max(is_up and LOOK_SECONDS or FAILED_SECONDS,
    math.min(LONGEST_PAUSE, SHARE * (now - began)))
end

local function turn(self)
  look_if_due(self)
  return self.alerts:turn()
end

--- Looks if it is time to, and goes on with telling. Never raises: callbacks must go on.
---@return number pause seconds until telling goes on, math.huge if nothing is being told
function Watch:turn()
  local ok, pause = pcall(turn, self)
  if ok then return pause end
  self.look_at = self.monotonic() + LOOK_SECONDS
  self.alerts.log.write {
    level = "error", message = "alert not told", at = self.alerts.clock(), reason = tostring(pause),
  }
  return math.huge
end

--- Ends: waits for what is being told.
function Watch:close()
  self.alerts:close(math.min(CLOSE_SECONDS, stopping.left()))
end

---@param given {alerts: marketplace.Alerts, inbox: marketplace.Inbox, age?: number, monotonic?: fun(): number}
function inbox_watch.new(given)
  return setmetatable({
    alerts = given.alerts, inbox = given.inbox, age = given.age,
    monotonic = given.monotonic or core.monotonic, look_at = -math.huge, looking_until = -math.huge,
  }, Watch)
end

return inbox_watch
