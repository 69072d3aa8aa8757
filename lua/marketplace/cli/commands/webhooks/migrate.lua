--- marketplace webhooks migrate: creates, for each app, the generation 2 webhook that corresponds to the account's
--- generation 1 webhook. It can be run again: an app that has a webhook with the same URL is left as it is.
local event_types = require "marketplace.event_types"
local generations = require "marketplace.cli.commands.webhooks.generations"
local inputs = require "marketplace.cli.support.inputs"
local output = require "marketplace.cli.support.output"
local text = require "marketplace.text"

local ADVICE = [[
both generations now deliver each event, with different ids: callbacks run twice for it.
Check that each new webhook works:        marketplace webhooks ping ID
and that its ping arrived:                marketplace webhooks deliveries ID
Then delete the webhook of generation 1:  marketplace webhooks delete --generation 1 %s]]

-- How an existing webhook differs from the one that would have been created.
local function differences(row)
  local missing, has = {}, {}
  for _, event_type in ipairs(row.eventTypes) do has[event_type] = true end
  for _, event_type in ipairs(event_types.MARKETPLACE) do
    if not has[event_type] then missing[#missing + 1] = event_type end
  end
  local found = {}
  if not row.enabled then found[1] = "it is disabled" end
  if #missing > 0 then found[#found + 1] = "it lacks " .. event_types.shown(missing) end
  return #found > 0 and table.concat(found, ", ") or nil
end

local function existing(rows, url)
  for _, row in ipairs(rows) do
    if row.url == url then return row end
  end
end

local function report(options, row, created)
  if created and options.dry_run then return end
  local problem = not created and differences(row) or nil
  local line = ("app %s: webhook %s %s%s"):format(row.app, row.id, created and "created" or "was there already",
    problem and ", but " .. problem or "")
  output.write(options.json, line, {
    app = row.app, id = row.id, url = row.url, created = created, problem = problem,
  })
end

local function migrate_app(client, options, old, app, secret)
  local rows, message = generations[2].list(client, { app })
  if not rows then return nil, message end
  local row = existing(rows, old.url)
  if row then
    report(options, row, false)
    return true
  end
  row, message = generations[2].create(client, { app = app, name = options.name, url = old.url, types = {} }, secret)
  if not row then return nil, message end
  report(options, row, true)
  return row
end

-- What was created stays, and delivers from now on what the old webhook delivers too.
local function failure(app, problem, made)
  local line = ("app %s: %s"):format(text.safe(app), problem)
  if #made == 0 then return line .. "; nothing was created" end
  return ("%s; created before, and kept: webhook %s; run the same command again to go on"):format(line,
    text.safe(table.concat(made, ", ")))
end

local function old_webhook(client)
  local rows, message = generations[1].list(client)
  if not rows then return nil, message end
  if #rows == 0 then return nil, "there is no generation 1 webhook, so nothing is to be migrated; " ..
    "a new one: marketplace webhooks create" end
  return rows[1]
end

--- The action, see marketplace.cli.commands.webhooks.actions.
return function(client, options)
  local list, problem = inputs.secrets(options.secret_file)
  if not list then return nil, problem end
  local old, message = old_webhook(client)
  if not old then return nil, message end
  local made = {}
  for _, app in ipairs(options.app) do
    local row, app_problem = migrate_app(client, options, old, app, list[1])
    if not row then return nil, failure(app, app_problem, made) end
    if row ~= true and not options.dry_run then made[#made + 1] = ("%s (app %s)"):format(row.id, app) end
  end
  if not options.json and not options.dry_run then output.note(ADVICE:format(text.safe(old.id))) end
  return 0
end
