--- What the API's operations do.
local core = require "marketplace.core"
local deliveries = require "marketplace.simulator.deliveries"
local document = require "marketplace.simulator.document"
local entity = require "marketplace.simulator.entity"
local log = require "marketplace.log"
local packages = require "marketplace.simulator.packages"
local problems = require "marketplace.simulator.problems"
local query = require "marketplace.simulator.query"
local schema = require "marketplace.simulator.schema"
local uuid = require "marketplace.uuid"

local operations = {}

local MOST_WEBHOOKS = 10 -- of an app
local DELIVERIES_KEPT = 10 * 86400 -- seconds that the list of deliveries reaches back

local function ok(status, whole)
  return { status = status, document = whole, headers = {} }
end

local function not_found(type_name, id)
  return problems.one(404, "NOT_FOUND", ("There is no resource of type '%s' with id '%s'"):format(type_name, id))
end

local function state_error(detail)
  return nil, problems.one(409, "STATE_ERROR", detail)
end

--[[ Creating: each returns the new record, or nil and an answer ]]

local function add(sim, type_name, values)
  return sim.store:add {
    type = type_name, id = uuid.new(sim.random), attributes = values.attributes, refs = values.refs,
  }
end

local function add_only_one(sim, type_name, values, what)
  if #sim.store:list(type_name, "app", values.refs.app) > 0 then
    return state_error(("The app has %s already"):format(what))
  end
  return add(sim, type_name, values)
end

local function is_disabled(webhook)
  return not webhook or webhook.attributes.enabled == false
end

local CREATE = {}

function CREATE.marketplaceWebhooks(sim, values)
  if #sim.store:list "marketplaceWebhooks" > 0 then
    return state_error "The account has a marketplace webhook already"
  end
  return add(sim, "marketplaceWebhooks", values)
end

function CREATE.webhooks(sim, values)
  if #sim.store:list("webhooks", "app", values.refs.app) >= MOST_WEBHOOKS then
    return state_error(("An app has at most %d webhooks"):format(MOST_WEBHOOKS))
  end
  return add(sim, "webhooks", values)
end

function CREATE.webhookDeliveries(sim, values)
  local template = sim.store:get("webhookDeliveries", values.refs.template)
  local delivery = deliveries.repeat_delivery(sim, template)
  if not delivery then return state_error "The webhook of this delivery is disabled or deleted" end
  return delivery
end

function CREATE.webhookPings(sim, values)
  local webhook = sim.store:get("webhooks", values.refs.webhook)
  if is_disabled(webhook) then return state_error "The webhook is disabled" end
  deliveries.ping(sim, webhook)
  return { type = "webhookPings", id = uuid.new(sim.random), attributes = {}, refs = {} }
end

function CREATE.alternativeDistributionPackages(sim, values)
  local version = values.refs.appStoreVersion
  if #sim.store:list("alternativeDistributionPackages", "appStoreVersion", version) > 0 then
    return state_error "The version has an alternative distribution package already"
  end
  local package = packages.create(sim, { app_store_version = version }, sim.first_app)
  packages.add_version(sim, package, {})
  return package
end

function CREATE.alternativeDistributionKeys(sim, values)
  if not values.refs.app then return add(sim, "alternativeDistributionKeys", values) end
  return add_only_one(sim, "alternativeDistributionKeys", values, "an alternative distribution key")
end

function CREATE.alternativeDistributionDomains(sim, values)
  values.attributes.createdDate = log.timestamp(sim.clock())
  return add(sim, "alternativeDistributionDomains", values)
end

function CREATE.marketplaceSearchDetails(sim, values)
  return add_only_one(sim, "marketplaceSearchDetails", values, "marketplace search details")
end

--[[ Selecting ]]

local function passes(record, chosen)
  local filter = chosen.filter
  if filter.deliveryState and not filter.deliveryState[record.attributes.deliveryState] then return false end
  if filter.state and not filter.state[record.attributes.state] then return false end
  if filter.createdDateGreaterThanOrEqualTo and record.created < filter.createdDateGreaterThanOrEqualTo then
    return false
  end
  if filter.createdDateLessThan and record.created >= filter.createdDateLessThan then return false end
  return chosen.exists.app == nil or chosen.exists.app == (record.refs.app ~= nil)
end

