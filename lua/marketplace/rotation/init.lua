--- Rotates the secret of webhooks without losing a notification. It can be stopped at any point, even by kill -9, and
--- run again.
---
---   1. begin    a new secret, in a state file beside the secret file
---   2. accept   the secret file holds the new one and the old ones; the receiver rereads it
---   3. probe    a ping that is signed with the new secret is posted to the receiver, and must be in the inbox
---   4. change   App Store Connect is given the new secret
---   5. verify   a notification arrives that App Store Connect signed with it (generation 2 is asked for a ping)
---   6. settle   for a while nothing arrives that is signed with an old secret
---   7. retire   the secret file holds the new one only; the receiver rereads it; the state file is removed
---
--- From step 2 until the end of step 6 the receiver accepts both, so whichever of them App Store Connect uses is in the
--- secret file. Every step can be done twice. All webhooks that use the old secrets must be named, as these end with
--- step 7. If a notification is signed with an old one after the named webhooks have the new one, there is another
--- webhook, and nothing is retired.
---
--- The caller provides the functions that do I/O, see marketplace.RotationOptions.
local context = require "marketplace.rotation.context"
local options = require "marketplace.options"
local probe = require "marketplace.rotation.probe"
local rotation_state = require "marketplace.rotation.state"
local secrets = require "marketplace.rotation.secrets"
local settle = require "marketplace.rotation.settle"
local state_file = require "marketplace.state_file"
local verify = require "marketplace.rotation.verify"
local webhooks = require "marketplace.rotation.webhooks"

local rotation = {}

-- The steps: each returns true, or nil, a message and a code.

local function begin(run)
  local list, message, code = secrets.read(run)
  if not list then return nil, message, code end
  local problem = secrets.room_problem(run, list)
  if problem then return nil, problem, "file_failed" end
  local state = rotation_state.new(run.generation, run.webhooks, run.random_hex, run.clock())
  local ok
  ok, message, code = run.file:save(state)
  if not ok then return nil, message, code end
  run.state = state
  run.say("begin", ("a new secret, %s, is in %s"):format(context.fingerprint(state.secret), run.file.path))
  return true
end

local STEP_AFTER = { waiting = webhooks.change, changed = verify.run }

local function change_and_verify(run)
  for _, webhook in ipairs(run.state.webhooks) do
    while STEP_AFTER[webhook.step] do
      if run.stop_asked() then return context.stopped() end
      local ok, message, code = STEP_AFTER[webhook.step](run, webhook)
      if not ok then return nil, message, code end
    end
  end
  return true
end

local function finish(run)
  local ok, message, code = run.file:remove()
  if not ok then return nil, "the rotation is complete, but " .. message, code end
  run.say("done", "the rotation is complete")
  return true
end

local LAST_STEPS = { settle.run, secrets.retire, finish }
local STEPS = { secrets.accept, probe.run, change_and_verify, settle.run, secrets.retire, finish }

local function in_order(run, steps)
  for _, step in ipairs(steps) do
    if run.stop_asked() then return context.stopped() end
    local ok, message, code = step(run)
    if not ok then return nil, message, code end
  end
  return true
end

local function start(run)
  local ok, message, code = in_order(run, { webhooks.find_urls, begin })
  if not ok then return nil, message, code end
  return in_order(run, STEPS)
end

local function resume(run)
  run.say("resume", "continuing an earlier rotation")
  if rotation_state.is_verified(run.state) then
    run.is_taken = true
    return in_order(run, LAST_STEPS)
  end
  local ok, message, code = in_order(run, { webhooks.find_urls_again })
  if not ok then return nil, message, code end
  return in_order(run, STEPS)
end

local function rotate(run)
  return (run.state and resume or start)(run)
end

local function abort(run)
  if not run.state then return nil, "no rotation is under way", "rotation_invalid" end
  local user = webhooks.user_of_new(run)
  if user then
    return nil, ("App Store Connect may sign with the new secret for webhook %s already, and the receiver must " ..
      "accept it: run the same command without --abort"):format(user), "rotation_invalid"
  end
  local ok, message, code = secrets.restore(run)
  if not ok then return nil, message, code end
  ok, message, code = run.file:remove()
  if not ok then return nil, message, code end
  run.say("done", "the rotation is aborted")
  return true
end

-- Fails wherever a rotation would fail before it changes anything.
local function check(run)
  local locked, message, code = run.file:is_locked()
  if locked then message, code = "another rotation is running with this state: " .. run.file.path, "locked" end
  if message then return nil, message, code end
  local list
  list, message, code = secrets.read(run)
  if not list then return nil, message, code end
  local is_accepted = run.state and context.holds(list, run.state.secret)
  local problem = not is_accepted and secrets.room_problem(run, list)
  if problem then return nil, problem, "file_failed" end
  for _, id in ipairs(run.webhooks) do
    local url
    url, message, code = run.apple.url(id)
    if not url and not (run.state and code == "missing") then
      return nil, ("webhook %s: %s"):format(id, message), code
    end
  end
  run.say(run.state and "resume" or "begin", run.state and "an earlier rotation would continue"
    or ("a new secret would come before %s"):format(context.fingerprints(list)))
  return true
