--- Visits a command of argparse's, its commands and theirs, each with its whole name.
---@param command table argparse's
---@param name string
---@param visit fun(command: table, name: string)
local function each_command(command, name, visit)
  visit(command, name)
  for _, one in ipairs(command._commands) do each_command(one, name .. " " .. one._name, visit) end
end

return each_command
