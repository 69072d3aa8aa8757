--- The file that tells devices whom to ask: `GET https://<the registered domain>/.well-known/marketplace-kit`.
local address = require "marketplace.device.address"
local json = require "marketplace.json"
local licensing = require "marketplace.device.licensing"

local well_known = {}

well_known.PATH = "/.well-known/marketplace-kit"

local USUAL_INTERVAL, LONGEST_INTERVAL = 24, 720 -- hours

local LICENSE = {
  dynamicLicenseURL = true, licenseRenewalURL = true, licenseResolutionURL = true, signingCertificateURL = true,
  encryptionCertificateURL = true,
}
local OVERRIDE = { restore = true, updates = true, license = true }
local UPDATES = { url = true, pollingInterval = true }

local function wrong(name, problem)
  error(("option '%s' %s"):format(name, problem), 0)
end

local function check_members(name, object, known)
  if type(object) ~= "table" then wrong(name, "must be a table, not a " .. type(object)) end
  for member in pairs(object) do
    if not known[member] then wrong(name, ("has a member that Apple has not: '%s'"):format(tostring(member))) end
  end
  if next(object) == nil then wrong(name, "is empty") end
end

local function check_url(name, url)
  if not address.is_usable(url) then wrong(name, "must be an https:// URL") end
end

local function check_interval(name, hours)
  if type(hours) == "number" and hours > LONGEST_INTERVAL then
    wrong(name, ("is %.0f, which can only be seconds: it is in hours, and at most %d"):format(hours, LONGEST_INTERVAL))
  end
  if not (type(hours) == "number" and hours >= 1 and hours % 1 == 0) then
    wrong(name, ("must be whole hours, from 1 to %d"):format(LONGEST_INTERVAL))
  end
end

local function check_license(name, license)
  check_members(name, license, LICENSE)
  for member, url in pairs(license) do check_url(("%s.%s"):format(name, member), url) end
end

local function check_updates(name, updates)
  check_members(name, updates, UPDATES)
  check_url(name .. ".url", updates.url)
  check_interval(name .. ".pollingInterval", updates.pollingInterval)
end

local function check_override(name, override)
  check_members(name, override, OVERRIDE)
  if override.restore ~= nil then check_url(name .. ".restore", override.restore) end
  if override.updates ~= nil then check_updates(name .. ".updates", override.updates) end
  if override.license ~= nil then check_license(name .. ".license", override.license) end
end

local function check_overrides(overrides)
  for item, override in pairs(overrides) do
    if type(item) ~= "string" or not item:find "^%d+$" then
      wrong("overrides", "must be named by Apple's ids of apps, in strings")
    end
    check_override(("overrides[%s]"):format(item), override)
  end
end

--- The file. Raises what is wrong with the options, without a place.
---@param given marketplace.DeviceOptions
---@return string bytes
function well_known.document(given)
  local hours, base = given.polling_interval or USUAL_INTERVAL, address.base(given.base_url)
  check_interval("polling_interval", hours)
  if given.license then check_license("license", given.license) end
  check_overrides(given.overrides or {})
  local license = given.license
  if given.licensing then license = licensing.addresses(given.licensing, license, base) end
  return json.encode {
    restore = base .. "/restore", updates = { url = base .. "/updates", pollingInterval = hours }, license = license,
    overridesByAppleItemID = given.overrides and next(given.overrides) and given.overrides or nil,
  }
end

return well_known
