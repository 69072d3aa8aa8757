--- An app on its way to the device: the manifest, the signature, and the file for this device.
local assets = require "marketplace.simulator.device.asset"
local choice = require "marketplace.simulator.device.choice"
local json = require "marketplace.json"
local licence = require "marketplace.simulator.device.licence"
local manifest_of = require("marketplace.packages.manifest").parse
local problem = require "marketplace.simulator.device.problem"
local token = require "marketplace.simulator.device.token"
local url = require "marketplace.simulator.device.url"

local fetch = {}

local MOST_MANIFEST, MOST_SIGNATURE = 16 * 2 ^ 20, 2 ^ 20 -- bytes

local function invalid_url(form, ...)
  problem.raise("invalidAlternativeDistributionPackageURL", form, ...)
end

-- Where the package's files are. Its host must be within the domain that is registered with Apple, and that of a page
-- with an install link must be the page's.
local function base_of(offer, phone)
  local parts = url.read(offer.package)
  if not parts or parts.query then
    invalid_url("alternativeDistributionPackage is %s: a device takes an https:// URL of a folder, without a query",
      problem.shown(offer.package))
  end
  if not url.is_within(parts.host, phone.host) then
    invalid_url("the package is at %s, which is not within the registered domain, %s", parts.host, phone.host)
  end
  if offer.page_host and parts.host ~= offer.page_host then
    invalid_url("the package is at %s, and the page with the link at %s: both must be the same", parts.host,
      offer.page_host)
  end
  return offer.package:gsub("/+$", "") .. "/"
end

local function check_share_url(offer, phone)
  if offer.share_url and not url.read(offer.share_url) then
    phone.warn(("appShareURL is %s, which is no https:// URL"):format(problem.shown(offer.share_url)))
  end
end

local function check_ids(manifest, offer)
  if offer.app and offer.app ~= manifest.item_id then
    problem.raise("invalidManifest", "the manifest is of app %s, and was offered as app %s", manifest.item_id,
      offer.app)
  end
  if offer.apple_version_id and offer.apple_version_id ~= manifest.apple_version_id then
    problem.raise("invalidManifest", "the manifest is of version %s, and was offered as version %s",
      manifest.apple_version_id, offer.apple_version_id)
  end
end

local function read_manifest(phone, base, offer)
  local bytes = phone.internet:get(base .. "manifest.json", "invalidManifest", MOST_MANIFEST).body
  local manifest, message = manifest_of(bytes)
  if not manifest then problem.raise("invalidManifest", "%smanifest.json: %s", base, message) end
  check_ids(manifest, offer)
  return manifest, json.decode(bytes)
end

local function check_signature(phone, base)
  local name = "invalidAlternativeDistributionPackageSignature"
  if phone.internet:get(base .. "signature", name, MOST_SIGNATURE).body == "" then
    problem.raise(name, "%ssignature is empty", base)
  end
end

-- A licence is for one file.
local function fetch_asset(phone, base, manifest, asset)
  local id = licence.obtain(phone, manifest, asset)
  return { asset = asset, licence = id, proof = assets.download(phone.internet, base, asset) }
end

-- Devices that cannot apply a delta take the whole variant.
local function fetch_best(phone, base, manifest, variant, delta)
  local taken, reason, name
  if delta then
    taken, reason, name = problem.caught(fetch_asset, phone, base, manifest, delta)
    if taken then return taken end
    phone.warn(("%s: %s; the device takes the whole variant instead"):format(name, reason))
  end
  return fetch_asset(phone, base, manifest, variant)
end

local function record_of(manifest, variant, taken, base, nonce)
  return {
    app = manifest.item_id, apple_version_id = manifest.apple_version_id, short_version = manifest.version,
    build = manifest.build, revision = manifest.revision, bundle_id = manifest.bundle_id, package = base,
    variant = variant.public_id, nonce = nonce, licence = taken.licence, asset = taken.asset.path,
    bytes = taken.asset.size, proof = taken.proof,
  }
end

local function bring(phone, offer, check)
  token.check_presence(offer.token)
  local base = base_of(offer, phone)
  check_share_url(offer, phone)
  local manifest, document = read_manifest(phone, base, offer)
  check_signature(phone, base)
  choice.check_device(manifest, phone)
  local installed = check(manifest)
  local variant = choice.variant(document, manifest, phone)
  local delta = installed and choice.delta(document, manifest, variant, installed, phone)
  local nonce = token.check(offer.token, manifest.bundle_id, phone)
  return record_of(manifest, variant, fetch_best(phone, base, manifest, variant, delta), base, nonce)
end

--- Brings an app to the device, and reports what became of it. What has come is kept at once, so that a run that is
--- killed loses nothing of it.
---@param phone table
---@param offer marketplace.simulator.Offer with page_host=, that of the page with the link, if there is one
---@param outcome string if it comes
---@param check fun(manifest: marketplace.packages.Manifest): table|nil is called before anything is downloaded; gives
--- what the device has of the app, from which a delta can lead to the new version
function fetch.take(phone, offer, outcome, check)
  local app, reason, name = problem.caught(bring, phone, offer, check)
  if not app then return phone.report:fail(offer.app, offer.apple_version_id, name, reason) end
  phone.state:put(app)
  phone.report:describe(app.app, outcome, app)
end

return fetch
