--- Apple's OpenAPI description of the operations, which lies beside the checkout, not in it.
local json = require "marketplace.json"

local openapi = {}

--- Where it is; MARKETPLACE_OPENAPI names another place.
openapi.PATH = os.getenv "MARKETPLACE_OPENAPI" or "../shared/openapi/marketplace.openapi.json"

--- The description, or nil where it is not there: then a pending test tells so, or, on CI, a failing one.
---@param busted table with it and pending
function openapi.load(busted)
  local file, problem = io.open(openapi.PATH, "rb")
  if file then
    local text = file:read "*a"
    file:close()
    return assert(json.decode(text))
  end
  local complaint = "Apple's OpenAPI description is not there: " .. problem
  if os.getenv "CI" then
    busted.it("has a description to be held against", function() error(complaint, 0) end)
  else
    busted.pending(complaint)
  end
end

local METHODS = { get = true, post = true, patch = true, delete = true }

--- Calls visit(method, path, operation, description of the path) for each operation; methods in upper case.
function openapi.each(description, visit)
  for path, methods in pairs(description.paths) do
    for method, operation in pairs(methods) do
      if METHODS[method] then visit(method:upper(), path, operation) end
    end
  end
end

--- The schema itself where it is a reference to one.
function openapi.resolve(description, schema)
  local name = schema["$ref"] and schema["$ref"]:match "^#/components/schemas/(.*)$"
  return name and description.components.schemas[name] or schema
end

return openapi
