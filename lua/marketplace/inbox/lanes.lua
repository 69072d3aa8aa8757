--- The lanes, the queues and the ring of the inbox in memory (marketplace.inbox.memory), which are derived from its
--- entries.
---
--- A ring is a list of entries and itself: what follows the ring is its first. A lane is a ring of its live entries, in
--- the order in which they were stored. The done ones are in one ring, in the order in which they became so. Of a lane
--- only the leader stands in a queue, or among those that are leased.
local queue = require "marketplace.inbox.queue"

local lanes = {}

--- An empty ring, which can be a lane.
---@param name? string
---@return table
function lanes.ring(name)
  local ring = { name = name, number = 0, count = 0, leader = false, leased = false, before = false, after = false }
  ring.before, ring.after = ring, ring
  return ring
end

--- The first entry of a ring; nil if it is empty.
---@param ring table
---@return table|nil
function lanes.first(ring)
  return ring.count > 0 and ring.after or nil
end

local function insert(ring, before, entry)
  entry.ring, entry.before, entry.after = ring, before, before.after
  entry.after.before, before.after = entry, entry
  ring.count = ring.count + 1
end

local function enter_lane(lane, entry)
  local before = lane.before
  while before.number > entry.number do before = before.before end
  insert(lane, before, entry)
end

--- Takes an entry out of the ring that it is in.
---@param entry table
function lanes.leave(entry)
  local ring = entry.ring
  entry.before.after, entry.after.before = entry.after, entry.before
  entry.ring, entry.before, entry.after = false, false, false
  ring.count = ring.count - 1
end

--- Whether an entry is in its lane.
---@param entry table
---@return boolean
function lanes.is_live(entry)
  return entry.state == "ready" or entry.state == "leased"
end

--- The lane of an entry, which is made if there is none.
---@param self table the inbox
---@param entry table
---@return table
function lanes.of(self, entry)
  local name = entry.app_id or entry.id
  local lane = self.lanes[name]
  if lane then return lane end
  lane = lanes.ring(name)
  self.lanes[name] = lane
  return lane
end

local function change_ring(self, lane, entry)
  local is_done = entry.state == "done"
  local ring = lanes.is_live(entry) and lane or is_done and self.done
  if entry.ring == ring then return end
  if entry.ring then lanes.leave(entry) end
  if is_done then insert(ring, ring.before, entry) elseif ring then enter_lane(ring, entry) end
end

local function depose(self, leader)
  if not leader then return end
  if leader.place then queue.remove(leader.queue, leader) else self.leased[leader] = nil end
end

local function elect(self, lane)
  local leader = lane.leased or lanes.first(lane)
  lane.leader = leader
  if not leader then
    self.lanes[lane.name] = nil
  elseif lane.leased then
    self.leased[leader] = true
  else
    leader.queue = leader.losses > 0 and self.alone or self.ready
    queue.add(leader.queue, leader)
  end
end

--- Puts an entry where it belongs, after its fields were changed: every change that an order depends on ends here.
---@param self table the inbox
---@param entry table
function lanes.settle(self, entry)
  local lane = lanes.of(self, entry)
  depose(self, lane.leader)
  change_ring(self, lane, entry)
  if entry.state == "leased" then lane.leased = entry elseif lane.leased == entry then lane.leased = false end
  elect(self, lane)
end

return lanes
