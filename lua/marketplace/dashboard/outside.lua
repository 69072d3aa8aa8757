--- What marketplace.check finds: the webhooks at App Store Connect, the receiver's address and its certificate. It is
--- looked at when somebody asks for it, and kept for a while, as it takes seconds.
local check = require "marketplace.check"
local scheduler = require "marketplace.client.scheduler"

local outside = {}

local KEPT_SECONDS = 300
local GRACE_SECONDS = 10
local LIMITS = { ping = false, sample = 1, timeout = 5, within = 20 }

local Outside = {}
Outside.__index = Outside

--- What was found, if that is not too old.
---@return {at: number, findings: marketplace.CheckFinding[], counts: table}|nil
function Outside:known()
  local last = self.last
  if last and self.clock() - last.at < KEPT_SECONDS then return last end
end

-- Who asked may have left, and with them the task that looked: then nobody says that it is over.
local function is_looking(self)
  local began = self.began
  local seconds = began and self.clock() - began
  return seconds ~= nil and seconds >= 0 and seconds < self.given.within + GRACE_SECONDS
end

--- Looks, unless that was done a while ago or somebody does so already.
---@param anew? boolean look whatever is known
---@return {at: number, findings: marketplace.CheckFinding[], counts: table}|nil found nil while somebody looks
---@return string? problem why nothing could be looked at
function Outside:look(anew)
  local known = not anew and self:known()
  if known or is_looking(self) then return known or nil end
  self.began = self.clock()
  local ok, findings, counts = scheduler.protected(check.run, self.given)
  self.began = nil
  if not ok then return nil, tostring(findings) end
  self.last = { at = self.clock(), findings = findings, counts = counts }
  return self.last
end

--- One that has looked at nothing yet.
---@param given marketplace.CheckOptions
---@param clock fun(): number
function outside.new(given, clock)
  local own = {}
  for name, value in pairs(LIMITS) do own[name] = value end
  for name, value in pairs(given) do own[name] = value end
  return setmetatable({ given = own, clock = clock, began = nil, last = nil }, Outside)
end

return outside
