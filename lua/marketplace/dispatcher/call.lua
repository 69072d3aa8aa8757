--- Calls the callbacks of a notification, and makes a reason of their failures.
local text = require "marketplace.text"

local call = {}

local MOST_REASON = 4000 -- bytes of a failure's text that are kept

local call_with_traceback
if select(2, xpcall(function(...) return ... end, print, true)) then
  call_with_traceback = function(callback, n, ctx)
    -- not a tail call: in the traceback LuaJIT would show xpcall in place of this function
    local ok, value, message = xpcall(callback, debug.traceback, n, ctx)
    return ok, value, message
  end
else
  -- Lua 5.1's xpcall passes no arguments
  call_with_traceback = function(callback, n, ctx)
    return xpcall(function() return callback(n, ctx) end, debug.traceback)
  end
end

--- The reason of a failure as text that fits every inbox, UTF-8 without NUL, whatever the callback raised or returned.
---@param value any
---@return string
function call.reason(value)
  local _, told = pcall(tostring, value)
  -- __tostring may raise, or return something that is not a string
  if type(told) ~= "string" then told = "a " .. type(value) .. " that cannot be shown as text" end
  local reason = told:gsub("%z", "\\0")
  return text.utf8(text.cut(reason, MOST_REASON))
end

-- The frames below the callback are this project's own, and the same each time.
local function without_own_frames(traceback)
  return type(traceback) == "string" and traceback:gsub("\n%s*%[C%]: in function '?xpcall'?.*$", "") or traceback
end

local function call_one(callback, n, ctx)
  local ok, value, message = call_with_traceback(callback, n, ctx)
  if not ok then return call.reason(without_own_frames(value)) end
  if not value and message ~= nil then return call.reason(message) end
end

--- Calls them all: if one is broken, the others must still take down an app that has to go.
---@param list function[]
---@param n marketplace.Notification
---@param ctx marketplace.Context
---@return string|nil failure of the last one that failed
function call.all(list, n, ctx)
  local failure
  for i = 1, #list do failure = call_one(list[i], n, ctx) or failure end
  return failure
end

return call
