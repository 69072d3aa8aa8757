--- Which refused requests the log shows, and how it sums up the others.
---
--- Whoever can reach the port can cause any number of them, and a line for each would fill the disk. So each reason has
--- windows of time, in each of which a few requests are shown: then one reason's noise hides no other reason. Most of
--- these lines are for senders that have none yet: then a noisy sender does not hide the others. The rest is counted,
--- and told once the window is over or the noise has paused. While there is more than is shown, the windows get longer.
local core = require "marketplace.core"

local refusals = {}

local MOST_LINE_SHOWN = 200 -- bytes of a method and a path

--- Faults of requests that cannot be read: a path or a header of theirs would say nothing.
refusals.IS_UNREADABLE = { malformed = true, no_request = true }

--- A request to a path where nothing is, as Receiver:refused takes it. The wrong path in the webhook's URL would lose
--- every notification, so that must be noticed: what has a signature is counted and logged apart from what scanners ask
--- for.
---@param request {method: string, path: string, is_signed: boolean, remote: any}
---@param hint string
---@return {code: string, status: integer, reason: string, remote: any}
function refusals.not_found(request, hint)
  local line = (request.method .. " " .. request.path):sub(1, MOST_LINE_SHOWN)
  return {
    code = request.is_signed and "wrong_path" or "not_found", status = 404, remote = request.remote,
    reason = line .. "; " .. hint,
  }
end

--- A request that does not get what can only be got, as Receiver:refused takes it.
---@param path string
---@param remote any
---@return {code: string, status: integer, reason: string, remote: any}
function refusals.not_get(path, remote)
  return { code = "not_get", status = 405, remote = remote, reason = "not a GET of " .. path:sub(1, MOST_LINE_SHOWN) }
end

---@class marketplace.Refusals
local Refusals = {}
Refusals.__index = Refusals

local SHOWN_OF_ANYONE = 3         -- the first ones of a reason, in a window
local MOST_SHOWN = 10             -- of a reason, in a window: after these, one for each other sender
local FIRST_WINDOW_SECONDS = 1
local LONGEST_WINDOW_SECONDS = 60 -- and how long after a full window the next one is still longer than that
local LEAST_PAUSE_SECONDS = 1     -- without a request of a reason, until the sum is told
local PAUSE_OF_WINDOW = 0.1       -- as a part of the window, if that is longer
local TURN_SECONDS = 1            -- between two looks at what is to be told

--- Who sends, as far as an address tells: of one of IPv6 the first 64 bits, as a sender usually has all addresses that
--- begin with them.
---@param remote any
---@return string
function refusals.sender_of(remote)
  if type(remote) ~= "string" then return "" end
  local first = remote:match "^(.+)::" or remote
  return first:match "^%x+:%x+:%x+:%x+" or first
end

local function open_window(reason, now, seconds)
  reason.ends_at, reason.seconds, reason.is_full = now + seconds, seconds, false
  reason.shown, reason.shown_senders = 0, {}
end

local function reopen_window(reason, now)
  local goes_on = reason.is_full and now < reason.ends_at + LONGEST_WINDOW_SECONDS
  open_window(reason, now, goes_on and math.min(reason.seconds * 2, LONGEST_WINDOW_SECONDS) or FIRST_WINDOW_SECONDS)
end

local function has_paused(reason, now)
  return now - reason.last_at >= math.max(LEAST_PAUSE_SECONDS, reason.seconds * PAUSE_OF_WINDOW)
end

local function tell(self, reason)
  if reason.untold == 0 then return end
  local count, within = reason.untold, reason.last_at - reason.first_at
  reason.untold = 0
  self.tell(reason.code, reason.status, count, within)
end

local function show(reason, sender)
  if reason.shown >= SHOWN_OF_ANYONE and (reason.shown_senders[sender] or reason.shown >= MOST_SHOWN) then
    return false
  end
  reason.shown, reason.shown_senders[sender] = reason.shown + 1, true
  return true
end

local function reason_of(self, code, status, now)
  local key = status and code .. status or code
  local reason = self.reasons[key]
  if not reason then
    reason = { code = code, status = status, untold = 0 }
    open_window(reason, now, FIRST_WINDOW_SECONDS)
    self.reasons[key] = reason
  elseif now >= reason.ends_at then
    tell(self, reason)
    reopen_window(reason, now)
  end
  return reason
end

local function current_reason(self, code, status)
  local now = self.clock()
  if now >= self.turns_at then self:turn() end
  return reason_of(self, code, status, now), now
end

local function sum_up(reason, count, now)
  if reason.untold == 0 then reason.first_at = now end
  reason.untold, reason.last_at, reason.is_full = reason.untold + count, now, true
end

--- Whether the log is to show this one; otherwise it is summed up.
---@param code string the reason, of which there must be few
---@param status integer|nil of the answer; each has sums of its own
---@param remote string|nil the sender's address
---@return boolean
function Refusals:shows(code, status, remote)
  local reason, now = current_reason(self, code, status)
  if show(reason, refusals.sender_of(remote)) then return true end
  sum_up(reason, 1, now)
  return false
end

--- Sums up some of which nothing else is known.
---@param code string
---@param status integer|nil
---@param count integer
function Refusals:add(code, status, count)
  local reason, now = current_reason(self, code, status)
  sum_up(reason, count, now)
end

--- Tells the sums that are due. Call it at least once a second.
function Refusals:turn()
  local now = self.clock()
  self.turns_at = now + TURN_SECONDS
  for _, reason in pairs(self.reasons) do
    if reason.untold > 0 and (now >= reason.ends_at or has_paused(reason, now)) then tell(self, reason) end
  end
end

--- Tells all sums: nothing follows.
function Refusals:close()
  for _, reason in pairs(self.reasons) do tell(self, reason) end
end

---@param told fun(code: string, status: integer, count: integer, within: number) is given each sum: how many, and
--- the seconds from the first to the last of them
---@param clock? fun(): number seconds that never go back, default the system's
---@return marketplace.Refusals
function refusals.new(told, clock)
  return setmetatable({ tell = told, clock = clock or core.monotonic, reasons = {}, turns_at = 0 }, Refusals)
end

return refusals
