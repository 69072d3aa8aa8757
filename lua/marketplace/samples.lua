--- One notification of each documented kind, with made-up values: to try a receiver without Apple.
---
--- Shapes: Apple, "Marketplace webhooks" (generation 1) and "Webhook notifications" (generation 2), App Store
--- Connect API.
local core = require "marketplace.core"
local log = require "marketplace.log"
local uuid = require "marketplace.uuid"

local samples = {}

local GENERATION_1 = [[{"data":{"type":"%s","version":1,"id":"%s","timestamp":"%s",]] ..
  [["attributes":{%s,"eventTimestamp":"%s"}}}]]
local GENERATION_2 = [[{"data":{"type":"%s","id":"%s","version":1,"attributes":{%s"timestamp":"%s"}%s}}]]

local VALUES = {
  app_id = "6740067890", marketplace_app_id = "6740012345", package_id = "5c2e8f4b-0d8e-4f5e-9a41-3c1f2b7d9e60",
  package_version_id = "b7d0a6c2-7f43-4d0b-8a35-91e6f4c8d217", package_version = "4",
  territories = { "FRA", "DEU", "ITA" },
}

--[[ Parts. Each takes the values, which are words that need no escaping. ]]

local function apps(values)
  return ([["marketplaceAppId":"%s","appId":"%s"]]):format(values.marketplace_app_id, values.app_id)
end

local function with_package_version(values)
  return apps(values) .. ([[,"alternativeDistributionPackageId":"%s",]] ..
    [["alternativeDistributionPackageVersionId":"%s","alternativeDistributionPackageVersionNum":"%s"]])
    :format(values.package_id, values.package_version_id, values.package_version)
end

local function with_packages(values)
  return apps(values) .. (',"alternativeDistributionPackageIds":["%s"]'):format(values.package_id)
end

local function app(values)
  return ([["appId":"%s",]]):format(values.app_id)
end

local function json_list(words)
  return #words > 0 and '["' .. table.concat(words, '","') .. '"]' or "[]"
end

local function availability(is_available)
  return function(values)
    return ([["appId":"%s","available":%s,"territories":%s,]]):format(values.app_id, tostring(is_available),
      json_list(values.territories))
  end
end

local function nothing()
  return ""
end

local function marketplace_app(values)
  return ([["marketplaceApp":{"data":{"type":"apps","id":"%s"}}]]):format(values.marketplace_app_id)
end

local function instance(type_name, name)
  return function(values)
    return ([["instance":{"data":{"type":"%s","id":"%s"}},]]):format(type_name, values[name]) .. marketplace_app(values)
  end
end

--[[ Kinds ]]

local function generation_1(type_name, attributes)
  return {
    generation = 1, type = type_name,
    write = function(id, at, values) return GENERATION_1:format(type_name, id, at, attributes(values), at) end,
  }
end

local function generation_2(type_name, attributes, relationships)
  return {
    generation = 2, type = type_name,
    write = function(id, at, values)
      local all = relationships and ([[,"relationships":{%s}]]):format(relationships(values)) or ""
      return GENERATION_2:format(type_name, id, attributes(values), at, all)
    end,
  }
end

local function package_updated(is_available)
  return generation_2("alternativeDistributionPackageAvailableUpdated", availability(is_available),
    instance("alternativeDistributionPackages", "package_id"))
end

local function territory_updated(is_available)
  return generation_2("alternativeDistributionTerritoryAvailabilityUpdated", availability(is_available),
    marketplace_app)
end

local SAMPLES = {}

local function add(event, meaning, sample)
  sample.event, sample.meaning = event, meaning
  SAMPLES[#SAMPLES + 1] = sample
end

add("version_available", "a version of an app is ready",
  generation_1("AlternativeDistributionPackageVersionAvailable", with_package_version))
add("versions_unavailable", "versions of an app must go", generation_1("AppVersionsUnavailable", with_packages))
add("app_unavailable", "an app must go", generation_1("AppUnavailable", apps))
add("version_available", "a version of an app is ready", generation_2("alternativeDistributionPackageVersionCreated",
  app, instance("alternativeDistributionPackageVersions", "package_version_id")))
add("versions_unavailable", "a package must go", package_updated(false))
add("versions_restored", "a package may come back", package_updated(true))
add("app_unavailable", "an app must go in some territories", territory_updated(false))
add("app_restored", "an app may come back in some territories", territory_updated(true))
add("ping", "App Store Connect tries the webhook", generation_2("webhookPingCreated", nothing))

--- What there is, in a fixed order.
---@return {event: string, generation: integer, type: string, meaning: string}[]
function samples.list()
  local list = {}
  for i, sample in ipairs(SAMPLES) do
    list[i] = { event = sample.event, generation = sample.generation, type = sample.type, meaning = sample.meaning }
  end
  return list
end

local function check_word(name, value)
  if type(value) ~= "string" or not value:find("^[%w._-]+$") then
    error(("marketplace.samples: '%s' may have only letters, digits, full stops, _ and -"):format(name), 0)
  end
end

local function values_of(settings)
  local values = {}
  for name, usual in pairs(VALUES) do
    values[name] = settings[name] or usual
    local words = name == "territories" and values[name] or { values[name] }
    for _, word in ipairs(words) do check_word(name, word) end
  end
  return values
end

--- The body of a sample.
---@param name string an event's name or one of Apple's type names
---@param settings? table generation: 1 or 2, default 1 if the sample exists in both; id: letters, digits and "-",
--- default a random one, so that the receiver takes it for a new notification; time of the event in seconds since the
--- epoch, default now; what it is about, if the kind says so: app_id, marketplace_app_id, package_id,
--- package_version_id, package_version, territories. Raises for values with other characters than letters, digits,
--- full stops, _ and -
---@return string|nil body nil if there is no such sample
function samples.body(name, settings)
  settings = settings or {}
  for _, sample in ipairs(SAMPLES) do
    local named = sample.event == name or sample.type == name
    if named and (settings.generation or sample.generation) == sample.generation then
      local at = log.timestamp(settings.time or core.now())
      return sample.write(settings.id or uuid.new(), at, values_of(settings))
    end
  end
end

return samples
