--- A binary heap of tables, the least `wake` on top, of equal ones the one that was placed first. An
--- item knows its `place`, so that it can be moved or removed from the middle.
local heap = {}

local Heap = {}
Heap.__index = Heap

local function before(a, b)
  if a.wake ~= b.wake then return a.wake < b.wake end
  return a.turn < b.turn
end

local function put_at(self, item, place)
  self[place] = item
  item.place = place
end

local function rise(self, item, place)
  while place > 1 do
    local parent = (place - place % 2) / 2
    if not before(item, self[parent]) then break end
    put_at(self, self[parent], place)
    place = parent
  end
  put_at(self, item, place)
end

local function sink(self, item, place)
  while true do
    local child = place * 2
    if child > self.n then break end
    if child < self.n and before(self[child + 1], self[child]) then child = child + 1 end
    if not before(self[child], item) then break end
    put_at(self, self[child], place)
    place = child
  end
  put_at(self, item, place)
end

--- Makes room for one more: the next push cannot fail for lack of memory.
function Heap:reserve()
  if self[self.n + 1] == nil then self[self.n + 1] = false end
end

function Heap:push(item)
  self:reserve()
  -- behind those that wake at the same time
  self.turns = self.turns + 1
  item.turn = self.turns
  self.n = self.n + 1
  rise(self, item, self.n)
end

local function settle(self, item, place)
  if place > 1 and before(item, self[(place - place % 2) / 2]) then
    rise(self, item, place)
  else
    sink(self, item, place)
  end
end

function Heap:remove(item)
  local place, last = item.place, self[self.n]
  self[self.n] = nil
  self.n = self.n - 1
  item.place = false
  if last ~= item then settle(self, last, place) end
end

function Heap:top()
  return self[1] or nil
end

function heap.new()
  return setmetatable({ n = 0, turns = 0 }, Heap)
end

return heap
