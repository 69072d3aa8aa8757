--- The types of events that a generation 2 webhook sends (Apple: WebhookEventType), and our names for those that
--- concern marketplaces.
local event_types = {}

local VERSION_CREATED = "ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED"
local AVAILABLE_UPDATED = "ALTERNATIVE_DISTRIBUTION_PACKAGE_AVAILABLE_UPDATED"
local TERRITORY_UPDATED = "ALTERNATIVE_DISTRIBUTION_TERRITORY_AVAILABILITY_UPDATED"

local BY_EVENT = {
  version_available = VERSION_CREATED,
  versions_unavailable = AVAILABLE_UPDATED, versions_restored = AVAILABLE_UPDATED,
  app_unavailable = TERRITORY_UPDATED, app_restored = TERRITORY_UPDATED,
}

-- The types of notifications, in Apple's two spellings and both generations, as receiver:on takes them.
local BY_TYPE = {
  AlternativeDistributionPackageVersionAvailable = VERSION_CREATED,
  AppVersionsUnavailable = AVAILABLE_UPDATED, AppVersionUnavailable = AVAILABLE_UPDATED,
  AppUnavailable = TERRITORY_UPDATED,
}

local SHOWN = {
  [VERSION_CREATED] = "version_available",
  [AVAILABLE_UPDATED] = "versions_unavailable,versions_restored",
  [TERRITORY_UPDATED] = "app_unavailable,app_restored",
}

--- The types that concern marketplaces.
---@type string[]
event_types.MARKETPLACE = { VERSION_CREATED, AVAILABLE_UPDATED, TERRITORY_UPDATED }

-- Of generation 2, the two differ in how they are spelt: buildUploadStateUpdated, BUILD_UPLOAD_STATE_UPDATED.
local function constant_of(type_name)
  if not type_name:find "^%l%w*%u%w*$" then return nil end
  return (type_name:gsub("%u", "_%0"):upper())
end

local PINGS = "a webhook sends pings whatever its types are; for one: marketplace webhooks ping ID"
local UNKNOWN = "unknown event type '%s'; known: version_available, versions_unavailable, versions_restored, " ..
  "app_unavailable, app_restored, and Apple's types, such as " .. TERRITORY_UPDATED .. " or AppUnavailable"

--- Apple's constants for our names of events, and for Apple's names of notifications' types. A constant is passed on,
--- even if it is not known here.
---@param words string[]
---@return string[]|nil types none twice
---@return string? message
function event_types.from_words(words)
  local types, seen = {}, {}
  for _, word in ipairs(words) do
    if word == "ping" or word == "webhookPingCreated" then return nil, PINGS end
    local event_type = BY_EVENT[word] or BY_TYPE[word] or word:match("^%u[%u%d_]*$") or constant_of(word)
    if not event_type then return nil, UNKNOWN:format(word) end
    if not seen[event_type] then types[#types + 1] = event_type end
    seen[event_type] = true
  end
  return types
end

--- Event types as they are shown to people.
---@param types string[]
---@return string
function event_types.shown(types)
  local words = {}
  for i, event_type in ipairs(types) do words[i] = SHOWN[event_type] or event_type end
  return table.concat(words, ",")
end

return event_types
