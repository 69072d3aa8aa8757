--- Files of the operator's that are Lua, such as a handlers file: they may `require` the files beside them.
local traceback = require "marketplace.traceback"

local lua_file = {}

local function add_folder(path)
  local folder = path:match("^(.*)/[^/]*$") or "."
  local own = ("%s/?.lua;%s/?/init.lua;"):format(folder, folder)
  if package.path:sub(1, #own) ~= own then package.path = own .. package.path end
end

--- Runs one.
---@param path string
---@param what string such as "the handlers file", for the message
---@return boolean ok
---@return any returned by the file or, if not ok, the message
function lua_file.run(path, what)
  local chunk, problem = loadfile(path)
  if not chunk then return false, ("%s cannot be loaded: %s"):format(what, problem) end
  add_folder(path)
  local ok, returned = traceback.call(chunk)
  if not ok then return false, ("%s failed: %s"):format(what, returned) end
  return true, returned
end

--- What a file returned in place of what it must return, for messages.
---@param returned any
---@return string
function lua_file.kind(returned)
  return returned == nil and "nothing" or "a " .. type(returned)
end

--- The table of options that one returns.
---@param path string
---@param what string as of run
---@return table|nil options not checked
---@return string? message
function lua_file.options(path, what)
  local ok, given = lua_file.run(path, what)
  if not ok then return nil, given end
  if type(given) == "table" then return given end
  return nil, ("%s must return a table of options, and %s returns %s"):format(what, path, lua_file.kind(given))
end

return lua_file
