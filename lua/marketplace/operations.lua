--- App Store Connect's 42 operations for marketplaces, as one table.
---
--- Source: Apple's OpenAPI description of the App Store Connect API 4.4.1; spec/once/operations_spec.lua compares them.
local operations = {}

-- Attributes: "!" required, "?" may be json.null. Relationships: type of what is named, "!" required.
-- The braces of a path hold "id", the resource's own, or the parent's name.

local PACKAGE = { "alternativeDistributionPackages", "alternativeDistributionPackageVersions" }
local VERSION = {
  "alternativeDistributionPackageVersions", "alternativeDistributionPackageVariants",
  "alternativeDistributionPackageDeltas", "alternativeDistributionPackages",
}
local VERSION_INCLUDE = { "variants", "deltas", "alternativeDistributionPackage" }
local VERSION_LIMITS = { variants = 50, deltas = 50 }
local APP = { app = "!apps" }

--- By type of resource: lists of operations, each its action, its method and its path.
local OPERATIONS = {
  alternativeDistributionDomains = {
    { "list", "GET", "/v1/alternativeDistributionDomains", fields = { "alternativeDistributionDomains" }, limit = 200 },
    { "create", "POST", "/v1/alternativeDistributionDomains",
      attributes = { domain = "!string", referenceName = "!string" } },
    { "get", "GET", "/v1/alternativeDistributionDomains/{id}", fields = { "alternativeDistributionDomains" } },
    { "delete", "DELETE", "/v1/alternativeDistributionDomains/{id}" },
  },
  alternativeDistributionKeys = {
    { "list", "GET", "/v1/alternativeDistributionKeys", fields = { "alternativeDistributionKeys" }, limit = 200,
      exists = { "app" } },
    { "create", "POST", "/v1/alternativeDistributionKeys", attributes = { publicKey = "!string" },
      relationships = { app = "apps" } },
    { "get", "GET", "/v1/alternativeDistributionKeys/{id}", fields = { "alternativeDistributionKeys" } },
    { "delete", "DELETE", "/v1/alternativeDistributionKeys/{id}" },
    { "get", "GET", "/v1/apps/{app}/alternativeDistributionKey", fields = { "alternativeDistributionKeys" } },
    { "linkage", "GET", "/v1/apps/{app}/relationships/alternativeDistributionKey" },
  },
  alternativeDistributionPackageDeltas = {
    { "get", "GET", "/v1/alternativeDistributionPackageDeltas/{id}",
      fields = { "alternativeDistributionPackageDeltas" } },
    { "list", "GET", "/v1/alternativeDistributionPackageVersions/{alternativeDistributionPackageVersion}/deltas",
      fields = { "alternativeDistributionPackageDeltas" }, limit = 200 },
    { "linkages", "GET",
      "/v1/alternativeDistributionPackageVersions/{alternativeDistributionPackageVersion}/relationships/deltas",
      limit = 200 },
  },
  alternativeDistributionPackageVariants = {
    { "get", "GET", "/v1/alternativeDistributionPackageVariants/{id}",
      fields = { "alternativeDistributionPackageVariants" } },
    { "list", "GET", "/v1/alternativeDistributionPackageVersions/{alternativeDistributionPackageVersion}/variants",
      fields = { "alternativeDistributionPackageVariants" }, limit = 200 },
    { "linkages", "GET",
      "/v1/alternativeDistributionPackageVersions/{alternativeDistributionPackageVersion}/relationships/variants",
      limit = 200 },
  },
  alternativeDistributionPackageVersions = {
    { "get", "GET", "/v1/alternativeDistributionPackageVersions/{id}", fields = VERSION, include = VERSION_INCLUDE,
      limits = VERSION_LIMITS },
    { "list", "GET", "/v1/alternativeDistributionPackages/{alternativeDistributionPackage}/versions",
      fields = VERSION, include = VERSION_INCLUDE, limit = 200, limits = VERSION_LIMITS, filter = { "state" } },
    { "linkages", "GET",
      "/v1/alternativeDistributionPackages/{alternativeDistributionPackage}/relationships/versions", limit = 200 },
  },
  alternativeDistributionPackages = {
    { "create", "POST", "/v1/alternativeDistributionPackages",
      relationships = { appStoreVersion = "!appStoreVersions" } },
    { "get", "GET", "/v1/alternativeDistributionPackages/{id}", fields = PACKAGE, include = { "versions" },
      limits = { versions = 50 } },
    { "get", "GET", "/v1/appStoreVersions/{appStoreVersion}/alternativeDistributionPackage", fields = PACKAGE,
      include = { "versions" }, limits = { versions = 50 } },
    { "linkage", "GET", "/v1/appStoreVersions/{appStoreVersion}/relationships/alternativeDistributionPackage" },
  },
  marketplaceSearchDetails = {
    { "create", "POST", "/v1/marketplaceSearchDetails", attributes = { catalogUrl = "!string" }, relationships = APP },
    { "update", "PATCH", "/v1/marketplaceSearchDetails/{id}", attributes = { catalogUrl = "?string" } },
    { "delete", "DELETE", "/v1/marketplaceSearchDetails/{id}" },
    { "get", "GET", "/v1/apps/{app}/marketplaceSearchDetail", fields = { "marketplaceSearchDetails" } },
    { "linkage", "GET", "/v1/apps/{app}/relationships/marketplaceSearchDetail" },
  },
  marketplaceWebhooks = {
    { "list", "GET", "/v1/marketplaceWebhooks", fields = { "marketplaceWebhooks" }, limit = 200 },
    { "create", "POST", "/v1/marketplaceWebhooks", attributes = { endpointUrl = "!string", secret = "!string" } },
    { "update", "PATCH", "/v1/marketplaceWebhooks/{id}",
      attributes = { endpointUrl = "?string", secret = "?string" } },
    { "delete", "DELETE", "/v1/marketplaceWebhooks/{id}" },
  },
  webhookDeliveries = {
    { "create", "POST", "/v1/webhookDeliveries", relationships = { template = "!webhookDeliveries" } },
    { "list", "GET", "/v1/webhooks/{webhook}/deliveries", fields = { "webhookDeliveries", "webhookEvents" },
      include = { "event" }, limit = 200,
      filter = { "deliveryState", "createdDateGreaterThanOrEqualTo", "createdDateLessThan" } },
    { "linkages", "GET", "/v1/webhooks/{webhook}/relationships/deliveries", limit = 200 },
  },
  webhookPings = {
    { "create", "POST", "/v1/webhookPings", relationships = { webhook = "!webhooks" } },
  },
  webhooks = {
    { "create", "POST", "/v1/webhooks", relationships = APP, attributes = {
      name = "!string", url = "!string", secret = "!string", enabled = "!boolean", eventTypes = "!list",
    } },
    { "get", "GET", "/v1/webhooks/{id}", fields = { "webhooks", "apps" }, include = { "app" } },
    { "update", "PATCH", "/v1/webhooks/{id}", attributes = {
      name = "?string", url = "?string", secret = "?string", enabled = "?boolean", eventTypes = "?list",
    } },
    { "delete", "DELETE", "/v1/webhooks/{id}" },
    { "list", "GET", "/v1/apps/{app}/webhooks", fields = { "webhooks", "apps" }, include = { "app" }, limit = 200 },
    { "linkages", "GET", "/v1/apps/{app}/relationships/webhooks", limit = 200 },
  },
}

