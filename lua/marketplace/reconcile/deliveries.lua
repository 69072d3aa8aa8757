--- The deliveries that App Store Connect lists, gathered by their events.
---
--- Source: App Store Connect API 4.0, "Read webhook deliveries". The deliveries of the last ten days can be listed,
--- with a lower bound for their `createdDate` and no other filter.
local core = require "marketplace.core"
local log = require "marketplace.log"

local deliveries = {}

local PAGE = 200 -- deliveries in one answer: the most that App Store Connect returns

--- How many seconds back App Store Connect lists deliveries, less how far its clock may be ahead.
deliveries.FURTHEST = 10 * 86400 - 600

local function time_of(text)
  return type(text) == "string" and core.parse_time(text) or 0
end

local function event_id_of(delivery)
  if delivery.event and delivery.event.id then return delivery.event.id end
  local relationship = delivery.relationships and delivery.relationships.event
  local linkage = type(relationship) == "table" and relationship.data
  return type(linkage) == "table" and linkage.id or "of delivery " .. delivery.id
end

-- Of two that were created in the same instant, the redelivery is the newer one.
local function is_newer(delivery, created, newest)
  if not newest then return true end
  if created ~= newest.created then return created > newest.created end
  return delivery.redelivery == true and not newest.redelivery
end

local function gather(events, delivery)
  local id, created, given = event_id_of(delivery), time_of(delivery.createdDate), delivery.event or {}
  local event = events[id]
  if not event then
    event = { id = id, created = given.createdDate and time_of(given.createdDate) or created, turn = #events + 1 }
    events[id], events[#events + 1] = event, event
  end
  if type(given.payload) == "string" then event.payload = given.payload end
  event.is_ping = event.is_ping or given.ping == true
  if is_newer(delivery, created, event.newest) then
    event.newest = {
      id = delivery.id, created = created, state = delivery.deliveryState, redelivery = delivery.redelivery == true,
    }
  end
  return created
end

--- Orders events by when they were created, and then by the order in which they were listed.
---@param a {created: number, turn: integer}
---@param b {created: number, turn: integer}
---@return boolean
function deliveries.is_older(a, b)
  if a.created ~= b.created then return a.created < b.created end
  return a.turn < b.turn
end

--- The events of a webhook's deliveries, in the order in which they were listed.
---@param client table
---@param webhook string id
---@param since number seconds since the epoch
---@return table result
--- events: list of {id, created, turn, payload, is_ping, newest}, payload: nil if it is not included, newest: the
--- newest delivery, {id, created, state, redelivery}; count: of deliveries; latest: when the newest of them was
--- created, or nil; problem: {message, code, detail} if not all pages could be fetched, or nil
function deliveries.list(client, webhook, since)
  local events, count, latest = {}, 0, nil
  -- called by hand and not by `for`, so that a client can yield in Lua 5.1
  local iterator, progress = client.webhookDeliveries:each {
    webhook = webhook, filter = { createdDateGreaterThanOrEqualTo = log.timestamp(since) }, include = "event",
    limit = PAGE,
  }
  local delivery = iterator(progress)
  while delivery do
    count, latest = count + 1, math.max(latest or 0, gather(events, delivery))
    delivery = iterator(progress)
  end
  return { events = events, count = count, latest = latest, problem = progress.problem }
end

return deliveries
