--- The deliveries that App Store Connect lists, gathered by their events; and asking for the redelivery of those that
--- failed and whose events were not in the inbox.
---
--- Source: App Store Connect API 4.0, "Read webhook deliveries". The deliveries of the last ten days can be listed,
--- with a lower bound for their `createdDate` and no other filter.
local core = require "marketplace.core"
local log = require "marketplace.log"

local deliveries = {}

local PAGE = 200 -- deliveries in one answer: the most that App Store Connect returns
local LEAST_REMAINING = 0.2 -- of the hour's requests, kept for others

--- How many seconds back App Store Connect lists deliveries, less how far its clock may be ahead.
deliveries.FURTHEST = 10 * 86400 - 600

--[[ Listing ]]

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

--[[ Asking for them again: each redelivery is a request, and counts towards the hourly limit that other programs need
too. So the run stops asking if one is refused, or before the limit is reached; the next run asks for the rest. ]]

local REFUSED = "App Store Connect accepts no more requests for now"
local NEARLY_USED_UP = "less than a fifth of the hour's requests remains"

local function is_wanted(known, event)
  -- there is no other way to get it
  if not event.payload then return true end
  return not known.asked[event.id] and (event.was_missing or known.left[event.id] ~= nil)
end

local function is_nearly_used_up(client)
  local granted = client.rate_limit or {}
  return granted.limit and granted.remaining and granted.remaining < LEAST_REMAINING * granted.limit
end

-- The next run asks again, and knows that it is still wanted.
local function leave(run, review, event)
  review.known.left[event.id] = review.known.left[event.id] or run.now
  review:hold(event.newest.created)
end

local function put_off(run, result, review, event)
  leave(run, review, event)
  result.left = result.left + 1
  result.is_incomplete = result.is_incomplete or not event.payload
end

local function add_failed(run, result, review, event, problem)
  leave(run, review, event)
  result.failed[#result.failed + 1] = {
    webhook = review.webhook.id, event = event.id, delivery = event.newest.id, message = problem.message,
    code = problem.code, detail = problem.detail,
  }
end

local function add_redelivery(result, review, event, is_asked)
  result.redeliveries[#result.redeliveries + 1] = {
    webhook = review.webhook.id, event = event.id, delivery = event.newest.id, created_at = event.newest.created,
    asked = is_asked,
  }
end

local function ask(run, result, review, event)
  local created, message, code, detail = run.client.webhookDeliveries:create { template = event.newest.id }
  if created then
    review.known.asked[event.id], review.known.left[event.id] = run.now, nil
    add_redelivery(result, review, event, true)
  elseif code == "rate_limited" then
    result.why_ended = REFUSED
    put_off(run, result, review, event)
  else
    add_failed(run, result, review, event, { message = message, code = code, detail = detail })
  end
end

local NOT_ALLOWED = {
  message = "its payload is missing, and no redelivery may be asked for", code = "payload_missing",
}

local function consider(run, result, review, event)
  if not is_wanted(review.known, event) then return end
  if not run.redeliver then
    if not event.payload then add_failed(run, result, review, event, NOT_ALLOWED) end
    return
  end
  if not result.why_ended and is_nearly_used_up(run.client) then result.why_ended = NEARLY_USED_UP end
  if result.why_ended then return put_off(run, result, review, event) end
  if run.dry_run then return add_redelivery(result, review, event, false) end
  ask(run, result, review, event)
end

--- Asks for what is wanted, each webhook's oldest first.
---@param run table
---@return table result
--- redeliveries: list of {webhook, event, delivery, created_at, asked}, in a dry run what would be asked for; failed:
--- list of {webhook, event, delivery, message, code, detail}; left: how many are put off; why_ended: why they are;
--- is_incomplete: whether one of them is the only way to get its event
function deliveries.ask_again(run)
  local result = { redeliveries = {}, failed = {}, left = 0, why_ended = nil, is_incomplete = false }
  for _, review in ipairs(run.reviews) do
    table.sort(review.undelivered, deliveries.is_older)
    for _, event in ipairs(review.undelivered) do consider(run, result, review, event) end
  end
  return result
end

return deliveries
