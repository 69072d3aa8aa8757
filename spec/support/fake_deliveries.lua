--- A client whose App Store Connect is a list of deliveries: what marketplace.reconcile uses of marketplace.client.
local assert = require "luassert"
local log = require "marketplace.log"
local marketplace = require "marketplace"

local fake_deliveries = {}

local OURS = "https://marketplace.example/notifications"
local ALL_TYPES = require("marketplace.event_types").MARKETPLACE

local Fake = {}
Fake.__index = Fake

local function matching(self, webhook, since)
  local found = {}
  for _, delivery in ipairs(self.deliveries) do
    if delivery.webhook == webhook and delivery.at >= since then found[#found + 1] = delivery end
  end
  -- the newest first, so that nobody relies on another order
  table.sort(found, function(a, b)
    if a.at ~= b.at then return a.at > b.at end
    return a.id > b.id
  end)
  return found
end

local function as_resource(delivery)
  local event = delivery.event
  local told = not delivery.untold and {
    type = "webhookEvents", id = event.id, payload = event.payload, ping = event.ping, createdDate = event.createdDate,
  } or nil
  local created = delivery.createdDate
  if created == nil then created = log.timestamp(delivery.at) end
  return {
    type = "webhookDeliveries", id = delivery.id, createdDate = created or nil,
    deliveryState = delivery.state, redelivery = delivery.redelivery, event = told,
    relationships = not delivery.unrelated and { event = { data = { type = "webhookEvents", id = event.id } } } or nil,
  }
end

local function check_query(self, given)
  assert.same({ "event", 200 }, { given.include, given.limit })
  local names = {}
  for name in pairs(given.filter) do names[#names + 1] = name end
  assert.same({ "createdDateGreaterThanOrEqualTo" }, names)
  local since = require("marketplace.core").parse_time(given.filter.createdDateGreaterThanOrEqualTo)
  assert.is_true(since > self.now() - 10 * 86400, "too far back")
  self.asked_since[#self.asked_since + 1] = since
  return since
end

local function step(progress)
  local self = progress.fake
  local found = progress.found
  if progress.index == self.fails_after then
    progress.problem = { message = "no answer", code = "timeout", detail = {} }
    return nil
  end
  progress.index = progress.index + 1
  if found[progress.index] then return as_resource(found[progress.index]), { total = self.total } end
end

local function webhook_deliveries(self)
  return {
    each = function(_, given)
      local since = check_query(self, given)
      if self.gone[given.webhook] then
        return step, { fake = self, problem = { message = "no such webhook", code = "api_error",
          detail = { status = 404 } }, found = {}, index = 0 }
      end
      return step, { fake = self, index = 0, found = matching(self, given.webhook, since) }
    end,
    create = function(_, given)
      self.asked = self.asked + 1
      local code = self.refused[given.template]
      if code then return nil, "not now", code, { status = code == "rate_limited" and 429 or 409 } end
      if self.rate_limit.remaining then self.rate_limit.remaining = self.rate_limit.remaining - 1 end
      self.redelivered[#self.redelivered + 1] = given.template
      return { type = "webhookDeliveries", id = "again " .. given.template }, {}
    end,
  }
end

local function listed(self, app)
  local found = {}
  for i, id in ipairs(self.apps[app]) do
    local made = { type = "webhooks", id = id, url = OURS, enabled = true, eventTypes = ALL_TYPES }
    for name, value in pairs(self.changed[id] or {}) do made[name] = value end
    for name, value in pairs(made) do
      if value == "none" then made[name] = nil end
    end
    found[i] = made
  end
  return found
end

local function webhooks(self)
  local function each(_, given)
    if not self.apps[given.app] then
      return function() end, { problem = { message = "there is no such app", code = "api_error",
        detail = { status = 404 } } }
    end
    local found, i = listed(self, given.app), 0
    return function()
      i = i + 1
      return found[i]
    end, {}
  end
  local function get(_, id, given)
    assert.same({ include = "app" }, given)
    if self.gone[id] then return nil, "no such webhook", "api_error", { status = 404 } end
    for app, ids in pairs(self.apps) do
      for i, other in ipairs(ids) do
        local found = listed(self, app)[i]
        found.relationships = { app = { data = { type = "apps", id = app } } }
        if other == id then return found, {} end
      end
    end
    return { type = "webhooks", id = id, url = OURS, enabled = true, eventTypes = ALL_TYPES }, {}
  end
  return { each = each, get = get }
end

--- Adds a delivery of an event.
---@param more {id: string, event: table, at: number, state: string, webhook?: string, redelivery?: boolean,
--- untold?: boolean, unrelated?: boolean, createdDate?: string|false}
function Fake:deliver(more)
  more.webhook = more.webhook or "w1"
  self.deliveries[#self.deliveries + 1] = more
end

--- A client. Of what it is asked, `apps` has the ids of the webhooks by app, `changed` the attributes by webhook that
--- are not as usual ("none": missing), `total` how many deliveries it says that there are.
---@param now fun(): number
function fake_deliveries.new(now)
  local self = setmetatable({
    now = now, deliveries = {}, redelivered = {}, refused = {}, fails_after = nil, asked_since = {}, total = nil,
    apps = { a1 = { "w1" }, a2 = {} }, changed = {}, gone = {}, rate_limit = {}, asked = 0,
  }, Fake)
  self.webhookDeliveries = webhook_deliveries(self)
  self.webhooks = webhooks(self)
  return self
end

--- Reconciles with these options, and with `more` in place of those that it names; "none" takes one away.
---@param usual table
---@param more? table
function fake_deliveries.reconcile(usual, more)
  local given = {}
  for name, value in pairs(usual) do given[name] = value end
  for name, value in pairs(more or {}) do given[name] = value end
  for name, value in pairs(given) do
    if value == "none" then given[name] = nil end
  end
  return marketplace.reconcile(given)
end

return fake_deliveries
