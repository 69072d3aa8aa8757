--- The files of an inbox in SQLite: the database, what SQLite keeps beside it while it is open, and the holders'.
local core = require "marketplace.core"
local file_mode = require "marketplace.file_mode"

local files = {}

--- Warns if others than their owner can read or change them.
---@param path string of the database
---@param warn fun(message: string)
function files.check(path, warn)
  local real = core.real_path(path) or path
  file_mode.check(warn, real, real .. "-wal", real .. "-shm", real .. "-holders")
end

return files
