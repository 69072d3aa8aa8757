--- Asks whoever runs a command whether they mean it. The command has the flag `--yes`, and perhaps `--dry-run`.
local core = require "marketplace.core"
local text = require "marketplace.text"

local confirmation = {}

local function is_needless(options)
  return options.yes or options.dry_run
end

--- What is wrong with the options, if anything: without a terminal nobody can be asked.
---@param options table parsed arguments
---@return string|nil
function confirmation.problem(options)
  if is_needless(options) or core.is_terminal("stdin") then return nil end
  return "--yes is missing, and there is no terminal to ask on"
end

--- Asks, unless the options make that unnecessary.
---@param options table
---@param question string
---@return boolean
function confirmation.is_given(options, question)
  if is_needless(options) then return true end
  io.stderr:write(text.safe(question), " [y/N] ")
  io.stderr:flush()
  local answer = (io.stdin:read("*l") or ""):lower()
  return answer == "y" or answer == "yes"
end

return confirmation
