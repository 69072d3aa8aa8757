--- Chooses the webhooks of a reconciliation: those that are named, and the apps' webhooks that lead to the receiver.
---
--- Some of an app's webhooks may lead to other receivers: what goes there does not concern this one, and a redelivery
--- would go there too. So all webhooks that are chosen by app have one URL.
---
--- What a webhook does not send, because it is disabled or has other types of events, App Store Connect lists nowhere:
--- such webhooks are found here, as no comparison would notice.
local event_types = require "marketplace.event_types"

local webhooks = {}

local PAGE = 200 -- more than an app can have

---@class marketplace.reconcile.Webhook
---@field id string
---@field url? string
---@field app? string id
---@field is_deaf? boolean App Store Connect does not send it all that it should

local function text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
end

local function described(webhook, app)
  return {
    id = webhook.id, url = text_of(webhook.url), app = app, enabled = webhook.enabled,
    event_types = type(webhook.eventTypes) == "table" and webhook.eventTypes or nil,
  }
end

--[[ Asking App Store Connect ]]

local function add_failure(found, failure)
  found.failures[#found.failures + 1] = failure
end

local function list_app(client, found, app)
  local iterator, progress = client.webhooks:each { app = app, limit = PAGE }
  local ids, webhook = {}, iterator(progress)
  while webhook do
    ids[webhook.id] = described(webhook, app)
    found.listed[#found.listed + 1] = ids[webhook.id]
    webhook = iterator(progress)
  end
  local problem = progress.problem
  if problem then
    return add_failure(found, { app = app, message = problem.message, code = problem.code, detail = problem.detail })
  end
  found.of_app[app] = ids
end

local function app_of(webhook)
  local relationship = webhook.relationships and webhook.relationships.app
  local linkage = type(relationship) == "table" and relationship.data
  return type(linkage) == "table" and text_of(linkage.id) or nil
end

local function find_named(client, found, id)
  for _, webhook in ipairs(found.listed) do
    if webhook.id == id then return webhook end
  end
  local webhook, message, code, detail = client.webhooks:get(id, { include = "app" })
  if webhook then return described(webhook, app_of(webhook)) end
  add_failure(found, { webhook = id, message = message, code = code, detail = detail })
end

--[[ Choosing ]]

local function add_fault(found, webhook, code, what)
  local whose = webhook.app and (" of app %s"):format(webhook.app) or ""
  found.faults[#found.faults + 1] = {
    webhook = webhook.id, app = webhook.app, code = code,
    message = ("webhook %s%s %s"):format(webhook.id, whose, what),
  }
end

local function urls_of(listed)
  local urls, is_there = {}, {}
  for _, webhook in ipairs(listed) do
    if webhook.url and not is_there[webhook.url] then
      is_there[webhook.url], urls[#urls + 1] = true, webhook.url
    end
  end
  table.sort(urls)
  return urls
end

local function choose(found, webhook)
  if found.is_chosen[webhook.id] then return end
  found.is_chosen[webhook.id] = true
  found.chosen[#found.chosen + 1] = webhook
end

local function report_missing(found, apps, url, has_webhook)
  for _, app in ipairs(apps) do
    if found.of_app[app] and not has_webhook[app] then
      local which = url and next(found.of_app[app]) and " with the URL " .. url or ""
      add_failure(found, {
        app = app, code = "webhook_missing",
        message = ("app %s has no webhook%s: make one with `marketplace webhooks create`"):format(app, which),
      })
    end
  end
end

local function choose_listed(found, apps, url)
  local has_webhook = {}
  for _, webhook in ipairs(found.listed) do
    if not webhook.url then
      add_fault(found, webhook, "webhook_unclear", "has no URL, so nobody knows whether it is the receiver's")
    elseif not url or webhook.url == url then
      has_webhook[webhook.app] = true
      choose(found, webhook)
    end
  end
  report_missing(found, apps, url, has_webhook)
end

--[[ Whether App Store Connect sends what it should ]]

local function check_one(found, webhook)
  webhook.is_deaf = true
  if webhook.enabled == false then
    return add_fault(found, webhook, "webhook_disabled",
      "is disabled, so nothing is sent to it: enable it, or delete it")
  end
  if webhook.enabled ~= true or not webhook.event_types then
    return add_fault(found, webhook, "webhook_unclear",
      "cannot be judged: App Store Connect does not say whether it is enabled, and what it sends")
  end
  webhook.is_deaf = false
end

-- The webhooks that are chosen of one app send an event if any of them does.
local function groups_of(chosen)
  local groups = {}
  for _, webhook in ipairs(chosen) do
    local name = webhook.app or "\0" .. webhook.id
    if not groups[name] then
      groups[name] = {}
      groups[#groups + 1] = groups[name]
    end
    table.insert(groups[name], webhook)
  end
  return groups
end

local function types_not_sent(group)
  local is_sent, missing = {}, {}
  for _, webhook in ipairs(group) do
    for _, name in ipairs(webhook.is_deaf and {} or webhook.event_types) do is_sent[name] = true end
  end
  for _, name in ipairs(event_types.MARKETPLACE) do
    if not is_sent[name] then missing[#missing + 1] = name end
  end
  return missing
end

local function check_group(found, group)
  local missing = types_not_sent(group)
  if #missing == 0 then return end
  for _, webhook in ipairs(group) do
    if not webhook.is_deaf then
      webhook.is_deaf = true
      add_fault(found, webhook, "event_types_missing", ("does not send %s, and no other that is compared does"):format(
        table.concat(missing, ", ")))
    end
  end
end

--- Finds the webhooks to reconcile.
---@param client table
---@param given {webhooks?: string[], apps?: string[], url?: string} url: only the apps' webhooks with this URL
---@return table|nil found
--- chosen: list of marketplace.reconcile.Webhook; is_chosen: set of their ids; of_app: for each app that could be asked
--- about, its webhooks by id; failures: list of {app, webhook, message, code, detail}, what could not be found; faults:
--- the same, webhooks to which App Store Connect does not send all that it should
---@return string? message
---@return string? code webhook_ambiguous: they have more than one URL, and `url` is not given
---@return table? detail {urls=}
function webhooks.find(client, given)
  local found = { chosen = {}, is_chosen = {}, listed = {}, of_app = {}, failures = {}, faults = {} }
  local apps = given.apps or {}
  for _, app in ipairs(apps) do list_app(client, found, app) end
  local urls = urls_of(found.listed)
  if not given.url and #urls > 1 then
    return nil, ("the apps' webhooks have more than one URL: name the receiver's with option 'url', one of: %s")
      :format(table.concat(urls, " ")), "webhook_ambiguous", { urls = urls }
  end
  for _, id in ipairs(given.webhooks or {}) do
    local webhook = find_named(client, found, id)
    if webhook then choose(found, webhook) end
  end
  choose_listed(found, apps, given.url)
  for _, webhook in ipairs(found.chosen) do check_one(found, webhook) end
  for _, group in ipairs(groups_of(found.chosen)) do check_group(found, group) end
  return found
end

return webhooks
