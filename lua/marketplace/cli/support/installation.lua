--- How this program is installed: whether the rocks that a command needs are there, and how it is started.
local text = require "marketplace.text"

local installation = {}

--[[ Modules of other rocks ]]

local ROCK_OF = {
  argparse = "argparse",
  ["marketplace.http_server"] = "lua-marketplace-server",
  ["marketplace.package_io"] = "lua-marketplace-packages",
  ["marketplace.sqlite"] = "lua-marketplace-sqlite",
  ["marketplace.cli.commands.simulate"] = "lua-marketplace-simulator",
}

local function shown(name)
  local command = name:match("^marketplace%.cli%.commands%.(.*)$")
  return command and "the command " .. command or "the Lua module " .. name
end

--- What is wrong with a module, and what to do; nil if it can be used. Raises if a module of this rock is broken.
---@param name string what `require` takes
---@return string?
function installation.problem(name)
  local found, problem = pcall(require, name)
  if found then return nil end
  local rock = ROCK_OF[name]
  if not rock then error(problem, 0) end
  if problem:find(("module '%s' not found"):format(name), 1, true) then
    return ("%s is not installed: luarocks install %s"):format(shown(name), rock)
  end
  return ("%s cannot be loaded: %s\nTo reinstall it: luarocks install %s"):format(shown(name), problem, rock)
end

--[[ The command ]]

-- The program that the file's first line names, as in "#!/usr/bin/env lua5.4".
local function interpreter_of(path)
  local file = io.open(path, "rb")
  local line = file and file:read("*l")
  if file then file:close() end
  return line and line:match("^#!.-([^%s/]+)%s*$")
end

--- How to start this program again, for the commands that a message suggests. The file alone is not always enough: the
--- one that LuaRocks installs finds its modules only through a wrapper, and a checkout's may be run by another Lua than
--- its first line names.
---@return string words of a shell
function installation.own_command()
  local path = arg and arg[0] or "marketplace"
  local tree = path:match("^(.*)/lib/luarocks/rocks[^/]*/.*/bin/[^/]*$")
  if tree then return text.shell_word(tree .. "/bin/marketplace") end
  local first = 0
  while arg and arg[first - 1] do first = first - 1 end
  if first == 0 or arg[first]:match("[^/]*$") == interpreter_of(path) then return text.shell_word(path) end
  local words = {}
  for i = first, 0 do words[#words + 1] = text.shell_word(arg[i]) end
  return table.concat(words, " ")
end

return installation
