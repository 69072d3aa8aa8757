--- The inbox in memory: for tests, for trying things out and for marketplaces that reconcile elsewhere.
--- What it holds is gone when the process ends. `marketplace.inbox` has the contract.
local heap = require "marketplace.inbox.heap"
local options = require "marketplace.options"

local memory = {}

local Inbox = {}
Inbox.__index = Inbox

-- Notifications of one app run in order, one at a time: they form a lane, whose head alone can be
-- claimed. A lane wakes when its head may be claimed: at once, after a pause, or when its lease ends.
local function push_to_lane(self, entry)
  local name = entry.app_id or entry.identity
  local lane = self.lanes[name]
  if not lane then
    lane = { name = name, first = 1, last = 0 }
    self.lanes[name] = lane
  end
  lane.last = lane.last + 1
  lane[lane.last] = entry
  entry.lane = lane
  if lane.first == lane.last then
    lane.wake = entry.available_at
    self.heap:push(lane)
  end
end

local function pop_from_lane(self, lane)
  lane[lane.first] = nil
  lane.first = lane.first + 1
  if lane.first > lane.last then
    self.heap:remove(lane)
    self.lanes[lane.name] = nil
  else
    lane.wake = lane[lane.first].available_at
    self.heap:update(lane)
  end
end

local function count(self, state, change)
  self.count[state] = self.count[state] + change
end

local function set_state(self, entry, state)
  count(self, entry.state, -1)
  count(self, state, 1)
  entry.state = state
end

-- Only so many keys are remembered, or memory would grow for ever.
local function remember_done(self, entry)
  self.done_last = self.done_last + 1
  self.done[self.done_last] = entry
  if self.done_last - self.done_first < self.keep_done then return end
  local oldest = self.done[self.done_first]
  self.done[self.done_first] = nil
  self.done_first = self.done_first + 1
  if oldest.state == "done" and self.entries[oldest.identity] == oldest then
    self.entries[oldest.identity] = nil
    count(self, "done", -1)
  end
end

local function make_ready(self, entry, at)
  set_state(self, entry, "ready")
  entry.attempt = 0
  entry.reason = nil
  entry.available_at = at
  push_to_lane(self, entry)
end

local function add(self, record, identity, now)
  local entry = {
    identity = identity, key = record.key, digest = record.digest, type = record.type, event = record.event,
    app_id = record.app_id, time = record.time, body = record.body, received_at = now, available_at = now,
    attempt = 0, reason = record.reason, state = record.reason and "dead" or "ready",
  }
  self.entries[identity] = entry
  count(self, entry.state, 1)
  if entry.state == "ready" then push_to_lane(self, entry) end
end

-- A repeated notification whose body could not be read is no reason to try again; one whose
-- callbacks failed is.
local function put_again(self, entry, record, now)
  if entry.state ~= "dead" or record.reason then return "duplicate" end
  make_ready(self, entry, now)
  return "rearmed"
end

local function put_one(self, record, now)
  local first = self.entries[record.key]
  if not first then
    add(self, record, record.key, now)
    return "stored"
  end
  if first.digest == record.digest then return put_again(self, first, record, now) end
  local identity = record.key .. "#" .. record.digest
  local other = self.entries[identity]
  if other then return put_again(self, other, record, now) end
  add(self, record, identity, now)
  return "conflict"
end

function Inbox:put(records, now)
  if self.closed then return nil, "the inbox is closed", "inbox_unavailable" end
  local held = self.count.ready + self.count.leased + self.count.dead
  if held + #records > self.capacity then
    return nil, ("the memory inbox is full: it holds %d notifications"):format(held), "inbox_unavailable"
  end
  local outcomes = {}
  for i = 1, #records do outcomes[i] = put_one(self, records[i], now) end
  return outcomes
end

local function lease(self, entry, until_)
  self.tokens = self.tokens + 1
  entry.token = self.tokens
  entry.attempt = entry.attempt + 1
  set_state(self, entry, "leased")
  entry.lane.wake = until_
  self.heap:update(entry.lane)
  return {
    key = entry.key, identity = entry.identity, token = entry.token, attempt = entry.attempt, body = entry.body,
    type = entry.type, event = entry.event, app_id = entry.app_id, received_at = entry.received_at,
  }
end

