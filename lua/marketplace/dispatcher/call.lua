--- Calls the callbacks of a notification, and makes a reason of their failures.
local text = require "marketplace.text"
local traceback = require "marketplace.traceback"

local call = {}

local MOST_REASON = 4000 -- bytes of a failure's text that are kept

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

local function call_one(callback, n, ctx)
  local ok, value, message = traceback.call(function() return callback(n, ctx) end)
  if not ok then return call.reason(value) end
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
