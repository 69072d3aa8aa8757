--- The inbox in memory: for tests, for trying things out and for marketplaces that reconcile elsewhere.
--- What it holds is gone when the process ends. `marketplace.inbox` has the contract; of done notifications it
--- remembers identity, digest and time only.
local filter = require "marketplace.inbox.filter"
local history = require "marketplace.inbox.history"
local options = require "marketplace.options"
local uuid = require "marketplace.uuid"
local wakes = require "marketplace.inbox.wakes"

local is_same = require("marketplace.inbox.record").is_same
local is_unsigned = require("marketplace.inbox.record").is_unsigned

local memory = {}

local MOST_SPARE_LANES = 64 -- kept to be used again

local Inbox = {}
Inbox.__index = Inbox

local function unavailable(self)
  if self.closed then return nil, "the inbox is closed", "inbox_unavailable" end
end

--[[ Lanes ]]

-- Notifications of one app run in order, one at a time: they form a lane, a chain whose first alone can be
-- claimed. A lane wakes when its first may be claimed: at once, after a pause, or when its lease ends.
local function new_lane()
  return {
    name = "", first = nil, last = nil, wake = 0, queue = nil, before = nil, after = nil, turn = 0, place = nil,
  }
end

local function name_of_lane(entry)
  return entry.app_id or entry.identity
end

-- Behind what was stored before it, but never in front of the first, which may be leased.
local function insert(lane, entry)
  local before = lane.last
  if before.number > entry.number then
    before = lane.first
    while before.behind and before.behind.number < entry.number do before = before.behind end
  end
  entry.behind, before.behind = before.behind, entry
  if not entry.behind then lane.last = entry end
end

local function add_to_lane(self, entry, at)
  local name = name_of_lane(entry)
  local lane = self.lanes[name]
  entry.at, entry.behind = at, false
  if lane then
    insert(lane, entry)
  else
    lane = table.remove(self.spare_lanes) or new_lane()
    lane.name, lane.first, lane.last = name, entry, entry
    self.lanes[name] = lane
    self.wakes:add(lane, at, "ready")
  end
  entry.lane = lane
end

local function pop_from_lane(self, entry)
  local lane = entry.lane
  entry.lane = false
  lane.first = entry.behind or nil
  self.wakes:remove(lane)
  if lane.first then
    self.wakes:add(lane, lane.first.at, "ready")
  else
    self.lanes[lane.name] = nil
    lane.last = nil
    if #self.spare_lanes < MOST_SPARE_LANES then self.spare_lanes[#self.spare_lanes + 1] = lane end
  end
end

local function wake_lane(self, entry, at, kind)
  entry.at = at
  self.wakes:remove(entry.lane)
  self.wakes:add(entry.lane, at, kind)
end

--[[ Where memory ends in the midst of a change

The entries are what counts; lanes, wakes and numbers follow from them. An entry gets all its fields before it is one of
them, so that no change of it needs memory. A change that was cut off leaves the rest torn, and the next one makes it
anew. ]]

-- Of a lane one at the most is leased: it leads.
local function by_place(a, b)
  if (a.state == "leased") ~= (b.state == "leased") then return a.state == "leased" end
  return a.number < b.number
end

