--- Events, and their delivery to the webhooks of an account: signed, recorded, repeated.
---
--- A webhook gets its deliveries one at a time, in order. Only a fault changes the order.
local core = require "marketplace.core"
local log = require "marketplace.log"
local notification = require "marketplace.notification"
local packages = require "marketplace.simulator.packages"
local samples = require "marketplace.samples"
local signature = require "marketplace.signature"
local text = require "marketplace.text"
local uuid = require "marketplace.uuid"

local deliveries = {}

local TIMEOUT = 10 -- seconds for a webhook to answer
local MOST_KEPT = 10000
local MOST_BODY_KEPT = 2048 -- bytes of a webhook's answer

local EVENT_TYPES = {
  version_available = "ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED",
  versions_unavailable = "ALTERNATIVE_DISTRIBUTION_PACKAGE_AVAILABLE_UPDATED",
  versions_restored = "ALTERNATIVE_DISTRIBUTION_PACKAGE_AVAILABLE_UPDATED",
  app_unavailable = "ALTERNATIVE_DISTRIBUTION_TERRITORY_AVAILABILITY_UPDATED",
  app_restored = "ALTERNATIVE_DISTRIBUTION_TERRITORY_AVAILABILITY_UPDATED",
}

local function webhook_of(sim, delivery)
  local type_name = delivery.generation == 1 and "marketplaceWebhooks" or "webhooks"
  return sim.store:get(type_name, delivery.refs.webhook)
end

local function url_of(webhook)
  return webhook.attributes.url or webhook.attributes.endpointUrl
end

local function report(sim, level, message, delivery, reason)
  local body = delivery.body
  local n = notification.parse(body) or {}
  sim.log {
    level = level, message = message, at = sim.clock(), id = n.id, type = n.type, event = n.event, app_id = n.app_id,
    url = delivery.attributes.request.url, status = (delivery.attributes.response or {}).httpStatusCode,
    reason = reason,
  }
end

--[[ Queueing ]]

