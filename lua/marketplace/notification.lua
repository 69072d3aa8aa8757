--- Notifications as tables, with the parts that few callbacks read built when they are first read.
local core = require "marketplace.core"

local notification = {}

--- A notification of either generation.
---@class marketplace.Notification
---@field id? string as Apple sent it
---@field type string Apple's name of the type
---@field version? integer as Apple sent it
---@field generation integer 1 (`marketplaceWebhooks`) or 2 (`webhooks`)
---@field event string version_available, versions_unavailable, app_unavailable, versions_restored, app_restored, ping
--- or other
---@field timestamp? string when it happened, as sent
---@field time? number when it happened, in seconds since the epoch, with the fraction
---@field app_id? string
---@field marketplace_app_id? string
---@field package_id? string
---@field package_version_id? string
---@field package_ids? string[]
---@field territories? string[] ISO 3166 alpha-3 codes
---@field attributes? table as Apple sent them, built when they are first read
---@field relationships? table as Apple sent them, built when they are first read
---@field body string the raw bytes

local LAZY = { attributes = true, relationships = true }

local lazy = core.notification

-- Once built, a part is an ordinary member: the next read does not come here.
function lazy.__index(self, name)
  if not LAZY[name] then return nil end
  local value = core.part(rawget(self, "body"), name)
  rawset(self, name, value)
  return value
end

local function build_all(self)
  for name in pairs(LAZY) do
    local _ = self[name]
  end
end

-- Lua 5.2 and later ask this for pairs(); 5.1 and LuaJIT do not: notification.to_table serves all.
function lazy.__pairs(self)
  build_all(self)
  return next, self, nil
end

--- Reads the body of a notification of either generation. The result's fields are those of the
--- docs/notifications.md's table "A notification"; `attributes` and `relationships` are built when they are first
--- read, so that `pairs`, `next` or an encoder see them only afterwards, except that `pairs` on Lua
--- 5.3 and later always does. See `to_table`.
---@param body string JSON, UTF-8, at most 16 MiB
---@return marketplace.Notification|nil notification
---@return string? message
---@return string? code json_invalid, notification_invalid, too_large
---@return table? detail {offset=}: the byte at fault, from 0
function notification.parse(body)
  if type(body) ~= "string" then
    error("marketplace.parse: body must be a string, not a " .. type(body), 2)
  end
  return core.parse(body)
end

--- A plain table with everything that the notification has, to copy, iterate or encode in any Lua.
--- The tables in it are the notification's own.
---@param n marketplace.Notification
---@return table
function notification.to_table(n)
  if type(n) ~= "table" then error("marketplace.to_table: a notification is expected, not a " .. type(n), 2) end
  build_all(n)
  local copy = {}
  for name, value in next, n do copy[name] = value end
  return copy
end

return notification
