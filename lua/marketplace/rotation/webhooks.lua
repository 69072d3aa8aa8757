--- The webhooks of a rotation: their URLs, how far each of them is, those that were deleted meanwhile, and how each is
--- given the new secret (step 4, "change").
local context = require "marketplace.rotation.context"

local webhooks = {}

--- Records that a webhook is at its next step.
---@param run table
---@param webhook table of the state
---@param step string
---@param time? "changed_at"|"verified_at" when that was
---@return true|nil
---@return string? message
---@return string? code
function webhooks.advance(run, webhook, step, time)
  webhook.step = step
  if time then webhook[time] = run.clock() end
  local ok, message, code = run.file:save(run.state)
  if not ok then return nil, context.with_stake(run, message), code end
  return true
end

--- Leaves out a webhook that no longer exists.
---@param run table
---@param webhook table of the state
---@return true|nil
---@return string? message
---@return string? code
function webhooks.drop(run, webhook)
  local ok, message, code = webhooks.advance(run, webhook, "gone")
  if not ok then return nil, message, code end
  run.say("drop", ("webhook %s no longer exists, and is left out"):format(webhook.id))
  return true
end

-- Kept before App Store Connect gets the secret: from then on notifications can have been signed with it.
local function note_change(run)
  if run.state.changing_at then return true end
  run.state.changing_at = run.clock()
  local ok, message, code = run.file:save(run.state)
  if ok then return true end
  run.state.changing_at = nil
  return nil, context.with_stake(run, message), code
end

--- Gives one webhook the new secret at App Store Connect (step 4, "change").
---@param run table
---@param webhook table of the state
---@return true|nil
---@return string? message
---@return string? code
function webhooks.change(run, webhook)
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

local function failed(id, message, code)
  return nil, ("webhook %s: %s"):format(id, message), code
end

local function add_url(run, url)
  if not run.receiver_url and not context.holds(run.urls, url) then run.urls[#run.urls + 1] = url end
end

--- Finds the URLs to probe. Each webhook is asked for even if the receiver's URL is given: the answer shows that the
--- credentials work and that the webhook exists.
---@param run table
---@return true|nil
---@return string? message
---@return string? code
function webhooks.find_urls(run)
  run.urls = { run.receiver_url }
  for _, id in ipairs(run.webhooks) do
    local url, message, code = run.apple.url(id)
    if not url then return failed(id, message, code) end
    add_url(run, url)
  end
  return true
end

--- The same for a rotation under way, which goes on without a webhook that was deleted meanwhile.
---@param run table
---@return true|nil
---@return string? message
---@return string? code
function webhooks.find_urls_again(run)
  run.urls = { run.receiver_url }
  local left = 0
  for _, webhook in ipairs(run.state.webhooks) do
    if webhook.step ~= "gone" then
      local url, message, code = run.apple.url(webhook.id)
      local ok = url
      if not url and code == "missing" then ok, message, code = webhooks.drop(run, webhook) end
      if not ok then return failed(webhook.id, message, code) end
      if url then
        left = left + 1
        add_url(run, url)
      end
    end
  end
  if left > 0 then return true end
  return nil, "none of the webhooks exists any longer: undo the rotation with --abort", "rotation_invalid"
end

--- A webhook that may sign with the new secret; nil if none can.
---@param run table
---@return string|nil id
function webhooks.user_of_new(run)
  if not run.state.changing_at then return nil end
  for _, webhook in ipairs(run.state.webhooks) do
    if webhook.step ~= "gone" then
      local url, _, code = run.apple.url(webhook.id)
      if url or code ~= "missing" then return webhook.id end
    end
  end
end

return webhooks
