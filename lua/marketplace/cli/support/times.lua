--- Times as operators write them: how long ago ("90d", "12h", "30m", "45s"), or when ("2026-01-31",
--- "2026-01-31T12:00:00Z", UTC).
local core = require "marketplace.core"

local times = {}

local SECONDS = { s = 1, m = 60, h = 3600, d = 86400 }

local function moment(text)
  if text:find "^%d+-%d+-%d+$" then text = text .. "T00:00:00Z" end
  return core.parse_time(text)
end

--- When that was, in seconds since the epoch. An earlier time becomes the epoch, the first that can be written.
---@param text string
---@param now number
---@return number|nil
function times.parse(text, now)
  local count, unit = text:match("^(%d+)([smhd])$")
  local at = count and now - tonumber(count) * SECONDS[unit] or moment(text)
  return at and math.max(0, at)
end

--- A length of time in its largest unit: "45s", "12m", "3h", "9d".
---@param seconds number
---@return string
function times.age(seconds)
  local shown, unit = math.max(0, seconds), "s"
  for _, next_unit in ipairs { "m", "h", "d" } do
    if seconds >= SECONDS[next_unit] then shown, unit = seconds / SECONDS[next_unit], next_unit end
  end
  return ("%d%s"):format(math.floor(shown), unit)
end

return times
