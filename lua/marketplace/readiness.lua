--- Whether an inbox stores: as the last commit found or, if there was none lately, as a probe finds.
local core = require "marketplace.core"

local readiness = {}

local Readiness = {}
Readiness.__index = Readiness

local KNOWN_SECONDS = 5 -- for which what was found counts

--- Takes note of whether the inbox just stored something.
---@param works boolean
function Readiness:found(works)
  self.works, self.known_until = works, core.monotonic() + KNOWN_SECONDS
end

--- What was found within the last five seconds; nil if nothing was.
---@return boolean|nil
function Readiness:known()
  if core.monotonic() < self.known_until then return self.works end
end

--- Has the inbox store something, and take it back.
---@return boolean
function Readiness:probe()
  local ok, answer = pcall(self.inbox.probe, self.inbox)
  self:found(ok and answer ~= nil)
  return self.works
end

--- Nothing was found yet.
---@param inbox marketplace.Inbox
function readiness.new(inbox)
  return setmetatable({ inbox = inbox, works = false, known_until = 0 }, Readiness)
end

return readiness
