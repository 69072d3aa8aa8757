--- What the simulator knows of App Store Connect's API: resource types, and the 42 operations for marketplaces.
---
--- Written down from Apple's OpenAPI description (4.4.1), apart from what the client goes by, so that a mistake there
--- is not a mistake here too.
local schema = {}

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

local ASSET_FIELDS = words "url urlExpirationDate alternativeDistributionKeyBlob fileChecksum"

schema.EVENT_TYPES = words [[
  ALTERNATIVE_DISTRIBUTION_PACKAGE_AVAILABLE_UPDATED ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED
  ALTERNATIVE_DISTRIBUTION_TERRITORY_AVAILABILITY_UPDATED APP_STORE_VERSION_APP_VERSION_STATE_UPDATED
  BACKGROUND_ASSET_VERSION_APP_STORE_RELEASE_STATE_UPDATED
  BACKGROUND_ASSET_VERSION_EXTERNAL_BETA_RELEASE_STATE_UPDATED
  BACKGROUND_ASSET_VERSION_INTERNAL_BETA_RELEASE_CREATED BACKGROUND_ASSET_VERSION_STATE_UPDATED
  BETA_FEEDBACK_CRASH_SUBMISSION_CREATED BETA_FEEDBACK_SCREENSHOT_SUBMISSION_CREATED
  BUILD_BETA_DETAIL_EXTERNAL_BUILD_STATE_UPDATED BUILD_UPLOAD_STATE_UPDATED
]]

