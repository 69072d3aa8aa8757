--- Times as operators write them: how long ("90d", "12h", "30m", "45s"), or when ("2026-01-31", "2026-01-31T12:00:00Z",
--- UTC).
local core = require "marketplace.core"

local times = {}

local SECONDS = { s = 1, m = 60, h = 3600, d = 86400 }

local function moment(text)
  if text:find "^%d+-%d+-%d+$" then text = text .. "T00:00:00Z" end
  return core.parse_time(text)
end

--- How many seconds a length of time has.
---@param text string "90d", "12h", "30m", "45s"
---@return number|nil
function times.seconds(text)
  local count, unit = text:match("^(%d+)([smhd])$")
  return count and tonumber(count) * SECONDS[unit]
end

--- When that was, in seconds since the epoch. An earlier time becomes the epoch, the first that can be written.
---@param text string how long ago, or when
---@param now number
---@return number|nil
function times.parse(text, now)
  local ago = times.seconds(text)
  local at = ago and now - ago or moment(text)
  return at and math.max(0, at)
end

--- A length of time in its largest unit: "45 s", "12 min", "3 h", "9 d".
---@param seconds number
---@return string
function times.length(seconds)
  local shown, unit = math.max(0, seconds), "s"
  for _, larger in ipairs { { "min", SECONDS.m }, { "h", SECONDS.h }, { "d", SECONDS.d } } do
    if seconds >= larger[2] then shown, unit = seconds / larger[2], larger[1] end
  end
  return ("%d %s"):format(math.floor(shown), unit)
end

return times
