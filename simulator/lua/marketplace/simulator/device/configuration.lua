--- Whom a device asks: `/.well-known/marketplace-kit` of the registered domain, as a device reads it.
local members = require "marketplace.simulator.device.members"
local problem = require "marketplace.simulator.device.problem"
local url = require "marketplace.simulator.device.url"
local web = require "marketplace.simulator.device.web"

local configuration = {}

local PATH = "/.well-known/marketplace-kit"
local LONGEST_INTERVAL = 720 -- hours: what is more was meant to be something else
local HOURS_OF_A_YEAR = 24 * 365

local LICENSE = {
  "dynamicLicenseURL", "licenseRenewalURL", "signingCertificateURL", "encryptionCertificateURL", "licenseResolutionURL",
}

local function address(object, at, name)
  local value = members.text(object, at, name)
  if not url.read(value) then
    problem.raise("invalidURL", "%s%s is %s: a device takes nothing but https:// URLs", at, name, problem.shown(value))
  end
  return value
end

local function interval(updates, at, warn)
  local hours = members.number(updates, at, "pollingInterval")
  if hours > LONGEST_INTERVAL then
    warn(("%spollingInterval is %.0f. It is in hours, so a device asks every %.1f years: write 24"):format(at, hours,
      hours / HOURS_OF_A_YEAR))
  elseif hours < 0 or hours % 1 ~= 0 then
    warn(("%spollingInterval is %s, and should be whole hours"):format(at, hours))
  end
  return hours
end

local function updates_of(document, at, warn)
  local updates = members.object(document, at, "updates")
  at = at .. "updates."
  return address(updates, at, "url"), interval(updates, at, warn)
end

local function license_of(document, at)
  if document.license == nil then return nil end
  local license, found = members.object(document, at, "license"), {}
  for _, name in ipairs(LICENSE) do
    if license[name] ~= nil then found[name] = address(license, at .. "license.", name) end
  end
  return found
end

local function override_of(document, at, warn)
  local found = { license = license_of(document, at) }
  if document.restore ~= nil then found.restore = address(document, at, "restore") end
  if document.updates ~= nil then found.updates = updates_of(document, at, warn) end
  return found
end

local function overrides_of(document, warn)
  local found = {}
  if document.overridesByAppleItemID == nil then return found end
  local all = members.object(document, "", "overridesByAppleItemID")
  for id in pairs(all) do
    local at = ("overridesByAppleItemID[%s]"):format(problem.shown(id))
    if type(id) ~= "string" or not id:find "^%d+$" then problem.raise("unknown", "%s: no id of an app", at) end
    found[id] = override_of(members.object(all, "overridesByAppleItemID.", id), at .. ".", warn)
  end
  return found
end

local function read(document, warn)
  local found = { restore = address(document, "", "restore"), license = license_of(document, "") }
  found.updates, found.polling_interval = updates_of(document, "", warn)
  found.overrides = overrides_of(document, warn)
  return found
end

---@class marketplace.simulator.Configuration
---@field restore string URL
---@field updates string URL
---@field polling_interval number hours
---@field license? table<string, string> URLs by Apple's names
---@field overrides table<string, table> by Apple's id of an app: those of the above that differ

local function get(phone)
  local place = phone.origin .. PATH
  local document = web.document(place, phone.internet:get(place, "unknown"))
  local found, reason, name = problem.caught(read, document, phone.warn)
  return found or problem.raise(name, "%s: %s", place, reason)
end

--- Whom to ask about an app. The file is fetched once in an operation. Raises a problem if a device can do nothing with
--- it.
---@param phone table
---@param app string
---@param name "restore"|"updates"|"license"
---@return any
function configuration.of_app(phone, app, name)
  phone.configuration = phone.configuration or get(phone)
  local found = phone.configuration
  local override = found.overrides[app]
  return override and override[name] or found[name]
end

return configuration