--- Resource types. fields: what fields[TYPE] may name. one: relationships to one resource, name to its type. many:
--- to several. create, update: attributes and relationships of a request, each name to a kind or a type, "!" in front:
--- required. hidden: attributes that are never given out.
schema.TYPES = {
  apps = {
    fields = words [[
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
  },
  appStoreVersions = {},
  marketplaceWebhooks = {
    fields = words "endpointUrl", hidden = { secret = true },
    create = { attributes = { endpointUrl = "!url", secret = "!text" } },
    update = { attributes = { endpointUrl = "url", secret = "text" } },
  },
  webhooks = {
    fields = words "enabled eventTypes name url app deliveries", hidden = { secret = true },
    one = { app = "apps" }, many = { deliveries = "webhookDeliveries" },
    create = {
      attributes = {
        enabled = "!boolean", eventTypes = "!event_types", name = "!text", secret = "!text", url = "!url",
      },
      relationships = { app = "!apps" },
    },
    update = {
      attributes = { enabled = "boolean", eventTypes = "event_types", name = "text", secret = "text", url = "url" },
    },
  },
  webhookDeliveries = {
    fields = words "createdDate deliveryState errorMessage redelivery sentDate request response event",
    one = { event = "webhookEvents" },
    create = { relationships = { template = "!webhookDeliveries" } },
  },
  webhookEvents = { fields = words "eventType payload ping createdDate" },
  webhookPings = { fields = {}, create = { relationships = { webhook = "!webhooks" } } },
  alternativeDistributionPackages = {
    fields = words "sourceFileChecksum versions",
    many = { versions = "alternativeDistributionPackageVersions" },
    create = { relationships = { appStoreVersion = "!appStoreVersions" } },
  },
  alternativeDistributionPackageVersions = {
    fields = words "url urlExpirationDate version fileChecksum state variants deltas alternativeDistributionPackage",
    one = { alternativeDistributionPackage = "alternativeDistributionPackages" },
    many = { variants = "alternativeDistributionPackageVariants", deltas = "alternativeDistributionPackageDeltas" },
  },
  alternativeDistributionPackageVariants = { fields = ASSET_FIELDS },
  alternativeDistributionPackageDeltas = { fields = ASSET_FIELDS },
  alternativeDistributionKeys = {
    fields = words "publicKey",
    create = { attributes = { publicKey = "!text" }, relationships = { app = "apps" } },
  },
  alternativeDistributionDomains = {
    fields = words "domain referenceName createdDate",
    create = { attributes = { domain = "!text", referenceName = "!text" } },
  },
  marketplaceSearchDetails = {
    fields = words "catalogUrl",
    create = { attributes = { catalogUrl = "!url" }, relationships = { app = "!apps" } },
    update = { attributes = { catalogUrl = "url" } },
  },
}

--- What a path such as /v1/apps/{id}/webhooks leads to: the type, and the relationship that leads back.
schema.RELATED = {
  apps = {
    webhooks = { type = "webhooks", back = "app", many = true },
    alternativeDistributionKey = { type = "alternativeDistributionKeys", back = "app" },
    marketplaceSearchDetail = { type = "marketplaceSearchDetails", back = "app" },
  },
  appStoreVersions = {
    alternativeDistributionPackage = { type = "alternativeDistributionPackages", back = "appStoreVersion" },
  },
  webhooks = { deliveries = { type = "webhookDeliveries", back = "webhook", many = true, newest_first = true } },
  alternativeDistributionPackages = {
    versions = {
      type = "alternativeDistributionPackageVersions", back = "alternativeDistributionPackage", many = true,
    },
  },
  alternativeDistributionPackageVersions = {
    variants = {
      type = "alternativeDistributionPackageVariants", back = "alternativeDistributionPackageVersion", many = true,
    },
    deltas = {
      type = "alternativeDistributionPackageDeltas", back = "alternativeDistributionPackageVersion", many = true,
    },
  },
}

--[[ Operations ]]

local VERSION_QUERY = {
  fields = {
    "alternativeDistributionPackageVersions", "alternativeDistributionPackageVariants",
    "alternativeDistributionPackageDeltas", "alternativeDistributionPackages",
  },
  include = { "variants", "deltas", "alternativeDistributionPackage" }, limits = { variants = 50, deltas = 50 },
}
local PACKAGE_QUERY = {
  fields = { "alternativeDistributionPackages", "alternativeDistributionPackageVersions" },
  include = { "versions" }, limits = { versions = 50 },
}
local WEBHOOK_QUERY = { fields = { "webhooks", "apps" }, include = { "app" } }
local DELIVERY_QUERY = {
  fields = { "webhookDeliveries", "webhookEvents" }, include = { "event" },
  filters = {
    deliveryState = { "SUCCEEDED", "FAILED", "PENDING" }, createdDateGreaterThanOrEqualTo = "time",
    createdDateLessThan = "time",
  },
}

local function only_fields(type_name)
  return { fields = { type_name } }
end

local function with(query, more)
  local copy = {}
  for name, value in pairs(query) do copy[name] = value end
  for name, value in pairs(more) do copy[name] = value end
  return copy
end

--- Method and path, {id} for an id, to what it does and what its query may hold.
schema.OPERATIONS = {}

local function operation(action, method, path, query)
  local parts = words((path:gsub("/", " ")))
  schema.OPERATIONS[method .. " " .. path] = {
    action = action, type = parts[1], relationship = parts[4] or parts[3], query = query or {},
  }
end

local function related(parent, name, query)
  local relation = schema.RELATED[parent][name]
  local more = relation.many and { limit = 200 } or {}
  operation(relation.many and "related_list" or "related_one", "GET", ("%s/{id}/%s"):format(parent, name),
    with(query, more))
  operation(relation.many and "linkages" or "linkage", "GET", ("%s/{id}/relationships/%s"):format(parent, name), more)
end

operation("list", "GET", "marketplaceWebhooks", with(only_fields "marketplaceWebhooks", { limit = 200 }))
operation("create", "POST", "marketplaceWebhooks")
operation("update", "PATCH", "marketplaceWebhooks/{id}")
operation("delete", "DELETE", "marketplaceWebhooks/{id}")

operation("create", "POST", "webhooks")
operation("get", "GET", "webhooks/{id}", WEBHOOK_QUERY)
operation("update", "PATCH", "webhooks/{id}")
operation("delete", "DELETE", "webhooks/{id}")
related("apps", "webhooks", WEBHOOK_QUERY)
related("webhooks", "deliveries", DELIVERY_QUERY)
operation("create", "POST", "webhookDeliveries")
operation("create", "POST", "webhookPings")

operation("create", "POST", "alternativeDistributionPackages")
operation("get", "GET", "alternativeDistributionPackages/{id}", PACKAGE_QUERY)
related("appStoreVersions", "alternativeDistributionPackage", PACKAGE_QUERY)
related("alternativeDistributionPackages", "versions",
  with(VERSION_QUERY, { filters = { state = { "COMPLETED", "REPLACED" } } }))
operation("get", "GET", "alternativeDistributionPackageVersions/{id}", VERSION_QUERY)
related("alternativeDistributionPackageVersions", "variants", only_fields "alternativeDistributionPackageVariants")
related("alternativeDistributionPackageVersions", "deltas", only_fields "alternativeDistributionPackageDeltas")
for _, name in ipairs { "alternativeDistributionPackageVariants", "alternativeDistributionPackageDeltas" } do
  operation("get", "GET", name .. "/{id}", only_fields(name))
end

operation("list", "GET", "alternativeDistributionKeys",
  with(only_fields "alternativeDistributionKeys", { limit = 200, exists = { "app" } }))
operation("create", "POST", "alternativeDistributionKeys")
operation("get", "GET", "alternativeDistributionKeys/{id}", only_fields "alternativeDistributionKeys")
operation("delete", "DELETE", "alternativeDistributionKeys/{id}")
related("apps", "alternativeDistributionKey", only_fields "alternativeDistributionKeys")

operation("list", "GET", "alternativeDistributionDomains",
  with(only_fields "alternativeDistributionDomains", { limit = 200 }))
operation("create", "POST", "alternativeDistributionDomains")
operation("get", "GET", "alternativeDistributionDomains/{id}", only_fields "alternativeDistributionDomains")
operation("delete", "DELETE", "alternativeDistributionDomains/{id}")

operation("create", "POST", "marketplaceSearchDetails")
operation("update", "PATCH", "marketplaceSearchDetails/{id}")
operation("delete", "DELETE", "marketplaceSearchDetails/{id}")
related("apps", "marketplaceSearchDetail", only_fields "marketplaceSearchDetails")

return schema
