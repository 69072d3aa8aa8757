--- What the command says, for people or for machines.
local output = {}

--- One result on the standard output.
---@param as_json boolean|nil
---@param text string for people
---@param object table for machines
function output.write(as_json, text, object)
  local line = as_json and require("cjson").encode(object) or text
  io.stdout:write(line, "\n")
  io.stdout:flush()
end

return output
