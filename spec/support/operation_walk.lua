--- One request for each of the 42 operations, in an order in which each finds what it needs.
local assert = require "luassert"
local simulation = require "support.simulation"

local operation_walk = {}

local entity = simulation.entity

local Walk = {}
Walk.__index = Walk

local function check(self, document, response)
  if response.status == 204 then
    assert.equal("", response.body)
    return nil
  end
  assert.equal("application/json", response.headers["content-type"])
  assert.is_table(document.data)
  assert.equal(self.base .. "/v1/", document.links.self:sub(1, #self.base + 4))
  return document.data
end

function Walk:request(status, target, body)
  local data = check(self, self.call(status, target, body))
  self.done[target:gsub("%?.*$", ""):gsub("/v1/(%a+)/[^/]+", "/v1/%1/{id}")] = true
  return data
end

-- The resources that a relationship leads to, which the linkages name too.
function Walk:related(parent, name, id, query)
  local found = self:request(200, ("GET /v1/%s/%s/%s%s"):format(parent, id, name, query or ""))
  local linked = self:request(200, ("GET /v1/%s/%s/relationships/%s"):format(parent, id, name))
  assert.same({ found.type, found.id }, { linked.type, linked.id })
  if not query or not query:find "filter" then assert.equal(#found, #linked) end
  return found
end

local function generation_1(walk)
  local hook = walk:request(201, "POST /v1/marketplaceWebhooks",
    entity("marketplaceWebhooks", { endpointUrl = walk.url, secret = "s" }))
  assert.equal(1, #walk:request(200, "GET /v1/marketplaceWebhooks"))
  local changed = walk:request(200, "PATCH /v1/marketplaceWebhooks/" .. hook.id,
    entity("marketplaceWebhooks", { endpointUrl = walk.url .. "2" }, nil, hook.id))
  assert.equal(walk.url .. "2", changed.attributes.endpointUrl)
  walk:request(204, "DELETE /v1/marketplaceWebhooks/" .. hook.id)
end

local function generation_2(walk)
  local hook = walk:request(201, "POST /v1/webhooks", entity("webhooks", {
    name = "n", url = walk.url, secret = "s", enabled = true,
    eventTypes = { "ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED" },
  }, { app = { "apps", walk.app } }))
  assert.equal(hook.id, walk:request(200, "GET /v1/webhooks/" .. hook.id .. "?include=app").id)
  walk:request(200, "PATCH /v1/webhooks/" .. hook.id, entity("webhooks", { name = "m" }, nil, hook.id))
  assert.equal("m", walk:related("apps", "webhooks", walk.app, "?include=app&limit=200")[1].attributes.name)
  walk:request(201, "POST /v1/webhookPings", entity("webhookPings", nil, { webhook = { "webhooks", hook.id } }))
  walk.settle(hook.id)
  local delivery = walk:related("webhooks", "deliveries", hook.id, "?include=event")[1]
  walk:request(201, "POST /v1/webhookDeliveries",
    entity("webhookDeliveries", nil, { template = { "webhookDeliveries", delivery.id } }))
  walk:request(204, "DELETE /v1/webhooks/" .. hook.id)
end

local function packages(walk)
  local package = walk:request(201, "POST /v1/alternativeDistributionPackages",
    entity("alternativeDistributionPackages", nil, { appStoreVersion = { "appStoreVersions", "77" } }))
  walk:request(200, "GET /v1/alternativeDistributionPackages/" .. package.id .. "?include=versions")
  assert.equal(package.id, walk:related("appStoreVersions", "alternativeDistributionPackage", "77").id)
  walk.event("version_available", { package = package.id, deltas = 1 })
  walk:related("alternativeDistributionPackages", "versions", package.id)
  local version = walk:related("alternativeDistributionPackages", "versions", package.id,
    "?filter%5Bstate%5D=COMPLETED&include=variants,deltas")[1]
  walk:request(200, "GET /v1/alternativeDistributionPackageVersions/" .. version.id ..
    "?include=variants,deltas,alternativeDistributionPackage")
  local variant = walk:related("alternativeDistributionPackageVersions", "variants", version.id)[1]
  local delta = walk:related("alternativeDistributionPackageVersions", "deltas", version.id)[1]
  walk:request(200, "GET /v1/alternativeDistributionPackageVariants/" .. variant.id)
  walk:request(200, "GET /v1/alternativeDistributionPackageDeltas/" .. delta.id)
end

local function keys(walk)
  local key = walk:request(201, "POST /v1/alternativeDistributionKeys",
    entity("alternativeDistributionKeys", { publicKey = "PEM" }, { app = { "apps", walk.app } }))
  assert.equal(1, #walk:request(200, "GET /v1/alternativeDistributionKeys?exists%5Bapp%5D=true"))
  walk:request(200, "GET /v1/alternativeDistributionKeys/" .. key.id)
  assert.equal(key.id, walk:related("apps", "alternativeDistributionKey", walk.app).id)
  walk:request(204, "DELETE /v1/alternativeDistributionKeys/" .. key.id)
end

local function domains(walk)
  local domain = walk:request(201, "POST /v1/alternativeDistributionDomains",
    entity("alternativeDistributionDomains", { domain = "a.example", referenceName = "r" }))
  assert.equal(1, #walk:request(200, "GET /v1/alternativeDistributionDomains"))
  walk:request(200, "GET /v1/alternativeDistributionDomains/" .. domain.id)
  walk:request(204, "DELETE /v1/alternativeDistributionDomains/" .. domain.id)
end

local function search_details(walk)
  local details = walk:request(201, "POST /v1/marketplaceSearchDetails",
    entity("marketplaceSearchDetails", { catalogUrl = "https://a.example/c" }, { app = { "apps", walk.app } }))
  walk:request(200, "PATCH /v1/marketplaceSearchDetails/" .. details.id,
    entity("marketplaceSearchDetails", { catalogUrl = "https://b.example/c" }, nil, details.id))
  assert.equal("https://b.example/c",
    walk:related("apps", "marketplaceSearchDetail", walk.app).attributes.catalogUrl)
  walk:request(204, "DELETE /v1/marketplaceSearchDetails/" .. details.id)
end

--- Sends them, and checks what answers have in common.
---@param given {base: string, app: string, url: string, call: function, event: function, settle: function} base: what
--- links begin with; url: of webhooks; call(status, target, body) gives the document and the response; event(name,
--- given); settle(webhook_id) returns when deliveries are made
---@return table<string, boolean> done "METHOD /v1/type/{id}" of each request
function operation_walk.run(given)
  local walk = setmetatable({ done = {} }, Walk)
  for name, value in pairs(given) do walk[name] = value end
  for _, part in ipairs { generation_1, generation_2, packages, keys, domains, search_details } do part(walk) end
  return walk.done
end

return operation_walk
