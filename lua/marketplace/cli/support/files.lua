--- Files as the command reads them.
local core = require "marketplace.core"

local files = {}

local function read_stdin()
  local text, problem = io.stdin:read("*a")
  return text, problem and "the standard input: " .. problem
end

--- All bytes of a file; "-" is the standard input.
---@param path string
---@return string|nil
---@return string? message
function files.read(path)
  local read = path == "-" and read_stdin or core.read_file
  local text, problem = read(path)
  if not text then return nil, "cannot read " .. problem end
  return text
end

return files
