--- Warns of a certificate that has expired or soon will: when it begins to be used, and once a day.
local conditions = require "marketplace.alerts.conditions"
local core = require "marketplace.core"
local timestamp = require("marketplace.log").timestamp

local certificate = {}

local DAY = 86400 -- seconds
local SOON_DAYS = 14

local Watch = {}
Watch.__index = Watch

-- What the log is to say of a certificate that expires in so many seconds, or nil.
local function judge(seconds, expires_at)
  local at = timestamp(expires_at)
  if seconds <= 0 then
    return {
      level = "error", message = "the certificate has expired",
      reason = ("at %s: nobody who checks it connects; renew it, and send SIGHUP"):format(at),
    }
  elseif seconds < SOON_DAYS * DAY then
    return {
      level = "warning", message = "the certificate expires soon",
      reason = ("at %s, in %.1f days: renew it, and send SIGHUP"):format(at, seconds / DAY),
    }
  end
end

local function alert(self, at)
  return self.alerts == nil or self.alerts:observe {
    conditions.certificate_expiring(self.about, self.expires_at, at, "renew it, and send SIGHUP"),
  }
end

--- Warns if it is time to.
function Watch:turn()
  local now = self.monotonic()
  if now < self.next_at then return end
  local at = self.clock()
  if not alert(self, at) then return end
  self.next_at = now + DAY
  local entry = judge(self.expires_at - at, self.expires_at)
  if not entry then return end
  entry.at = at
  self.write(entry)
end

--- There is another certificate: the next turn may warn of it.
---@param expires_at number
function Watch:begin(expires_at)
  self.expires_at, self.next_at = expires_at, -math.huge
end

---@param expires_at number seconds since the epoch
---@param write fun(entry: table)
---@param settings? {clock?: (fun(): number), monotonic?: (fun(): number), alerts?: marketplace.Alerts, about?: string}
--- clock: seconds since the epoch; alerts: are told; about: whose certificate it is, for them
function certificate.watch(expires_at, write, settings)
  settings = settings or {}
  local self = setmetatable({
    write = write, clock = settings.clock or core.now, monotonic = settings.monotonic or core.monotonic,
    alerts = settings.alerts, about = settings.about,
  }, Watch)
  self:begin(expires_at)
  return self
end

return certificate
