--- Modules that are in another rock than this one, and may not be there.
local rocks = {}

local ROCK_OF = {
  argparse = "argparse",
  cjson = "lua-cjson",
  ["marketplace.http_server"] = "lua-marketplace-server",
  ["marketplace.cli.commands.simulate"] = "lua-marketplace-simulator",
}

local function shown(name)
  local command = name:match("^marketplace%.cli%.commands%.(.*)$")
  return command and "the command " .. command or "the Lua module " .. name
end

--- What is wrong with a module, and what to do; nil if it can be used. Raises if a module of this rock is broken.
---@param name string what `require` takes
---@return string?
function rocks.problem(name)
  local found, problem = pcall(require, name)
  if found then return nil end
  local rock = ROCK_OF[name]
  if not rock then error(problem, 0) end
  if problem:find(("module '%s' not found"):format(name), 1, true) then
    return ("%s is not installed: luarocks install %s"):format(shown(name), rock)
  end
  return ("%s cannot be loaded: %s\nTo reinstall it: luarocks install %s"):format(shown(name), problem, rock)
end

return rocks
