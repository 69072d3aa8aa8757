--- The resources and operations that the simulator knows. Operations, what they lead to and what their requests hold
--- come from marketplace.operations; the names of fields, the values of filters and the types of single related
--- resources are listed here. The specs compare all of it with Apple's OpenAPI description.
local operations = require "marketplace.operations"

local schema = {}

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

schema.EVENT_TYPES = words [[
  ALTERNATIVE_DISTRIBUTION_PACKAGE_AVAILABLE_UPDATED ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED
  ALTERNATIVE_DISTRIBUTION_TERRITORY_AVAILABILITY_UPDATED APP_STORE_VERSION_APP_VERSION_STATE_UPDATED
  BACKGROUND_ASSET_VERSION_APP_STORE_RELEASE_STATE_UPDATED
  BACKGROUND_ASSET_VERSION_EXTERNAL_BETA_RELEASE_STATE_UPDATED
  BACKGROUND_ASSET_VERSION_INTERNAL_BETA_RELEASE_CREATED BACKGROUND_ASSET_VERSION_STATE_UPDATED
  BETA_FEEDBACK_CRASH_SUBMISSION_CREATED BETA_FEEDBACK_SCREENSHOT_SUBMISSION_CREATED
  BUILD_BETA_DETAIL_EXTERNAL_BUILD_STATE_UPDATED BUILD_UPLOAD_STATE_UPDATED
]]

local ASSET_FIELDS = words "url urlExpirationDate alternativeDistributionKeyBlob fileChecksum"

--- What the query's fields[TYPE] may name.
schema.FIELDS = {
  apps = words [[
    accessibilityUrl name bundleId sku primaryLocale isOrEverWasMadeForKids subscriptionStatusUrl
    subscriptionStatusUrlVersion subscriptionStatusUrlForSandbox subscriptionStatusUrlVersionForSandbox
    contentRightsDeclaration streamlinedPurchasingEnabled accessibilityDeclarations appEncryptionDeclarations
    appStoreIcon ciProduct betaTesters betaGroups appStoreVersions appTags preReleaseVersions betaAppLocalizations
    builds betaLicenseAgreement betaAppReviewDetail appInfos appClips appPricePoints endUserLicenseAgreement
    appPriceSchedule appAvailabilityV2 inAppPurchases subscriptionGroups gameCenterEnabledVersions perfPowerMetrics
    appCustomProductPages inAppPurchasesV2 promotedPurchases appEvents reviewSubmissions subscriptionGracePeriod
    customerReviews customerReviewSummarizations gameCenterDetail appStoreVersionExperimentsV2
    alternativeDistributionKey analyticsReportRequests marketplaceSearchDetail buildUploads backgroundAssets
    betaFeedbackScreenshotSubmissions betaFeedbackCrashSubmissions searchKeywords webhooks
    androidToIosAppMappingDetails
  ]],
  marketplaceWebhooks = words "endpointUrl",
  webhooks = words "enabled eventTypes name url app deliveries",
  webhookDeliveries = words "createdDate deliveryState errorMessage redelivery sentDate request response event",
  webhookEvents = words "eventType payload ping createdDate",
  alternativeDistributionPackages = words "sourceFileChecksum versions",
  alternativeDistributionPackageVersions =
    words "url urlExpirationDate version fileChecksum state variants deltas alternativeDistributionPackage",
  alternativeDistributionPackageVariants = ASSET_FIELDS,
  alternativeDistributionPackageDeltas = ASSET_FIELDS,
  alternativeDistributionKeys = words "publicKey",
  alternativeDistributionDomains = words "domain referenceName createdDate",
  marketplaceSearchDetails = words "catalogUrl",
}

--- The values of filter[NAME], or "time".
schema.FILTERS = {
  state = { "COMPLETED", "REPLACED" }, deliveryState = { "SUCCEEDED", "FAILED", "PENDING" },
  createdDateGreaterThanOrEqualTo = "time", createdDateLessThan = "time",
}

--- Relationships to one resource, by type: name to the other's type.
schema.TO_ONE = {
  webhooks = { app = "apps" }, webhookDeliveries = { event = "webhookEvents" },
  alternativeDistributionPackageVersions = { alternativeDistributionPackage = "alternativeDistributionPackages" },
}

--- Attributes that are accepted and never returned.
schema.HIDDEN = { secret = true }

local NEWEST_FIRST = { webhookDeliveries = true }

--- What a path such as /v1/apps/{app}/webhooks leads to, by the two names: the type, the relationship that leads back,
--- whether there may be many.
schema.RELATED = {}

--- What the operations do and take, by method and path, in which {id} stands for any id: an operation of
--- marketplace.operations, with `type`, the path's first name, and `relationship`, its last, if it has one of its own.
schema.OPERATIONS = {}

--- The attributes and relationships of requests that create and update a type: schema.BODIES.create.webhooks.
schema.BODIES = { create = {}, update = {} }

local RELATED_ACTIONS = { list = "related_list", get = "related_one" }

-- Apple's description says of URLs only that they are strings.
local function kind_of(name, kind)
  return name:find "[uU]rl$" and kind:gsub("string", "url") or kind
end

local function add_body(operation)
  local attributes = {}
  for name, kind in pairs(operation.attributes or {}) do attributes[name] = kind_of(name, kind) end
  schema.BODIES[operation.action][operation.resource] = {
    attributes = attributes, relationships = operation.relationships or {},
  }
end

local function add_related(operation)
  local related = schema.RELATED[operation.type] or {}
  schema.RELATED[operation.type] = related
  related[operation.relationship] = {
    type = operation.resource, back = operation.parent, many = operation.action == "related_list",
    newest_first = NEWEST_FIRST[operation.resource],
  }
end

for _, operation in ipairs(operations.list()) do
  local pattern = operation.path:gsub("^/v1/", ""):gsub("{%w+}", "{id}")
  schema.OPERATIONS[operation.method .. " " .. pattern] = operation
  operation.type, operation.relationship = pattern:match "^%w+", pattern:match "^%w+/{id}/.-(%w+)$"
  if schema.BODIES[operation.action] then add_body(operation) end
  if operation.parent and RELATED_ACTIONS[operation.action] then
    operation.action = RELATED_ACTIONS[operation.action]
    add_related(operation)
  end
end

return schema
