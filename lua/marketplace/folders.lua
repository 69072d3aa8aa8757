--- What is said if a file cannot be made, as its folder is not there.
local core = require "marketplace.core"

local folders = {}

--- What kept a file from being made: that its folder is missing, or else what the system said.
---@param path string of the file
---@param message string
---@return string
function folders.problem(path, message)
  local folder = path:match "^(.*)/[^/]*$"
  if not folder or folder == "" or core.file_id(folder) then return message end
  return ("cannot make %s: there is no folder %s: make it, or name another file"):format(path, folder)
end

return folders
