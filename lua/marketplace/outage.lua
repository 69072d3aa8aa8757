--- What a log says of an inbox that does not answer: that it began, why, once a minute that it lasts, and that it is
--- over. A line for each notification would fill the disk that the inbox may be waiting for.
local core = require "marketplace.core"

local outage = {}

local Outage = {}
Outage.__index = Outage

local REMINDER_SECONDS = 60
local QUIET_SECONDS = 1 -- without a failure, until it is over

--- Something failed.
---@param entry table for the log, which gets few of them; see marketplace.log
function Outage:failed(entry)
  local now = core.monotonic()
  self.began_at, self.count, self.failed_at = self.began_at or now, self.count + 1, now
  if now < self.reminds_at then return end
  self.reminds_at = now + REMINDER_SECONDS
  self.log.write(entry)
end

local function clear(self)
  self.began_at, self.count, self.failed_at, self.reminds_at = nil, 0, 0, -math.huge
end

--- Something worked.
---@param at number seconds since the epoch, for the log
function Outage:worked(at)
  if not self.began_at or core.monotonic() - self.failed_at < QUIET_SECONDS then return end
  self.log.write {
    level = "warning", message = self.over, at = at,
    reason = ("%d failed within %.1f s"):format(self.count, self.failed_at - self.began_at),
  }
  clear(self)
end

--- No outage so far.
---@param log {write: fun(entry: table)}
---@param over string the message that tells that one is over
function outage.new(log, over)
  local self = setmetatable({ log = log, over = over }, Outage)
  clear(self)
  return self
end

return outage
