--- The lanes and the queues of the inbox in memory (marketplace.inbox.memory), which are derived from its entries.
---
--- A lane is a ring of its live entries and itself, in order: what follows it is the oldest.
local queue = require "marketplace.inbox.queue"

local lanes = {}

--- Whether an entry is in its lane.
---@param entry table
---@return boolean
function lanes.is_live(entry)
  return entry.state == "ready" or entry.state == "leased"
end

-- Of a lane's leader, or of one that is done.
local function queue_of(self, entry)
  if entry.state == "done" then return entry.body and self.done or self.emptied end
  if entry.state == "leased" then return self.leased end
  return entry.losses > 0 and self.alone or self.ready
end

--- The lane of an entry, which is made if there is none.
---@param self table the inbox
---@param entry table
---@return table
function lanes.of(self, entry)
  local name = entry.app_id or entry.id
  local lane = self.lanes[name]
  if lane then return lane end
  lane = { name = name, number = 0, leader = false, leased = false }
  lane.before, lane.after = lane, lane
  self.lanes[name] = lane
  return lane
end

local function enter(lane, entry)
  local before = lane.before
  while before.number > entry.number do before = before.before end
  entry.before, entry.after = before, before.after
  entry.after.before, before.after = entry, entry
end

local function leave(entry)
  entry.before.after, entry.after.before = entry.after, entry.before
  entry.before, entry.after = false, false
end

local function enqueue(self, entry)
  entry.queue = queue_of(self, entry)
  queue.add(entry.queue, entry)
end

--- Takes an entry from its queue, if it is in one.
---@param entry table|false|nil
function lanes.unqueue(entry)
  if entry and entry.place then queue.remove(entry.queue, entry) end
end

local function elect(self, lane)
  lane.leader = lane.leased or lane.after
  if lane.leader == lane then self.lanes[lane.name] = nil else enqueue(self, lane.leader) end
end

--- Puts an entry where it belongs, after its fields were changed: every change that an order depends on ends here.
---@param self table the inbox
---@param entry table
function lanes.settle(self, entry)
  local lane, is_live = lanes.of(self, entry), lanes.is_live(entry)
  lanes.unqueue(lane.leader)
  lanes.unqueue(entry)
  if is_live and not entry.before then enter(lane, entry) end
  if entry.before and not is_live then leave(entry) end
  if entry.state == "leased" then lane.leased = entry elseif lane.leased == entry then lane.leased = false end
  if entry.state == "done" then enqueue(self, entry) end
  elect(self, lane)
end

return lanes
