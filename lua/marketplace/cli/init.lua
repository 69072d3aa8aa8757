--- The command `marketplace`: reads its arguments and hands them to one of its subcommands.
---
--- Exit status: 0 done, 1 failed, 2 wrong usage. Results go to the standard output, complaints to the standard
--- error stream.
local core = require "marketplace.core"
local marketplace = require "marketplace"
local output = require "marketplace.cli.support.output"

local cli = {}

local COMMANDS = {
  "serve", "work", "inbox", "webhooks", "reconcile", "send", "sign", "verify", "explain", "token",
  "simulate",
}
local WITHOUT_SECRET = { work = true, inbox = true, webhooks = true, reconcile = true, token = true, simulate = true }
local WITH_ACTIONS = { inbox = true, webhooks = true } -- whose actions say themselves that they write JSON

local function install_line(module_name, rock)
  return ("marketplace: the command needs %s: luarocks install %s\n"):format(module_name, rock)
end

local function common_options(command, name)
  if not WITHOUT_SECRET[name] then
    command:option("--secret-file", "File with the webhook's secret, one a line while they are rotated. " ..
      "Without it MARKETPLACE_SECRET is the secret."):argname("PATH")
  end
  if not WITH_ACTIONS[name] then command:flag("--json", "Write JSON, one object a line.") end
end

--- The command's parser.
---@param argparse table the module
---@return table parser
---@return fun(name: string): string usage_of a subcommand
function cli.parser(argparse)
  local parser = argparse("marketplace", "Receives App Store Connect's notifications and runs Lua for them.")
    :epilog("The secret is never given in the argument list. Exit status: 0 done, 1 failed, 2 wrong usage.")
    :command_target("command")
    :help_max_width(100)
  parser:flag("--version", "Show the version."):action(function()
    print(marketplace._VERSION)
    os.exit(0)
  end)
  local usage = {}
  for _, name in ipairs(COMMANDS) do
    local module = require("marketplace.cli.commands." .. name)
    local command = parser:command(name, module.summary)
    module.describe(command)
    common_options(command, name)
    usage[name] = command
  end
  parser:add_complete_command("completion")
  return parser, function(name) return (usage[name] or parser):get_usage() end
end

--- Runs the command.
---@param arguments string[]
---@return integer status for os.exit
function cli.main(arguments)
  core.hold_standard_streams() -- a file opened as descriptor 1 would be written over by what is said
  local found, argparse = pcall(require, "argparse")
  if not found then
    io.stderr:write(install_line("argparse", "argparse"))
    return 1
  end
  local parser, usage_of = cli.parser(argparse)
  local ok, parsed = parser:pparse(arguments)
  if not ok then
    output.note(parsed .. "\n" .. usage_of(arguments[1]))
    return 2
  end
  if parsed.json and not pcall(require, "cjson") then
    io.stderr:write(install_line("cjson", "lua-cjson"))
    return 1
  end
  local status, message = require("marketplace.cli.commands." .. parsed.command).run(parsed)
  if status == 2 then message = message .. "\n" .. usage_of(parsed.command) end
  if message then output.note(message) end
  if status == 0 and output.problem then
    output.note(output.problem)
    return 1
  end
  return status
end

return cli
