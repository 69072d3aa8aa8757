--- Step 6 of a rotation: for a while nothing arrives that is signed with an old secret. What is signed with one long
--- after the webhooks were given the new one comes from a webhook that was not named.
local context = require "marketplace.rotation.context"
local log = require "marketplace.log"
local rotation_state = require "marketplace.rotation.state"
local secrets = require "marketplace.rotation.secrets"

local settle = {}

local POLL_PAUSE = 1

-- Newest first: the notifications that an old secret verified since the last webhook was given the new one.
local function signed_with_old(run, old)
  local found = {}
  for _, secret in ipairs(old) do
    local fingerprint = context.fingerprint(secret)
    local entries, message = run.inbox.verified(fingerprint, rotation_state.latest(run.state, "changed_at"))
    if not entries then return nil, "the inbox: " .. message end
    for _, entry in ipairs(entries) do
      found[#found + 1] = { id = entry.id, at = entry.at, fingerprint = fingerprint }
    end
  end
  table.sort(found, function(a, b) return a.at > b.at end)
  return found
end

local function shown(entry)
  return ("notification %s, signed with the old secret %s, arrived at %s"):format(entry.id, entry.fingerprint,
    log.timestamp(entry.at))
end

-- The newest, if it came so long after the change that it cannot have been under way before.
local function find_late(run, newest)
  if run.retire_anyway or not newest then return nil end
  local in_flight_until = rotation_state.latest(run.state, "changed_at") + context.CLOCKS_APART + run.grace
  return newest.at > in_flight_until and newest or nil
end

local function shared(run, entry)
  return nil, ("%s, after all named webhooks were given the new one: another webhook probably still uses it, so it " ..
    "stays in the secret file. Give that webhook the new secret too (marketplace webhooks " ..
    "update ID --secret-file %s), then run the same command again with --retire-anyway"):format(shown(entry),
    run.path), "rotation_pending"
end

-- Since when nothing may have arrived. If a clock was set back, the proof can be in the future.
local function proved_at(run, started, now)
  local verified_at = rotation_state.latest(run.state, "verified_at")
  return verified_at <= now and verified_at or started
end

-- True if nothing has come for long enough, or something came late; false and why not, or nil and a message.
local function is_quiet(run, old, started)
  local entries, message = signed_with_old(run, old)
  if not entries then return nil, message end
  local newest, now = entries[1], run.clock()
  run.late = find_late(run, newest)
  if run.late then return true end
  local since = math.max(proved_at(run, started, now), newest and math.min(newest.at, now) or 0)
  return now - since >= run.grace, newest and "the old secret is still in use: " .. shown(newest)
end

--- Waits until the old secrets can end.
---@param run table
---@return true|nil
---@return string? message
---@return string? code rotation_pending, stopped, file_failed
function settle.run(run)
  local list, message, code = secrets.read(run)
  if not list then return nil, context.with_stake(run, message), code end
  local old = context.without(list, run.state.secret)
  if #old == 0 then return true end
  run.say("settle", ("waiting until nothing has been signed with %s for %g seconds"):format(context.fingerprints(old),
    run.grace))
  local started = run.clock()
  local quiet, problem, problem_code = context.wait_for(run, {
    seconds = run.grace + run.wait, every = POLL_PAUSE, find = function() return is_quiet(run, old, started) end,
    tell = function(seconds) run.say("settle", ("still waiting after %d seconds"):format(seconds)) end,
  })
  if quiet == nil then return nil, problem, problem_code end
  if run.late then return shared(run, run.late) end
  if not quiet then return nil, context.with_stake(run, problem), "rotation_pending" end
  return true
end

return settle