end

--[[ For callers ]]

---@class marketplace.rotation.Apple
---@field url fun(id: string): string|nil, string?, string? of a webhook; code "missing" if there is none
---@field set_secret fun(id: string, secret: string): true|nil, string?, string? likewise
---@field ping? fun(id: string): true|nil, string?, string?
---@field delivered? fun(id: string, since: number): string[]|nil, string?, string? of notifications to a webhook

---@class marketplace.rotation.Receiver
---@field reload? fun(): true|nil, string?, string? has the secret file read again
---@field post fun(url: string, signature: string, body: string): integer|nil, string?, string? the answer's status

---@class marketplace.rotation.Inbox
---@field verified fun(fingerprint: string, since: number): table[]|nil, string?, string? list of {id=, at=}, of
--- notifications that the secret of this fingerprint verified and that were received since, at that time

--- If a function of the caller's fails, it returns nil, a message and sometimes a code.
---@class marketplace.RotationOptions
---@field webhooks string[] ids of all the webhooks that use the secret
---@field generation integer 1 or 2, of all these webhooks
---@field secret_file string path without symbolic links: the state is kept beside it
---@field receiver_url? string where the probe goes, default the webhooks' own URLs
---@field probe? boolean try the receiver before App Store Connect is given the secret, default true
---@field wait? number seconds for a notification signed with the new secret, for each webhook, default 300
---@field grace? number seconds without one signed with an old secret before the old ones end, default 60
---@field retire_anyway? boolean end them even if one came late, default false
---@field apple marketplace.rotation.Apple
---@field receiver marketplace.rotation.Receiver
---@field inbox marketplace.rotation.Inbox
---@field files? table default marketplace.state_file's FILES
---@field clock fun(): number seconds since the epoch
---@field sleep fun(seconds: number)
---@field stop_asked? fun(): boolean whether to stop, default never
---@field random_hex fun(bytes: integer): string
---@field say fun(step: string, text: string) is given a line for each step, never a secret
local OPTIONS = {
  webhooks = "!table", generation = "!number", secret_file = "!string", receiver_url = "string", probe = "boolean",
  wait = "number", grace = "number", retire_anyway = "boolean", apple = "!table", receiver = "!table",
  inbox = "!table", files = "table", clock = "!function", sleep = "!function", stop_asked = "function",
  random_hex = "!function", say = "!function",
}

local function never()
  return false
end

local function new(given)
  options.check("marketplace.rotation", given, OPTIONS, 4)
  if #given.webhooks == 0 then error("marketplace.rotation: option 'webhooks' must not be an empty list", 3) end
  local run = {
    path = given.secret_file, probe = given.probe ~= false, wait = given.wait or 300, grace = given.grace or 60,
    stop_asked = given.stop_asked or never, files = given.files or state_file.FILES,
  }
  for name in pairs(OPTIONS) do
    if run[name] == nil then run[name] = given[name] end
  end
  return run
end

local function with_state(run, read_only, task)
  local file, message, code = rotation_state.open {
    path = run.path .. ".rotation", generation = run.generation, webhooks = run.webhooks, files = run.files,
    read_only = read_only,
  }
  if not file then return nil, message, code end
  run.file, run.state = file, file.state
  local ok = true
  -- the temporary files of killed processes hold secrets
  if not read_only then ok, message, code = run.files.clean(run.path) end
  if ok then ok, message, code = task(run) end
  file:close()
  return ok, message, code
end

--- Rotates the secret, or continues where an earlier run stopped.
---@param given marketplace.RotationOptions
---@return boolean|nil ok true: the new secret is the only one
---@return string? message what stands in the way, and what to do; running it again is always safe
---@return string? code rotation_pending (nothing has arrived yet, or an old secret is still used), rotation_invalid,
--- probe_failed, reload_failed, stopped, locked, and those of files and of the API
function rotation.run(given)
  return with_state(new(given), false, rotate)
end

--- Undoes a rotation under way, unless App Store Connect may already sign with the new secret: afterwards the secret
--- file holds only the old ones.
---@param given table see rotation.run
---@return boolean|nil ok
---@return string? message
---@return string? code
function rotation.abort(given)
  return with_state(new(given), false, abort)
end

--- Whether a rotation could begin or continue: reads, and changes nothing.
---@param given table see rotation.run
---@return boolean|nil ok
---@return string? message
---@return string? code
function rotation.check(given)
  return with_state(new(given), true, check)
end

return rotation
