--- marketplace sign: the signature that App Store Connect would send with a body.
local inputs = require "marketplace.cli.support.inputs"
local output = require "marketplace.cli.support.output"
local signature = require "marketplace.signature"

local sign = {}

function sign.describe(command)
  inputs.describe(command)
end

function sign.run(options)
  local secrets, body = inputs.load(options)
  if not secrets then return 1, body end
  local header, message = signature.sign(secrets[1], body)
  if not header then return 1, message end
  output.write(options.json, header, { header = "x-apple-signature", signature = header })
  return 0
end

return sign
