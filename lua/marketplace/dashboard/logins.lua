--- Slows down who tries tokens: after a few that were wrong, a sender waits, longer each time, before another is looked
--- at. The tokens themselves are too long to be found out by trying; this keeps the log short and makes it noticed.
local sender_of = require("marketplace.refusals").sender_of

local logins = {}

local FREE_ATTEMPTS = 5
local LONGEST_WAIT, MEMORY = 60, 3600 -- seconds
local MOST_SENDERS = 1000

local Logins = {}
Logins.__index = Logins

local function make_room(self, now)
  local count, oldest = 0, nil
  for sender, known in pairs(self.senders) do
    if now - known.at > MEMORY then
      self.senders[sender] = nil
    else
      count = count + 1
      if not oldest or known.at < self.senders[oldest].at then oldest = sender end
    end
  end
  if count >= MOST_SENDERS then self.senders[oldest] = nil end
end

--- How many seconds a sender has to wait; 0 if it may try.
---@param remote any
---@return number
function Logins:wait(remote)
  local known = self.senders[sender_of(remote)]
  if not known or known.count < FREE_ATTEMPTS then return 0 end
  local wait = math.min(2 ^ (known.count - FREE_ATTEMPTS), LONGEST_WAIT)
  return math.max(0, known.at + wait - self.clock())
end

--- A token was wrong.
---@param remote any
function Logins:failed(remote)
  local sender, now = sender_of(remote), self.clock()
  local known = self.senders[sender]
  if not known then
    make_room(self, now)
    known = { count = 0 }
    self.senders[sender] = known
  elseif now - known.at > MEMORY then
    known.count = 0
  end
  known.count, known.at = known.count + 1, now
end

--- A token was right.
---@param remote any
function Logins:succeeded(remote)
  self.senders[sender_of(remote)] = nil
end

---@param clock fun(): number seconds that never go back
function logins.new(clock)
  return setmetatable({ clock = clock, senders = {} }, Logins)
end

return logins
