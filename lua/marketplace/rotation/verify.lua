--- Step 5 of a rotation: a notification arrives that App Store Connect signed with a webhook's new secret. A webhook of
--- generation 2 is asked for a ping; generation 1 has none, and its next notification is waited for.
local context = require "marketplace.rotation.context"
local probe = require "marketplace.rotation.probe"
local webhooks = require "marketplace.rotation.webhooks"

local verify = {}

local POLL_PAUSE = 1
local DELIVERIES_PAUSE = 5 -- seconds between questions to App Store Connect, which counts them

--[[ The proof ]]

-- Ids of notifications that were signed with the new secret, are not probes and have proved nothing yet.
local function candidates(run)
  local entries, message = run.inbox.verified(context.fingerprint(run.state.secret),
    run.state.changing_at - context.CLOCKS_APART)
  if not entries then return nil, "the inbox: " .. message end
  local ids = {}
  for _, entry in ipairs(entries) do
    if not probe.is_probe(run, entry.id) and not context.holds(run.state.seen, entry.id) then
      ids[#ids + 1] = entry.id
    end
  end
  return ids
end

-- Which of the ids App Store Connect sent to this webhook; nil and a message if that cannot be found out.
local function delivered_to(run, webhook, ids)
  local delivered, message = run.apple.delivered(webhook.id, run.state.changing_at - context.CLOCKS_APART)
  if not delivered then return nil, message end
  local found = {}
  for _, id in ipairs(ids) do
    if context.holds(delivered, id) then found[#found + 1] = id end
  end
  return found
end

-- One event goes to several webhooks under one id, and proves nothing about one of them if another has the secret too.
local function only_to(run, webhook, ids)
  local own, message = delivered_to(run, webhook, ids)
  for _, other in ipairs(run.state.webhooks) do
    if not own or #own == 0 then return own, message end
    -- webhooks are changed one after another, so no earlier one is still "changed"
    if other.step == "verified" then
      local theirs
      theirs, message = delivered_to(run, other, own)
      if not theirs then return nil, message end
      for _, id in ipairs(theirs) do own = context.without(own, id) end
    end
  end
  return own
end

-- The id of a notification that proves that the webhook has the secret; false if there is none.
local function find_proof(run, webhook)
  local ids, message = candidates(run)
  if not ids then return nil, message end
  if #ids == 0 or not run.apple.delivered then return ids[1] or false end
  if webhook == run.asked_for and run.clock() - run.asked_at < DELIVERIES_PAUSE then return false end
  run.asked_for, run.asked_at = webhook, run.clock()
  local own, problem = only_to(run, webhook, ids)
  if not own then return nil, "App Store Connect's deliveries: " .. problem end
  return own[1] or false
end

local function accept_proof(run, webhook, id)
  run.state.seen[#run.state.seen + 1] = id
  local ok, message, code = webhooks.advance(run, webhook, "verified", "verified_at")
  if not ok then return nil, message, code end
  run.is_taken = true
  run.say("verify", ("webhook %s: notification %s is signed with %s"):format(webhook.id, id,
    context.fingerprint(run.state.secret)))
  return true
end

--[[ Waiting for it ]]

local function where_to_look(run, webhook)
  local in_log = "look for answers of 401 in the receiver's log"
  if not run.apple.ping then return in_log end
  return ("%s, and see what was sent: marketplace webhooks deliveries %s"):format(in_log, webhook.id)
end

-- False if the webhook no longer exists.
local function ping(run, webhook)
  if not run.apple.ping then
    run.say("verify", ("webhook %s: waiting for its next notification"):format(webhook.id))
    return true
  end
  local ok, message, code = run.apple.ping(webhook.id)
  if not ok and code == "missing" then return false end
  if not ok then
    return nil, context.with_stake(run, ("webhook %s: no ping: %s"):format(webhook.id, message)), code
  end
  run.say("verify", ("webhook %s: App Store Connect was asked for a ping"):format(webhook.id))
  return true
end

local function no_proof(run, webhook, problem)
  local more = not run.apple.ping and " when a notification has arrived (generation 1 has no ping)" or nil
  local message = ("webhook %s: no notification signed with the new secret arrived within %g seconds; %s")
    :format(webhook.id, run.wait, where_to_look(run, webhook))
  if problem then message = message .. " (" .. problem .. ")" end
  return nil, context.with_stake(run, message, more), "rotation_pending"
end

local function wait_for_proof(run, webhook)
  return context.wait_for(run, {
    seconds = run.wait, every = POLL_PAUSE, find = function() return find_proof(run, webhook) end,
    tell = function(seconds)
      run.say("verify", ("webhook %s: nothing after %d of %g seconds; if that does not change, %s"):format(webhook.id,
        seconds, run.wait, where_to_look(run, webhook)))
    end,
  })
end

--- Waits for the proof that one webhook has the new secret. A notification that has already arrived will do.
---@param run table
---@param webhook table of the state
---@return true|nil
---@return string? message
---@return string? code rotation_pending, stopped, those of files and of the API
function verify.run(run, webhook)
  local id = find_proof(run, webhook)
  if id then return accept_proof(run, webhook, id) end
  local ok, message, code = ping(run, webhook)
  if ok == false then return webhooks.drop(run, webhook) end
  if not ok then return nil, message, code end
  id, message, code = wait_for_proof(run, webhook)
  if id == nil then return nil, message, code end
  if not id then return no_proof(run, webhook, message) end
  return accept_proof(run, webhook, id)
end

return verify
