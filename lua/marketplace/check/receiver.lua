--- Where notifications are posted to: that it is there, refuses what Apple did not sign, and takes what Apple sends.
--- The ping is the only thing that a check causes.
local app_store_connect = require "marketplace.check.app_store_connect"
local deliveries = require "marketplace.check.deliveries"
local outside = require "marketplace.check.outside"
local text = require "marketplace.text"
local webhooks = require "marketplace.check.webhooks"

local receiver = {}

local PAUSE = 1      -- seconds between two looks at the deliveries
local BEFORE = 600   -- seconds by which clocks may differ

--[[ What Apple did not sign ]]

local function judge_refusal(run, url, response)
  local status = response.status
  if status == 401 then
    return run.findings:add("ok", "receiver", url, "a notification that Apple did not sign is refused with 401")
  end
  if status >= 200 and status <= 299 then
    return run.findings:add("error", "receiver", url,
      ("a notification without a signature is accepted with %d"):format(status),
      "find out what answers there: it is not a receiver of this library, or it does not verify")
  end
  local message, action = outside.refusal(run, response)
  message = message .. " to a notification without a signature, in place of 401"
  run.findings:add("error", "receiver", url, message, status < 400 and
    "App Store Connect may follow no redirect: post to the address itself" or status >= 500 and action or
    "check whether the path of the webhook is the receiver's")
end

local function check_url(run, url)
  local response, failure = outside.ask(run, {
    method = "POST", url = url, body = "{}", headers = { "content-type: application/json" },
  })
  if not response then return run.findings:add_failure("receiver", url, failure) end
  judge_refusal(run, url, response)
end

--[[ What Apple sends ]]

local function known_ids(list)
  local known = {}
  for _, delivery in ipairs(list) do known[delivery.id] = true end
  return known
end

local function outcome_of(list, known)
  for _, delivery in ipairs(list) do
    local is_new = not known[delivery.id] and deliveries.is_ping(delivery)
    if is_new and delivery.deliveryState ~= "PENDING" then return delivery end
  end
end

-- The delivery of the ping; false if it is not over in time, nil if that could not be found out.
local function wait_for(run, about, webhook, known, since)
  local stop = run.monotonic() + math.min(run.ping_seconds, run.left())
  repeat
    local list = deliveries.list(run, "ping", about, webhook, since)
    if not list then return nil end
    local delivery = outcome_of(list, known)
    if delivery then return delivery end
    run.sleep(PAUSE)
  until run.monotonic() >= stop
  return false
end

local function ping(run, about, webhook)
  local since = run.now() - BEFORE
  local before = deliveries.list(run, "ping", about, webhook, since)
  if not before then return nil end
  local asked = app_store_connect.call(run, "ping", about, function(client)
    return client.webhookPings:create { webhook = webhook.id }
  end)
  return asked and wait_for(run, about, webhook, known_ids(before), since)
end

local function check_ping(run, webhook, app)
  local about = webhooks.named(run, webhook, app)
  if not run.ping then
    return run.findings:add("skipped", "ping", about, "no ping was asked for, so that it is not known whether its " ..
      "secret is the receiver's", "leave --no-ping out")
  end
  local delivery = ping(run, about, webhook)
  if delivery == nil then return end
  if not delivery then
    return run.findings:add("warning", "ping", about, ("a ping was asked for, and was not delivered within %.4g s")
      :format(run.ping_seconds), "look again later: marketplace webhooks deliveries " .. text.shell_word(webhook.id))
  end
  if delivery.deliveryState == "SUCCEEDED" then
    return run.findings:add("ok", "ping", about, "App Store Connect's ping arrived: the receiver has its secret")
  end
  run.findings:add("error", "ping", about, "App Store Connect's ping did not arrive: " ..
    deliveries.outcome(run, delivery), deliveries.remedy(delivery, webhook))
end

--[[ All ]]

local function urls_of(run)
  local urls, seen = { run.webhook_url }, {}
  if run.webhook_url then seen[run.webhook_url] = true end
  for _, one in ipairs(run.webhooks) do
    local url = one.webhook.url
    if type(url) == "string" and url:find "^https?://" and not seen[url] then
      seen[url], urls[#urls + 1] = true, url
    end
  end
  return urls
end

--- Tries them.
---@param run table
function receiver.run(run)
  local urls = urls_of(run)
  if #urls == 0 then
    run.findings:add("skipped", "receiver", "notifications", "it is not known where they are posted to",
      "name the address with --webhook-url")
  end
  for _, url in ipairs(urls) do check_url(run, url) end
  for _, one in ipairs(run.webhooks) do check_ping(run, one.webhook, one.app) end
end

return receiver
