---@meta marketplace.json
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.json
---@field null userdata JSON null; equal to cjson.null and marketplace.null.
local json = {}

--- Marks a table as an array, which an empty one can not be told from.
---@generic T: table
---@param list T
---@return T list the same table, with a metatable
function json.list(list) end

--- JSON, on one line, the members of objects sorted by their names. A table that json.list made, or that has an
--- element 1, is an array, every other an object. Raises for what JSON has not: NaN and infinity, functions, lists with
--- holes or named members, objects whose names are no strings, and more than 64 levels (so for a table that holds
--- itself).
---@param value table|string|number|boolean|userdata userdata: json.null only
---@return string
function json.encode(value) end

--- The value that a JSON text of up to 64 levels stands for. Null is json.null; numbers without a fraction are integers
--- where Lua has them. An empty array can be told from an empty object where lua-cjson can (OpenResty's does). Strings
--- that are not valid UTF-8 are given as they came.
---@param text string
---@return any value nil where it is not JSON
---@return string? message holds nothing of the text
function json.decode(text) end

return json
