--- Handlers files: Lua files that return a function which takes the receiver and adds callbacks to it.
local lua_file = require "marketplace.lua_file"
local traceback = require "marketplace.traceback"

local handlers = {}

--- Lets a handlers file's function add its callbacks. If it fails, as a callback does, so does the start: without its
--- callbacks notifications would be given up.
---@param register fun(receiver: table): any, any
---@param receiver table
---@return boolean|nil ok
---@return string? message
function handlers.add(register, receiver)
  local added, given, message = traceback.call(function() return register(receiver) end)
  if not added then return nil, given end
  if not given and message ~= nil then return nil, tostring(message) end
  return true
end

--- Loads a handlers file and lets it add its callbacks.
---@param path string
---@param receiver table
---@return boolean|nil ok
---@return string? message
function handlers.load(path, receiver)
  local ok, register = lua_file.run(path, "the handlers file")
  if not ok then return nil, register end
  if type(register) ~= "function" then
    return nil, ("the handlers file must return function(receiver), and %s returns %s"):format(path,
      lua_file.kind(register))
  end
  local added, problem = handlers.add(register, receiver)
  if not added then return nil, "the handlers file failed: " .. problem end
  return true
end

return handlers
