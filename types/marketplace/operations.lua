---@meta marketplace.operations
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.operations
---@field by_resource table Operations by type of resource.
local operations = {}

--- The operation of an action: where there are two of it, the one by id or the one by a parent.
---@param resource string
---@param action string
---@param by_id? boolean
---@return table|nil
function operations.find(resource, action, by_id) end

--- All operations, sorted by path and method.
---@return {resource: string, action: string, method: string, path: string, parent?: string, by_id: boolean}[] list the
--- path has the parent's name, or "id", in braces; also fields, include, limit, limits, filter, exists, attributes
--- and relationships, those that there are: "!" is required, "?" may be null
function operations.list() end

return operations
