--- Licences: a device asks for one before it downloads an app, and from time to time for new ones in place of those
--- that it has. It seals what it asks for the encryption certificate's key.
---
--- What Apple's devices seal, and what licences are made of, Apple alone knows. So this device seals a text of its own,
--- which only the simulator's sidecar can read.
local base64 = require "marketplace.base64"
local configuration = require "marketplace.simulator.device.configuration"
local core = require "marketplace.core"
local json = require "marketplace.json"
local licences = require "marketplace.simulator.licences"
local members = require "marketplace.simulator.device.members"
local problem = require "marketplace.simulator.device.problem"

local licence = {}

local MOST_CERTIFICATE = 65536 -- bytes

local function invalid(form, ...)
  problem.raise("invalidLicense", form, ...)
end

--[[ Certificates ]]

local function get_certificate(phone, urls, name)
  local address = urls[name] or invalid("the license of the well-known file has no %s", name)
  return phone.internet:get(address, "invalidLicense", MOST_CERTIFICATE).body, address
end

local function check_signing_certificate(phone, urls)
  local bytes, address = get_certificate(phone, urls, "signingCertificateURL")
  local ok, message = core.check_certificate(bytes)
  if not ok then invalid("%s: %s", address, message) end
end

local function key_of(phone, urls)
  local bytes, address = get_certificate(phone, urls, "encryptionCertificateURL")
  local key, message = core.envelope_certificate(bytes)
  return key or invalid("%s: %s", address, message)
end

-- The text and the key to it, sealed. Certificates are fetched once in an operation.
local function sealed(phone, urls, text)
  local key = phone.licence_keys[urls.encryptionCertificateURL or ""]
  if not key then
    check_signing_certificate(phone, urls)
    key = key_of(phone, urls)
    phone.licence_keys[urls.encryptionCertificateURL] = key
  end
  local wrapped, bytes = key:seal(text)
  if not wrapped then invalid("the request cannot be sealed: %s", bytes) end
  return base64.encode(wrapped), base64.encode(bytes)
end

--[[ Answers ]]

local function has(document, name, wanted, address)
  local list = document[name]
  if list == nil then return false end
  if not json.is_list(list) then invalid("%s: %s is %s, not a list", address, name, problem.shown(list)) end
  for _, one in ipairs(list) do
    if one == wanted then return true end
  end
  return false
end

local function add_licence(found, one)
  if type(one) == "table" and type(one.app) == "string" and type(one.id) == "string" then found[one.app] = one.id end
end

-- The ids of the licences in an answer, by app. What somebody else made is not looked into.
local function licences_in(document, address)
  local license, found = members.optional_text(document, address .. ": ", "license"), {}
  if license == nil then return found, false end
  if license == "" or not base64.decode(license) then invalid("%s: license is not base64", address) end
  local read = licences.read(license)
  for _, one in ipairs(read and type(read.licences) == "table" and read.licences or {}) do add_licence(found, one) end
  return found, read == nil
end

--[[ One app ]]

--- Asks for a licence for a file of an app. Raises a problem if there is none to be had. Without addresses to ask, it
--- warns that a device would end here.
---@param phone table
---@param manifest marketplace.packages.Manifest
---@param asset marketplace.packages.Asset
---@return string|nil id of the licence, if it is known
function licence.obtain(phone, manifest, asset)
  if phone.skips_licences then return nil end
  local app, urls = manifest.item_id, configuration.of_app(phone, manifest.item_id, "license")
  local address = urls and urls.dynamicLicenseURL
  if not address then
    phone.warn "no dynamicLicenseURL is named: without a licence, a device would end with invalidLicense"
    return nil
  end
  local key, request = sealed(phone, urls, licences.request { device_id = phone.id, apps = { app } })
  local document = phone.internet:ask(address, {
    licenseRequest = request, licenseKey = key,
    appsById = { [app] = { appleVersionId = manifest.apple_version_id, assetPublicId = asset.public_id } },
  })
  if has(document, "unlicensedApps", app, address) then invalid("%s gives no licence for app %s", address, app) end
  local found, is_foreign = licences_in(document, address)
  if not found[app] and not is_foreign then invalid("%s: there is no licence for app %s in it", address, app) end
  return found[app]
end

--[[ Renewal ]]

local function renew_at(phone, urls, apps)
  local address = urls and urls.licenseRenewalURL or invalid "the well-known file has no licenseRenewalURL"
  local ids = {}
  for i, app in ipairs(apps) do ids[i] = app.licence end
  local key, request = sealed(phone, urls, licences.request { device_id = phone.id, licence_ids = ids })
  local document = phone.internet:ask(address, { renewalRequest = request, licenseKey = key })
  local found = licences_in(document, address)
  for _, app in ipairs(apps) do
    if has(document, "ineligibleLicenses", app.licence, address) then
      phone.report:fail(app.app, app.apple_version_id, "invalidLicense", "the licence is not renewed")
    elseif found[app.app] then
      phone.report:describe(app.app, "renewed", app)
    else
      phone.report:fail(app.app, app.apple_version_id, "invalidLicense", "the answer says nothing of its licence")
    end
  end
end

--- Asks for licences in place of those that the device has. Raises a problem if nobody can be asked.
---@param phone table
---@param ids string[]|nil of the apps, otherwise all
function licence.renew(phone, ids)
  local groups, by_url = {}, {}
  for _, id in ipairs(phone.state:ids(ids)) do
    local app, urls = phone.state:get(id), configuration.of_app(phone, id, "license")
    local address = urls and urls.licenseRenewalURL or ""
    if not app.licence then
      phone.report:fail(id, app.apple_version_id, "invalidLicense", "the device has no licence for it")
    elseif not by_url[address] then
      by_url[address] = { urls = urls, apps = { app } }
      groups[#groups + 1] = by_url[address]
    else
      table.insert(by_url[address].apps, app)
    end
  end
  for _, group in ipairs(groups) do renew_at(phone, group.urls, group.apps) end
end

return licence
