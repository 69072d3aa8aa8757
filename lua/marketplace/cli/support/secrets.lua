--- A command's secrets, which come from a file or the environment; never from the argument list, which other users of
--- the machine can read.
local secret_file = require "marketplace.secret_file"

local secrets = {}

local VARIABLE = "MARKETPLACE_SECRET"

local function from_environment()
  local secret = os.getenv(VARIABLE)
  if not secret or secret == "" then
    return nil, ("no secret: set %s, or give --secret-file"):format(VARIABLE)
  end
  if secret:find(",", 1, true) then
    return nil, VARIABLE .. " must hold one secret, without a comma; put several into a --secret-file, one a line"
  end
  return { secret }
end

--- Adds the option that names the file.
---@param command table argparse's
function secrets.describe(command)
  command:option("--secret-file", "file with the webhook's secret; several during a rotation, one a " ..
    "line (without it: the secret in " .. VARIABLE .. ")"):argname("PATH")
end

--- The secrets: those of the file if one is named, otherwise the environment's.
---@param path string|nil
---@return string[]|nil secrets
---@return string? message
function secrets.load(path)
  if path then return secret_file.read(path) end
  return from_environment()
end

return secrets
