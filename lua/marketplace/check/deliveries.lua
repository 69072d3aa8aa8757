--- What App Store Connect has delivered to a marketplace's webhooks in the last day.
local app_store_connect = require "marketplace.check.app_store_connect"
local core = require "marketplace.core"
local log = require "marketplace.log"
local text = require "marketplace.text"
local webhooks = require "marketplace.check.webhooks"

local deliveries = {}

local MOST = 200        -- of a list
local SINCE = 24 * 3600 -- seconds that are looked at

local function as_table(value)
  return type(value) == "table" and value or {}
end

--- The deliveries of a webhook since a time, as App Store Connect lists them: of very many, one page.
---@param run table
---@param check string
---@param about string
---@param webhook table
---@param since number
---@return table[]|nil
---@return marketplace.page? page
function deliveries.list(run, check, about, webhook, since)
  return app_store_connect.call(run, check, about, function(client)
    return client.webhookDeliveries:list {
      webhook = webhook.id, include = "event", limit = MOST,
      filter = { createdDateGreaterThanOrEqualTo = core.format_time(since) },
    }
  end)
end

--- What a delivery came to, for people.
---@param run table
---@param delivery table
---@return string
function deliveries.outcome(run, delivery)
  local status = as_table(delivery.response).httpStatusCode
  if status then return "the receiver answered " .. run.findings:shown(status) end
  return delivery.errorMessage and run.findings:shown(delivery.errorMessage) or "App Store Connect does not say why"
end

--- What to do about a delivery that failed.
---@param delivery table
---@param webhook table
---@return string
function deliveries.remedy(delivery, webhook)
  if as_table(delivery.response).httpStatusCode == 401 then
    return "give the webhook and the receiver the same secret: marketplace webhooks rotate-secret " ..
      text.shell_word(webhook.id) .. " --secret-file PATH"
  end
  return "look in the receiver's log, and at the way to it; then marketplace reconcile gets what was missed"
end

--- Whether a delivery is of a ping.
---@param delivery table
---@return boolean
function deliveries.is_ping(delivery)
  local event = as_table(delivery.event)
  return event.ping == true or type(event.payload) == "string" and event.payload:find "webhookPingCreated" ~= nil
end

local function at_of(delivery)
  return core.parse_time(tostring(delivery.createdDate)) or 0
end

-- The newest of all that are over, and the newest of each event: what a ping failed to tell, nothing has to bring back.
local function newest_of(list)
  local by_event, newest = {}, nil
  for _, delivery in ipairs(list) do
    local id, one = as_table(delivery.event).id or delivery.id, { at = at_of(delivery), delivery = delivery }
    local is_event = not deliveries.is_ping(delivery)
    if is_event and (not by_event[id] or one.at > by_event[id].at) then by_event[id] = one end
    if delivery.deliveryState ~= "PENDING" and (not newest or one.at > newest.at) then newest = one end
  end
  return by_event, newest
end

local function counts_of(by_event)
  local counts = { events = 0, SUCCEEDED = 0, FAILED = 0, PENDING = 0 }
  for _, one in pairs(by_event) do
    local state = one.delivery.deliveryState
    counts.events = counts.events + 1
    if counts[state] then counts[state] = counts[state] + 1 end
  end
  return counts
end

local function arrived(counts, looked_at, total)
  local words = counts.events == 0 and "no event was sent in the last day" or
    ("%d of %d events of the last day arrived"):format(counts.SUCCEEDED, counts.events)
  if counts.PENDING > 0 then words = ("%s, %d are under way"):format(words, counts.PENDING) end
  if total and total > looked_at then
    words = ("%s; only %d of %.0f deliveries were looked at"):format(words, looked_at, total)
  end
  return words
end

-- Of a ping that this run had sent, the check of it has told.
local function tells_of_failure(run, newest)
  if not newest or newest.delivery.deliveryState ~= "FAILED" then return false end
  return not (run.ping and deliveries.is_ping(newest.delivery))
end

local function judge(run, webhook, app)
  local about = webhooks.named(run, webhook, app)
  local list, page = deliveries.list(run, "deliveries", about, webhook, run.now() - SINCE)
  if not list then return end
  local by_event, newest = newest_of(list)
  local counts = counts_of(by_event)
  local words = arrived(counts, #list, tonumber(page.total))
  if tells_of_failure(run, newest) then
    return run.findings:add("error", "deliveries", about, ("the last delivery failed, at %s: %s"):format(
      log.timestamp(newest.at), deliveries.outcome(run, newest.delivery)), deliveries.remedy(newest.delivery, webhook))
  end
  if counts.FAILED == 0 then return run.findings:add("ok", "deliveries", about, words) end
  run.findings:add("warning", "deliveries", about, ("%s, and %d did not"):format(words, counts.FAILED),
    "marketplace reconcile --app " .. text.shell_word(app))
end

--- Judges them, of `run.known_webhooks`.
---@param run table
function deliveries.run(run)
  for _, one in ipairs(run.known_webhooks) do judge(run, one.webhook, one.app) end
end

return deliveries
