--- marketplace verify: whether a signature matches a body.
local inputs = require "marketplace.cli.support.inputs"
local output = require "marketplace.cli.support.output"
local signature = require "marketplace.signature"

local verify = {}

function verify.describe(command)
  inputs.describe(command)
  inputs.describe_signature(command)
end

function verify.run(options)
  local secrets, body = inputs.load(options)
  if not secrets then return 1, body end
  local matched, reason, code = signature.verify(secrets, body, options.signature)
  if not matched then
    output.write(options.json, ("invalid: %s (see: marketplace explain)"):format(reason),
      { valid = false, code = code, reason = reason })
    return 1
  end
  output.write(options.json, ("valid: made with secret %d of %d"):format(matched, #secrets),
    { valid = true, secret = matched })
  return 0
end

return verify
