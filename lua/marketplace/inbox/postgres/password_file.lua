--- The file with passwords that libpq reads: passfile, PGPASSFILE, ~/.pgpass. libpq reads none that others can reach,
--- and writes so to stderr, a line for each connection.
local core = require "marketplace.core"
local text = require "marketplace.text"

local password_file = {}

local function path_of(parameters)
  local home = os.getenv "HOME"
  return parameters.passfile or os.getenv "PGPASSFILE" or home and home .. "/.pgpass"
end

--- Why libpq will not read it; nil if it will, or needs no such file.
---@param parameters table<string, string> libpq's words
---@return string|nil problem
---@return string? other_path a value of passfile with which libpq does not remark on it
function password_file.problem(parameters)
  if parameters.password or os.getenv "PGPASSWORD" then return nil end
  local path = path_of(parameters)
  local file = path and core.stat(path)
  if not file or file.mode % 64 == 0 then return nil end
  return ("the password file is not read, as others can reach it: chmod 600 %s"):format(text.shell_word(path)),
    path .. "/none"
end

return password_file