-- Lanes by name, a list of them in the order of their first ones, and how many entries have which state.
local function lanes_of(entries)
  local waiting, count, lanes, list = {}, { ready = 0, leased = 0, dead = 0 }, {}, {}
  for _, entry in pairs(entries) do
    count[entry.state] = count[entry.state] + 1
    if entry.state ~= "dead" then waiting[#waiting + 1] = entry end
  end
  table.sort(waiting, by_place)
  for _, entry in ipairs(waiting) do
    local name = name_of_lane(entry)
    local lane = lanes[name]
    if lane then
      lane.last.behind = entry
    else
      lane = new_lane()
      lane.name, lane.first, lanes[name], list[#list + 1] = name, entry, lane, lane
    end
    lane.last, entry.lane, entry.behind = entry, lane, false
  end
  return lanes, list, count
end

local function make_whole(self)
  if not self.is_torn then return end
  local lanes, list, count = lanes_of(self.entries)
  local woken = wakes.new()
  for _, lane in ipairs(list) do woken:add(lane, lane.first.at) end
  self.lanes, self.wakes, self.count, self.spare_lanes, self.is_torn = lanes, woken, count, {}, false
end

local function begin(self)
  make_whole(self)
  self.is_torn = true
end

local function complete(self)
  self.is_torn = false
end

--[[ Entries: ready, leased or dead ]]

local function set_state(self, entry, state)
  self.count[entry.state] = self.count[entry.state] - 1
  self.count[state] = self.count[state] + 1
  entry.state = state
end

local function make_ready(self, entry, at)
  set_state(self, entry, "ready")
  entry.attempt, entry.reason = 0, false
  add_to_lane(self, entry, at)
end

local function add(self, record, identity, now)
  local state = record.reason and "dead" or "ready"
  -- the record becomes the entry: another table for each would be a good part of what it costs
  local entry = record
  entry.identity, entry.received_at, entry.at, entry.attempt, entry.state = identity, now, now, 0, state
  entry.reason, entry.verified_by = record.reason or false, record.verified_by or false
  self.stored = self.stored + 1
  entry.token, entry.scope, entry.lane, entry.behind, entry.number = false, false, false, false, self.stored
  self.entries[identity] = entry
  self.count[state] = self.count[state] + 1
  if state == "ready" then add_to_lane(self, entry, now) end
end

-- A repeated notification whose body could not be read is no reason to try again, and neither is what App Store Connect
-- tells when it is asked; one whose callbacks failed, sent again, is.
local function put_again(self, entry, record, now)
  if entry.state ~= "dead" or record.reason or is_unsigned(record.digest) then return "duplicate" end
  make_ready(self, entry, now)
  return "rearmed"
end

-- What was not signed gives its place to what is.
local function put_signed(self, entry, record, identity)
  if not entry then return self.done:sign(identity, record.digest, record.verified_by) end
  if entry.state == "leased" then return end
  entry.digest, entry.verified_by, entry.body = record.digest, record.verified_by or false, record.body
end

local function put_as(self, record, identity, now)
  local entry = self.entries[identity]
  local digest = entry and entry.digest or self.done:digest(identity)
  if not digest then
    add(self, record, identity, now)
    return "stored"
  end
  if digest ~= record.digest then
    if not is_same(digest, record.digest) then return "conflict" end
    if not is_unsigned(record.digest) then put_signed(self, entry, record, identity) end
  end
  return entry and put_again(self, entry, record, now) or "duplicate"
end

local function put_one(self, record, now)
  local outcome = put_as(self, record, record.key, now)
  if outcome ~= "conflict" then return outcome end
  outcome = put_as(self, record, record.key .. "#" .. record.digest, now)
  return outcome == "stored" and "conflict" or outcome
end

function Inbox:put(records, now)
  if self.closed then return unavailable(self) end
  make_whole(self)
  local held = self.count.ready + self.count.leased + self.count.dead
  if held + #records > self.capacity then
    return nil, ("the memory inbox is full: it holds %d notifications"):format(held), "inbox_unavailable"
  end
  local outcomes = {}
  begin(self)
  for i = 1, #records do outcomes[i] = put_one(self, records[i], now) end
  complete(self)
  return outcomes
end

--[[ Leases ]]

local function lease(self, entry, until_)
  self.tokens = self.tokens + 1
  entry.token, entry.attempt = self.tokens, entry.attempt + 1
  set_state(self, entry, "leased")
  wake_lane(self, entry, until_, "leased")
  return {
    key = entry.key, identity = entry.identity, token = entry.token, attempt = entry.attempt, body = entry.body,
    type = entry.type, event = entry.event, app_id = entry.app_id, received_at = entry.received_at,
    -- room for what finish is told
    state = "leased", at = nil, reason = nil, scope = nil,
  }
end

function Inbox:claim(limit, now, seconds)
  if self.closed then return unavailable(self) end
  local claimed, count = {}, 0
  begin(self)
  while count < limit do
    local lane = self.wakes:top()
    if not lane or lane.wake > now then break end
    local may_be_poison = lane.first.state == "leased"
    if may_be_poison and count > 0 then break end
    count = count + 1
    claimed[count] = lease(self, lane.first, now + seconds)
    if may_be_poison then break end
  end
  complete(self)
  return claimed
end

local function held_entry(self, item)
  local entry = self.entries[item.identity]
  return entry and entry.state == "leased" and entry.token == item.token and entry or nil
end

local function finish_as_done(self, entry, item, now)
  entry.scope = item.scope or false
  self.done:add(entry, now)
  self.count.leased = self.count.leased - 1
  self.entries[entry.identity] = nil
  pop_from_lane(self, entry)
end

local function finish_one(self, item, now)
  local entry = held_entry(self, item)
  if not entry then return false end
  if item.state == "done" then
    finish_as_done(self, entry, item, now)
    return true
  end
  set_state(self, entry, item.state)
  entry.token, entry.reason = false, item.reason or false
  if item.uncounted then entry.attempt = entry.attempt - 1 end
  if item.state == "ready" then
    wake_lane(self, entry, item.at)
  else
    pop_from_lane(self, entry)
  end
  return true
end

function Inbox:finish(items, now)
  if self.closed then return unavailable(self) end
  local held = {}
  begin(self)
  for i = 1, #items do held[i] = finish_one(self, items[i], now) end
  complete(self)
  return held
end

function Inbox:extend(items, now, seconds)
  if self.closed then return unavailable(self) end
  local held = {}
  begin(self)
  for i = 1, #items do
    local entry = held_entry(self, items[i])
    held[i] = entry ~= nil
    if entry then wake_lane(self, entry, now + seconds, "leased") end
  end
  complete(self)
  return held
end

--[[ What is there ]]

function Inbox:counts()
  make_whole(self)
  local count = self.count
  return { ready = count.ready, leased = count.leased, dead = count.dead, done = self.done.count }
end

function Inbox:backlog()
  if self.closed then return unavailable(self) end
  make_whole(self)
  local count = self.count
  local oldest_at
  -- not the first of each lane: what was dead and is ready again stands behind others that are younger
  for _, entry in pairs(self.entries) do
    local received_at = entry.received_at
    if entry.state ~= "dead" and not (oldest_at and oldest_at <= received_at) then oldest_at = received_at end
  end
  return { ready = count.ready, leased = count.leased, dead = count.dead, oldest_at = oldest_at }
end

function Inbox:next_at()
  make_whole(self)
  local lane = self.wakes:top()
  return lane and lane.wake
end

local function summary(entry)
  return {
    key = entry.key, identity = entry.identity, digest = entry.digest, state = entry.state, type = entry.type,
    event = entry.event, app_id = entry.app_id, time = entry.time, attempt = entry.attempt,
    reason = entry.reason or nil, received_at = entry.received_at, at = entry.at,
    verified_by = entry.verified_by or nil,
  }
end

function Inbox:list(wanted)
  wanted = wanted or {}
  local found = {}
  local function take(entry)
    if filter.matches(entry, wanted) then found[#found + 1] = entry end
  end
  for _, entry in pairs(self.entries) do take(summary(entry)) end
  self.done:each(take)
  return filter.arrange(found, wanted.limit)
end

function Inbox:get(identity)
  local entry = self.entries[identity]
  if entry then
    local whole = summary(entry)
    whole.body = entry.body
    return whole
  end
  return self.done:get(identity)
end

function Inbox:later(app_id, time)
  if self.closed then return unavailable(self) end
  local found = {}
  local function take(entry) found[#found + 1] = entry end
  for _, entry in pairs(self.entries) do
    if entry.app_id == app_id and entry.time and entry.time > time then take(entry) end
  end
  self.done:each_later(app_id, time, take)
  return found
end

function Inbox:replay(wanted, now)
  if self.closed then return unavailable(self) end
  local listed, replayed = self:list(wanted), 0
  begin(self)
  for _, found in ipairs(listed) do
    if found.state == "dead" then
      make_ready(self, self.entries[found.identity], now)
      replayed = replayed + 1
    end
  end
  complete(self)
  return replayed
end

function Inbox:prune(done_before)
  if self.closed then return unavailable(self) end
  return self.done:prune(done_before)
end

function Inbox:id()
  if self.closed then return unavailable(self) end
  return self.name
end

function Inbox:close()
  self.closed = true
end

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
  return setmetatable({
    name = uuid.new(), capacity = settings.capacity or 100000, tokens = 0, entries = {}, lanes = {}, spare_lanes = {},
    wakes = wakes.new(), stored = 0, is_torn = false,
    done = history.new(settings.keep_done or 10000), count = { ready = 0, leased = 0, dead = 0 },
  }, Inbox)
end

--- For marketplace.inbox.open.
function memory.open()
  return memory.new()
end

return memory
