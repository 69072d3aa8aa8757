--- The inbox in memory, for trying things out and for tests: what it holds is gone when the process ends.
--- `marketplace.inbox` has the contract. Its methods that ask and those of operators are in queries and operators.
---
--- The lanes and the queues are derived from the entries. An entry gets all its fields before it is added, so that
--- changing them allocates nothing, and they are changed all or none. If a call runs out of memory, what is derived may
--- be wrong, and the next call rebuilds it.
local changes = require "marketplace.inbox.memory.changes"
local codes = require "marketplace.inbox.codes"
local core = require "marketplace.core"
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
local lanes = require "marketplace.inbox.lanes"
local lease_rules = require "marketplace.inbox.lease"
local operators = require "marketplace.inbox.memory.operators"
local options = require "marketplace.options"
local queries = require "marketplace.inbox.memory.queries"
local retention = require "marketplace.inbox.retention"
local uuid = require "marketplace.uuid"

local is_same = require("marketplace.inbox.record").is_same
local is_unsigned = require("marketplace.inbox.record").is_unsigned
local OUTCOME_BESIDE = require("marketplace.inbox.record").OUTCOME_BESIDE

local settle = lanes.settle
local delete_done, history_with, read_clock = changes.delete_done, changes.history_with, changes.read_clock

local memory = {}

local REARMED = codes.set(codes.REARMED)

local Inbox = {}

