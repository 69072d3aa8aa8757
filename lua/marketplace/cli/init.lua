--- The command `marketplace`: reads its arguments and hands them to one of its subcommands.
---
--- Exit status: 0 done, 1 failed, 2 wrong usage. Results go to the standard output, complaints and notices to the
--- standard error stream.
local advice = require "marketplace.cli.support.advice"
local core = require "marketplace.core"
local examples = require "marketplace.cli.support.examples"
local installation = require "marketplace.cli.support.installation"
local output = require "marketplace.cli.support.output"
local usage = require "marketplace.cli.support.usage"

local cli = {}

local COMMANDS = {
  { name = "serve", summary = "receive notifications and run a handlers file for them" },
  { name = "work", summary = "run a handlers file for the notifications that another process receives" },
  { name = "inbox", summary = "look into an inbox; replay, run, cancel or forget notifications" },
  { name = "packages", summary = "fetch, check and publish the packages that devices install, and take them down" },
  { name = "dashboard", summary = "show an operator's web page of the inbox and the packages" },
  { name = "spotlight", summary = "write the sitemap and the pages by which Spotlight finds a marketplace's apps" },
  { name = "webhooks", summary = "list, make, change and try the webhooks at App Store Connect; rotate their secret" },
  { name = "reconcile", summary = "put notifications that were missed into the inbox" },
  { name = "check", summary = "look at a marketplace as devices do, and at App Store Connect; say what is wrong" },
  { name = "send", summary = "sign a notification and post it as App Store Connect would, to try a receiver" },
  { name = "sign", summary = "print the signature that App Store Connect would send with a body" },
  { name = "verify", summary = "check a signature; the exit status says whether it is valid" },
  { name = "explain", summary = "say why a signature is not valid" },
  { name = "token", summary = "make a token for App Store Connect's API, for a developer or for an install" },
  { name = "simulate", summary = "stand in for App Store Connect, to develop without an Apple account" },
}

local COMPLETION = "completion"

local function module_of(command)
  return "marketplace.cli.commands." .. command.name
end

local function fail(message)
  output.note(message)
  return 1
end

local function first_word(arguments)
  for _, argument in ipairs(arguments) do
    if argument:sub(1, 1) ~= "-" then return argument end
  end
  return ""
end

local function command_named(name)
  for _, command in ipairs(COMMANDS) do
    if command.name == name then return command end
  end
end

-- Other rocks bring commands too.
local function describe(command, parser)
  local module_name = module_of(command)
  if not installation.problem(module_name) then require(module_name).describe(parser) end
end

-- argparse has a sentence of its own
local function describe_help(parser)
  parser:add_help { description = "show this help" }
  for _, command in ipairs(parser._commands) do describe_help(command) end
end

local function add_completion(parser)
  parser:add_complete_command(COMPLETION)
  local command = parser._commands[#parser._commands]
  command:description "print a completion script for a shell"
  command._arguments[1]:description("the shell"):argname "SHELL"
end

local function add_examples(parser)
  for _, command in ipairs(parser._commands) do
    local text = examples.text(command:_get_fullname(true))
    if text then command:epilog(text) end
    add_examples(command)
  end
end

--- The command's parser.
---@param argparse table the module
---@param only? string the one command whose options it reads; without it, those of all that are installed
---@return table parser
function cli.parser(argparse, only)
  local parser = argparse("marketplace", "Receives App Store Connect's notifications and runs Lua for them.")
    :epilog("Each command has examples: marketplace inbox replay --help\n" ..
      "No secret is ever given as an argument. Exit status: 0 done, 1 failed, 2 wrong usage.")
    :command_target("command")
    :help_max_width(100)
  parser:flag("--version", "show the version"):action(function()
    print(require("marketplace")._VERSION)
    os.exit(0)
  end)
  for _, command in ipairs(COMMANDS) do
    local described = parser:command(command.name, command.summary)
    if (only or command.name) == command.name then describe(command, described) end
  end
  add_completion(parser)
  describe_help(parser)
  add_examples(parser)
  return parser
end

-- The parsed arguments, or nil and what is wrong with them.
local function parse(parser, arguments)
  local problem
  function parser.error(command, message)
    problem = usage.message(command, usage.in_our_words(command, message))
    error(problem, 0)
  end
  local ok, parsed = pcall(parser.parse, parser, arguments)
  if ok then return parsed end
  if not problem then error(parsed, 0) end
  return nil, problem
end

-- lua and luajit raise this at Ctrl-C
local function is_interrupt(raised)
  return type(raised) == "string" and raised:find("interrupted!", 1, true) ~= nil
end

-- Where a mistake of the program happened helps, but not where Ctrl-C did.
local function run(module, parsed)
  local ok, status, message = xpcall(function() return module.run(parsed) end, function(raised)
    return is_interrupt(raised) and "interrupted" or type(raised) == "string" and debug.traceback(raised, 2) or raised
  end)
  if ok then return status, message end
  if status == "interrupted" then return 1, status end
  error(status, 0)
end

--- Runs the command.
---@param arguments string[]
---@return integer status for os.exit
function cli.main(arguments)
  core.hold_standard_streams() -- output would overwrite a file opened as descriptor 1
  local problem = installation.problem "argparse"
  if problem then return fail(problem) end
  local name = first_word(arguments)
  local command = command_named(name)
  problem = command and installation.problem(module_of(command))
  if problem then return fail(problem) end
  -- a completion script is made of all commands, anything else of one at most
  local parser = cli.parser(require "argparse", name ~= COMPLETION and name or nil)
  local parsed, wrong = parse(parser, arguments)
  if not parsed then
    output.note(wrong)
    return 2
  end
  local status, message = run(require(module_of(command_named(parsed.command))), parsed)
  if status == 2 then message = usage.message(usage.command_of(parser, parsed), message) end
  if message then output.note(status == 1 and advice.add(message) or message) end
  if status == 0 and output.problem then return fail(output.problem) end
  return status
end

return cli
