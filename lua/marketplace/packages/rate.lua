--- So many bytes a second for all downloads together: each has an equal share, which grows when another one ends.
---
--- libcurl lets a second's worth of bytes pass before it slows an exchange down, which may be the whole of a small
--- file. So what has passed is counted too, and no download begins before there is room for it.
local rate = {}

local LEAST = 0.25 -- seconds' worth of bytes that may have passed too soon when a download begins
local LONGEST_PAUSE = 1 -- seconds

---@class marketplace.packages.Rate
local Rate = {}
Rate.__index = Rate

local function count(exchanges)
  local n = 0
  for _ in pairs(exchanges) do n = n + 1 end
  return n
end

local function share_of(self, n)
  return math.max(1, math.floor(self.all / n))
end

--- The rate with which one more download begins; nil: no limit.
---@return integer|nil
function Rate:next_share()
  return self.all and share_of(self, count(self.exchanges) + 1)
end

-- What passed in the past is paid off as time goes by.
local function pay(self)
  local now = self.clock()
  self.debt = math.max(0, self.debt - self.all * (now - self.paid_at))
  self.paid_at = now
end

--- Counts bytes that have arrived.
---@param bytes integer
function Rate:count(bytes)
  if not self.all or bytes <= 0 then return end
  pay(self)
  self.debt = self.debt + bytes
end

--- Waits until one more download may begin.
---@param pause fun(seconds: number)
function Rate:wait(pause)
  while self.all do
    pay(self)
    local seconds = self.debt / self.all - LEAST
    if seconds <= 0 then return end
    pause(math.min(seconds, LONGEST_PAUSE))
  end
end

--- Has an exchange share the rate from now on.
---@param exchange marketplace.Exchange
function Rate:add(exchange)
  self.exchanges[exchange], self.shared_by = true, nil -- it may have begun with the share of another time
end

--- An exchange has ended.
---@param exchange marketplace.Exchange
function Rate:remove(exchange)
  self.exchanges[exchange] = nil
end

--- Gives each exchange its share anew, if their number has changed.
function Rate:share_out()
  local n = self.all and count(self.exchanges) or 0
  if n == self.shared_by or n == 0 then return end
  self.shared_by = n
  for exchange in pairs(self.exchanges) do exchange:limit(share_of(self, n)) end
end

--- No download yet.
---@param all number|nil bytes a second
---@param clock fun(): number seconds, which never go back
---@return marketplace.packages.Rate
function rate.new(all, clock)
  return setmetatable({ all = all, clock = clock, exchanges = {}, shared_by = nil, debt = 0, paid_at = clock() }, Rate)
end

return rate
