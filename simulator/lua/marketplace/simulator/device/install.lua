--- Installs: by a link, by a page that has one, or as the marketplace's own app has the system do it.
local answers = require "marketplace.simulator.device.answers"
local configuration = require "marketplace.simulator.device.configuration"
local fetch = require "marketplace.simulator.device.fetch"
local link = require "marketplace.simulator.device.link"
local problem = require "marketplace.simulator.device.problem"
local url = require "marketplace.simulator.device.url"

local install = {}

--[[ Links ]]

local function link_of_page(phone, page)
  local parts = url.read(page)
  if not parts then problem.raise("invalidURL", "%s is no https:// URL", problem.shown(page)) end
  if not url.is_within(parts.host, phone.host) then
    problem.raise("invalidURL", "the page is at %s, which is not within the registered domain, %s", parts.host,
      phone.host)
  end
  return link.in_page(phone.internet:get(page, "networkError").body), parts.host
end

local function offer_of_link(phone, text, page_host)
  local offer = link.read(text, phone.warn)
  offer.page_host = page_host
  if offer.access_token then
    phone.warn "the link has a token that a device exchanges for an access token (OAuth), which this one does not do"
  end
  return offer
end

--[[ The marketplace's own app ]]

local function failure_in(document, given)
  local failure = type(document.failure) == "table" and document.failure or {}
  return {
    app = given.app, apple_version_id = given.version, code = 404,
    description = type(failure.description) == "string" and failure.description or nil,
  }
end

-- An offer, or nil and the server's failure.
local function offer_of_server(phone, given)
  local place = given.install_url or configuration.of_app(phone, given.app, "restore"):match "^.*/" .. "install"
  local document, status = phone.internet:ask(place, {
    appleItemId = given.app, appleVersionId = given.version, platform = phone.platform, osVersion = phone.system,
    redownload = given.redownload,
  }, 404)
  if status == 404 then return nil, failure_in(document, given) end
  local offer, reason, name = problem.caught(answers.offer, document, "")
  return offer or problem.raise(name, "%s: %s", place, reason)
end

--[[ All of them ]]

local function check_new(phone, manifest)
  local has = phone.state:get(manifest.item_id)
  if has then
    problem.raise("mismatchedInstallType", "app %s is on the device, in version %s: an update is no install",
      manifest.item_id, has.apple_version_id)
  end
end

local function offer_of(phone, given)
  if given.app then return offer_of_server(phone, given) end
  if given.link then return offer_of_link(phone, given.link) end
  return offer_of_link(phone, link_of_page(phone, given.page))
end

--- Installs an app. Raises a problem if there is nobody to ask, or the link cannot be used.
---@param phone table
---@param given marketplace.SimulatedDeviceInstallOptions
function install.run(phone, given)
  local offer, failure = offer_of(phone, given)
  if not offer then return phone.report:refuse(failure) end
  fetch.take(phone, offer, "installed", function(manifest) return check_new(phone, manifest) end)
end

return install
