--- What the inbox in memory tells of its entries.
local changes = require "marketplace.inbox.memory.changes"
local codes = require "marketplace.inbox.codes"
local fields = require "marketplace.inbox.fields"
local lanes = require "marketplace.inbox.lanes"

local by_number, read_clock, is_live = changes.by_number, changes.read_clock, lanes.is_live

local methods = {}
local queries = { methods = methods }

function methods:counts()
  local counts = { ready = 0, leased = 0, done = 0, dead = 0 }
  for _, entry in pairs(self.entries) do counts[entry.state] = counts[entry.state] + 1 end
  return counts
end

function methods:backlog()
  local backlog = { ready = 0, leased = 0, dead = 0, codes = codes.counts() }
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

function methods:next_in()
  local now, first = read_clock(self), math.huge
  for _, name in ipairs { "ready", "alone" } do
    if self[name][1] then first = math.min(first, self[name][1].at) end
  end
  for entry in pairs(self.leased) do first = math.min(first, entry.at) end
  if now < self.latest then
    for _, lane in pairs(self.lanes) do
      if lane.leader.set_at > now then return 0 end
    end
  end
  return first < math.huge and math.max(0, first - now) or nil
end

--- The entries themselves that a filter selects, in order.
function queries.find(self, filter)
  local found, from, newest = {}, tonumber(filter.from), filter.newest
  for _, entry in pairs(self.entries) do
    local is_behind = not from or (newest and entry.number < from or not newest and entry.number > from)
    if is_behind and fields.matches(entry, filter) then found[#found + 1] = entry end
  end
  table.sort(found, function(a, b) return by_number(newest and b or a, newest and a or b) end)
  return found
end

-- The same, at most as many as the filter's limit, and the cursor if there are more. All are looked at, whatever
-- `examine` says: they are in memory, and few.
local function find_page(self, filter)
  local limit = filter.limit or math.huge
  if limit == 0 then return {}, filter.from end
  local found = queries.find(self, filter)
  if #found <= limit then return found end
  for i = #found, limit + 1, -1 do found[i] = nil end
  return found, ("%d"):format(found[limit].number)
end

local function shown(self, entry, names)
  local copy = fields.copy(entry, names)
  local leader = is_live(entry) and lanes.of(self, entry).leader
  if leader and leader ~= entry then copy.behind = leader.id end
  return copy
end

function methods:list(filter)
  local found, cursor = find_page(self, fields.page("inbox:list", filter, 4))
  for i, entry in ipairs(found) do found[i] = shown(self, entry, fields.summary) end
  return found, cursor
end

function methods:count(filter, most)
  local found, cursor = find_page(self, fields.counted(filter, most, 4))
  return fields.count_of(found, cursor, most)
end

function methods:get(id)
  local entry = self.entries[id]
  if not entry then return nil end
  local copy = shown(self, entry, fields.entry)
  for i, item in ipairs(copy.history or {}) do
    if i == 1 then copy.history = {} end
    copy.history[i] = { at = item.at, what = item.what, attempt = item.attempt, reason = item.reason }
  end
  return copy
end

-- Whether an entry is newer than the one that was the newest of its app so far.
local function is_newer(entry, newest)
  if is_live(entry) or is_live(newest) then
    return is_live(entry) and (not is_live(newest) or entry.number > newest.number)
  end
  local time, other = entry.time or -math.huge, newest.time or -math.huge
  if time ~= other then return time > other end
  return entry.number > newest.number
end

function methods:apps(given)
  local asked, newest, found = fields.apps(given, 4), {}, {}
  for _, entry in pairs(self.entries) do
    local app_id = entry.app_id
    if app_id and app_id > asked.from and (not newest[app_id] or is_newer(entry, newest[app_id])) then
      newest[app_id] = entry
    end
  end
  for _, entry in pairs(newest) do found[#found + 1] = fields.copy(entry, fields.app) end
  table.sort(found, function(a, b) return a.app_id < b.app_id end)
  local has_more = #found > asked.limit
  for i = #found, asked.limit + 1, -1 do found[i] = nil end
  return found, has_more and (found[#found] or {}).app_id or nil
end

function methods:later(app_id, time)
  local found = {}
  for _, entry in pairs(self.entries) do
    if entry.app_id == app_id and entry.time and entry.time > time then
      found[#found + 1] = fields.copy(entry, fields.later)
    end
  end
  return found
end

return queries
