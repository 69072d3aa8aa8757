--- How long a process may take to stop once SIGTERM or SIGINT has asked for it (core.catch_signals).
local core = require "marketplace.core"
local log = require "marketplace.log"

local stopping = {}

local GRACEFUL_SHARE = 0.9 -- of the time: the rest is for what cannot be interrupted between two looks at the clock
local RUNS_AGAIN, IS_LOST = "what it has not finished runs again once its lease ends", "what waits is lost"

--- The usual one.
stopping.SECONDS = 10

local limited -- seconds, once `limit` was called

--- Ends the process so many seconds after it was asked to stop, whatever a callback or a database does then, as if the
--- signal had not been caught. Only the first call counts.
---@param seconds number
---@param target table where the last line goes: what marketplace.log's `target` or marketplace.log_queue gave
---@param is_durable boolean|nil whether the inbox is
function stopping.limit(seconds, target, is_durable)
  local line = (target.format or log.line) {
    level = "warning", message = "cut off", at = 0,
    reason = ("it did not stop within %g s, as a callback or a call of the inbox takes longer: %s"):format(
      seconds, is_durable and RUNS_AGAIN or IS_LOST),
  }
  limited = limited or seconds
  assert(core.limit_stop(seconds, target.stream or "stderr", line .. "\n"))
end

--- For how many seconds something that would be good to have may be waited for while the process stops.
---@return number math.huge if it does not stop, or may take any time
function stopping.left()
  if not limited or core.stopping_for() == 0 then return math.huge end
  return math.max(0, GRACEFUL_SHARE * limited - core.stopping_for())
end

--- By when a graceful stop that begins now must be over, by core.monotonic.
---@param seconds number
---@return number
function stopping.deadline(seconds)
  return core.monotonic() + GRACEFUL_SHARE * seconds - core.stopping_for()
end

return stopping
