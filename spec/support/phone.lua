--- A simulated device, and the marketplace that it asks in this process, for specs.
local assert = require "luassert"
local devices = require "marketplace.simulator.device"
local market = require "support.market"
local packages = require "support.packages"

local phone = {}

phone.URL = "https://market.example"
phone.APP = packages.ITEM

--- What became of the only app in a report, and the warnings.
function phone.one(report, message, code)
  assert(report, tostring(code) .. ": " .. tostring(message))
  assert.equal(1, #report.apps)
  local app = report.apps[1]
  assert.equal(report.ok, app.outcome ~= "failed" and app.outcome ~= "unavailable")
  return app, report.warnings
end

local Fixture = {}
Fixture.__index = Fixture

--- A device.
---@param more? table options
function Fixture:open(more)
  local given = { domain = "market.example", transport = self.market:transport() }
  for name, value in pairs(more or {}) do given[name] = value end
  return assert(devices.open(given))
end

--- What a new device reports of an install, by default as the marketplace's app has it done.
---@param given? table
---@param more? table options of the device
function Fixture:install(given, more)
  return self:open(more):install(given or { app = phone.APP })
end

--- A device that has the app's first version.
---@param more? table options
function Fixture:installed(more)
  local device = self:open(more)
  assert.equal("installed", phone.one(device:install { app = phone.APP }).outcome)
  self.market.requests = {}
  return device
end

--- The requests so far: "GET /path".
---@return string[]
function Fixture:paths()
  local list = {}
  for i, request in ipairs(self.market.requests) do list[i] = request.method .. " " .. request.path end
  return list
end

--- Changes one thing, and expects what comes of it: of an install, or of what `does` says on a device that has the app.
---@param case table {change=, options=, does=, given=, and reason= with error=, of the app, or code=, of all}
function Fixture:expect(case)
  local device = case.does and self:installed(case.options) or self:open(case.options)
  case.change(self.market)
  local report, message, code = device[case.does or "install"](device, case.given or not case.does and
    { app = phone.APP } or nil)
  if case.code then
    assert.same({ nil, case.code }, { report, code })
    return assert.matches(case.reason, message)
  end
  local app = phone.one(report, message, code)
  assert.same({ "failed", case.error }, { app.outcome, app.error }, app.reason)
  assert.matches(case.reason, app.reason)
end

--- The path of a variant, and that of a delta, by the number of its public id.
function phone.variant(number) return ("variant/%s.ipa"):format(packages.uuid(number)) end
function phone.delta(number) return ("delta/%s.ipa"):format(packages.uuid(number)) end

--- A marketplace without faults.
function phone.new()
  return setmetatable({ market = market.new(phone.URL) }, Fixture)
end

return phone
