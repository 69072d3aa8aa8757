--- What an inbox must do (see marketplace.inbox), in the simplest way: a list of entries in the order in which they
-- were stored, and loops. The model has the methods of an inbox, but for forget: which of those that may be forgotten
-- are is for the inbox to say. `now` is its time, which the caller sets.
local fields = require "marketplace.inbox.fields"
local record = require "marketplace.inbox.record"
local retention = require "marketplace.inbox.retention"

local Model = {}
Model.__index = Model

local REARMED = { failed = true, no_callback = true }

local function new()
  return setmetatable({ now = 0, entries = {}, forgotten_before = -math.huge }, Model)
end

function Model:find(id)
  for _, entry in ipairs(self.entries) do
    if entry.id == id then return entry end
  end
end

local function is_live(entry) return entry.state == "ready" or entry.state == "leased" end

local function lane_of(entry) return entry.app_id or entry.id end

--- By lane: the one that is leased, or else the oldest that is ready.
function Model:leaders()
  local leaders = {}
  for _, entry in ipairs(self.entries) do
    local lane = lane_of(entry)
    if entry.state == "leased" or entry.state == "ready" and not leaders[lane] then leaders[lane] = entry end
  end
  return leaders
end

local function set(entry, state, now, wait)
  entry.state, entry.set_at, entry.at = state, now, now + (wait or 0)
  if state ~= "leased" then entry.holder, entry.is_lost = nil, nil end
end

