---@meta marketplace.handlers
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.handlers
local handlers = {}

--- Lets a handlers file's function add its callbacks. What it complains of fails the start, as in a callback: without
--- its callbacks every notification would be done, with nothing done for it.
---@param register fun(receiver: table): any, any
---@param receiver table
---@return boolean|nil ok
---@return string? message
function handlers.add(register, receiver) end

--- Loads a handlers file and lets it add its callbacks.
---@param path string
---@param receiver table
---@return boolean|nil ok
---@return string? message
function handlers.load(path, receiver) end

return handlers
