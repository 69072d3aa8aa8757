--- What the steps of a rotation share: how they wait, and what they say is at stake.
local signature = require "marketplace.signature"

local context = {}

local TELL_EVERY = 10 -- seconds of waiting

--- Seconds that the inbox's clock may differ from this one.
context.CLOCKS_APART = 60

--[[ Lists ]]

---@param list string[]
---@param one string
---@return boolean
function context.holds(list, one)
  for _, other in ipairs(list) do
    if other == one then return true end
  end
  return false
end

---@param list string[]
---@param one string
---@return string[]
function context.without(list, one)
  local rest = {}
  for _, other in ipairs(list) do
    if other ~= one then rest[#rest + 1] = other end
  end
  return rest
end

--[[ Words ]]

---@param secret string
---@return string
function context.fingerprint(secret)
  return assert(signature.fingerprint(secret))
end

---@param list string[] secrets
---@return string
function context.fingerprints(list)
  return table.concat(signature.fingerprints(list), ", ")
end

local function stake_of(run)
  if run.is_taken then return "The receiver accepts the old secret and the new one meanwhile, so nothing is lost" end
  if run.state.changing_at then
    return "It is not known whether the receiver accepts the new secret: look for answers of 401 in its log"
  end
  return "Nothing was changed at App Store Connect"
end

--- A message that adds what is at stake, which differs from step to step, and what to do.
---@param run table
---@param message string
---@param more? string when to run the command again, after a space
---@return string
function context.with_stake(run, message, more)
  return ("%s. %s. Run the same command again%s."):format(message, stake_of(run), more or "")
end

--[[ Waiting ]]

---@return nil
---@return string message
---@return string code stopped
function context.stopped()
  return nil, "stopped; run the same command again", "stopped"
end

---@param run table
---@param seconds number
---@return true|nil
---@return string? message
---@return string? code stopped
function context.pause(run, seconds)
  if not run.stop_asked() then run.sleep(seconds) end
  if run.stop_asked() then return context.stopped() end
  return true
end

---@class marketplace.rotation.Waiting
---@field seconds number how long to wait
---@field every number seconds between two attempts
---@field find fun(): any, string? what is waited for, or false or nil, and why it is not there
---@field tell? fun(seconds: integer) called now and then with the seconds that have passed

--- Waits for something.
---@param run table
---@param waiting marketplace.rotation.Waiting
---@return any found false if the time is over; nil if the rotation is stopped
---@return string? message why it was not there in the end
---@return string? code stopped
function context.wait_for(run, waiting)
  local started = run.clock()
  local told = started
  while true do
    local found, problem = waiting.find()
    if found then return found end
    local now = run.clock()
    if now - started >= waiting.seconds then return false, problem end
    if waiting.tell and now - told >= TELL_EVERY then
      told = now
      waiting.tell(math.floor(now - started))
    end
    local ok, message, code = context.pause(run, waiting.every)
    if not ok then return nil, message, code end
  end
end

return context
