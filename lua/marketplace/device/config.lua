--- The options of marketplace.device in a file of their own: for `serve`, nginx, and what looks from the outside.
local log_target = require("marketplace.log").target
local lua_file = require "marketplace.lua_file"

local config = {}

--- The options that a file returns. It is Lua, and may `require` the files beside it.
---@param path string
---@return marketplace.DeviceOptions|nil options not checked
---@return string? message
function config.load(path)
  return lua_file.options(path, "the device's file")
end

--- The device that a file describes.
---@param path string
---@param log table of marketplace.log: used unless the file names another
---@return marketplace.Device|nil device
---@return string? message
function config.open(path, log)
  local given, problem = config.load(path)
  if not given then return nil, problem end
  local own = { log = log_target(log) }
  for name, value in pairs(given) do own[name] = value end
  local ok, device, message = pcall(require("marketplace.device").new, own)
  if ok and device then return device end
  return nil, ("%s: %s"):format(path, tostring(message or device))
end

return config