local function selected(list, chosen)
  local found = {}
  for _, record in ipairs(list) do
    if passes(record, chosen) then found[#found + 1] = record end
  end
  return found
end

-- As operators report it; Apple documents no such limit.
local function strict_problem(sim, relation, chosen)
  if not (sim.strict_deliveries and relation.type == "webhookDeliveries") then return nil end
  local name = "filter[createdDateGreaterThanOrEqualTo]"
  local count = 0
  for _ in pairs(chosen.filter) do count = count + 1 end
  local since = chosen.filter.createdDateGreaterThanOrEqualTo
  if count ~= 1 or not since then
    return problems.one(400, "PARAMETER_ERROR.INVALID", "Exactly one filter is expected: " .. name,
      { parameter = name })
  end
  if since >= sim.clock() - DELIVERIES_KEPT then return nil end
  return problems.one(400, "PARAMETER_ERROR.INVALID", "Deliveries can be listed for at most 10 days",
    { parameter = name })
end

local function children_of(sim, operation, id)
  if not sim:exists(operation.type, id) then return nil, nil, not_found(operation.type, id) end
  local relation = schema.RELATED[operation.type][operation.relationship]
  return sim.store:list(relation.type, relation.back, id), relation
end

local function only_child(sim, operation, id)
  local list, relation, refusal = children_of(sim, operation, id)
  if refusal then return nil, refusal end
  if list[1] then return list[1] end
  return nil, problems.one(404, "NOT_FOUND", ("The resource of type '%s' with id '%s' has no '%s'"):format(
    operation.type, id, relation.type))
end

--[[ Actions: each takes the simulator, the operation, the request with id and chosen, and returns an answer ]]

local ACTIONS = {}

function ACTIONS.list(sim, operation, request)
  local list = selected(sim.store:list(operation.type), request.chosen)
  return ok(200, document.many(sim, list, request.chosen, request))
end

function ACTIONS.get(sim, operation, request)
  local record = sim.store:get(operation.type, request.id)
  if not record then return not_found(operation.type, request.id) end
  return ok(200, document.one(sim, record, request.chosen, request))
end

function ACTIONS.create(sim, operation, request)
  local values, found = entity.read(sim, operation.type, "create", request.body)
  if not values then return problems.answer(found) end
  local record, refusal = CREATE[operation.type](sim, values)
  if not record then return refusal end
  return ok(201, document.one(sim, record))
end

function ACTIONS.update(sim, operation, request)
  local record = sim.store:get(operation.type, request.id)
  if not record then return not_found(operation.type, request.id) end
  local values, found = entity.read(sim, operation.type, "update", request.body, request.id)
  if not values then return problems.answer(found) end
  for name, value in pairs(values.attributes) do record.attributes[name] = value end
  return ok(200, document.one(sim, record))
end

ACTIONS["delete"] = function(sim, operation, request)
  local record = sim.store:get(operation.type, request.id)
  if not record then return not_found(operation.type, request.id) end
  sim.store:remove(record)
  return { status = 204, headers = {} }
end

function ACTIONS.related_list(sim, operation, request)
  local list, relation, refusal = children_of(sim, operation, request.id)
  refusal = refusal or strict_problem(sim, relation, request.chosen)
  if refusal then return refusal end
  return ok(200, document.many(sim, selected(list, request.chosen), request.chosen, request, relation.newest_first))
end

function ACTIONS.related_one(sim, operation, request)
  local record, refusal = only_child(sim, operation, request.id)
  return refusal or ok(200, document.one(sim, record, request.chosen, request))
end

function ACTIONS.linkages(sim, operation, request)
  local list, relation, refusal = children_of(sim, operation, request.id)
  return refusal or ok(200, document.linkages(sim, list, request.chosen, request, relation.newest_first))
end

function ACTIONS.linkage(sim, operation, request)
  local record, refusal = only_child(sim, operation, request.id)
  return refusal or ok(200, document.linkage(sim, record, request))
end

--[[ Finding the operation ]]

local VERBS = { GET = "GET", POST = "CREATE", PATCH = "UPDATE", DELETE = "DELETE" }

local function pattern_of(path)
  local type_name, id, rest = path:match "^/v1/([^/]+)/?([^/]*)/?(.*)$"
  if not type_name then return nil end
  if id == "" then return type_name, nil, type_name end
  return type_name .. "/{id}" .. (rest ~= "" and "/" .. rest or ""), id, type_name
end

local function allowed_verbs(type_name)
  local verbs = {}
  for name in pairs(schema.OPERATIONS) do
    local method, path = name:match "^(%u+) (.*)$"
    local verb = VERBS[method] == "GET" and (path == type_name and "GET_COLLECTION" or "GET_INSTANCE") or VERBS[method]
    if path == type_name or path == type_name .. "/{id}" then verbs[#verbs + 1] = verb end
  end
  table.sort(verbs)
  return table.concat(verbs, ", ")
end

local function no_operation(method, path)
  local pattern, id, type_name = pattern_of(path)
  if not VERBS[method] then
    return problems.one(405, "METHOD_NOT_ALLOWED", ("The method '%s' is not allowed"):format(method))
  end
  local is_resource = pattern and (pattern == type_name or pattern == type_name .. "/{id}")
  local verbs = is_resource and allowed_verbs(type_name)
  if not verbs or verbs == "" then
    return problems.one(404, "NOT_FOUND", "The path provided does not match a defined resource type.")
  end
  local verb = method == "GET" and (id and "GET_INSTANCE" or "GET_COLLECTION") or VERBS[method]
  return problems.one(403, "FORBIDDEN_ERROR",
    ("The resource '%s' does not allow '%s'. Allowed operations are: %s"):format(type_name, verb, verbs))
end

local JSON = { ["application/json"] = true, ["application/vnd.api+json"] = true }

local function is_json(headers)
  local kind = headers["content-type"]
  return type(kind) == "string" and JSON[kind:lower():match "^[^%s;]*"]
end

--- Executes a request whose token is valid.
---@param sim table
---@param request {method: string, path: string, query?: string, headers: table, body: string}
---@return table answer
function operations.execute(sim, request)
  local pattern, id = pattern_of(request.path)
  local operation = pattern and schema.OPERATIONS[request.method .. " " .. pattern]
  if not operation then return no_operation(request.method, request.path) end
  local chosen, found = query.check(request.query or "", operation)
  if not chosen then return problems.answer(found) end
  local takes_body = operation.action == "create" or operation.action == "update"
  if takes_body and not is_json(request.headers) then
    return problems.one(415, "UNSUPPORTED_MEDIA_TYPE", "The content type must be application/json")
  end
  if takes_body and not core.is_utf8(request.body) then
    return problems.one(422, "ENTITY_UNPROCESSABLE", "The request entity is not valid UTF-8")
  end
  request.id, request.chosen = id and query.decode(id), chosen
  return ACTIONS[operation.action](sim, operation, request)
end

return operations
