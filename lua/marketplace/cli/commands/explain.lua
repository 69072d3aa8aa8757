--- marketplace explain: why a signature does not belong to a body.
local explanation = require "marketplace.explain"
local inputs = require "marketplace.cli.support.inputs"
local output = require "marketplace.cli.support.output"

local explain = {}

function explain.describe(command)
  inputs.describe(command)
  inputs.describe_signature(command)
end

local function write_text(found, secret_count)
  if found.valid then
    output.write(false, ("valid: made with secret %d of %d"):format(found.secret, secret_count))
    return
  end
  output.write(false, "invalid:")
  for _, finding in ipairs(found.findings) do
    output.write(false, ("  %s: %s"):format(finding.cause, finding.advice))
  end
  if found.secret then
    output.write(false, ("  with that undone it is the signature of secret %d of %d"):format(found.secret,
      secret_count))
  end
end

function explain.run(options)
  local secrets, body = inputs.load(options)
  if not secrets then return 1, body end
  local found = explanation.signature(secrets, body, options.signature)
  if options.json then
    if #found.findings == 0 then found.findings = nil end
    output.write(true, nil, found)
  else
    write_text(found, #secrets)
  end
  return found.valid and 0 or 1
end

return explain
