--- The Redis inbox's put, and its methods for leases.
local fields = require "marketplace.inbox.fields"
local MOST_CLAIMED = require("marketplace.inbox.lease").MOST_CLAIMED
local MOST_CHANGED = require("marketplace.inbox.redis.script").MOST_ENTRIES
local number = require("marketplace.text").number
local values = require "marketplace.inbox.redis.values"

local leases = {}

local methods = {}

function methods:put(records)
  if #records == 0 and not self.closed then return {} end
  local arguments = {}
  for i = 1, #records do values.add_fields(arguments, records[i], fields.record) end
  return self:store("put", arguments)
end

function methods:probe()
  local done, message, code = self:store("probe", {})
  if not done then return nil, message, code end
  return true
end

function methods:recover(waits)
  local arguments, released = { number(MOST_CHANGED) }, 0
  for i, wait in ipairs(waits) do arguments[i + 1] = number(wait) end
  repeat
    local answer, message, code = self:run_script("recover", arguments)
    if not answer then return nil, message, code end
    released = released + answer[1]
  until answer[2] == 0
  return released
end

function methods:claim(limit, lease)
  if limit < 1 and not self.closed then return {} end
  local rows, message, code = self:lease("claim", { ("%d"):format(math.min(limit, MOST_CLAIMED)), number(lease) })
  if not rows then return nil, message, code end
  return values.entries_of(rows, fields.claimed)
end

local function held_ones(flags, message, code)
  if not flags then return nil, message, code end
  for i, flag in ipairs(flags) do flags[i] = flag == 1 end
  return flags
end

function methods:finish(items)
  if #items == 0 and not self.closed then return {} end
  local arguments = {}
  for _, item in ipairs(fields.finished(items)) do values.add_fields(arguments, item, fields.item) end
  return held_ones(self:run_script("finish", arguments))
end

function methods:extend(items, lease)
  if #items == 0 and not self.closed then return {} end
  local arguments = { number(lease) }
  for _, item in ipairs(items) do
    arguments[#arguments + 1] = item.id
    arguments[#arguments + 1] = tostring(item.token)
  end
  return held_ones(self:run_script("extend", arguments))
end

leases.methods = methods

return leases
