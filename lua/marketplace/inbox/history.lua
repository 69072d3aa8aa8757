--- What the memory inbox remembers of done notifications: enough to tell a duplicate, no more.
---
--- Two strings and a number each, in arrays that are overwritten in turn: a table for each would cost the garbage
--- collector more than everything else that is done for a notification.
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

--- The oldest is forgotten when there is no room.
function History:add(identity, digest, at)
  local place = self.last % self.capacity + 1
  forget(self, place)
  self.last = place
  self.identities[place], self.digests[place], self.times[place] = identity, digest, at
  self.places[identity] = place
  self.count = self.count + 1
end

--- The digest of a done notification, and when it was done; nil for one that is not known.
function History:find(identity)
  local place = self.places[identity]
  if place then return self.digests[place], self.times[place] end
end

--- Forgets those done before a time; says how many.
function History:prune(before)
  local count = self.count
  for place, identity in ipairs(self.identities) do
    if identity and self.times[place] < before then forget(self, place) end
  end
  return count - self.count
end

--- Calls visit(identity, digest, time) for each.
function History:each(visit)
  for identity, place in pairs(self.places) do visit(identity, self.digests[place], self.times[place]) end
end

---@param capacity integer at least 1
function history.new(capacity)
  return setmetatable({
    capacity = capacity, count = 0, last = 0, identities = {}, digests = {}, times = {}, places = {},
  }, History)
end

return history
