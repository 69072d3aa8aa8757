--- How long a certificate is still good.
local conditions = require "marketplace.alerts.conditions"
local timestamp = require("marketplace.log").timestamp

local certificate = {}

local DAY = 86400 -- seconds

local function in_days(seconds)
  return ((seconds < 10 * DAY and "%.1f days" or "%.0f days"):format(seconds / DAY))
end

--- Judges one that was accepted.
---@param run table
---@param host string
---@param shown {expires_at: number, names: string[]}|nil
function certificate.judge(run, host, shown)
  if not shown then
    return run.findings:add("skipped", "tls", host, "the certificate is trusted, and its end is not known")
  end
  local left = shown.expires_at - run.now()
  local message = ("the certificate is trusted and for this host; it expires at %s, in %s"):format(
    timestamp(shown.expires_at), in_days(left))
  local facts = { expires_at = shown.expires_at }
  if left >= conditions.EXPIRES_SOON then return run.findings:add("ok", "tls", host, message, nil, facts) end
  run.findings:add(left < conditions.EXPIRES_URGENTLY and "error" or "warning", "tls", host, message,
    "renew it now, have the server load the new one, and find out why that did not happen by itself", facts)
end

return certificate
