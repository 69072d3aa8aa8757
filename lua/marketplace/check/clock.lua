--- Whether clocks agree: tokens begin a minute ago and end after minutes, and are refused by whoever is further off.
local core = require "marketplace.core"
local outside = require "marketplace.check.outside"

local clock = {}

local NOTICED, WRONG = 15, 60 -- seconds

--- Seconds since the epoch by the clock of whoever sent this answer; nil if it does not say.
---@param response table
---@return number|nil
function clock.of(response)
  local date = outside.header(response, "date")
  return date and core.http_date(date) or nil
end

local function message_of(ahead)
  local words = math.abs(ahead) < 1 and "right to the second" or
    ("%.0f s %s"):format(math.abs(ahead), ahead > 0 and "ahead" or "behind")
  return "the clock is " .. words
end

--- Compares a clock with one that is right.
---@param run table
---@param about string whose clock it is
---@param at number what it says
---@param right number
---@param by string whose clock is right
function clock.judge(run, about, at, right, by)
  local ahead = at - right
  local off = math.abs(ahead)
  local message = ("%s, by %s"):format(message_of(ahead), by)
  if off < NOTICED then return run.findings:add("ok", "clock", about, message) end
  run.findings:add(off < WRONG and "warning" or "error", "clock", about, message,
    "set it by NTP (timedatectl set-ntp true): tokens that are made with it are refused")
end

--- Compares the clock of the server that signs tokens, once for each host.
---@param run table
---@param host string
---@param response table
function clock.judge_server(run, host, response)
  if run.clocks[host] then return end
  run.clocks[host] = true
  local at = clock.of(response)
  if at then return clock.judge(run, host, at, run.now(), run.offset and "App Store Connect's" or "this machine's") end
  run.findings:add("skipped", "clock", host, "the server does not say what time it has")
end

return clock
