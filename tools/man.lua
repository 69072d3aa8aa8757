-- man.lua FOLDER: writes the manual page and the completions of the command `marketplace` below FOLDER:
-- man/marketplace.1, completion/marketplace.bash, .zsh and .fish.
local argparse = require "argparse"
local cli = require "marketplace.cli"
local marketplace = require "marketplace"
local sections = require "man_sections"

local FOLDER = arg[1]

local parser = cli.parser(argparse)

-- Text as it is: roff interprets a backslash, and a full stop or an apostrophe at the beginning of a line.
local function literal(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("\n([.'])", "\n\\&%1"):gsub("^([.'])", "\\&%1"))
end

local function verbatim(lines, text)
  lines[#lines + 1] = ".nf\n" .. literal((text:gsub("%s+$", ""))) .. "\n.fi"
end

local function add_command(lines, name, command)
  lines[#lines + 1] = ".SS " .. literal(name)
  verbatim(lines, command:get_help())
  for _, action in ipairs(command._commands) do
    add_command(lines, name .. " " .. action._name, action)
  end
end

-- A list of words and what each means.
local function add_list(lines, heading, list)
  lines[#lines + 1] = ".SH " .. heading
  for _, one in ipairs(list) do
    lines[#lines + 1] = (".TP\n.B %s\n%s"):format(literal(one[1]), literal(one[2]))
  end
end

local function add_examples(lines)
  lines[#lines + 1] = ".SH EXAMPLES"
  for _, example in ipairs(sections.EXAMPLES) do
    lines[#lines + 1] = (".TP\n%s:\n.B %s"):format(literal(example[1]), literal(example[2]))
  end
  lines[#lines + 1] = ".PP\nEach command has more of its own, above and in its \\-\\-help."
end

local function page()
  local lines = {
    ('.TH MARKETPLACE 1 "" "%s" "User Commands"'):format(marketplace._VERSION),
    ".SH NAME\nmarketplace \\- receive App Store Connect's notifications and run Lua for them",
    ".SH SYNOPSIS",
  }
  verbatim(lines, (parser:get_usage():gsub("^Usage: ", "")))
  lines[#lines + 1] = ".SH DESCRIPTION"
  verbatim(lines, parser:get_help())
  lines[#lines + 1] = ".SH COMMANDS"
  for _, command in ipairs(parser._commands) do
    add_command(lines, command._name, command)
  end
  add_list(lines, "EXIT STATUS", sections.EXIT_STATUS)
  add_list(lines, "ENVIRONMENT", sections.ENVIRONMENT)
  add_list(lines, "FILES", sections.FILES)
  add_examples(lines)
  return table.concat(lines, "\n") .. "\n"
end

local function write(path, text)
  local file = assert(io.open(FOLDER .. "/" .. path, "w"))
  assert(file:write(text))
  assert(file:close())
end

write("man/marketplace.1", page())
write("completion/marketplace.bash", parser:get_bash_complete())
write("completion/marketplace.zsh", parser:get_zsh_complete())
write("completion/marketplace.fish", parser:get_fish_complete())
