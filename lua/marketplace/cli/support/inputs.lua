--- The input of sign, verify and explain: secrets and a body.
local core = require "marketplace.core"
local output = require "marketplace.cli.support.output"
local secrets = require "marketplace.cli.support.secrets"

local inputs = {}

--- Adds the argument that names the body, and the options for the output.
---@param command table argparse's
---@param describe_output? fun(command: table) without it, that of one result
function inputs.describe(command, describe_output)
  command:argument("body", "file with the body's bytes (without it, or with -: standard input)")
    :args("?"):argname("FILE")
  secrets.describe(command)
  local describe = describe_output or output.describe_json
  describe(command)
end

--- Adds the option for a received signature.
---@param command table argparse's
function inputs.describe_signature(command)
  command:option("--signature", "value of the header x-apple-signature, as it was received"):argname("VALUE"):count(1)
end

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

--- Reads the secrets and the body.
---@param options table parsed arguments
---@return string[]|nil secrets
---@return string body_or_message
function inputs.load(options)
  local list, message = secrets.load(options.secret_file)
  if not list then return nil, message end
  local body, problem = inputs.read(options.body or "-")
  if not body then return nil, problem end
  return list, body
end

return inputs
