--- Times as operators write them: how long ago ("90d", "12h", "30m", "45s"), or when ("2026-01-31",
--- "2026-01-31T12:00:00Z", UTC).
local times = {}

local SECONDS = { s = 1, m = 60, h = 3600, d = 86400 }

-- Days from 1970-01-01; the year begins in March, so that the leap day is its last.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

local function moment(text)
  local year, month, day, rest = text:match("^(%d%d%d%d)-(%d%d)-(%d%d)(.*)$")
  if not year then return nil end
  local hour, minute, second = rest:match("^T(%d%d):(%d%d):(%d%d)Z$")
  if rest ~= "" and not hour then return nil end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  hour, minute, second = tonumber(hour or 0), tonumber(minute or 0), tonumber(second or 0)
  if month < 1 or month > 12 or hour > 23 or minute > 59 or second > 59 then return nil end
  if day < 1 or day > days(year, month + 1, 1) - days(year, month, 1) then return nil end
  return days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
end

--- When that was, in seconds since the epoch. Before it nothing was: what is earlier is the epoch, as it must be a time
--- that can be written.
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
