--- What sign, verify and explain are given: secrets and a body.
local files = require "marketplace.cli.support.files"
local output = require "marketplace.cli.support.output"
local secrets = require "marketplace.cli.support.secrets"

local inputs = {}

--- Adds the argument that names the body, and how the result is written.
---@param command table argparse's
---@param describe_output? fun(command: table) without it, that of one result
function inputs.describe(command, describe_output)
  command:argument("body", "File with the body's bytes; without it, or with -, the standard input.")
    :args("?"):argname("FILE")
  secrets.describe(command)
  local describe = describe_output or output.describe_json
  describe(command)
end

--- Adds the option that holds a received signature.
---@param command table argparse's
function inputs.describe_signature(command)
  command:option("--signature", "Value of the header x-apple-signature, as it was received.")
    :argname("VALUE"):count(1)
end

--- Reads both.
---@param options table parsed arguments
---@return string[]|nil secrets
---@return string body_or_message
function inputs.load(options)
  local list, message = secrets.load(options.secret_file)
  if not list then return nil, message end
  local body, problem = files.read(options.body or "-")
  if not body then return nil, problem end
  return list, body
end

return inputs
