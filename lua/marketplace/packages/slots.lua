--- So many downloads at once, and each job its turn: who waits longest is next, and a job waits for one slot at a time,
--- so that a small package does not wait behind the last asset of a large one.
local slots = {}

---@class marketplace.packages.Slots
local Slots = {}
Slots.__index = Slots

local function remove(list, one)
  for place, other in ipairs(list) do
    if other == one then return table.remove(list, place) end
  end
end

--- Waits for a free slot and takes it.
---@param pause fun(seconds: nil, exchange: nil, ready: fun(): boolean) of marketplace.client.scheduler
---@param is_given_up fun(): boolean whether it is no longer wanted
---@return boolean taken false if it was given up
function Slots:take(pause, is_given_up)
  local ticket = {}
  table.insert(self.queue, ticket)
  pause(nil, nil, function() return is_given_up() or self.free > 0 and self.queue[1] == ticket end)
  remove(self.queue, ticket)
  if is_given_up() then return false end
  self.free = self.free - 1
  return true
end

--- Gives one back.
function Slots:give_back()
  self.free = self.free + 1
end

--- All free.
---@param count integer
---@return marketplace.packages.Slots
function slots.new(count)
  return setmetatable({ free = count, queue = {} }, Slots)
end

return slots
