--- What is wrong with a command line, in this command's words. argparse calls an argument what the program calls it,
--- and does not say which commands there are.
local usage = {}

-- As the usage shows it.
local function argument_of(command, name)
  for _, argument in ipairs(command._arguments) do
    if argument._name == name then return argument._argname or name end
  end
  return name
end

local function value_of(command, alias)
  for _, option in ipairs(command._options) do
    for _, one in ipairs(option._aliases) do
      if one == alias then return ("%s %s"):format(alias, option._argname or "VALUE") end
    end
  end
  return alias
end

local function names_of(commands)
  local names = {}
  for i, command in ipairs(commands) do names[i] = command._name end
  return table.concat(names, ", ")
end

local function with_tip(message, tip)
  local meant = tip:match "'...+'" -- a single letter is mostly not what was meant
  return meant and ("%s; did you mean %s?"):format(message, meant) or message
end

-- What argparse says, and what is said in its place.
local WORDS = {
  { "^missing argument '(.*)'$", function(command, name) return argument_of(command, name) .. " is missing" end },
  { "^missing option '(.*)'$", function(command, alias) return value_of(command, alias) .. " is missing" end },
  { "^argument '(.-)' must be one of (.*)$", function(command, name, choices)
    return ("%s must be one of %s"):format(argument_of(command, name), choices)
  end },
  { "^argument for option '(.-)' must be one of (.*)$", function(_, alias, choices)
    return ("%s must be one of %s"):format(alias, choices)
  end },
  { "^option '(.-)' requires an argument$", function(command, alias)
    return ("%s needs a value: %s"):format(alias, value_of(command, alias))
  end },
  { "^option '(.-)' does not take arguments$", function(_, alias) return alias .. " takes no value" end },
  { "^option '(.-)' can not be used together with option '(.-)'$", function(_, one, other)
    return ("%s and %s do not go together"):format(one, other)
  end },
  { "^option '(.-)' must be used at least 1 time$", function(command, alias)
    return value_of(command, alias) .. " is missing"
  end },
  { "^unknown option '(.-)'(.*)$", function(_, alias, tip) return with_tip("unknown option " .. alias, tip) end },
  { "^unknown command '(.-)'(.*)$", function(command, name, tip)
    return ("%s\nThe commands are: %s"):format(with_tip(("unknown command '%s'"):format(name), tip),
      names_of(command._commands))
  end },
  { "^a command is required$", function(command)
    return "a command is missing\nThe commands are: " .. names_of(command._commands)
  end },
  { "^too many arguments$", function() return "too many arguments: one with spaces in it needs quotes" end },
}

--- What argparse says is wrong, in our words.
---@param command table argparse's, whose arguments they are
---@param message string argparse's
---@return string
function usage.in_our_words(command, message)
  for _, word in ipairs(WORDS) do
    local first, second = message:match(word[1])
    if first then return word[2](command, first, second) end
  end
  return message
end

--- A message about wrong usage: which command's, what is wrong, and how it is used.
---@param command table argparse's
---@param message string
---@return string
function usage.message(command, message)
  local name = command:_get_fullname():match "^marketplace (.*)$"
  return ("%s%s\n%s\nMore: %s --help"):format(name and name .. ": " or "", message, command:get_usage(),
    command:_get_fullname())
end

--- The command that was parsed, or a command of it.
---@param parser table argparse's
---@param parsed table
---@return table command argparse's
function usage.command_of(parser, parsed)
  for _, command in ipairs(parser._commands) do
    if command._name == parsed[parser._command_target] then return usage.command_of(command, parsed) end
  end
  return parser
end

return usage
