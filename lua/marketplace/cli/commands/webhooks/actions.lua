--- What `marketplace webhooks` does: each action takes the client and the parsed options, and returns the exit
--- status, or nil (or an exit status) and a message.
local confirmation = require "marketplace.cli.support.confirmation"
local event_types = require "marketplace.event_types"
local generations = require "marketplace.cli.commands.webhooks.generations"
local inputs = require "marketplace.cli.support.inputs"
local notification = require "marketplace.notification"
local output = require "marketplace.cli.support.output"
local secret_file = require "marketplace.secret_file"
local text = require "marketplace.text"

local actions = {}

-- Reports what was done; a dry run has shown the request instead.
local function done(options, line, object)
  if not options.dry_run then output.write(options.json, line, object) end
  return 0
end

local function named(row)
  return ("webhook %s (%s)"):format(row.id, row.url or "-")
end

--[[ Webhooks ]]

function actions.list(client, options)
  local generation = generations[options.generation]
  local rows, message = generation.list(client, options.app)
  if not rows then return nil, message end
  output.list(options, generation.columns, rows)
  return 0
end

function actions.create(client, options)
  local list, problem = inputs.secrets(options.secret_file)
  if not list then return nil, problem end
  local row, message = generations[options.generation].create(client, options, list[1])
  if not row then return nil, message end
  return done(options, "created " .. named(row), row)
end

-- Never the environment's secret: it is there for other commands, and this must not change it unasked.
local function new_secret(options)
  if not options.secret_file then return nil end
  local list, problem = secret_file.read(options.secret_file, output.warn)
  return list and list[1], problem
end

function actions.update(client, options)
  local secret, problem = new_secret(options)
  if problem then return nil, problem end
  local row, message = generations[options.generation].update(client, options.id, options, secret)
  if not row then return nil, message end
  return done(options, "changed " .. named(row), row)
end

function actions.delete(client, options)
  local generation = generations[options.generation]
  local row, message = generation.find(client, options.id)
  if not row then return nil, message end
  if not confirmation.is_given(options, ("Delete %s?"):format(named(row))) then return nil, "nothing was deleted" end
  local deleted
  deleted, message = generation.delete(client, options.id)
  if not deleted then return nil, message end
  return done(options, "deleted " .. named(row), { id = options.id, deleted = true })
end

--[[ Deliveries ]]

function actions.ping(client, options)
  local ping, message = generations[2].ping(client, options.id)
  if not ping then return nil, message end
  return done(options, ("asked for a ping (%s); see: marketplace webhooks deliveries %s"):format(ping.id, options.id),
    { id = ping.id, webhook = options.id })
end

local DELIVERY_COLUMNS = {
  { "CREATED", "createdDate" },
  { "STATE", "deliveryState" },
  { "AGAIN", "redelivery" },
  { "HTTP", "httpStatusCode" },
  { "EVENT", "event" },
  { "NOTIFICATION", "notification" },
  { "ID", "id" },
  { "ERROR", "errorMessage" },
}

-- Our name for what happened, as in `list`; the notification itself says it more exactly than its type.
local function event_of(event, n)
  if n.event and n.event ~= "other" then return n.event end
  if event.ping then return "ping" end
  return event.eventType and event_types.shown { event.eventType } or nil
end

local function delivery_row(delivery)
  local event, response = delivery.event or {}, delivery.response or {}
  local n = type(event.payload) == "string" and notification.parse(event.payload) or {}
  return {
    id = delivery.id, createdDate = delivery.createdDate, sentDate = delivery.sentDate,
    deliveryState = delivery.deliveryState, redelivery = delivery.redelivery or false,
    httpStatusCode = response.httpStatusCode, errorMessage = delivery.errorMessage,
    eventType = event.ping and "ping" or event.eventType, event = event_of(event, n), notification = n.id,
  }
end

-- The state is filtered here, as App Store Connect takes only one filter.
function actions.deliveries(client, options)
  local deliveries, message = generations[2].deliveries(client, options.id, options.since, options.limit,
    options.state and function(delivery) return delivery.deliveryState == options.state end)
  if not deliveries then return nil, message end
  for i, delivery in ipairs(deliveries) do deliveries[i] = delivery_row(delivery) end
  output.list(options, DELIVERY_COLUMNS, deliveries)
  return 0
end

function actions.redeliver(client, options)
  local failed = 0
  for _, id in ipairs(options.id) do
    local delivery, message = client.webhookDeliveries:create { template = id }
    if delivery then
      done(options, ("delivery %s is repeated as %s"):format(id, delivery.id), { id = delivery.id, template = id })
    else
      failed = failed + 1
      output.note(("delivery %s is not repeated: %s"):format(text.safe(id), message))
    end
  end
  if failed > 0 then return nil, ("deliveries not repeated: %d of %d"):format(failed, #options.id) end
  return 0
end

return actions