function Inbox:claim(limit, now, seconds)
  local claimed = {}
  while #claimed < limit do
    local lane = self.heap:top()
    if not lane or lane.wake > now then break end
    claimed[#claimed + 1] = lease(self, lane[lane.first], now + seconds)
  end
  return claimed
end

local function held_entry(self, item)
  local entry = self.entries[item.identity]
  return entry and entry.state == "leased" and entry.token == item.token and entry or nil
end

local function finish_one(self, item, now)
  local entry = held_entry(self, item)
  if not entry then return false end
  set_state(self, entry, item.state)
  entry.token, entry.reason = nil, item.reason
  if item.uncounted then entry.attempt = entry.attempt - 1 end
  if item.state == "ready" then
    entry.available_at = item.at
    entry.lane.wake = item.at
    self.heap:update(entry.lane)
    return true
  end
  pop_from_lane(self, entry.lane)
  entry.lane = nil
  if item.state == "done" then
    entry.body, entry.done_at = nil, now
    remember_done(self, entry)
  end
  return true
end

function Inbox:finish(items, now)
  local held = {}
  for i = 1, #items do held[i] = finish_one(self, items[i], now) end
  return held
end

function Inbox:extend(items, now, seconds)
  local held = {}
  for i = 1, #items do
    local entry = held_entry(self, items[i])
    held[i] = entry ~= nil
    if entry then
      entry.lane.wake = now + seconds
      self.heap:update(entry.lane)
    end
  end
  return held
end

function Inbox:counts()
  local counts = {}
  for state, n in pairs(self.count) do counts[state] = n end
  return counts
end

function Inbox:next_at()
  local lane = self.heap:top()
  return lane and lane.wake
end

local function matches(entry, filter)
  return (not filter.state or entry.state == filter.state)
    and (not filter.app_id or entry.app_id == filter.app_id)
    and (not filter.type or entry.type == filter.type)
    and (not filter.event or entry.event == filter.event)
    and (not filter.received_before or entry.received_at < filter.received_before)
    and (not filter.received_since or entry.received_at >= filter.received_since)
end

local function summary(entry)
  return {
    key = entry.key, identity = entry.identity, digest = entry.digest, state = entry.state, type = entry.type,
    event = entry.event, app_id = entry.app_id, time = entry.time, attempt = entry.attempt, reason = entry.reason,
    received_at = entry.received_at, available_at = entry.available_at, done_at = entry.done_at,
  }
end

local function oldest_first(a, b)
  if a.received_at ~= b.received_at then return a.received_at < b.received_at end
  return a.identity < b.identity
end

function Inbox:list(filter)
  local found = {}
  for _, entry in pairs(self.entries) do
    if matches(entry, filter) then found[#found + 1] = summary(entry) end
  end
  table.sort(found, oldest_first)
  for i = #found, (filter.limit or #found) + 1, -1 do found[i] = nil end
  return found
end

function Inbox:get(identity)
  local entry = self.entries[identity]
  if not entry then return nil end
  local whole = summary(entry)
  whole.body = entry.body
  return whole
end

function Inbox:replay(filter, now)
  local replayed = 0
  for _, found in ipairs(self:list(filter)) do
    local entry = self.entries[found.identity]
    if entry.state == "dead" then
      make_ready(self, entry, now)
      replayed = replayed + 1
    end
  end
  return replayed
end

function Inbox:prune(done_before)
  local pruned = 0
  for identity, entry in pairs(self.entries) do
    if entry.state == "done" and entry.done_at < done_before then
      self.entries[identity] = nil
      pruned = pruned + 1
    end
  end
  count(self, "done", -pruned)
  return pruned
end

function Inbox:close()
  self.closed = true
end

--- An empty inbox in memory.
---@param settings? {capacity?: integer, keep_done?: integer} capacity: the most notifications that are not
--- done, default 100000; more are refused. keep_done: how many keys of done ones are remembered to tell
--- duplicates, default 100000
---@return table inbox
function memory.new(settings)
  settings = settings or {}
  options.check("marketplace.inbox.memory.new", settings, { capacity = "number", keep_done = "number" })
  return setmetatable({
    capacity = settings.capacity or 100000, keep_done = settings.keep_done or 100000,
    entries = {}, lanes = {}, heap = heap.new(), tokens = 0,
    done = {}, done_first = 1, done_last = 0,
    count = { ready = 0, leased = 0, done = 0, dead = 0 },
  }, Inbox)
end

return memory
