--- Items in the order of their `wake`, of equal ones the one that was placed first.
---
--- Most items wake in the order in which they are placed: what is stored wakes at once, leases of one length end one
--- after another. Those stand in queues, one for each kind, which cost nothing to keep in order; a heap takes the rest.
local heap = require "marketplace.inbox.heap"

local wakes = {}

local Wakes = {}
Wakes.__index = Wakes

-- What is empty is false and not nil: a field that was nil may need memory when it is set again, in the middle of this.
local function append(queue, item)
  local last = queue.last
  item.queue, item.before, item.after = queue, last, false
  if last then last.after = item else queue.first = item end
  queue.last = item
end

local function unlink(queue, item)
  local before, after = item.before, item.after
  if before then before.after = after else queue.first = after end
  if after then after.before = before else queue.last = before end
  item.queue, item.before, item.after = false, false, false
end

--- Makes room for one more: the next add cannot fail for lack of memory.
function Wakes:reserve()
  self.heap:reserve()
end

--- Places an item that is not in here.
---@param item table its fields queue, before, after, turn and place are used here
---@param wake number
---@param kind "ready"|"leased"|nil whose wakes mostly ascend; nil: they do not
function Wakes:add(item, wake, kind)
  item.wake = wake
  local queue = self[kind]
  if queue and (not queue.last or queue.last.wake <= wake) then
    append(queue, item)
  else
    self.heap:push(item)
  end
end

function Wakes:remove(item)
  if item.queue then unlink(item.queue, item) else self.heap:remove(item) end
end

local function sooner(a, b)
  if not (a and b) then return a or b end
  return b.wake < a.wake and b or a
end

--- The item that wakes first, or nil.
function Wakes:top()
  return sooner(sooner(self.ready.first, self.heap:top()), self.leased.first) or nil
end

function wakes.new()
  return setmetatable({
    ready = { first = false, last = false }, leased = { first = false, last = false }, heap = heap.new(),
  }, Wakes)
end

return wakes
