--- What only so many requests of a worker may do at the same time: the others wait in line, for some seconds at most,
--- and only so many of them.
local core = require "marketplace.core"
local outlive_client = require "marketplace.nginx.outlive_client"
local semaphore = require "ngx.semaphore"

local line = {}

---@class marketplace.nginx.Line
local Line = {}
Line.__index = Line

local PROBE_SECONDS = 1 -- between two looks at whether a turn has ended without being given back

-- nginx can be configured to end a request in the middle of its turn.
local function drop_lost_turns(self)
  local now = core.monotonic()
  for turn in pairs(self.turns) do
    if now >= turn.ends_at then self:leave(turn) end
  end
end

local function take(self)
  if self.taken >= self.most then drop_lost_turns(self) end
  if self.taken >= self.most then return nil end
  local turn = { ends_at = core.monotonic() + self.turn_seconds }
  self.turns[turn], self.taken = true, self.taken + 1
  return turn
end

local function wait(self)
  local give_up_at = core.monotonic() + self.seconds
  repeat
    self.semaphore:wait(PROBE_SECONDS)
    local turn = take(self)
    if turn then return turn end
  until core.monotonic() >= give_up_at
end

--- Waits for a turn.
---@return table|nil turn for `leave`; nil: too many wait already, or it took too long
function Line:enter()
  outlive_client()
  self.semaphore = self.semaphore or semaphore.new()
  local waiting = -self.semaphore:count()
  if waiting >= self.most_waiting then return nil end
  return waiting <= 0 and take(self) or wait(self)
end

--- Ends a turn.
---@param turn table
function Line:leave(turn)
  if not self.turns[turn] then return end
  self.turns[turn], self.taken = nil, self.taken - 1
  if self.semaphore:count() < 0 then self.semaphore:post(1) end
end

--- A line of this worker's.
---@param given {most: integer, most_waiting: integer, seconds: number, turn_seconds: number} seconds: to wait at most;
--- turn_seconds: after which a turn is taken to have ended
---@return marketplace.nginx.Line
function line.new(given)
  local self = { turns = {}, taken = 0 }
  for name, value in pairs(given) do self[name] = value end
  return setmetatable(self, Line)
end

return line
