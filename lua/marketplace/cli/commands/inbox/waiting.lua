--- What a notification waits for, in words, and what an operator can do about it.
local chosen = require "marketplace.cli.support.inbox"
local times = require "marketplace.cli.support.times"

local waiting = {}

--- When something happens to it: "now", "in 12 min", "lease ends in 45 s", "lease has ended", "behind ID"; nil if
--- nothing will.
---@param entry table
---@param now number
---@return string?
function waiting.next(entry, now)
  local length = times.length(entry.at - now)
  if entry.behind then return "behind " .. entry.behind end
  if entry.state == "leased" then return entry.at > now and "lease ends in " .. length or "lease has ended" end
  if entry.state == "ready" then return entry.at > now and "in " .. length or "now" end
end

local function is_held_up(entry, now)
  return entry and entry.state == "ready" and entry.at > now
end

--- What the first of its app does, as the end of a sentence: "runs now".
---@param leader table|nil nil: it is no longer there
---@param now number
---@return string
function waiting.doing(leader, now)
  if leader and leader.state == "leased" then
    return leader.at > now and "runs now" or "was given up by its worker, and runs again when the next one looks"
  end
  if is_held_up(leader, now) then return "is tried again in " .. times.length(leader.at - now) end
  return leader and leader.state == "ready" and "runs next" or "has just ended"
end

--- What an operator can do about one that holds up those behind it; nothing if it does not.
---@param leader table|nil
---@param now number
---@param options table parsed arguments: the inbox
---@return string[]
function waiting.hints(leader, now, options)
  if not is_held_up(leader, now) then return {} end
  return {
    "  to have that one run now:  " .. chosen.command(options, "run", leader.id),
    "  to give that one up:       " .. chosen.command(options, "cancel", leader.id),
  }
end

return waiting