-- What marketplace.inbox.history keeps.
local function note(entry, now, what, reason)
  local list = entry.history or {}
  entry.history = list
  list[#list + 1] = { at = now, what = what, attempt = entry.attempt, reason = reason }
  if #list > 24 then table.remove(list, 1) end
end

local function make_ready(entry, now, what)
  note(entry, now, what)
  set(entry, "ready", now)
  entry.attempt, entry.losses, entry.code, entry.reason = 0, 0, nil, nil
end

--[[ put ]]

function Model:add(given, id)
  local entry = fields.copy(given, fields.record)
  entry.id, entry.received_at, entry.attempt, entry.losses = id, self.now, 0, 0
  set(entry, "ready", self.now)
  local is_old = entry.time and not record.is_unsigned(entry.digest)
    and (entry.time < self.now - retention.ids or entry.time < self.forgotten_before)
  if entry.reason then
    entry.state, entry.code = "dead", "invalid"
  elseif is_old then
    entry.state, entry.code, entry.reason = "dead", "too_old", "too old"
  end
  table.insert(self.entries, entry)
  return entry.code == "too_old" and "too_old" or "stored"
end

function Model:put_again(entry, given)
  if record.is_unsigned(given.digest) then return "duplicate" end
  if record.is_unsigned(entry.digest) and entry.state ~= "leased" then
    entry.digest, entry.verified_by, entry.body = given.digest, given.verified_by, entry.body and given.body
  end
  if entry.state ~= "dead" or not REARMED[entry.code] then return "duplicate" end
  make_ready(entry, self.now, "rearmed")
  return "rearmed"
end

function Model:put_one(given)
  local first = self:find(given.key)
  if not first then return self:add(given, given.key) end
  if record.is_same(first.digest, given.digest) then return self:put_again(first, given) end
  local id = given.key .. "#" .. given.digest
  local other = self:find(id)
  local outcome = other and self:put_again(other, given) or self:add(given, id)
  return outcome == "stored" and "conflict" or "#" .. outcome
end

function Model:put(records)
  local outcomes = {}
  for i, given in ipairs(records) do outcomes[i] = self:put_one(given) end
  return outcomes
end

--[[ Leases ]]

function Model:recover(waits)
  local count = 0
  for _, entry in pairs(self:leaders()) do
    if entry.set_at > self.now then
      set(entry, entry.state, self.now, entry.state == "leased" and entry.at - entry.set_at or 0)
      entry.received_at = math.min(entry.received_at, self.now)
    end
    if entry.state == "leased" and (entry.at <= self.now or entry.is_lost) then
      note(entry, self.now, "lost")
      if entry.is_shared then entry.attempt = entry.attempt - 1 end
      local wait = waits[math.max(1, math.min(entry.attempt, #waits))]
      set(entry, "ready", self.now, entry.losses > 0 and wait or 0)
      entry.losses, count = entry.losses + 1, count + 1
    end
  end
  return count
end

-- Those that can be claimed, as claim takes them.
function Model:due()
  local due, place = {}, {}
  for i, entry in ipairs(self.entries) do place[entry] = i end
  for _, entry in pairs(self:leaders()) do
    if entry.state == "ready" and entry.at <= self.now then due[#due + 1] = entry end
  end
  table.sort(due, function(a, b)
    if (a.losses > 0) ~= (b.losses > 0) then return a.losses > 0 end
    if a.at ~= b.at then return a.at < b.at end
    return place[a] < place[b]
  end)
  return due, place
end

--- Those that claim takes, in the order in which they were stored.
function Model:first_due(limit)
  local due, place = self:due()
  local first = {}
  local most = due[1] and due[1].losses > 0 and math.min(limit, 1) or limit
  for i = 1, math.min(most, #due) do first[i] = due[i] end
  table.sort(first, function(a, b) return place[a] < place[b] end)
  return first
end

--- Those of some items that are due, in the order in which they were stored; at most `limit`.
function Model:those_due(items, limit)
  local due, place = self:due()
  local wanted, found = {}, {}
  for _, item in ipairs(items) do wanted[item.id] = true end
  for _, entry in ipairs(due) do
    if wanted[entry.id] and #found < limit then found[#found + 1] = entry end
  end
  table.sort(found, function(a, b) return place[a] < place[b] end)
  return found
end

--- Leases entries; as claim returns them.
function Model:lease(claimed, lease, holder)
  local copies = {}
  for i, entry in ipairs(claimed) do
    set(entry, "leased", self.now, lease)
    entry.attempt, entry.is_shared, entry.token, entry.holder = entry.attempt + 1, #claimed > 1, {}, holder
    copies[i] = fields.copy(entry, fields.claimed)
  end
  return copies
end

--- Says that whoever has these leases has died, and that the inbox sees that.
function Model:lose(holder)
  for _, entry in ipairs(self.entries) do
    if entry.holder == holder then entry.is_lost = true end
  end
end

function Model:held(item)
  local entry = self:find(item.id)
  return entry and entry.state == "leased" and entry.token == item.token and entry or nil
end

function Model:finish_one(item)
  local entry = self:held(item)
  if not entry then return false end
  if item.state == "unbegun" then
    set(entry, "ready", self.now)
    entry.attempt = entry.attempt - 1
    return true
  end
  if item.state == "dead" then note(entry, self.now, item.code, item.reason) end
  if item.state == "ready" and not item.uncounted then note(entry, self.now, "failed", item.reason) end
  set(entry, item.state, self.now, item.state == "ready" and item.wait or 0)
  entry.losses = 0
  if item.uncounted then entry.attempt = entry.attempt - 1 end
  entry.reason, entry.code = item.reason, nil
  if item.state == "done" then
    entry.at = math.max(self.now, entry.time or self.now)
    entry.reason, entry.scope = nil, item.scope
  end
  if item.state == "dead" then entry.code = item.code end
  return true
end

function Model:finish(items)
  local results = {}
  for i, item in ipairs(items) do results[i] = self:finish_one(item) end
  return results
end

function Model:extend(items, lease)
  local results = {}
  for i, item in ipairs(items) do
    local entry = self:held(item)
    if entry then set(entry, "leased", self.now, lease) end
    results[i] = entry ~= nil
  end
  return results
end

--[[ Queries ]]

function Model:counts()
  local counts = { ready = 0, leased = 0, done = 0, dead = 0 }
  for _, entry in ipairs(self.entries) do counts[entry.state] = counts[entry.state] + 1 end
  return counts
end

function Model:backlog()
  local backlog = self:counts()
  backlog.done, backlog.codes = nil, { failed = 0, cancelled = 0, invalid = 0, too_old = 0, no_callback = 0 }
  for _, entry in ipairs(self.entries) do
    if entry.code then backlog.codes[entry.code] = backlog.codes[entry.code] + 1 end
    if is_live(entry) then
      backlog.oldest_age = math.max(0, backlog.oldest_age or 0, self.now - entry.received_at)
    end
  end
  return backlog
end

function Model:next_in()
  local first
  for _, entry in pairs(self:leaders()) do
    local is_now = entry.set_at > self.now or entry.is_lost
    local wait = is_now and 0 or math.max(0, entry.at - self.now)
    first = math.min(first or wait, wait)
  end
  return first
end

-- The entries themselves that a filter selects, in its order.
function Model:select(filter)
  local found = {}
  for _, entry in ipairs(self.entries) do
    if fields.matches(entry, filter) then table.insert(found, filter.newest and 1 or #found + 1, entry) end
  end
  return found
end

--- All that a filter selects, whatever its limit; what `examine` and cursors make of it, support.inbox_model.running
--- compares.
function Model:list(filter)
  local found, leaders = {}, self:leaders()
  for i, entry in ipairs(self:select(filter)) do
    found[i] = fields.copy(entry, fields.summary)
    local leader = is_live(entry) and leaders[lane_of(entry)]
    if leader and leader ~= entry then found[i].behind = leader.id end
  end
  return found
end

function Model:get(id)
  local entry = self:find(id)
  if not entry then return nil end
  local copy = fields.copy(entry, fields.entry)
  if entry.history then
    copy.history = {}
    for i, item in ipairs(entry.history) do copy.history[i] = item end
  end
  local leader = is_live(entry) and self:leaders()[lane_of(entry)]
  if leader and leader ~= entry then copy.behind = leader.id end
  return copy
end

-- Whether one is newer than another of its app, as apps has it: nil if either may be.
local function is_newer(self, one, other)
  if is_live(one) ~= is_live(other) then return is_live(one) end
  if not is_live(one) then
    local time, other_time = one.time or -math.huge, other.time or -math.huge
    if time == other_time then return nil end
    return time > other_time
  end
  for _, entry in ipairs(self.entries) do
    if entry == one then return false end
    if entry == other then return true end
  end
end

--- By app, those that may be its newest.
function Model:newest_of_apps()
  local newest = {}
  for _, entry in ipairs(self.entries) do
    local list = entry.app_id and (newest[entry.app_id] or {})
    if list then
      local newer = list[1] and is_newer(self, entry, list[1])
      if newer or not list[1] then list = {} end
      if newer ~= false then list[#list + 1] = entry end
      newest[entry.app_id] = list
    end
  end
  return newest
end

function Model:later(app_id, time)
  local found = {}
  for _, entry in ipairs(self.entries) do
    if entry.app_id == app_id and entry.time and entry.time > time then
      found[#found + 1] = fields.copy(entry, fields.later)
    end
  end
  return found
end

--[[ Operators ]]

local function can_replay(entry)
  if entry.state == "done" then return entry.body ~= nil end
  return entry.state == "dead" and entry.code ~= "invalid"
end

function Model:replay(filter)
  local state, ids = filter.state or "dead", {}
  for _, entry in ipairs(self:select(filter)) do
    if entry.state == state and can_replay(entry) and #ids < (filter.limit or math.huge) then
      if state == "done" then note(entry, entry.at, "done") end
      make_ready(entry, self.now, "replayed")
      ids[#ids + 1] = entry.id
    end
  end
  return ids
end

-- Changes those in some states that a filter selects, up to its limit; their ids.
local function operate(self, filter, states, change)
  local ids = {}
  for _, entry in ipairs(self:select(filter)) do
    local is_meant = not filter.id or filter.id == entry.id
    if is_meant and states[entry.state] and #ids < (filter.limit or math.huge) then
      change(entry)
      ids[#ids + 1] = entry.id
    end
  end
  return ids
end

function Model:run(filter)
  return operate(self, filter, { ready = true }, function(entry)
    note(entry, self.now, "run")
    set(entry, "ready", self.now)
  end)
end

function Model:cancel(filter, reason)
  return operate(self, filter, { ready = true, leased = true }, function(entry)
    note(entry, self.now, "cancelled", reason)
    set(entry, "dead", self.now)
    entry.code, entry.reason = "cancelled", reason
  end)
end

--[[ Retention ]]

function Model:oldest_done()
  local oldest = {}
  for _, entry in ipairs(self.entries) do
    if entry.state == "done" then
      oldest.id = math.min(oldest.id or entry.at, entry.at)
      if entry.body then oldest.body = math.min(oldest.body or entry.at, entry.at) end
    end
  end
  return oldest
end

--- What may be forgotten: the done ones that are older than each time.
function Model:forgettable(before)
  local found = { bodies = {}, ids = {} }
  for _, entry in ipairs(self.entries) do
    if entry.state == "done" and entry.at < before.ids then found.ids[entry.id] = entry end
    if entry.state == "done" and entry.at < before.bodies and entry.body then found.bodies[entry.id] = entry end
  end
  return found
end

--- Deletes an entry that was forgotten.
function Model:delete(id)
  for i, entry in ipairs(self.entries) do
    if entry.id == id then return table.remove(self.entries, i) end
  end
end

return { new = new }
