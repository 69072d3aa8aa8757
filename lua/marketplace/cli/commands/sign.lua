--- marketplace sign: the signature that App Store Connect would send with a body.
local inputs = require "marketplace.cli.support.inputs"
local marketplace = require "marketplace"
local output = require "marketplace.cli.support.output"

local sign = {}

function sign.describe(command)
  inputs.describe(command)
end

function sign.run(options)
  local secrets, body = inputs.load(options)
  if not secrets then return 1, body end
  local signature, message = marketplace.sign(secrets[1], body)
  if not signature then return 1, message end
  output.write(options.json, signature, { header = "x-apple-signature", signature = signature })
  return 0
end

return sign
