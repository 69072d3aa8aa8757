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

-- The ids of those that a script selects and another one changes, in the filter's order. `is_reversed`: the last of
-- them are to be changed first.
local function change_selected(self, selecting, filter, is_reversed, changing, argument)
  local ids, message, code = select_with(self, selecting, filter)
  if not ids then return nil, message, code end
  if changing ~= "replay" then ids = fields.meant(ids, filter) end
  if is_reversed then ids = reversed(ids) end
  local changed = {}
  for first = 1, #ids, MOST_CHANGED do
    local slice
    local arguments = { unpack(ids, first, math.min(first + MOST_CHANGED - 1, #ids)) }
    if argument then table.insert(arguments, 1, argument) end
    slice, message, code = self:store(changing, arguments)
    if not slice then return nil, message, code end
    for _, id in ipairs(slice) do changed[#changed + 1] = id end
  end
  return is_reversed and reversed(changed) or changed
end

-- What is older must be ready before what waits behind it.
function methods:replay(filter)
  local replayed = fields.replayed(filter)
  if not replayed and not self.closed then return {} end
  replayed = replayed or {}
  return change_selected(self, "replayable", replayed, replayed.newest, "replay", replayed.state)
end

function methods:run(filter)
  local operated = fields.operated("run", filter)
  if not operated and not self.closed then return {} end
  return change_selected(self, "live", operated or {}, false, "run")
end

-- What waits behind another is cancelled before that, so that it does not run meanwhile.
function methods:cancel(filter, reason)
  local operated = fields.operated("cancel", filter)
  if not operated and not self.closed then return {} end
  operated = operated or {}
  return change_selected(self, "live", operated, not operated.newest, "cancel", reason)
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
