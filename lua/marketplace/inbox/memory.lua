--- The inbox in memory, for trying things out and for tests: what it holds is gone when the process ends.
--- `marketplace.inbox` has the contract.
---
--- The lanes, the queues and the leases are derived from the entries. An entry gets all its fields before it is added,
--- so that changing it later allocates nothing. If a change runs out of memory, what is derived may be wrong, and the
--- next call rebuilds it.
local core = require "marketplace.core"
local fields = require "marketplace.inbox.fields"
local options = require "marketplace.options"
local retention = require "marketplace.inbox.retention"
local uuid = require "marketplace.uuid"

local is_same = require("marketplace.inbox.record").is_same
local is_unsigned = require("marketplace.inbox.record").is_unsigned

local memory = {}

local MOST_CLAIMED = 1000 -- at once, as in every inbox
local REARMED = { failed = true, no_callback = true } -- codes of dead ones that another delivery makes ready again

local Inbox = {}

--[[ Queues: the leaders that are ready, the one that is due first in front. Most new ones belong at the end. ]]

local function due_before(a, b)
  if a.at ~= b.at then return a.at < b.at end
  return a.number < b.number
end

-- Those that must be claimed alone have a queue of their own.
local function queue_of(self, entry)
  return entry.losses > 0 and self.alone or self.queue
end

local function enqueue(self, entry)
  local queue = queue_of(self, entry)
  local place = queue.last + 1
  while place > queue.first and due_before(entry, queue[place - 1]) do
    queue[place] = queue[place - 1]
    place = place - 1
  end
  queue[place], queue.last = entry, queue.last + 1
end

local function dequeue(self, entry)
  local queue = queue_of(self, entry)
  local place = queue.first
  while queue[place] ~= entry do place = place + 1 end
  for behind = place, queue.first + 1, -1 do queue[behind] = queue[behind - 1] end
  queue[queue.first], queue.first = nil, queue.first + 1
end

