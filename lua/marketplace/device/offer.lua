--- A version as a device takes it: where its package lies, and a token for this one answer.
local address = require "marketplace.device.address"
local share_url = require "marketplace.device.share_url"
local text = require "marketplace.text"

local offer = {}

--- An offer.
---@param device marketplace.device.Answerer
---@param version table as of packages:served
---@param dtype "download"|"redownload"
---@return table|nil offer
---@return string? message
---@return string? code crypto_failed
function offer.of(device, version, dtype)
  local token, message, code = device.issue({ bundle_id = version.bundle_id, dtype = dtype }, device.clock())
  if not token then return nil, message, code end
  return {
    appleItemId = version.item_id, appleVersionId = version.apple_version_id,
    alternativeDistributionPackage = address.of_package(device.packages_url, version),
    installVerificationToken = token, appShareURL = device.share_url and share_url.of(device.share_url, version),
  }
end

--- Adds what a person is shown of a version.
---@param made table an offer
---@param version table
---@return table made
function offer.with_names(made, version)
  made.shortVersionString, made.bundleVersion = text.utf8(version.version), text.utf8(version.build)
  return made
end

local DESCRIPTIONS = {
  unavailable = "the app is not available", unfit = "the version does not run on this platform or system",
}

--- Why there is none.
---@param outcome "unavailable"|"unfit"
---@return {code: integer, description: string}
function offer.failure(outcome)
  return { code = 404, description = DESCRIPTIONS[outcome] }
end

return offer
