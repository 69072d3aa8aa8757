--- One notification of each documented kind, with values of our own: to try a receiver without Apple.
---
--- Shapes: Apple, "Marketplace webhooks" (generation 1) and "Webhook notifications" (generation 2), App Store
--- Connect API.
local core = require "marketplace.core"
local log = require "marketplace.log"

local samples = {}

local GENERATION_1 = [[{"data":{"type":"%s","version":1,"id":"%s","timestamp":"%s",]] ..
  [["attributes":{%s,"eventTimestamp":"%s"}}}]]
local GENERATION_2 = [[{"data":{"type":"%s","id":"%s","version":1,"attributes":{%s"timestamp":"%s"}%s}}]]

local APP = [["marketplaceAppId":"6740012345","appId":"6740067890"]]
local MARKETPLACE = [["marketplaceApp":{"data":{"type":"apps","id":"6740012345"}}]]
local TERRITORIES = '"territories":["FRA","DEU","ITA"]'

local function instance(type_name, id)
  return ([["instance":{"data":{"type":"%s","id":"%s"}}]]):format(type_name, id)
end

local function available(is_available)
  return ([["appId":"6740067890","available":%s,%s,]]):format(tostring(is_available), TERRITORIES)
end

local PACKAGE = "5c2e8f4b-0d8e-4f5e-9a41-3c1f2b7d9e60"
local PACKAGE_VERSION = "b7d0a6c2-7f43-4d0b-8a35-91e6f4c8d217"

local function generation_1(type_name, attributes)
  return {
    generation = 1, type = type_name,
    write = function(id, at) return GENERATION_1:format(type_name, id, at, attributes, at) end,
  }
end

local function generation_2(type_name, attributes, relationships)
  local all = relationships and ([[,"relationships":{%s}]]):format(relationships) or ""
  return {
    generation = 2, type = type_name,
    write = function(id, at) return GENERATION_2:format(type_name, id, attributes, at, all) end,
  }
end

local function package_updated(is_available)
  return generation_2("alternativeDistributionPackageAvailableUpdated", available(is_available),
    instance("alternativeDistributionPackages", PACKAGE) .. "," .. MARKETPLACE)
end

local function territory_updated(is_available)
  return generation_2("alternativeDistributionTerritoryAvailabilityUpdated", available(is_available), MARKETPLACE)
end

local SAMPLES = {}

local function add(event, meaning, sample)
  sample.event, sample.meaning = event, meaning
  SAMPLES[#SAMPLES + 1] = sample
end

add("version_available", "a version of an app is ready", generation_1("AlternativeDistributionPackageVersionAvailable",
  APP .. (',"alternativeDistributionPackageId":"%s","alternativeDistributionPackageVersionId":"%s",' ..
    '"alternativeDistributionPackageVersionNum":"4"'):format(PACKAGE, PACKAGE_VERSION)))
add("versions_unavailable", "versions of an app must go", generation_1("AppVersionsUnavailable",
  APP .. (',"alternativeDistributionPackageIds":["%s"]'):format(PACKAGE)))
add("app_unavailable", "an app must go", generation_1("AppUnavailable", APP))
add("version_available", "a version of an app is ready", generation_2("alternativeDistributionPackageVersionCreated",
  [["appId":"6740067890",]], instance("alternativeDistributionPackageVersions", PACKAGE_VERSION) .. "," .. MARKETPLACE))
add("versions_unavailable", "a package must go", package_updated(false))
add("versions_restored", "a package may come back", package_updated(true))
add("app_unavailable", "an app must go in some territories", territory_updated(false))
add("app_restored", "an app may come back in some territories", territory_updated(true))
add("ping", "App Store Connect tries the webhook", generation_2("webhookPingCreated", ""))

--- What there is, in a fixed order.
---@return {event: string, generation: integer, type: string, meaning: string}[]
function samples.list()
  local list = {}
  for i, sample in ipairs(SAMPLES) do
    list[i] = { event = sample.event, generation = sample.generation, type = sample.type, meaning = sample.meaning }
  end
  return list
end

local function random_id()
  local hex = core.random_hex(16)
  return ("%s-%s-4%s-a%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16), hex:sub(18, 20), hex:sub(21))
end

--- The body of a sample.
---@param name string an event's name or one of Apple's type names
---@param settings? {generation?: integer, id?: string, time?: number} generation: 1 or 2, default 1 where the sample
--- exists in both; id: letters, digits and "-", default a random one, so that the receiver takes it for a new
--- notification; time of the event in seconds since the epoch, default now
---@return string|nil body nil where there is no such sample
function samples.body(name, settings)
  settings = settings or {}
  for _, sample in ipairs(SAMPLES) do
    local named = sample.event == name or sample.type == name
    if named and (settings.generation or sample.generation) == sample.generation then
      return sample.write(settings.id or random_id(), log.timestamp(settings.time or core.now()))
    end
  end
end

return samples
