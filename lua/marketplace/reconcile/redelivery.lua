--- The redeliveries that a reconciliation asks for: of events that were delivered in vain and were not in the inbox.
---
--- Each is a request of its own, out of a number that App Store Connect grants for an hour and that others need too. So
--- the asking ends where that is refused, and before all is used up; what is left is asked for by the next run.
local reconcile_redelivery = {}

local LEAST_REMAINING = 0.2 -- of the hour's requests, kept for others

local REFUSED = "App Store Connect takes no more requests for now"
local NEARLY_USED_UP = "less than a fifth of the hour's requests remains"

local function by_creation(a, b)
  if a.created ~= b.created then return a.created < b.created end
  return a.turn < b.turn
end

local function is_wanted(known, event)
  -- what it brings can be had in no other way
  if not event.payload then return true end
  return not known.asked[event.id] and (event.was_missing or known.left[event.id] ~= nil)
end

local function is_nearly_used_up(client)
  local granted = client.rate_limit or {}
  return granted.limit and granted.remaining and granted.remaining < LEAST_REMAINING * granted.limit
end

-- The next run looks at it again, and knows that it is still wanted.
local function leave(run, look, event)
  look.known.left[event.id] = look.known.left[event.id] or run.now
  look.hold(event.newest.created)
end

local function put_off(run, look, event)
  leave(run, look, event)
  run.left = run.left + 1
  run.is_incomplete = run.is_incomplete or not event.payload
end

local function add_failed(run, look, event, message, code, detail)
  leave(run, look, event)
  run.failed[#run.failed + 1] = {
    webhook = look.webhook.id, event = event.id, delivery = event.newest.id, message = message, code = code,
    detail = detail,
  }
end

local function told(look, event, is_asked)
  return {
    webhook = look.webhook.id, event = event.id, delivery = event.newest.id, created_at = event.newest.created,
    asked = is_asked,
  }
end

local function ask(run, look, event)
  if run.dry_run then
    run.redeliveries[#run.redeliveries + 1] = told(look, event, false)
    return
  end
  local created, message, code, detail = run.client.webhookDeliveries:create { template = event.newest.id }
  if created then
    look.known.asked[event.id], look.known.left[event.id] = run.now, nil
    run.redeliveries[#run.redeliveries + 1] = told(look, event, true)
  elseif code == "rate_limited" then
    run.why_ended = REFUSED
    put_off(run, look, event)
  else
    add_failed(run, look, event, message, code, detail)
  end
end

local function consider(run, look, event)
  if not is_wanted(look.known, event) then return end
  if not run.is_allowed then
    if event.payload then return end
    return add_failed(run, look, event, "its payload is not told, and no redelivery is asked for", "payload_missing")
  end
  if not run.why_ended and is_nearly_used_up(run.client) then run.why_ended = NEARLY_USED_UP end
  if run.why_ended then return put_off(run, look, event) end
  ask(run, look, event)
end

--- Asks for what is wanted, each webhook's oldest first.
---@param given table
--- client, now; looks: list of {webhook, known, undelivered, hold}: undelivered: events whose newest delivery failed,
--- hold(time): called for what the next run must look at again; is_allowed: whether any is asked for; dry_run
---@return table result
--- redeliveries: list of {webhook, event, delivery, created_at, asked}, in a dry run what would be asked for; failed:
--- list of {webhook, event, delivery, message, code, detail}; left: how many are put off; why_ended: why they are;
--- is_incomplete: whether one of them is of an event that can be had in no other way
function reconcile_redelivery.ask(given)
  local run = {
    client = given.client, now = given.now, is_allowed = given.is_allowed, dry_run = given.dry_run, redeliveries = {},
    failed = {}, left = 0, why_ended = nil, is_incomplete = false,
  }
  for _, look in ipairs(given.looks) do
    table.sort(look.undelivered, by_creation)
    for _, event in ipairs(look.undelivered) do consider(run, look, event) end
  end
  return run
end

return reconcile_redelivery
