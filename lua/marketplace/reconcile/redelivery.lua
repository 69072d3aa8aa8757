--- Asks for the redelivery of events whose delivery failed and that were not in the inbox.
---
--- Each redelivery is a request, and counts towards the hourly limit that other programs need too. So the run stops
--- asking if one is refused, or before the limit is reached; the next run asks for the rest.
local deliveries = require "marketplace.reconcile.deliveries"
local window = require "marketplace.reconcile.window"

local redelivery = {}

local LEAST_REMAINING = 0.2 -- of the hour's requests, kept for others

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
  window.hold(review, event.newest.created)
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
function redelivery.ask(run)
  local result = { redeliveries = {}, failed = {}, left = 0, why_ended = nil, is_incomplete = false }
  for _, review in ipairs(run.reviews) do
    table.sort(review.undelivered, deliveries.is_older)
    for _, event in ipairs(review.undelivered) do consider(run, result, review, event) end
  end
  return result
end

return redelivery
