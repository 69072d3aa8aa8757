--- What operators and retention change in the inbox in memory.
local changes = require "marketplace.inbox.memory.changes"
local fields = require "marketplace.inbox.fields"
local history = require "marketplace.inbox.history"
local lanes = require "marketplace.inbox.lanes"
local queries = require "marketplace.inbox.memory.queries"

local methods = {}

-- When it was done would be known from nothing else then.
local function replayed_history(entry, now)
  local past = entry.history
  if entry.state == "done" then
    past = history.with(past, { at = entry.at, what = "done", attempt = entry.attempt })
  end
  return history.with(past, { at = now, what = "replayed", attempt = entry.attempt })
end

-- Calls change(entry, now), which says whether it changed it, for those that were found, up to the filter's limit; the
-- ids of those that it changed.
local function change_selected(self, found, filter, change)
  local ids, now = {}, changes.read_clock(self)
  for _, entry in ipairs(found) do
    if #ids >= (filter.limit or math.huge) then break end
    if change(entry, now) then ids[#ids + 1] = entry.id end
  end
  return ids
end

function methods:replay(filter)
  local replayed = fields.replayed(filter, 4)
  if not replayed then return {} end
  return change_selected(self, queries.find(self, replayed), replayed, function(entry, now)
    if not fields.can_replay(entry) then return false end
    changes.make_ready(self, entry, now, replayed_history(entry, now))
    return true
  end)
end

function methods:run(filter)
  local operated = fields.operated("run", filter, 4)
  if not operated then return {} end
  return change_selected(self, fields.meant(queries.find(self, operated), operated), operated, function(entry, now)
    entry.history = changes.history_with(entry, now, "run")
    changes.set_at(self, entry, now, now)
    return true
  end)
end

function methods:cancel(filter, reason)
  local operated = fields.operated("cancel", filter, 4)
  if not operated then return {} end
  return change_selected(self, fields.meant(queries.find(self, operated), operated), operated, function(entry, now)
    if not lanes.is_live(entry) then return false end
    entry.history = changes.history_with(entry, now, "cancelled", reason)
    entry.state, entry.code, entry.reason, entry.at, entry.set_at = "dead", "cancelled", reason, now, now
    lanes.settle(self, entry)
    return true
  end)
end

--[[ Retention ]]

function methods:oldest_done()
  local oldest = {}
  for _, entry in pairs(self.entries) do
    if entry.state == "done" then
      oldest.id = math.min(oldest.id or entry.at, entry.at)
      if entry.body then oldest.body = math.min(oldest.body or entry.at, entry.at) end
    end
  end
  return oldest
end

local function by_age(a, b)
  if a.at ~= b.at then return a.at < b.at end
  return changes.by_number(a, b)
end

local function done_before(self, time, limit, has_body)
  local found = {}
  for _, entry in pairs(self.entries) do
    if entry.state == "done" and entry.at < time and (entry.body or not has_body) then found[#found + 1] = entry end
  end
  table.sort(found, by_age)
  for i = #found, limit + 1, -1 do found[i] = nil end
  return found
end

function methods:forget(before, limit)
  self.forgotten_before = math.max(self.forgotten_before, before.ids)
  local deleted = done_before(self, before.ids, limit, false)
  for _, entry in ipairs(deleted) do changes.delete_done(self, entry) end
  local emptied = done_before(self, before.bodies, limit, true)
  for _, entry in ipairs(emptied) do entry.body = false end
  return { bodies = #emptied, ids = #deleted }
end

function methods:id()
  return self.name
end

return { methods = methods }
