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
  return type(text) == "string" and core.parse_time(text) or nil
end

local function as_table(value)
  return type(value) == "table" and value or {}
end

local function linked_id(delivery)
  return as_table(as_table(as_table(delivery.relationships).event).data).id
end

--- The id by which an event is known whose delivery does not name it.
---@param delivery string id
---@return string
function deliveries.unnamed(delivery)
  return "delivery:" .. delivery
end

local function event_id_of(delivery)
  return as_table(delivery.event).id or linked_id(delivery) or deliveries.unnamed(delivery.id)
end

-- Nil and why if there is none.
local function payload_of(delivery)
  local event = as_table(delivery.event)
  if not event.id then
    return nil, linked_id(delivery) and "the event is not included in the answer" or "the delivery names no event"
  end
  if event.payload == nil then return nil, "the event has no payload" end
  if type(event.payload) ~= "string" then return nil, "the event's payload is not a string" end
  if event.payload == "" then return nil, "the event's payload is empty" end
  return event.payload
end

-- Of two that were created in the same instant, the redelivery is the newer one.
local function is_newer(delivery, created, newest)
  if not newest then return true end
  if created ~= newest.created then return created > newest.created end
  return delivery.redelivery == true and not newest.redelivery
end

local function add_payload(event, delivery)
  local payload, why = payload_of(delivery)
  if not payload then
    event.why_none = why
  elseif not event.is_known[payload] then
    event.is_known[payload], event.payloads[#event.payloads + 1] = true, payload
  end
end

local function event_of(events, delivery, created)
  local id = event_id_of(delivery)
  if not events[id] then
    local event = { id = id, created = created, turn = #events + 1, payloads = {}, is_known = {}, deliveries = {} }
    events[id], events[#events + 1] = event, event
  end
  return events[id]
end

local function gather(events, delivery, since)
  local given, created = as_table(delivery.event), time_of(delivery.createdDate)
  local happened = time_of(given.createdDate)
  local event = event_of(events, delivery, happened or created or since)
  event.deliveries[#event.deliveries + 1] = delivery.id
  if not created then event.untimed = delivery.id end
  created = created or happened or since
  add_payload(event, delivery)
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

local function cut_off(count, total)
  if not total or count >= total then return nil end
  return {
    message = ("App Store Connect listed only %d of %d deliveries"):format(count, total), code = "list_incomplete",
  }
end

--- The events of a webhook's deliveries, in the order in which they were listed.
---@param client table
---@param webhook string id
---@param since number seconds since the epoch
---@return table result
--- events: list of {id, created, turn, payloads, why_none, is_ping, deliveries, untimed, newest}, payloads: those that
--- were given, each once, why_none: why a delivery came without one, deliveries: their ids, untimed: the id of one that
--- does not say when it was created, or nil, newest: the newest one, {id, created, state, redelivery}; count: of
--- deliveries; latest: when the newest of them was created, or nil; problem: {message, code, detail} if not all were
--- listed, or nil
function deliveries.list(client, webhook, since)
  local events, count, latest = {}, 0, nil
  -- called by hand and not by `for`, so that a client can yield in Lua 5.1
  local iterator, progress = client.webhookDeliveries:each {
    webhook = webhook, filter = { createdDateGreaterThanOrEqualTo = log.timestamp(since) }, include = "event",
    limit = PAGE,
  }
  local delivery, page = iterator(progress)
  -- what is delivered meanwhile may be counted on later pages, and not be listed
  local total = page and page.total
  while delivery do
    count, latest = count + 1, math.max(latest or 0, gather(events, delivery, since))
    delivery = iterator(progress)
  end
  return { events = events, count = count, latest = latest, problem = progress.problem or cut_off(count, total) }
end

--[[ Asking for them again: each redelivery is a request, and counts towards the hourly limit that other programs need
too. So the run stops asking if one is refused, or before the limit is reached; the next run asks for the rest. ]]

local REFUSED = "App Store Connect accepts no more requests for now"
local NEARLY_USED_UP = "less than a fifth of the hour's requests remains"

local function is_wanted(known, event)
  if event.is_accepted then return false end
  -- there is no other way to get it
  if #event.payloads == 0 then return true end
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

local function consider(run, result, review, event)
  if not run.redeliver or not is_wanted(review.known, event) then return end
  if not result.why_ended and is_nearly_used_up(run.client) then result.why_ended = NEARLY_USED_UP end
  if result.why_ended then return put_off(run, result, review, event) end
  if run.dry_run then return add_redelivery(result, review, event, false) end
  ask(run, result, review, event)
end

--- Asks for what is wanted, each webhook's oldest first.
---@param run table
---@return table result
--- redeliveries: list of {webhook, event, delivery, created_at, asked}, in a dry run what would be asked for; failed:
--- list of {webhook, event, delivery, message, code, detail}; left: how many are put off; why_ended: why they are
function deliveries.ask_again(run)
  local result = { redeliveries = {}, failed = {}, left = 0, why_ended = nil }
  for _, review in ipairs(run.reviews) do
    table.sort(review.undelivered, deliveries.is_older)
    for _, event in ipairs(review.undelivered) do consider(run, result, review, event) end
  end
  return result
end

return deliveries
