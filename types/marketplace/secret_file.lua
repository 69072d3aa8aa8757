---@meta marketplace.secret_file
-- Written by `make docs` from the comments in the source: change them there.

---@class marketplace.secret_file
---@field MOST number The most secrets that a receiver takes.
local secret_file = {}

--- The secrets of a file's text: the lines as they stand; only what editors add is passed over: a byte order mark, a
--- carriage return at a line's end and empty lines.
---@param text string
---@param path string for the message
---@return string[]|nil secrets
---@return string? message
function secret_file.parse(text, path) end

--- The secrets of a file.
---@param path string
---@return string[]|nil secrets
---@return string? message
function secret_file.read(path) end

--- A file's text with these secrets.
---@param list string[]
---@return string
function secret_file.text(list) end

return secret_file
