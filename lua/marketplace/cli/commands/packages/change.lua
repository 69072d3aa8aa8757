--- marketplace packages withdraw, restore, hold, release and collect: what an operator decides.
local check = require "marketplace.cli.support.options"
local output = require "marketplace.cli.support.output"
local rows = require "marketplace.cli.commands.packages.rows"
local text = require "marketplace.text"
local words = require "marketplace.packages.words"

local change = {}

--[[ What is meant ]]

local function describe_scope(command, verb)
  command:option("--app", verb .. " all versions of this app"):argname("ID")
  command:option("--package", verb .. " all versions of this package"):argname("ID")
  command:option("--version", verb .. " this package version"):argname("ID")
end

local function scope_problem(options)
  local given = 0
  for _, name in ipairs { "app", "package", "version" } do
    if options[name] then given = given + 1 end
  end
  if given == 0 then return "nothing says what is meant: give --app, --package or --version" end
  if given > 1 then return "--app, --package and --version do not go together: give one of them" end
end

local LIST_HOLDS = "; the holds that are: marketplace packages list"

local function write(options, outcome)
  local lines = words.outcome(outcome)
  if outcome.was_held == false then lines[1] = lines[1] .. LIST_HOLDS end
  output.write(options.json, lines, rows.outcome(outcome))
  return 0
end

--[[ withdraw, restore ]]

local function describe_availability(command, verb)
  describe_scope(command, verb)
  command:option("--territory", ("%s in this territory only, by its three letters, such as FRA; may be repeated")
    :format(verb)):count("*"):argname("CODE")
end

function change.describe_withdraw(command) describe_availability(command, "withdraw") end
function change.describe_restore(command) describe_availability(command, "restore") end

function change.availability_problem(options)
  local problem = scope_problem(options)
  if problem then return problem end
  if options.version and #options.territory > 0 then
    return "--territory goes with --app or --package: a version alone is withdrawn everywhere"
  end
  for _, code in ipairs(options.territory) do
    if not code:find("^%u%u%u$") then
      return ("--territory must be three capital letters, such as FRA, not '%s'"):format(code)
    end
  end
end

local function change_availability(verb)
  return function(packages, options)
    local outcome, message = packages[verb](packages, {
      app = options.app, package = options.package, version = options.version,
      territories = #options.territory > 0 and options.territory or nil,
    })
    if not outcome then return nil, message end
    return write(options, outcome)
  end
end

change.withdraw = change_availability "withdraw"
change.restore = change_availability "restore"

--[[ hold, release ]]

function change.describe_hold(command)
  describe_scope(command, "hold")
  command:option("--reason", "why, to be kept with it"):default("held by an operator"):argname("TEXT")
end

function change.describe_release(command) describe_scope(command, "release") end

change.hold_problem = scope_problem

local function change_hold(verb)
  return function(packages, options)
    local outcome, message = packages[verb](packages, {
      app = options.app, package = options.package, version = options.version,
      reason = options.reason and text.utf8(options.reason),
    })
    if not outcome then return nil, message end
    return write(options, outcome)
  end
end

change.hold = change_hold "hold"
change.release = change_hold "release"

--[[ collect ]]

function change.describe_collect(command)
  command:option("--older-than", "delete what was replaced or withdrawn before: 90d, 12h, 30m or 45s ago, or a date")
    :default("2d"):argname("AGE")
end

function change.collect_problem(options, now)
  local problem = check.time_problem(options, "older_than", now)
  if problem then return problem end
  options.older_than = math.max(0, now - options.older_than)
end

function change.collect(packages, options)
  local collected, message = packages:collect { older_than = options.older_than }
  if not collected then return nil, message end
  output.write(options.json, ("deleted: %d versions, %s"):format(#collected.collected, text.bytes(collected.bytes)),
    rows.outcome(collected))
  return 0
end

return change