-- The parts that checks look up by name.
local function set_of(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

local function complete(resource, operation)
  local before, holder, after = operation[3]:match "^(.*){(%w+)}(.*)$"
  operation.name = ("%s:%s"):format(resource, operation[1])
  operation.resource, operation.action, operation.method, operation.path = resource, operation[1], operation[2],
    operation[3]
  operation.before_id, operation.after_id = before, after
  operation.by_id = holder == "id"
  operation.parent = holder ~= "id" and holder or nil
  operation.known_fields, operation.known_include = set_of(operation.fields), set_of(operation.include)
  operation.known_filter, operation.known_exists = set_of(operation.filter), set_of(operation.exists)
  operation.known_attributes, operation.known_relationships = operation.attributes or {}, operation.relationships or {}
  operation.known_limits = operation.limits or {}
end

for resource, list in pairs(OPERATIONS) do
  for _, operation in ipairs(list) do complete(resource, operation) end
end

--- Operations by type of resource.
operations.by_resource = OPERATIONS

--- The operation of an action; if there are two, the one by id or the one by a parent.
---@param resource string
---@param action string
---@param by_id? boolean
---@return table|nil
function operations.find(resource, action, by_id)
  for _, operation in ipairs(OPERATIONS[resource]) do
    if operation.action == action and (by_id == nil or operation.by_id == by_id) then return operation end
  end
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local made = {}
  for name, member in pairs(value) do made[name] = copy(member) end
  return made
end

local DESCRIBED = {
  "resource", "action", "method", "path", "parent", "by_id", "fields", "include", "limit", "limits", "filter", "exists",
  "attributes", "relationships",
}

--- All operations, sorted by path and method.
---@return {resource: string, action: string, method: string, path: string, parent?: string, by_id: boolean}[] list the
--- path has the parent's name, or "id", in braces; also fields, include, limit, limits, filter, exists, attributes
--- and relationships, if there are any: "!" is required, "?" may be null
function operations.list()
  local all = {}
  for _, list in pairs(OPERATIONS) do
    for _, operation in ipairs(list) do
      local described = {}
      for _, name in ipairs(DESCRIBED) do described[name] = copy(operation[name]) end
      all[#all + 1] = described
    end
  end
  table.sort(all, function(a, b) return a.path .. a.method < b.path .. b.method end)
  return all
end

return operations
