--- What differs between Apple's two generations of webhooks: the marketplace's one `marketplaceWebhooks`, and an app's
--- `webhooks`.
---
--- A row is what the command shows of a webhook: {id=, generation=, url=} and, for generation 2, {app=, name=,
--- enabled=, eventTypes=}. Functions that ask App Store Connect return nil and a message if that fails.
local core = require "marketplace.core"
local event_types = require "marketplace.event_types"
local json = require "marketplace.json"

local generations = {}

--- Resources a page: the most that App Store Connect allows.
generations.PAGE = 200

--- The code of a failure if there is no such webhook.
generations.MISSING = "missing"

--- The code of a failed call.
---@param code string the client's
---@param detail? table
---@return string
function generations.code_of(code, detail)
  return detail and detail.status == 404 and generations.MISSING or code
end

--- All that `each` returns, up to a limit.
---@param resource table of the client, such as client.webhooks
---@param given table
---@param most? integer
---@param fits? fun(one: table): boolean
---@return table[]|nil
---@return string? message
---@return string? code
function generations.collect(resource, given, most, fits)
  local all = {}
  local iterator, state = resource:each(given)
  for one in iterator, state do
    if not fits or fits(one) then all[#all + 1] = one end
    if most and #all == most then return all end
  end
  if state.problem then
    return nil, state.problem.message, generations.code_of(state.problem.code, state.problem.detail)
  end
  return all
end

--[[ Generation 1 ]]

local first = {
  columns = { { "ID", "id" }, { "URL", "url" } },
}

local function first_row(hook)
  return { id = hook.id, generation = 1, url = hook.endpointUrl }
end

function first.list(client)
  local hooks, message = generations.collect(client.marketplaceWebhooks, { limit = generations.PAGE })
  if not hooks then return nil, message end
  for i, hook in ipairs(hooks) do hooks[i] = first_row(hook) end
  return hooks
end

function first.find(client, id)
  local rows, message = first.list(client)
  if not rows then return nil, message end
  for _, row in ipairs(rows) do
    if row.id == id then return row end
  end
  return nil, "no such generation 1 webhook: " .. id, generations.MISSING
end

local FIRST_HAS_NO = { "app", "name", "event", "disabled", "enabled" }

-- What is wrong with the options for creating or changing a webhook, if anything.
function first.usage_problem(options, is_new)
  for _, name in ipairs(FIRST_HAS_NO) do
    local value = options[name]
    if value and not (type(value) == "table" and #value == 0) then
      return ("a generation 1 webhook does not take --%s"):format(name)
    end
  end
  if is_new and not options.url then return "--url is missing" end
end

function first.create(client, options, secret)
  local made, message = client.marketplaceWebhooks:create { endpointUrl = options.url, secret = secret }
  if not made then return nil, message end
  return first_row(made)
end

function first.update(client, id, options, secret)
  local changed, message = client.marketplaceWebhooks:update(id, { endpointUrl = options.url, secret = secret })
  if not changed then return nil, message end
  return first_row(changed)
end

function first.delete(client, id)
  return client.marketplaceWebhooks:delete(id)
end

function first.set_secret(client, id, secret)
  return client.marketplaceWebhooks:update(id, { secret = secret })
end

--[[ Generation 2 ]]

local second = {
  columns = {
    { "ID", "id" },
    { "APP", "app" },
    { "NAME", "name" },
    { "ENABLED", function(row) return row.enabled == true end },
    { "EVENTS", function(row) return event_types.shown(row.eventTypes) end },
    { "URL", "url" },
  },
}

local function second_row(hook, app)
  return {
    id = hook.id, generation = 2, app = app, name = hook.name, url = hook.url, enabled = hook.enabled,
    eventTypes = json.list(hook.eventTypes or {}),
  }
end

function second.list(client, apps)
  local rows = {}
  for _, app in ipairs(apps) do
    local hooks, message = generations.collect(client.webhooks, { app = app, limit = generations.PAGE })
    if not hooks then return nil, message end
    for _, hook in ipairs(hooks) do rows[#rows + 1] = second_row(hook, app) end
  end
  return rows
end

function second.find(client, id)
  local hook, message, code, detail = client.webhooks:get(id)
  if not hook then return nil, message, generations.code_of(code, detail) end
  return second_row(hook)
end

--- The id of the app that a webhook belongs to.
function second.app_of(client, id)
  local hook, message, code, detail = client.webhooks:get(id, { include = "app" })
  if not hook then return nil, message, generations.code_of(code, detail) end
  local app = hook.app or ((hook.relationships or {}).app or {}).data
  if type(app) ~= "table" or not app.id then return nil, "App Store Connect does not say which app it belongs to" end
  return app.id
end

function second.usage_problem(options, is_new)
  for _, name in ipairs { "app", "name", "url" } do
    if is_new and not options[name] then return ("--%s is missing"):format(name) end
  end
end

local function enabled_of(options)
  if options.disabled then return false end
  return options.enabled
end

function second.create(client, options, secret)
  local made, message = client.webhooks:create {
    app = options.app, name = options.name, url = options.url, secret = secret, enabled = enabled_of(options) ~= false,
    eventTypes = #options.types > 0 and options.types or event_types.MARKETPLACE,
  }
  if not made then return nil, message end
  return second_row(made, options.app)
end

function second.update(client, id, options, secret)
  local changed, message = client.webhooks:update(id, {
    name = options.name, url = options.url, secret = secret, enabled = enabled_of(options),
    eventTypes = #options.types > 0 and options.types or nil,
  })
  if not changed then return nil, message end
  return second_row(changed)
end

function second.delete(client, id)
  return client.webhooks:delete(id)
end

function second.set_secret(client, id, secret)
  return client.webhooks:update(id, { secret = secret })
end

function second.ping(client, id)
  return client.webhookPings:create { webhook = id }
end

--- The deliveries of a webhook since a time, with their events. App Store Connect takes only one filter here.
---@param since number seconds since the epoch
---@param most? integer
---@param fits? fun(delivery: table): boolean
function second.deliveries(client, id, since, most, fits)
  return generations.collect(client.webhookDeliveries, {
    webhook = id, include = "event", limit = math.min(most or generations.PAGE, generations.PAGE),
    filter = { createdDateGreaterThanOrEqualTo = core.format_time(since) },
  }, most, fits)
end

generations[1], generations[2] = first, second

return generations
