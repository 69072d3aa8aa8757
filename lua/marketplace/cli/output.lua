--- What the command says, for people or for machines.
local text = require "marketplace.text"

local output = {
  --- What went wrong with the standard output, if anything did.
  ---@type string?
  problem = nil,
}

-- JSON is UTF-8; what a notification holds need not be.
local function shown(object)
  local copy = {}
  for name, value in pairs(object) do copy[name] = type(value) == "string" and text.utf8(value) or value end
  return copy
end

--- One result on the standard output.
---@param as_json boolean|nil
---@param line string for people
---@param object table for machines
function output.write(as_json, line, object)
  if as_json then line = require("cjson").encode(shown(object)) end
  output.raw(line .. "\n")
end

--- Bytes on the standard output, as they are.
---@param bytes string
function output.raw(bytes)
  local ok, problem = io.stdout:write(bytes)
  if ok then ok, problem = io.stdout:flush() end
  if not ok then output.problem = "cannot write: " .. tostring(problem) end
end

return output
