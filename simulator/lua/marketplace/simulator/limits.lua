--- The rate limit: how many requests a key may make in any hour.
local limits = {}

local HOUR = 3600 -- seconds

local Limits = {}
Limits.__index = Limits

function limits.new(most, clock)
  return setmetatable({ most = most, clock = clock, used = {} }, Limits)
end

local function used_by(self, key_id)
  local used = self.used[key_id] or { first = 1, last = 0 }
  self.used[key_id] = used
  while used.first <= used.last and used[used.first] <= self.clock() - HOUR do
    used[used.first] = nil
    used.first = used.first + 1
  end
  return used
end

--- Counts a request, unless the limit is reached.
---@param key_id string
---@return boolean allowed
---@return integer? retry_after seconds until the next one is allowed
function Limits:take(key_id)
  local used = used_by(self, key_id)
  if used.last - used.first + 1 >= self.most then
    local oldest = used[used.first] or self.clock()
    return false, math.max(1, math.ceil(oldest + HOUR - self.clock()))
  end
  used.last = used.last + 1
  used[used.last] = self.clock()
  return true
end

--- The value of X-Rate-Limit.
---@param key_id? string nil if the request had no valid token
---@return string
function Limits:header(key_id)
  local left = self.most
  if key_id then
    local used = used_by(self, key_id)
    left = self.most - (used.last - used.first + 1)
  end
  return ("user-hour-lim:%d;user-hour-rem:%d;"):format(self.most, left)
end

return limits
