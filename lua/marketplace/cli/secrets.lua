--- Where the command has its secrets from: a file, or the environment; never the argument list, which other users
--- of the machine can read.
local core = require "marketplace.core"
local secret_file = require "marketplace.secret_file"

local secrets = {}

local VARIABLE = "MARKETPLACE_SECRET"

--- The secrets of a file, see marketplace.secret_file.
---@param path string
---@return string[]|nil secrets
---@return string? message
function secrets.from_file(path)
  local found = core.stat(path)
  if found and found.type == "folder" then return nil, "the secret file is a folder: " .. path end
  local file, problem = io.open(path, "rb")
  if not file then return nil, "the secret file cannot be read: " .. problem end
  local text = file:read("*a")
  file:close()
  if not text then return nil, "the secret file cannot be read: " .. path end
  return secret_file.parse(text, path)
end

local function from_environment()
  local secret = os.getenv(VARIABLE)
  if not secret or secret == "" then
    return nil, ("no secret: set %s, or give --secret-file"):format(VARIABLE)
  end
  if secret:find(",", 1, true) then
    return nil, VARIABLE .. " holds one secret, without a comma; several go into a --secret-file, one a line"
  end
  return { secret }
end

--- The secrets: those of the file where one is named, otherwise the environment's.
---@param path string|nil
---@return string[]|nil secrets
---@return string? message
function secrets.load(path)
  if path then return secrets.from_file(path) end
  return from_environment()
end

return secrets
