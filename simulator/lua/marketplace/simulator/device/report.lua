--- What became of the apps that a device asked for, as it is told to whoever has it ask.
local problem = require "marketplace.simulator.device.problem"

local report = {}

local MOST_WARNINGS = 100
local NAMES = { "apple_version_id", "short_version", "build", "revision", "asset", "bytes", "proof" }

---@class marketplace.SimulatedDeviceApp
---@field app? string Apple's id of the app; nil if a link failed before it was known
---@field outcome "installed"|"updated"|"restored"|"renewed"|"current"|"unavailable"|"failed"|"removed"
---@field error? string the error that a device shows, by MarketplaceKitError's name
---@field reason? string
---@field code? number that the server gave with its failure, such as 404
---@field apple_version_id? string what the device has now, or was offered
---@field short_version? string
---@field build? string
---@field revision? integer
---@field asset? string the file that was downloaded, such as variant/….ipa
---@field bytes? integer of it
---@field proof? "chunks"|"size" what of the manifest it was compared with

---@class marketplace.SimulatedDeviceReport
---@field ok boolean false if an app failed, or was not available
---@field apps marketplace.SimulatedDeviceApp[]
---@field warnings string[] what works, but is not as it should be; at most 100
local Report = {}
Report.__index = Report

--- An empty one.
---@return marketplace.SimulatedDeviceReport
function report.new()
  return setmetatable({ ok = true, apps = {}, warnings = {}, warned = {} }, Report)
end

--- Adds what became of an app.
---@param app marketplace.SimulatedDeviceApp
function Report:add(app)
  self.apps[#self.apps + 1] = app
  if app.outcome == "failed" or app.outcome == "unavailable" then self.ok = false end
end

--- Adds an app with what is known of it.
---@param id string
---@param outcome string
---@param known table
function Report:describe(id, outcome, known)
  local app = { app = id, outcome = outcome }
  for _, name in ipairs(NAMES) do app[name] = known[name] end
  self:add(app)
end

--- Adds an app that failed.
---@param id string|nil
---@param apple_version_id string|nil that was offered
---@param name string of MarketplaceKitError
---@param reason string
function Report:fail(id, apple_version_id, name, reason)
  self:add { app = id, apple_version_id = apple_version_id, outcome = "failed", error = name, reason = reason }
end

--- Adds an app that the server failed to provide.
---@param failure {app: string, apple_version_id: string|nil, code: number, description: string|nil}
function Report:refuse(failure)
  local said = failure.description and ": " .. problem.shown(failure.description) or ""
  local app = { app = failure.app, apple_version_id = failure.apple_version_id, code = failure.code }
  if failure.code == 404 then
    app.outcome, app.reason = "unavailable", "App Not Available" .. said
  else
    app.outcome, app.error, app.reason = "failed", "unknown", ("code %s%s"):format(failure.code, said)
  end
  self:add(app)
end

--- Adds a warning, once. An answer can have thousands of things wrong with it.
---@param message string
function Report:warn(message)
  local warnings = self.warnings
  if #warnings >= MOST_WARNINGS then
    warnings[MOST_WARNINGS] = "there are more warnings"
  elseif not self.warned[message] then
    self.warned[message], warnings[#warnings + 1] = true, message
  end
end

return report