local function rebuild(self)
  self.lanes, self.ready, self.alone, self.leased, self.done = {}, {}, {}, {}, lanes.ring()
  local entries = {}
  for _, entry in pairs(self.entries) do entries[#entries + 1] = entry end
  table.sort(entries, changes.by_number)
  for _, entry in ipairs(entries) do
    entry.ring, entry.place = false, false
    settle(self, entry)
  end
  self.size = #entries
end

--[[ put ]]

local function entry_of(record, id, number, now, code)
  return {
    id = id, number = number, key = record.key, digest = record.digest, body = record.body, type = record.type,
    event = record.event, app_id = record.app_id, time = record.time, verified_by = record.verified_by or false,
    received_at = now, at = now, set_at = now, state = code and "dead" or "ready", code = code or false,
    reason = record.reason or code and retention.too_old_reason or false, scope = false, attempt = 0, losses = 0,
    traceparent = record.traceparent or false, history = false,
    token = 0, shared = false, ring = false, before = false, after = false, queue = false, place = false,
  }
end

local function add(self, record, id, now)
  local code = retention.code_of(record, now, self.forgotten_before)
  self.number = self.number + 1
  local entry = entry_of(record, id, self.number, now, code)
  self.entries[id] = entry
  self.size = self.size + 1
  settle(self, entry)
  return code == "too_old" and "too_old" or "stored"
end

-- A signed record replaces an unsigned one.
local function sign(entry, record)
  entry.digest, entry.verified_by = record.digest, record.verified_by or false
  entry.body = entry.body and record.body
end

local function put_as(self, record, id, now)
  local entry = self.entries[id]
  if not entry then return add(self, record, id, now) end
  if not is_same(entry.digest, record.digest) then return "conflict" end
  if is_unsigned(record.digest) then return "duplicate" end
  if is_unsigned(entry.digest) and entry.state ~= "leased" then sign(entry, record) end
  if not (entry.state == "dead" and REARMED[entry.code]) then return "duplicate" end
  changes.make_ready(self, entry, now, history_with(entry, now, "rearmed"))
  return "rearmed"
end

local function put_one(self, record, now)
  local outcome = put_as(self, record, record.key, now)
  if outcome ~= "conflict" then return outcome end
  return OUTCOME_BESIDE[put_as(self, record, record.key .. "#" .. record.digest, now)]
end

local function check_room(self, count)
  local held = self.size - self.done.count
  if held + count <= self.capacity then return true end
  return nil, ("the memory inbox is full: it holds %d notifications"):format(held), "inbox_unavailable"
end

function Inbox:put(records)
  local has_room, message, code = check_room(self, #records)
  if not has_room then return nil, message, code end
  local outcomes, now = {}, read_clock(self)
  for i = 1, #records do outcomes[i] = put_one(self, records[i], now) end
  return outcomes
end

function Inbox:probe()
  return check_room(self, 1)
end

--[[ Leases ]]

-- What was set while the clock was ahead.
local function correct_times(self, now)
  for _, lane in pairs(self.lanes) do
    local entry = lane.leader
    if entry.set_at > now then
      entry.at, entry.set_at = entry.state == "leased" and now + entry.at - entry.set_at or now, now
      entry.received_at = math.min(entry.received_at, now)
      settle(self, entry)
    end
  end
end

local function release(self, entry, waits, now)
  local attempt, wait = lease_rules.after_loss(entry.attempt, entry.losses, entry.shared, waits)
  entry.history = history_with(entry, now, "lost")
  entry.state, entry.at, entry.set_at, entry.attempt = "ready", now + wait, now, attempt
  entry.losses = entry.losses + 1
  settle(self, entry)
end

local function is_due(entry, now)
  return entry and entry.at <= now
end

function Inbox:recover(waits)
  local now, count = read_clock(self), 0
  if now < self.latest then correct_times(self, now) end
  for entry in pairs(self.leased) do
    if is_due(entry, now) then
      release(self, entry, waits, now)
      count = count + 1
    end
  end
  return count
end

-- As fields.claimed has them; a copy that grew from nothing would be made anew at every other field.
local function claimed(entry)
  return {
    id = entry.id, key = entry.key, token = entry.token, type = entry.type, event = entry.event,
    app_id = entry.app_id, received_at = entry.received_at, attempt = entry.attempt, body = entry.body,
    traceparent = entry.traceparent or nil,
  }
end

function Inbox:claim(limit, lease)
  local now, found = read_clock(self), {}
  local from, most = self.ready, math.min(limit, lease_rules.MOST_CLAIMED)
  if is_due(self.alone[1], now) then from, most = self.alone, math.min(limit, 1) end
  while #found < most and is_due(from[1], now) do
    local entry = from[1]
    entry.state, entry.at, entry.set_at = "leased", now + lease, now
    entry.token, entry.attempt = entry.token + 1, entry.attempt + 1
    settle(self, entry)
    found[#found + 1] = entry
  end
  table.sort(found, changes.by_number)
  for i, entry in ipairs(found) do
    entry.shared = #found > 1
    found[i] = claimed(entry)
  end
  return found
end

local function held(self, item)
  local entry = self.entries[item.id]
  return entry and entry.state == "leased" and entry.token == item.token and entry
end

-- When it can be claimed again, or when it was done or dead.
local function ended_at(entry, item, now)
  if item.state == "ready" then return now + (item.wait or 0) end
  return item.state == "done" and math.max(now, entry.time or now) or now
end

local function give_back(self, entry, now)
  entry.state, entry.at, entry.set_at, entry.attempt = "ready", now, now, entry.attempt - 1
  settle(self, entry)
  return true
end

local function finish_one(self, item, now)
  local entry, state = held(self, item), item.state
  if not entry then return false end
  if state == "unbegun" then return give_back(self, entry, now) end
  local what = history.what_of(item)
  if what then entry.history = history_with(entry, now, what, item.reason) end
  if state == "done" then entry.scope = item.scope or false end
  entry.state, entry.at, entry.set_at, entry.losses = state, ended_at(entry, item, now), now, 0
  if item.uncounted then entry.attempt = entry.attempt - 1 end
  entry.reason = state ~= "done" and item.reason or false
  entry.code = state == "dead" and item.code or false
  settle(self, entry)
  while self.done.count > self.keep_done do delete_done(self, lanes.first(self.done)) end
  return true
end

function Inbox:finish(items)
  items = fields.finished(items, 4)
  local finished, now = {}, read_clock(self)
  for i = 1, #items do finished[i] = finish_one(self, items[i], now) end
  return finished
end

function Inbox:extend(items, lease)
  local extended, now = {}, read_clock(self)
  for i = 1, #items do
    local entry = held(self, items[i])
    if entry then changes.set_at(self, entry, now + lease, now) end
    extended[i] = entry and true or false
  end
  return extended
end

--[[ All methods ]]

for _, methods in ipairs { queries.methods, operators.methods } do
  for name, method in pairs(methods) do Inbox[name] = method end
end

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
    clock = settings.clock or core.now, latest = -math.huge, entries = {}, number = 0, forgotten_before = -math.huge,
    is_torn = false, closed = false,
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
