--- Alerts of `packages work`: looks at the jobs now and then.
local command_alerts = require "marketplace.cli.support.alerts"
local conditions = require "marketplace.alerts.conditions"
local core = require "marketplace.core"
local stopping = require "marketplace.stopping"

local packages_alerts = {}

local LOOK_SECONDS = 30
local CLOSE_SECONDS = 3

local Watch = {}
Watch.__index = Watch

-- A store that cannot be read is in the log already.
local function look(self)
  local jobs = self.packages:jobs()
  if jobs then self.alerts:observe(conditions.of_jobs(jobs)) end
end

--- Looks if it is time to, and goes on with telling.
---@return number pause seconds until that goes on
function Watch:turn()
  local now = core.monotonic()
  if now >= self.look_at then
    self.look_at = now + LOOK_SECONDS
    look(self)
  end
  return self.alerts:turn()
end

--- Ends: waits for what is being told.
function Watch:close()
  self.alerts:close(math.min(CLOSE_SECONDS, stopping.left()))
end

--- Looks at the jobs of these packages; nil if nobody is to be told.
---@param options table parsed arguments, resolved
---@param packages marketplace.Packages
---@param log table see marketplace.log
---@return table|nil watch
function packages_alerts.watch(options, packages, log)
  local open = command_alerts.open(options, log)
  return open and setmetatable({ alerts = open, packages = packages, look_at = -math.huge }, Watch)
end

return packages_alerts
