--- The webhooks of a marketplace's app: that App Store Connect sends what it should to where it should.
local app_store_connect = require "marketplace.check.app_store_connect"
local event_types = require "marketplace.event_types"
local text = require "marketplace.text"

local webhooks = {}

local MOST = 200 -- of a list: more webhooks than an app can have

--- What findings call a webhook.
---@param run table
---@param webhook table
---@param app string
---@return string
function webhooks.named(run, webhook, app)
  return ("webhook %s of app %s"):format(run.findings:shown(webhook.id), app)
end

--[[ How they are set up ]]

local function missing_types(webhook)
  local has, missing = {}, {}
  for _, name in ipairs(type(webhook.eventTypes) == "table" and webhook.eventTypes or {}) do has[name] = true end
  for _, name in ipairs(event_types.MARKETPLACE) do
    if not has[name] then missing[#missing + 1] = name end
  end
  return missing
end

local function update(webhook, option)
  return ("marketplace webhooks update %s %s"):format(text.shell_word(webhook.id), option)
end

local function judge_types(run, about, webhook)
  local missing = missing_types(webhook)
  if #missing == 0 then return true end
  local options = { "--event version_available --event versions_unavailable --event app_unavailable" }
  for _, name in ipairs(type(webhook.eventTypes) == "table" and webhook.eventTypes or {}) do
    if type(name) == "string" and name:find "^%u[%u%d_]*$" and not name:find "^ALTERNATIVE_DISTRIBUTION_" then
      options[#options + 1] = "--event " .. name
    end
  end
  run.findings:add("error", "webhook", about, "it does not send " .. event_types.shown(missing),
    update(webhook, table.concat(options, " ")))
  return false
end

local function judge_one(run, webhook, app)
  local about = webhooks.named(run, webhook, app)
  local is_fine = judge_types(run, about, webhook)
  if not tostring(webhook.url):find "^https://" then
    is_fine = false
    run.findings:add("error", "webhook", about, "it does not lead to an https:// address: " ..
      run.findings:shown(webhook.url or "-"), update(webhook, "--url URL"))
  end
  if webhook.enabled ~= true then
    is_fine = false
    run.findings:add("error", "webhook", about, "it is disabled: nothing is sent to it", update(webhook, "--enabled"),
      { webhook = run.findings:shown(webhook.id), is_enabled = false })
  end
  if not is_fine then return false end
  run.findings:add("ok", "webhook", about, "it is enabled, and sends what concerns marketplaces to " ..
    run.findings:shown(webhook.url), nil, { webhook = run.findings:shown(webhook.id), is_enabled = true })
  return true
end

--[[ Which ones ]]

local function urls_of(run, list)
  local urls = {}
  for i, webhook in ipairs(list) do urls[i] = run.findings:shown(webhook.url or "-") end
  return table.concat(urls, " ")
end

-- The receiver takes both.
local function without_slash(url)
  return type(url) == "string" and url:gsub("/$", "") or nil
end

local function leading_here(run, list, name)
  if not run.webhook_url then return list end
  local here = {}
  for _, webhook in ipairs(list) do
    if without_slash(webhook[name]) == without_slash(run.webhook_url) then here[#here + 1] = webhook end
  end
  return here
end

local function tell_none(run, app, list)
  local about = "app " .. app
  if #list == 1 then
    return run.findings:add("error", "webhook", about, ("its webhook leads to %s, and not to %s"):format(
      urls_of(run, list), run.webhook_url), ("marketplace webhooks update %s --url %s"):format(
      text.shell_word(list[1].id), text.shell_word(run.webhook_url)))
  elseif #list > 1 then
    return run.findings:add("error", "webhook", about, ("none of its %d webhooks leads to %s, but to %s"):format(#list,
      run.webhook_url, urls_of(run, list)), "correct one: marketplace webhooks update ID --url " ..
      text.shell_word(run.webhook_url))
  end
  local first = app_store_connect.call(run, "webhook", about, function(client)
    return client.marketplaceWebhooks:list { limit = MOST }
  end)
  if not first then return end
  local here = leading_here(run, first, "endpointUrl")
  if #here == 0 then
    return run.findings:add("error", "webhook", about, "it has no webhook: no notification will ever arrive",
      ("marketplace webhooks create --app %s --name NAME --url %s"):format(text.shell_word(app),
        run.webhook_url and text.shell_word(run.webhook_url) or "URL"))
  end
  run.findings:add("warning", "webhook", about, "only the account's webhook of generation 1, which Apple " ..
    "deprecates, leads to " .. run.findings:shown(here[1].endpointUrl),
    "marketplace webhooks migrate --app " .. text.shell_word(app))
end

--[[ All ]]

local function check_app(run, app)
  local list = app_store_connect.call(run, "webhook", "app " .. app, function(client)
    return client.webhooks:list { app = app, limit = MOST }
  end)
  if not list then return end
  local here = leading_here(run, list, "url")
  if #here == 0 then return tell_none(run, app, list) end
  for _, webhook in ipairs(here) do
    local known = { webhook = webhook, app = app }
    run.known_webhooks[#run.known_webhooks + 1] = known
    if judge_one(run, webhook, app) then run.webhooks[#run.webhooks + 1] = known end
  end
end

--- Looks at them. `run.known_webhooks` are those that lead here, `run.webhooks` those of them that can be tried.
---@param run table
function webhooks.run(run)
  run.known_webhooks, run.webhooks = {}, {}
  if #run.apps == 0 then
    return run.findings:add("skipped", "webhook", "App Store Connect", "no app was named, so no webhook was " ..
      "looked at", "name the marketplace's app with --app")
  end
  for _, app in ipairs(run.apps) do check_app(run, app) end
end

return webhooks