local function enqueue(sim, delivery, due)
  sim.queue[#sim.queue + 1] = {
    delivery = delivery, due = due, held = sim.faults:of_delivery "out_of_order", number = delivery.sequence,
  }
  if sim.faults:of_delivery "duplicate" then
    sim.queue[#sim.queue + 1] = { delivery = delivery, due = due, number = delivery.sequence }
  end
end

local function new_delivery(sim, webhook, event, about)
  local delivery = sim.store:add {
    type = "webhookDeliveries", id = uuid.new(sim.random), generation = about.generation, body = about.body,
    refs = { webhook = webhook.id, event = event and event.id }, attempt = about.attempt or 1,
    attributes = {
      createdDate = log.timestamp(sim.clock()), deliveryState = "PENDING", redelivery = about.redelivery or false,
      request = { url = url_of(webhook) },
    },
  }
  delivery.created = core.parse_time(delivery.attributes.createdDate)
  sim.store:bound("webhookDeliveries", MOST_KEPT)
  enqueue(sim, delivery, about.due or sim.clock())
  return delivery
end

--- Repeats a delivery.
---@return table|nil delivery nil if its webhook is gone or disabled
function deliveries.repeat_delivery(sim, template, due, attempt)
  local webhook = webhook_of(sim, template)
  if not webhook or webhook.attributes.enabled == false then return nil end
  local event = template.refs.event and sim.store:get("webhookEvents", template.refs.event)
  return new_delivery(sim, webhook, event, {
    generation = template.generation, body = template.body, redelivery = true, due = due, attempt = attempt,
  })
end

--[[ Events ]]

local function record_event(sim, event_type, body, is_ping)
  local event = sim.store:add {
    type = "webhookEvents", id = uuid.new(sim.random), attributes = {
      eventType = event_type, payload = body, ping = is_ping or false, createdDate = log.timestamp(sim.clock()),
    },
  }
  sim.store:bound("webhookEvents", MOST_KEPT)
  return event
end

local function is_subscribed(webhook, event_type)
  if not webhook.attributes.enabled then return false end
  for _, name in ipairs(webhook.attributes.eventTypes) do
    if name == event_type then return true end
  end
  return false
end

local function notify_generation_1(sim, body)
  local made = {}
  for _, webhook in ipairs(sim.store:list "marketplaceWebhooks") do
    made[#made + 1] = new_delivery(sim, webhook, nil, { generation = 1, body = body })
  end
  return made
end

local function notify_generation_2(sim, event_name, marketplace_app, body)
  local made, event_type, event = {}, EVENT_TYPES[event_name], nil
  for _, webhook in ipairs(sim.store:list("webhooks", "app", marketplace_app)) do
    if is_subscribed(webhook, event_type) then
      event = event or record_event(sim, event_type, body)
      made[#made + 1] = new_delivery(sim, webhook, event, { generation = 2, body = body })
    end
  end
  return made
end

-- The new version of version_available, or the one that it names, and its package.
local function version_of(sim, given, app_id)
  local version = given.package_version and packages.version(sim, given.package_version)
  if version then return version.refs.alternativeDistributionPackage, version end
  local package
  version, package = packages.add(sim, given, app_id)
  return package.id, version
end

local function package_of(sim, name, given, app_id)
  if name == "version_available" then return version_of(sim, given, app_id) end
  if name == "app_unavailable" or name == "app_restored" then return nil end
  local latest = sim.latest_package[app_id]
  return given.package or latest and latest.id or uuid.new(sim.random)
end

-- The notifications of an event, one for each generation that has one. If two events share one of Apple's type
-- names, the first is meant.
local function fitting(name, generation)
  local found = {}
  for _, sample in ipairs(samples.list()) do
    local is_named = sample.event == name or sample.type == name
    local is_same = not found[1] or found[1].event == sample.event
    if is_named and is_same and sample.event ~= "ping" and (generation or sample.generation) == sample.generation then
      found[#found + 1] = sample
    end
  end
  return found
end

--[[ Why nothing is delivered ]]

local function has_kind(kinds, generation)
  for _, kind in ipairs(kinds) do
    if kind.generation == generation then return true end
  end
  return false
end

local function why_not_subscribed(sim, event)
  local hooks = sim.store:list("webhooks", "app", event.marketplace_app_id)
  if #hooks == 0 then return ("app %s has no webhook"):format(event.marketplace_app_id) end
  for _, hook in ipairs(hooks) do
    if hook.attributes.enabled then
      return ("no webhook of app %s has the event type %s"):format(event.marketplace_app_id, EVENT_TYPES[event.event])
    end
  end
  return ("no webhook of app %s is enabled"):format(event.marketplace_app_id)
end

-- For each generation that has a notification of the event.
local function why_none(sim, kinds, event)
  local reasons = {}
  if has_kind(kinds, 2) then reasons[1] = why_not_subscribed(sim, event) end
  if has_kind(kinds, 1) then reasons[#reasons + 1] = "the account has no webhook of generation 1" end
  return table.concat(reasons, ", and ")
end

--[[ What happens ]]

--- Makes something happen: a package if the event is about one, and a notification for each webhook that subscribes.
---@param sim table
---@param name string an event's name, or one of Apple's type names
---@param given table see marketplace.simulator
---@return table event
function deliveries.event(sim, name, given)
  local kinds = fitting(name, given.generation)
  if #kinds == 0 then
    error(("marketplace.simulator: unknown event '%s'; known: those of marketplace send --list, but ping"):format(name),
      0)
  end
  local event_name = kinds[1].event
  local app_id = given.app or sim.first_app
  local marketplace_app = given.marketplace_app or sim.store:get("apps", app_id) and app_id or sim.first_app
  local package_id, version = package_of(sim, event_name, given, app_id)
  local event = {
    event = event_name, app_id = app_id, marketplace_app_id = marketplace_app, package_id = package_id,
    package_version_id = version and version.id, notifications = {}, deliveries = {},
  }
  for i, kind in ipairs(kinds) do
    local id = given.id or uuid.new(sim.random)
    local body = samples.body(kind.event, {
      generation = kind.generation, id = id, time = given.time or sim.clock(), app_id = app_id,
      marketplace_app_id = marketplace_app, package_id = package_id, package_version_id = event.package_version_id,
      package_version = version and version.attributes.version, territories = given.territories,
    })
    event.notifications[i] = { generation = kind.generation, id = id, type = kind.type, body = body }
    local made = kind.generation == 1 and notify_generation_1(sim, body)
      or notify_generation_2(sim, event_name, marketplace_app, body)
    for _, delivery in ipairs(made) do event.deliveries[#event.deliveries + 1] = delivery.id end
  end
  if #event.deliveries == 0 then event.why_none = why_none(sim, kinds, event) end
  return event
end

--- Sends a ping to a webhook of generation 2.
function deliveries.ping(sim, webhook)
  local body = samples.body("ping", { generation = 2, id = uuid.new(sim.random), time = sim.clock() })
  new_delivery(sim, webhook, record_event(sim, nil, body, true), { generation = 2, body = body })
end

--[[ Sending ]]

local function repeat_later(sim, delivery)
  local wait = sim.retry_after[delivery.attempt]
  if not wait then return end
  deliveries.repeat_delivery(sim, delivery, sim.clock() + wait, delivery.attempt + 1)
end

local function release_held(sim, item)
  for _, other in ipairs(sim.queue) do
    if other.held and other.number < item.number and other.delivery.refs.webhook == item.delivery.refs.webhook then
      other.held = false
    end
  end
end

local function take_answer(delivery, response, message)
  local attributes = delivery.attributes
  if not response then
    attributes.deliveryState, attributes.errorMessage, attributes.response = "FAILED", message, nil
    return
  end
  local is_fine = response.status >= 200 and response.status <= 299
  attributes.response = {
    httpStatusCode = response.status, body = text.utf8((response.body or ""):sub(1, MOST_BODY_KEPT)),
  }
  attributes.deliveryState = is_fine and "SUCCEEDED" or "FAILED"
  attributes.errorMessage = not is_fine and ("The server answered %d"):format(response.status) or nil
end

local function answered(sim, item, webhook)
  local is_done = false
  return function(response, message)
    if is_done then return end
    is_done = true
    local delivery = item.delivery
    sim.in_flight[webhook.id] = nil
    take_answer(delivery, response, message)
    release_held(sim, item)
    local has_failed = delivery.attributes.deliveryState == "FAILED"
    report(sim, has_failed and "warning" or "info", has_failed and "not delivered" or "delivered", delivery,
      delivery.attributes.errorMessage)
    if has_failed then repeat_later(sim, delivery) end
  end
end

local function send(sim, item, webhook)
  local delivery, url = item.delivery, url_of(webhook)
  delivery.attributes.sentDate = log.timestamp(sim.clock())
  delivery.attributes.request.url = url
  sim.in_flight[webhook.id] = true
  sim.send({
    method = "POST", url = url, body = delivery.body, timeout = TIMEOUT, headers = {
      "content-type: application/json",
      "x-apple-signature: " .. assert(signature.sign(webhook.attributes.secret, delivery.body)),
    },
  }, answered(sim, item, webhook))
end

local function next_due(sim)
  local now = sim.clock()
  for i, item in ipairs(sim.queue) do
    local is_free = not sim.in_flight[item.delivery.refs.webhook]
    if is_free and item.due <= now and not item.held then return i end
  end
end

--- Starts the deliveries that are due to webhooks that are not busy with another.
function deliveries.tick(sim)
  local i = next_due(sim)
  while i do
    local item = table.remove(sim.queue, i)
    local webhook = webhook_of(sim, item.delivery)
    if webhook and webhook.attributes.enabled == false then
      take_answer(item.delivery, nil, "The webhook is disabled")
    elseif webhook then
      send(sim, item, webhook)
    end
    i = next_due(sim)
  end
end

--- When the next delivery is due; nil if none waits for its time.
---@return number|nil seconds since the epoch
function deliveries.next_at(sim)
  local earliest
  for _, item in ipairs(sim.queue) do
    if not item.held and not (earliest and earliest <= item.due) then earliest = item.due end
  end
  return earliest
end

return deliveries
