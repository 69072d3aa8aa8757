---@meta marketplace.handlers
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.handlers
local handlers = {}

--- Loads a handlers file and lets it add its callbacks.
---@param path string
---@param receiver table
---@return boolean|nil ok
---@return string? message
function handlers.load(path, receiver) end

return handlers
