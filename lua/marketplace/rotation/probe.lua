--- Step 3 of a rotation: a ping that is signed with the new secret is posted to the receiver, and must be in the inbox.
local context = require "marketplace.rotation.context"
local samples = require "marketplace.samples"
local signature = require "marketplace.signature"

local probe = {}

local PROBE_SECONDS = 10 -- a reload is asynchronous: how long the receiver has for it
local PROBE_PAUSE = 0.5
local SETTLE_SECONDS = 3 -- for the reload, if no probe shows when it is done

--- Whether a notification of this id is a probe of the rotation's.
---@param run table
---@param id string
---@return boolean
function probe.is_probe(run, id)
  return id:sub(1, #run.state.probe) == run.state.probe
end

-- A new id in each run and for each URL: what an earlier probe left in the inbox proves nothing.
local function probe_id(run, url)
  return ("%s-%s-%s"):format(run.state.probe, run.run_id, context.fingerprint(url))
end

local function is_in_inbox(run, id)
  local entries, message = run.inbox.verified(context.fingerprint(run.state.secret),
    run.state.started_at - context.CLOCKS_APART)
  if not entries then return nil, "the inbox: " .. message end
  for _, entry in ipairs(entries) do
    if entry.id == id then return true end
  end
  return false, "it answers 200, but the ping is not in the inbox: the URL leads elsewhere, or this is another inbox"
end

local function failed(run, url, problem)
  local stake = run.state.changing_at and "App Store Connect may have been given it before"
    or "so nothing was changed at App Store Connect"
  return nil, ("the receiver at %s does not accept the new secret (%s), %s. Fix that, and run the same command again")
    :format(url, problem, stake), "probe_failed"
end

local function probe_url(run, url)
  local id = probe_id(run, url)
  local body = assert(samples.body("ping", { id = id, time = run.state.started_at }))
  local header = assert(signature.sign(run.state.secret, body))
  local function is_taken()
    local status, problem = run.receiver.post(url, header, body)
    if status == 200 then return is_in_inbox(run, id) end
    return false, status and "it answers " .. tostring(status) or problem
  end
  local found, message, code = context.wait_for(run, { seconds = PROBE_SECONDS, every = PROBE_PAUSE, find = is_taken })
  if found == nil then return nil, message, code end
  if not found then return failed(run, url, message) end
  run.say("probe", ("the receiver accepts what is signed with %s: %s"):format(context.fingerprint(run.state.secret),
    url))
  return true
end

--- Probes each of `run.urls`.
---@param run table
---@return true|nil
---@return string? message
---@return string? code probe_failed, stopped
function probe.run(run)
  if not run.probe then
    run.say("probe", "skipped: it is not known whether the receiver accepts the new secret")
    return context.pause(run, SETTLE_SECONDS)
  end
  run.run_id = run.random_hex(4)
  for _, url in ipairs(run.urls) do
    local ok, message, code = probe_url(run, url)
    if not ok then return nil, message, code end
  end
  run.is_taken = true
  return true
end

return probe
