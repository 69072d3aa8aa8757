--- Step 4 of a rotation: App Store Connect is given the new secret for a webhook.
local context = require "marketplace.rotation.context"
local webhooks = require "marketplace.rotation.webhooks"

local change = {}

-- Kept before App Store Connect gets the secret: from then on notifications can have been signed with it.
local function note_change(run)
  if run.state.changing_at then return true end
  run.state.changing_at = run.clock()
  local ok, message, code = run.file:save(run.state)
  if ok then return true end
  run.state.changing_at = nil
  return nil, context.with_stake(run, message), code
end

--- Gives one webhook the new secret.
---@param run table
---@param webhook table of the state
---@return true|nil
---@return string? message
---@return string? code
function change.run(run, webhook)
  local ok, message, code = note_change(run)
  if not ok then return nil, message, code end
  ok, message, code = run.apple.set_secret(webhook.id, run.state.secret)
  if not ok and code == "missing" then return webhooks.drop(run, webhook) end
  if not ok then
    message = ("it is not known whether webhook %s has the new secret: %s"):format(webhook.id, message)
    return nil, context.with_stake(run, message), code
  end
  ok, message, code = webhooks.advance(run, webhook, "changed", "changed_at")
  if not ok then return nil, message, code end
  run.say("change", ("App Store Connect has %s for webhook %s"):format(context.fingerprint(run.state.secret),
    webhook.id))
  return true
end

return change
