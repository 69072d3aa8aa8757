--- Files as the command reads them.
local files = {}

--- All bytes of a file; "-" is the standard input.
---@param path string
---@return string|nil
---@return string? message
function files.read(path)
  local file, problem = io.stdin, nil
  if path ~= "-" then file, problem = io.open(path, "rb") end
  if not file then return nil, "cannot read " .. problem end
  local text, read_problem = file:read("*a")
  if path ~= "-" then file:close() end
  if not text then return nil, ("cannot read %s: %s"):format(path, tostring(read_problem)) end
  return text
end

return files
