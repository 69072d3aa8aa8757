--- What the methods of the inbox in memory have in common.
local history = require "marketplace.inbox.history"
local lanes = require "marketplace.inbox.lanes"

local settle = lanes.settle

local changes = {}

--- The order in which they were stored.
function changes.by_number(a, b) return a.number < b.number end

--- The time. `latest`: whether what is set in the future has to be looked for.
function changes.read_clock(self)
  local now = self.clock()
  if now > self.latest then self.latest = now end
  return now
end

--- Deletes an entry that is done.
function changes.delete_done(self, entry)
  lanes.leave(entry)
  self.entries[entry.id] = nil
  self.size = self.size - 1
end

--- The entry's history with one more item. It is to be made before the entry is changed, as it may raise.
function changes.history_with(entry, now, what, reason)
  return history.with(entry.history, {
    at = now, what = what, attempt = entry.attempt, reason = history.reason(reason),
  })
end

--- Makes an entry ready as if it had never been tried, with this history.
function changes.make_ready(self, entry, now, past)
  entry.history = past
  entry.state, entry.at, entry.set_at, entry.attempt, entry.losses = "ready", now, now, 0, 0
  entry.reason, entry.code = false, false
  settle(self, entry)
end

--- Sets until when an entry waits or is leased.
function changes.set_at(self, entry, at, now)
  entry.at, entry.set_at = at, now
  settle(self, entry)
end

return changes