--[[ Lanes: an app's ready and leased entries, the oldest first ]]

local function lane_of(self, entry)
  return self.lanes[entry.app_id or entry.id]
end

local function elect(self, lane)
  local leader = lane.leased or lane[1]
  if leader == lane.leader then return end
  if lane.leader and lane.leader.state == "ready" then dequeue(self, lane.leader) end
  lane.leader = leader
  if leader and leader.state == "ready" then enqueue(self, leader) end
end

local function enter_lane(self, entry)
  local lane = lane_of(self, entry)
  if not lane then
    lane = { leased = false, leader = false }
    self.lanes[entry.app_id or entry.id] = lane
  end
  local place = #lane + 1
  while place > 1 and lane[place - 1].number > entry.number do place = place - 1 end
  table.insert(lane, place, entry)
  if entry.state == "leased" then lane.leased, self.leased[entry] = entry, true end
  elect(self, lane)
end

local function leave_lane(self, entry)
  local lane, place = lane_of(self, entry), 1
  if entry == lane.leader then
    if entry.state == "ready" then dequeue(self, entry) end
    lane.leader = false
  end
  if entry.state == "leased" then lane.leased, self.leased[entry] = false, nil end
  while lane[place] ~= entry do place = place + 1 end
  table.remove(lane, place)
  if #lane == 0 then self.lanes[entry.app_id or entry.id] = nil else elect(self, lane) end
end

local function is_live(entry)
  return entry.state == "ready" or entry.state == "leased"
end

-- Every change of an entry's state or time goes through here.
local function change(self, entry, state, at, now)
  if is_live(entry) then leave_lane(self, entry) end
  entry.state, entry.at, entry.set_at = state, at, now
  if is_live(entry) then enter_lane(self, entry) end
end

local function rebuild(self)
  self.lanes, self.leased = {}, {}
  self.queue, self.alone = { first = 1, last = 0 }, { first = 1, last = 0 }
  for _, entry in pairs(self.entries) do
    if is_live(entry) then enter_lane(self, entry) end
  end
end

--[[ put ]]

local function add(self, record, id, now)
  local entry = record
  local too_old = retention.is_too_old(record, now, self.forgotten_before)
  self.number = self.number + 1
  entry.id, entry.number, entry.received_at, entry.at, entry.set_at = id, self.number, now, now, now
  entry.attempt, entry.losses, entry.token, entry.shared = 0, 0, 0, false
  entry.verified_by, entry.scope = record.verified_by or false, false
  entry.code = record.reason and "invalid" or too_old and "too_old" or false
  entry.reason = record.reason or too_old and retention.too_old_reason or false
  entry.state = entry.code and "dead" or "ready"
  self.entries[id] = entry
  self.held = self.held + 1
  if is_live(entry) then enter_lane(self, entry) end
  return too_old and "too_old" or "stored"
end

local function make_ready(self, entry, now)
  entry.attempt, entry.losses, entry.reason, entry.code = 0, 0, false, false
  change(self, entry, "ready", now, now)
end

-- A signed record replaces an unsigned one.
local function sign(entry, record)
  entry.digest, entry.verified_by = record.digest, record.verified_by or false
  if entry.body then entry.body = record.body end
end

local function put_as(self, record, id, now)
  local entry = self.entries[id]
  if not entry then return add(self, record, id, now) end
  if not is_same(entry.digest, record.digest) then return "conflict" end
  if is_unsigned(record.digest) then return "duplicate" end
  if is_unsigned(entry.digest) and entry.state ~= "leased" then sign(entry, record) end
  if not (entry.state == "dead" and REARMED[entry.code]) then return "duplicate" end
  make_ready(self, entry, now)
  return "rearmed"
end

local function put_one(self, record, now)
  local outcome = put_as(self, record, record.key, now)
  if outcome ~= "conflict" then return outcome end
  outcome = put_as(self, record, record.key .. "#" .. record.digest, now)
  return outcome == "stored" and "conflict" or outcome
end

function Inbox:put(records)
  if self.held + #records > self.capacity then
    return nil, ("the memory inbox is full: it holds %d notifications"):format(self.held), "inbox_unavailable"
  end
  local outcomes, now = {}, self.clock()
  for i = 1, #records do outcomes[i] = put_one(self, records[i], now) end
  return outcomes
end

--[[ Leases ]]

local function earliest(self)
  local first = self.queue[self.queue.first]
  local alone = self.alone[self.alone.first]
  if alone and (not first or alone.at < first.at) then first = alone end
  for entry in pairs(self.leased) do
    if not first or entry.at < first.at then first = entry end
  end
  return first
end

-- What was set while the clock was ahead.
local function correct_clocks(self, now)
  for _, lane in pairs(self.lanes) do
    local entry = lane.leader
    if entry.set_at > now then
      entry.received_at = math.min(entry.received_at, now)
      change(self, entry, entry.state, entry.state == "leased" and now + entry.at - entry.set_at or now, now)
    end
  end
end

local function release(self, entry, waits, now)
  if entry.shared then entry.attempt = entry.attempt - 1 end
  local wait = entry.losses == 0 and 0 or waits[math.max(1, math.min(entry.attempt, #waits))]
  change(self, entry, "dead", now, now) -- out of the queue that its losses choose
  entry.losses = entry.losses + 1
  change(self, entry, "ready", now + wait, now)
end

function Inbox:recover(waits)
  local now, ended = self.clock(), {}
  correct_clocks(self, now)
  for entry in pairs(self.leased) do
    if entry.at <= now then ended[#ended + 1] = entry end
  end
  for _, entry in ipairs(ended) do release(self, entry, waits, now) end
  return #ended
end

local function by_number(a, b) return a.number < b.number end

local function due_ones(queue, limit, now)
  local found, place = {}, queue.first
  while #found < limit and place <= queue.last and queue[place].at <= now do
    found[#found + 1], place = queue[place], place + 1
  end
  table.sort(found, by_number)
  return found
end

function Inbox:claim(limit, lease)
  local now = self.clock()
  local found = limit >= 1 and due_ones(self.alone, 1, now) or {}
  if #found == 0 then found = due_ones(self.queue, math.min(limit, MOST_CLAIMED), now) end
  for i, entry in ipairs(found) do
    change(self, entry, "leased", now + lease, now)
    entry.token, entry.attempt, entry.shared = entry.token + 1, entry.attempt + 1, #found > 1
    found[i] = fields.copy(entry, fields.claimed)
  end
  return found
end

local function held(self, item)
  local entry = self.entries[item.id]
  return entry and entry.state == "leased" and entry.token == item.token and entry
end

-- Forgets the oldest of the done ones if there are too many.
local function remember(self, entry)
  local place = self.done_at % self.keep_done + 1
  local oldest = self.done[place]
  self.done[place], self.done_at = entry, place
  if oldest and oldest ~= entry and self.entries[oldest.id] == oldest and oldest.state == "done" then
    self.entries[oldest.id] = nil
  end
end

local function finish_one(self, item, now)
  local entry = held(self, item)
  if not entry then return false end
  if item.state == "done" then
    remember(self, entry)
    self.held = self.held - 1
    entry.scope = item.scope or false
  end
  entry.reason = item.state ~= "done" and item.reason or false
  entry.code = item.state == "dead" and item.code or false
  if item.uncounted then entry.attempt = entry.attempt - 1 end
  entry.losses = 0
  change(self, entry, item.state, now + (item.state == "ready" and item.wait or 0), now)
  return true
end

function Inbox:finish(items)
  local done, now = {}, self.clock()
  for i = 1, #items do done[i] = finish_one(self, items[i], now) end
  return done
end

function Inbox:extend(items, lease)
  local extended, now = {}, self.clock()
  for i = 1, #items do
    local entry = held(self, items[i])
    if entry then change(self, entry, "leased", now + lease, now) end
    extended[i] = entry and true or false
  end
  return extended
end

--[[ Queries ]]

function Inbox:counts()
  local counts = { ready = 0, leased = 0, done = 0, dead = 0 }
  for _, entry in pairs(self.entries) do counts[entry.state] = counts[entry.state] + 1 end
  return counts
end

function Inbox:backlog()
  local backlog = {
    ready = 0, leased = 0, dead = 0, codes = { failed = 0, cancelled = 0, invalid = 0, too_old = 0, no_callback = 0 },
  }
  local oldest
  for _, entry in pairs(self.entries) do
    local state, code = entry.state, entry.code
    if state ~= "done" then backlog[state] = backlog[state] + 1 end
    if state == "dead" then backlog.codes[code] = backlog.codes[code] + 1 end
    if is_live(entry) then oldest = math.min(oldest or entry.received_at, entry.received_at) end
  end
  backlog.oldest_age = oldest and math.max(0, self.clock() - oldest)
  return backlog
end

function Inbox:next_in()
  local first, now = earliest(self), self.clock()
  for _, lane in pairs(self.lanes) do
    if lane.leader.set_at > now then return 0 end
  end
  return first and math.max(0, first.at - now)
end

-- The entries themselves that a filter selects, in order.
local function find(self, filter)
  local found = {}
  for _, entry in pairs(self.entries) do
    if fields.matches(entry, filter) then found[#found + 1] = entry end
  end
  table.sort(found, function(a, b) return by_number(filter.newest and b or a, filter.newest and a or b) end)
  return found
end

local function shown(self, entry, names)
  local copy = fields.copy(entry, names)
  local lane = is_live(entry) and lane_of(self, entry)
  if lane and lane.leader ~= entry then copy.behind = lane.leader.id end
  return copy
end

function Inbox:list(filter)
  filter = fields.checked("inbox:list", filter, 5)
  local found = find(self, filter)
  for i = #found, (filter.limit or #found) + 1, -1 do found[i] = nil end
  for i, entry in ipairs(found) do found[i] = shown(self, entry, fields.summary) end
  return found
end

function Inbox:get(id)
  local entry = self.entries[id]
  return entry and shown(self, entry, fields.entry)
end

function Inbox:later(app_id, time)
  local found = {}
  for _, entry in pairs(self.entries) do
    if entry.app_id == app_id and entry.time and entry.time > time then
      found[#found + 1] = fields.copy(entry, fields.later)
    end
  end
  return found
end

--[[ Operators ]]

function Inbox:replay(filter)
  filter = fields.replayed(filter)
  local ids, now = {}, self.clock()
  for _, entry in ipairs(filter and find(self, filter) or {}) do
    if #ids >= (filter.limit or math.huge) then break end
    if fields.can_replay(entry) then
      if entry.state == "done" then self.held = self.held + 1 end
      make_ready(self, entry, now)
      ids[#ids + 1] = entry.id
    end
  end
  return ids
end

function Inbox:run(id)
  local entry, now = self.entries[id], self.clock()
  if not entry or entry.state ~= "ready" then return false end
  change(self, entry, "ready", now, now)
  return true
end

function Inbox:cancel(id, reason)
  local entry, now = self.entries[id], self.clock()
  if not entry or not is_live(entry) then return false end
  entry.reason, entry.code = reason, "cancelled"
  change(self, entry, "dead", now, now)
  return true
end

--[[ Retention ]]

function Inbox:oldest_done()
  local oldest = {}
  for _, entry in pairs(self.entries) do
    if entry.state == "done" then
      oldest.id = math.min(oldest.id or entry.at, entry.at)
      if entry.body then oldest.body = math.min(oldest.body or entry.at, entry.at) end
    end
  end
  return oldest
end

function Inbox:forget(before, limit)
  local forgotten = { bodies = 0, ids = 0 }
  self.forgotten_before = math.max(self.forgotten_before, before.ids)
  for id, entry in pairs(self.entries) do
    local is_done = entry.state == "done"
    if is_done and entry.at < before.ids and forgotten.ids < limit then
      self.entries[id], forgotten.ids = nil, forgotten.ids + 1
    elseif is_done and entry.body and entry.at < before.bodies and forgotten.bodies < limit then
      entry.body, forgotten.bodies = false, forgotten.bodies + 1
    end
  end
  return forgotten
end

function Inbox:id()
  return self.name
end

--[[ All methods ]]

for name, method in pairs(Inbox) do
  Inbox[name] = function(self, ...)
    if self.closed then return nil, "the inbox is closed", "inbox_unavailable" end
    if self.is_torn then rebuild(self) end
    self.is_torn = true
    local result, message, code = method(self, ...)
    self.is_torn = false
    return result, message, code
  end
end

function Inbox:close()
  self.closed = true
end

Inbox.__index = Inbox

---@class marketplace.MemoryInboxOptions
---@field capacity? integer the most notifications that are not done, default 100000; more are refused
---@field keep_done? integer how many done ones are remembered, to tell duplicates, default 10000
---@field clock? fun(): number seconds since the epoch, default the machine's
local OPTIONS = { capacity = "number", keep_done = "number", clock = "function" }

--- An empty inbox in memory.
---@param settings? marketplace.MemoryInboxOptions
---@return table inbox
function memory.new(settings)
  settings = settings or {}
  options.check("marketplace.inbox.memory.new", settings, OPTIONS)
  for _, name in ipairs { "capacity", "keep_done" } do
    local value = settings[name] or 1
    if not (value >= 1 and value == math.floor(value)) then
      error(("marketplace.inbox.memory.new: option '%s' must be a whole number, at least 1"):format(name), 2)
    end
  end
  local self = {
    name = uuid.new(), capacity = settings.capacity or 100000, keep_done = settings.keep_done or 10000,
    clock = settings.clock or core.now, entries = {}, done = {}, done_at = 0, number = 0, held = 0,
    forgotten_before = -math.huge, is_torn = false, closed = false,
  }
  rebuild(self)
  return setmetatable(self, Inbox)
end

--- For marketplace.inbox.open.
---@param _ table
---@param settings? marketplace.InboxOptions
function memory.open(_, settings)
  return memory.new { clock = settings and settings.clock }
end

return memory
