--- marketplace explain: why a signature does not match a body.
local explanation = require "marketplace.explain"
local inputs = require "marketplace.cli.support.inputs"
local output = require "marketplace.cli.support.output"

local explain = {}

local COLUMNS = {
  { "CAUSE", "cause" },
  { "ADVICE", "advice" },
}

function explain.describe(command)
  inputs.describe(command, output.describe_list)
  inputs.describe_signature(command)
end

local function verdict_of(found, count)
  if not found.secret then return "the signature is not valid" end
  local line = found.valid and "the signature is valid: it was made with secret %d of %d"
    or "the signature is not valid; without what is listed, it is that of secret %d of %d"
  return line:format(found.secret, count)
end

function explain.run(options)
  local secrets, body = inputs.load(options)
  if not secrets then return 1, body end
  local found = explanation.signature(secrets, body, options.signature)
  if #found.findings > 0 then output.list(options, COLUMNS, found.findings) end
  output.note(verdict_of(found, #secrets))
  return found.valid and 0 or 1
end

return explain
