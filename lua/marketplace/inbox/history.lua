--- What the memory inbox remembers of done notifications: enough to tell a duplicate and what they were about.
---
--- An array for each field, overwritten in turn: a table for each notification would cost the garbage collector more
--- than everything else that is done for it.
local history = {}

local History = {}
History.__index = History

local function forget(self, place)
  local identity = self.identities[place]
  -- a notification that was forgotten and came once more stands in a later place
  if identity and self.places[identity] == place then
    self.places[identity] = nil
    self.count = self.count - 1
  end
  self.identities[place] = false
end

local KEPT = { "digest", "key", "type", "event", "app_id", "time", "received_at", "scope", "verified_by" }

--- Remembers an entry as done; the oldest is forgotten when there is no room.
function History:add(entry, at)
  local place = self.last % self.capacity + 1
  forget(self, place)
  self.last = place
  local identity = entry.identity
  self.identities[place], self.times[place] = identity, at
  local kept = self.kept
  kept.digest[place], kept.key[place], kept.type[place] = entry.digest, entry.key, entry.type or false
  kept.event[place], kept.app_id[place] = entry.event or false, entry.app_id or false
  kept.time[place], kept.received_at[place] = entry.time or false, entry.received_at
  kept.scope[place], kept.verified_by[place] = entry.scope or false, entry.verified_by or false
  self.places[identity] = place
  self.count = self.count + 1
end

--- The digest of a done notification; nil for one that is not known.
function History:digest(identity)
  local place = self.places[identity]
  return place and self.kept.digest[place]
end

--- Makes one known as signed.
function History:sign(identity, digest, verified_by)
  local place = self.places[identity]
  self.kept.digest[place], self.kept.verified_by[place] = digest, verified_by or false
end

local function entry_at(self, place)
  local entry = { identity = self.identities[place], state = "done", at = self.times[place] }
  for _, name in ipairs(KEPT) do entry[name] = self.kept[name][place] or nil end
  return entry
end

--- A done notification as an entry, or nil.
function History:get(identity)
  local place = self.places[identity]
  return place and entry_at(self, place)
end

--- Forgets those done before a time; says how many.
function History:prune(before)
  local count = self.count
  for place, identity in ipairs(self.identities) do
    if identity and self.times[place] < before then forget(self, place) end
  end
  return count - self.count
end

--- Calls visit(entry) for each.
function History:each(visit)
  for _, place in pairs(self.places) do visit(entry_at(self, place)) end
end

--- Calls visit(entry) for each of an app whose event was later than a time.
function History:each_later(app_id, time, visit)
  local app_ids, times = self.kept.app_id, self.kept.time
  for _, place in pairs(self.places) do
    if app_ids[place] == app_id and times[place] and times[place] > time then visit(entry_at(self, place)) end
  end
end

---@param capacity integer at least 1
function history.new(capacity)
  local kept = {}
  for _, name in ipairs(KEPT) do kept[name] = {} end
  return setmetatable({
    capacity = capacity, count = 0, last = 0, identities = {}, times = {}, places = {}, kept = kept,
  }, History)
end

return history
