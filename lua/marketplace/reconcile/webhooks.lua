--- Chooses the webhooks of a reconciliation: those that are named, and the apps' webhooks that lead to the receiver.
---
--- Some of an app's webhooks may lead to other receivers: what goes there does not concern this one, and a redelivery
--- would go there too. So all webhooks that are chosen by app have one URL.
local webhooks = {}

local PAGE = 200 -- more than an app can have

local function add_problem(found, problem)
  found.problems[#found.problems + 1] = problem
end

-- Adds an app's webhooks to those that were listed.
local function list_app(client, found, app)
  local list, message, code, detail = client.webhooks:list { app = app, limit = PAGE }
  if not list then
    return add_problem(found, { app = app, message = message, code = code, detail = detail })
  end
  local ids = {}
  for _, webhook in ipairs(list) do
    ids[webhook.id] = true
    found.listed[#found.listed + 1] = { id = webhook.id, url = webhook.url or "", app = app }
  end
  found.of_app[app] = ids
end

local function urls_of(listed)
  local urls, is_there = {}, {}
  for _, webhook in ipairs(listed) do
    if not is_there[webhook.url] then
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
      add_problem(found, { app = app, message = ("app %s has no webhook%s"):format(app, which),
        code = "webhook_missing" })
    end
  end
end

local function choose_listed(found, apps, url)
  local has_webhook = {}
  for _, webhook in ipairs(found.listed) do
    if not url or webhook.url == url then
      has_webhook[webhook.app] = true
      choose(found, webhook)
    end
  end
  report_missing(found, apps, url, has_webhook)
end

--- Finds the webhooks to reconcile.
---@param client table
---@param given {webhooks?: string[], apps?: string[], url?: string} url: only the apps' webhooks with this URL
---@return table|nil found
--- chosen: list of {id, url, app}, url and app nil for those that are named; of_app: for each app that could be asked
--- about, the set of its webhooks' ids; problems: list of {app, message, code, detail}
---@return string? message
---@return string? code webhook_ambiguous: they have more than one URL, and `url` is not given
---@return table? detail {urls=}
function webhooks.find(client, given)
  local found = { chosen = {}, is_chosen = {}, listed = {}, of_app = {}, problems = {} }
  local apps = given.apps or {}
  for _, app in ipairs(apps) do list_app(client, found, app) end
  local urls = urls_of(found.listed)
  if not given.url and #urls > 1 then
    return nil, ("the apps' webhooks have more than one URL: name the receiver's with option 'url', one of: %s")
      :format(table.concat(urls, " ")), "webhook_ambiguous", { urls = urls }
  end
  for _, id in ipairs(given.webhooks or {}) do choose(found, { id = id }) end
  choose_listed(found, apps, given.url)
  return found
end

return webhooks
