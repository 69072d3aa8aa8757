--- What commands read besides their options: secrets, and the body of a notification.
---
--- Secrets come from a file or the environment; never from the argument list, which other users of the machine can
--- read.
local core = require "marketplace.core"
local output = require "marketplace.cli.support.output"
local secret_file = require "marketplace.secret_file"

local inputs = {}

--[[ Secrets ]]

local VARIABLE = "MARKETPLACE_SECRET"

--- Whether there is a secret in the environment.
---@return boolean
function inputs.has_variable()
  return os.getenv(VARIABLE) ~= nil
end

local function from_environment(warn)
  local list = secret_file.lines(os.getenv(VARIABLE) or "")
  if #list == 0 then return nil, ("no secret: set %s, or give --secret-file"):format(VARIABLE) end
  if #list > 1 or list[1]:find(",", 1, true) then
    return nil, VARIABLE .. " must hold one secret, without a comma; put several into a --secret-file, one a line"
  end
  secret_file.advise(list, VARIABLE, warn)
  return list
end

--- Adds the option that names the file with the secrets.
---@param command table argparse's
function inputs.describe_secrets(command)
  command:option("--secret-file", "file with the webhook's secret; several during a rotation, one a " ..
    "line (without it: the secret in " .. VARIABLE .. ")"):argname("PATH")
end

--- The secrets: those of the file if one is named, otherwise the environment's.
---@param path string|nil
---@param warn? fun(message: string) as of secret_file.read, default output.warn
---@return string[]|nil secrets
---@return string? message
function inputs.secrets(path, warn)
  if path then return secret_file.read(path, warn or output.warn) end
  return from_environment(warn or output.warn)
end

--[[ A body ]]

--- All bytes of a file.
---@param path string - is standard input
---@return string|nil
---@return string? message
function inputs.read(path)
  local bytes, problem
  if path == "-" then bytes, problem = io.stdin:read("*a") else bytes, problem = core.read_file(path) end
  if not bytes then return nil, ("cannot read %s"):format(path == "-" and "standard input: " .. problem or problem) end
  return bytes
end

--[[ Both, for sign, verify and explain ]]

--- Adds the argument that names the body, the option for the secrets, and those for the output.
---@param command table argparse's
---@param describe_output? fun(command: table) without it, that of one result
function inputs.describe(command, describe_output)
  command:argument("body", "file with the body's bytes (without it, or with -: standard input)")
    :args("?"):argname("FILE")
  inputs.describe_secrets(command)
  local describe = describe_output or output.describe_json
  describe(command)
end

--- Adds the option for a received signature.
---@param command table argparse's
function inputs.describe_signature(command)
  command:option("--signature", "value of the header x-apple-signature, as it was received"):argname("VALUE"):count(1)
end

--- Reads the secrets and the body.
---@param options table parsed arguments
---@return string[]|nil secrets
---@return string body_or_message
function inputs.load(options)
  local list, message = inputs.secrets(options.secret_file)
  if not list then return nil, message end
  local body, problem = inputs.read(options.body or "-")
  if not body then return nil, problem end
  return list, body
end

return inputs
