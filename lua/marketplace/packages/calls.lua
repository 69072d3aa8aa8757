--- How many calls of App Store Connect's API a writer of packages may make: at most so many in an hour, and never the
--- last ones that App Store Connect grants, which others with the same key need.
local calls = {}

local HOUR = 3600           -- seconds
local KEPT_FOR_OTHERS = 0.1 -- of App Store Connect's own limit
local LOOK_AGAIN = 60       -- seconds: only an answer tells how many calls are left, so one is made now and then
local LONGEST_PAUSE = 5     -- seconds

---@class marketplace.packages.Calls
local Calls = {}
Calls.__index = Calls

local function is_nearly_used_up(client)
  local granted = client.rate_limit
  return granted.limit and granted.remaining and granted.remaining < KEPT_FOR_OTHERS * granted.limit
end

-- In how many seconds a call may be made.
local function seconds_until_free(self, now)
  local wait = 0
  local oldest = self.most and self.times[self.place]
  if oldest then wait = oldest + HOUR - now end
  if self.last and is_nearly_used_up(self.client) then wait = math.max(wait, self.last + LOOK_AGAIN - now) end
  return wait
end

-- The times of the last `most` calls, in a ring.
local function note(self, now)
  self.last = now
  if not self.most then return end
  self.times[self.place] = now
  self.place = self.place % self.most + 1
end

--- Waits until a call may be made, and counts it.
---@param pause fun(seconds: number)
function Calls:wait(pause)
  while true do
    local now = self.clock()
    local seconds = seconds_until_free(self, now)
    if seconds <= 0 then return note(self, now) end
    pause(math.min(seconds, LONGEST_PAUSE))
  end
end

--- No calls yet.
---@param client marketplace.Client
---@param most_per_hour integer|nil
---@param clock fun(): number seconds, which never go back
---@return marketplace.packages.Calls
function calls.new(client, most_per_hour, clock)
  return setmetatable({
    client = client, most = most_per_hour, clock = clock, times = {}, place = 1, last = nil,
  }, Calls)
end

return calls
