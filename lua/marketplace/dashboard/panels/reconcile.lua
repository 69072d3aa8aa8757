--- How far reconciliations have come, as their state file says, and what they could not compare.
local h = require "marketplace.dashboard.html"
local reconcile_state = require "marketplace.reconcile.state"
local shown = require "marketplace.dashboard.shown"

local reconcile = {}

local LATE = 129600 -- seconds: a day and a half, for one that is to run each day

local function count(times)
  local found = 0
  for _ in pairs(times) do found = found + 1 end
  return found
end

--- Reads what it shows.
---@param context marketplace.dashboard.Context
---@return {webhooks?: table[], problem?: string}
function reconcile.read(context)
  local state, problem = reconcile_state.open(context.dashboard.reconcile_state, true)
  if not state then return { problem = problem } end
  local webhooks = {}
  for i, id in ipairs(state:ids()) do
    local known = state:of(id)
    webhooks[i] = {
      id = id, app = known.app, url = known.url, checked = known.checked, deaf = known.deaf, unseen = known.unseen,
      uncompared = count(known.uncompared), left = count(known.left),
    }
  end
  state:close()
  return { webhooks = webhooks }
end

local function problems(webhook, now)
  local list = {}
  if not webhook.checked or now - webhook.checked > LATE then list[#list + 1] = { "bad", "it is late" } end
  if webhook.unseen then
    list[#list + 1] = { "bad", "what came before ", shown.time(webhook.unseen.to), " can no longer be compared" }
  end
  if webhook.uncompared > 0 then
    list[#list + 1] = { "bad", ("%d could not be compared"):format(webhook.uncompared) }
  end
  if webhook.deaf then list[#list + 1] = { "bad", "not everything was sent since ", shown.time(webhook.deaf) } end
  if webhook.left > 0 then list[#list + 1] = { "warning", ("%d redeliveries to ask for"):format(webhook.left) } end
  return list
end

local function outcome(webhook, now)
  local list = problems(webhook, now)
  if #list == 0 then return shown.badge("ok", "complete") end
  local items = {}
  for i, problem in ipairs(list) do
    local kind = table.remove(problem, 1)
    items[i] = h.li { class = kind, problem }
  end
  return h.ul { class = "plain", items }
end

local function rows_of(context, read)
  if read.problem then return shown.problem("The state of the reconciliation cannot be read", read.problem) end
  if #read.webhooks == 0 then
    return shown.nothing "No reconciliation has run yet: marketplace reconcile finds what was never received."
  end
  return shown.table({
    { "Webhook", function(webhook) return h.code { webhook.id } end },
    { "App", function(webhook) return shown.code(webhook.app) end },
    { "Compared", function(webhook) return shown.ago(webhook.checked, context.now) end },
    { "Outcome", function(webhook) return outcome(webhook, context.now) end },
  }, read.webhooks, "Webhooks, and how far they were reconciled")
end

--- The panel.
---@param context marketplace.dashboard.Context
---@param read table
---@return any node
function reconcile.show(context, read)
  return h.section { ["aria-labelledby"] = "reconcile",
    h.h2 { id = "reconcile", "Reconciliation" }, rows_of(context, read),
  }
end

return reconcile
