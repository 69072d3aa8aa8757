--- One install, for a page or the operator's own app: an offer, and the link that has the system take it.
local links = require "marketplace.device.links"
local offer = require "marketplace.device.offer"

local install = {}

local CODES = { unavailable = "not_found", unfit = "unfit" }

local function link_of(made, given)
  return links.install {
    alternativeDistributionPackage = made.alternativeDistributionPackage,
    installVerificationToken = made.installVerificationToken, token = given.token, account = given.account,
    appShareURL = made.appShareURL,
  }
end

--- See Device:install.
---@param device marketplace.device.Answerer
---@param given marketplace.DeviceInstallOptions
---@return table|nil answer
---@return string? message
---@return string? code not_found, unfit, store_unavailable, crypto_failed
function install.answer(device, given)
  local served, message, code = device.packages:served {
    apps = { { item_id = given.app, apple_version_id = given.version or "0" } }, newer = not given.version,
    platform = given.platform, system = given.system, territory = given.territory,
  }
  if not served then return nil, message, code end
  local outcome, version = served[1].outcome, served[1].version
  if outcome == "current" then outcome = "unfit" end -- nothing is older than any version
  if not version then return nil, offer.failure(outcome).description, CODES[outcome] end
  local made
  made, message, code = offer.of(device, version, given.redownload and "redownload" or "download")
  if not made then return nil, message, code end
  made.link = link_of(made, given)
  return offer.with_names(made, version)
end

return install
