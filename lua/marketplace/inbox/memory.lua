--- The inbox in memory, for trying things out and for tests: what it holds is gone when the process ends.
--- `marketplace.inbox` has the contract.
---
--- The lanes, the queue and the leases are derived from the entries. An entry gets all its fields before it is added,
--- so that changing it later allocates nothing. If a change runs out of memory, what is derived may be wrong, and the
--- next call rebuilds it.
local fields = require "marketplace.inbox.fields"
local options = require "marketplace.options"
local uuid = require "marketplace.uuid"

local is_same = require("marketplace.inbox.record").is_same
local is_unsigned = require("marketplace.inbox.record").is_unsigned

local memory = {}

local MOST_CLAIMED = 1000 -- at once, as in every inbox

local Inbox = {}

--[[ Lanes: the notifications of each app, in order. Only a lane's leader can be claimed. ]]

local function by_number(a, b) return a.number < b.number end

local function wakes_before(a, b)
  if a.at ~= b.at then return a.at < b.at end
  return a.number < b.number
end

-- The ready leaders stand in a queue, the one that wakes first in front. Most new ones belong at its end.
local function add_leader(self, entry)
  if entry.state == "leased" then
    self.leased[entry] = true
    return
  end
  local queue = self.queue
  local place = queue.last + 1
  while place > queue.first and wakes_before(entry, queue[place - 1]) do
    queue[place] = queue[place - 1]
    place = place - 1
  end
  queue[place], queue.last = entry, queue.last + 1
end

local function lane_of(entry)
  return entry.app_id or entry.identity
end

-- Behind the entries that were stored before it, but never in front of the leader, which may be leased.
local function enter_lane(self, entry)
  local lane = self.lanes[lane_of(entry)]
  entry.behind = false
  if not lane then
    self.lanes[lane_of(entry)] = { first = entry, last = entry }
    return add_leader(self, entry)
  end
  local before = lane.last
  if before.number > entry.number then
    before = lane.first
    while before.behind and before.behind.number < entry.number do before = before.behind end
  end
  entry.behind, before.behind = before.behind, entry
  if not entry.behind then lane.last = entry end
end

-- Only the leader leaves its lane.
local function leave_lane(self, entry)
  local next_one = entry.behind
  if not next_one then
    self.lanes[lane_of(entry)] = nil
  else
    self.lanes[lane_of(entry)].first = next_one
    add_leader(self, next_one)
  end
end

local function is_live(entry)
  return entry.state == "ready" or entry.state == "leased"
end

local function leased_first(a, b)
  if (a.state == "leased") ~= (b.state == "leased") then return a.state == "leased" end
  return a.number < b.number
end

local function make_lanes(self)
  self.lanes, self.queue, self.leased = {}, { first = 1, last = 0 }, {}
  local live = {}
  for _, entry in pairs(self.entries) do
    if is_live(entry) then live[#live + 1] = entry end
  end
  table.sort(live, leased_first)
  for _, entry in ipairs(live) do enter_lane(self, entry) end
end

--[[ put ]]

local function add(self, record, identity, now)
  local entry = record
  self.number = self.number + 1
  entry.identity, entry.number, entry.received_at, entry.at = identity, self.number, now, now
  entry.state, entry.attempt, entry.token, entry.behind = record.reason and "dead" or "ready", 0, false, false
  entry.reason, entry.verified_by, entry.scope = record.reason or false, record.verified_by or false, false
  self.entries[identity] = entry
  self.held = self.held + 1
  if is_live(entry) then enter_lane(self, entry) end
end

local function rearm(self, entry, now)
  entry.state, entry.at, entry.attempt, entry.reason = "ready", now, 0, false
  enter_lane(self, entry)
end

-- A signed record replaces an unsigned one.
local function sign(entry, record)
  entry.digest, entry.verified_by = record.digest, record.verified_by or false
  if entry.state ~= "done" then entry.body = record.body end
end

local function put_as(self, record, identity, now)
  local entry = self.entries[identity]
  if not entry then
    add(self, record, identity, now)
    return "stored"
  end
  if not is_same(entry.digest, record.digest) then return "conflict" end
  if is_unsigned(record.digest) then return "duplicate" end
  if is_unsigned(entry.digest) and entry.state ~= "leased" then sign(entry, record) end
  if entry.state ~= "dead" or record.reason then return "duplicate" end
  rearm(self, entry, now)
  return "rearmed"
end

local function put_one(self, record, now)
  local outcome = put_as(self, record, record.key, now)
  if outcome ~= "conflict" then return outcome end
  outcome = put_as(self, record, record.key .. "#" .. record.digest, now)
  return outcome == "stored" and "conflict" or outcome
end

function Inbox:put(records, now)
  if self.held + #records > self.capacity then
    return nil, ("the memory inbox is full: it holds %d notifications"):format(self.held), "inbox_unavailable"
  end
  local outcomes = {}
  for i = 1, #records do outcomes[i] = put_one(self, records[i], now) end
  return outcomes
end

--[[ Leases ]]

local function first_leased(self)
  local first
  for entry in pairs(self.leased) do
    if not first or wakes_before(entry, first) then first = entry end
  end
  return first
end

local function lease(self, entry, until_)
  self.token = self.token + 1
  entry.state, entry.token, entry.attempt, entry.at = "leased", self.token, entry.attempt + 1, until_
  self.leased[entry] = true
  return fields.copy(entry, fields.claimed)
end

function Inbox:claim(limit, now, seconds)
  if limit < 1 then return {} end
  local queue, claimed, lost = self.queue, {}, first_leased(self)
  if lost and lost.at <= now then return { lease(self, lost, now + seconds) } end
  while #claimed < math.min(limit, MOST_CLAIMED) and queue.first <= queue.last and queue[queue.first].at <= now do
    claimed[#claimed + 1], queue[queue.first], queue.first = queue[queue.first], nil, queue.first + 1
  end
  table.sort(claimed, by_number)
  for i, entry in ipairs(claimed) do claimed[i] = lease(self, entry, now + seconds) end
  return claimed
end

-- Forgets the oldest of the done ones if there are too many.
local function remember(self, entry)
  local place = self.done_at % self.keep_done + 1
  local oldest = self.done[place]
  self.done[place], self.done_at = entry, place
  if oldest and self.entries[oldest.identity] == oldest and oldest.state == "done" then
    self.entries[oldest.identity] = nil
  end
end

local function finish_one(self, item, now)
  local entry = self.entries[item.identity]
  if not entry or entry.state ~= "leased" or entry.token ~= item.token then return false end
  if item.state == "done" then
    remember(self, entry)
    self.held = self.held - 1
    entry.body, entry.scope = nil, item.scope or false
  end
  self.leased[entry] = nil
  entry.state, entry.at = item.state, item.state == "ready" and item.at or now
  entry.reason = item.state ~= "done" and item.reason or false
  if item.uncounted then entry.attempt = entry.attempt - 1 end
  if item.state == "ready" then add_leader(self, entry) else leave_lane(self, entry) end
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
    local entry = self.entries[items[i].identity]
    held[i] = entry ~= nil and entry.state == "leased" and entry.token == items[i].token
    if held[i] then entry.at = now + seconds end
  end
  return held
end

--[[ Queries ]]

function Inbox:counts()
  local counts = { ready = 0, leased = 0, done = 0, dead = 0 }
  for _, entry in pairs(self.entries) do counts[entry.state] = counts[entry.state] + 1 end
  return counts
end

function Inbox:backlog()
  local backlog = { ready = 0, leased = 0, dead = 0 }
  for _, entry in pairs(self.entries) do
    local state, at = entry.state, entry.received_at
    if state ~= "done" then backlog[state] = backlog[state] + 1 end
    if is_live(entry) then backlog.oldest_at = math.min(backlog.oldest_at or at, at) end
  end
  return backlog
end

function Inbox:next_at()
  local ready, leased = self.queue[self.queue.first], first_leased(self)
  if ready and leased then return math.min(ready.at, leased.at) end
  return (ready or leased or {}).at
end

-- The entries themselves that a filter selects, in order.
local function find(self, filter)
  local found = {}
  for _, entry in pairs(self.entries) do
    if fields.matches(entry, filter) then found[#found + 1] = entry end
  end
  table.sort(found, by_number)
  for i = #found, (filter.limit or #found) + 1, -1 do found[i] = nil end
  return found
end

function Inbox:list(filter)
  filter = fields.checked("inbox:list", filter)
  local found = find(self, filter)
  for i, entry in ipairs(found) do found[i] = fields.copy(entry, fields.summary) end
  return found
end

function Inbox:get(identity)
  local entry = self.entries[identity]
  return entry and fields.copy(entry, fields.entry)
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

function Inbox:replay(filter, now)
  local dead = fields.dead(fields.checked("inbox:replay", filter))
  local found = dead and find(self, dead) or {}
  for _, entry in ipairs(found) do rearm(self, entry, now) end
  return #found
end

function Inbox:prune(done_before)
  local pruned = 0
  for identity, entry in pairs(self.entries) do
    if entry.state == "done" and entry.at < done_before then
      self.entries[identity] = nil
      pruned = pruned + 1
    end
  end
  return pruned
end

function Inbox:id()
  return self.name
end

--[[ All methods ]]

for name, method in pairs(Inbox) do
  Inbox[name] = function(self, ...)
    if self.closed then return nil, "the inbox is closed", "inbox_unavailable" end
    if self.is_torn then make_lanes(self) end
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
local OPTIONS = { capacity = "number", keep_done = "number" }

--- An empty inbox in memory.
---@param settings? marketplace.MemoryInboxOptions
---@return table inbox
function memory.new(settings)
  settings = settings or {}
  options.check("marketplace.inbox.memory.new", settings, OPTIONS)
  for name, value in pairs(settings) do
    if not (value >= 1 and value == math.floor(value)) then
      error(("marketplace.inbox.memory.new: option '%s' must be a whole number, at least 1"):format(name), 2)
    end
  end
  local self = {
    name = uuid.new(), capacity = settings.capacity or 100000, keep_done = settings.keep_done or 10000, entries = {},
    done = {}, done_at = 0, number = 0, token = 0, held = 0,
    is_torn = false, closed = false,
  }
  make_lanes(self)
  return setmetatable(self, Inbox)
end

--- For marketplace.inbox.open.
function memory.open()
  return memory.new()
end

return memory
