--- The Redis inbox's methods for operators, and for retention.
local fields = require "marketplace.inbox.fields"
local MOST_CHANGED = require("marketplace.inbox.redis.script").MOST_ENTRIES
local number = require("marketplace.text").number
local select_with = require "marketplace.inbox.redis.select"
local unpack = require("marketplace.runtime").unpack

local operators = {}

local methods = {}

local function reversed(list)
  local other = {}
  for i = 1, #list do other[i] = list[#list + 1 - i] end
  return other
end

-- What is older must be ready before what waits behind it.
function methods:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  replayed = replayed or {}
  local ids, message, code = select_with(self, "replayable", replayed)
  if not ids then return nil, message, code end
  if replayed.newest then ids = reversed(ids) end
  local ready = {}
  for first = 1, #ids, MOST_CHANGED do
    local slice
    local arguments = { replayed.state, unpack(ids, first, math.min(first + MOST_CHANGED - 1, #ids)) }
    slice, message, code = self:store("replay", arguments)
    if not slice then return nil, message, code end
    for _, id in ipairs(slice) do ready[#ready + 1] = id end
  end
  return replayed.newest and reversed(ready) or ready
end

local function is_done(flag, message, code)
  if not flag then return nil, message, code end
  return flag == 1
end

function methods:run(id)
  return is_done(self:store("run", { id }))
end

function methods:cancel(id, reason)
  return is_done(self:store("cancel", { id, reason }))
end

function methods:forget(before, limit)
  local forgotten = { bodies = 0, ids = 0 }
  repeat
    local most = math.min(MOST_CHANGED, limit - math.max(forgotten.bodies, forgotten.ids))
    local arguments = { number(before.ids), number(before.bodies), ("%d"):format(most) }
    local row, message, code = self:run_script("forget", arguments)
    if not row then return nil, message, code end
    forgotten.bodies, forgotten.ids = forgotten.bodies + row[1], forgotten.ids + row[2]
  until math.max(row[1], row[2]) < most or math.max(forgotten.bodies, forgotten.ids) >= limit
  return forgotten
end

operators.methods = methods

return operators
