--- marketplace inbox run and cancel, of all that some options select: says how many they are, and asks.
local confirmation = require "marketplace.cli.support.confirmation"
local filters = require "marketplace.cli.commands.inbox.filters"
local json = require "marketplace.json"
local one = require "marketplace.cli.commands.inbox.one"
local output = require "marketplace.cli.support.output"
local text = require "marketplace.text"

local many = {}

local MOST_COUNTED = 100000
local EXAMINED = 10000000 -- all, as whoever is asked has time
local MOST_LINES = 20     -- ids that are listed

-- The states that an action takes.
local STATES = { run = { "ready" }, cancel = { "ready", "leased" } }

local function describe(command, verb)
  command:argument("id", "the notification's id"):args("?"):argname("ID")
  command:flag("--all", verb .. " all that wait")
  filters.describe(command, verb)
  command:option("--limit", verb .. " at most this many, the oldest first"):argname("N")
  command:flag("--yes", "do not ask for confirmation")
end

function many.describe_run(command) describe(command, "run") end

function many.describe_cancel(command)
  describe(command, "cancel")
  one.describe_reason(command)
end

local function names_several(options)
  return options.all or filters.is_given(options)
end

function many.problem(options, now)
  local problem = filters.problem(options, now)
  if problem then return problem end
  if options.id then
    return names_several(options) and "an ID says which, and so do the other options: give one or the other" or nil
  end
  if not names_several(options) then
    return "nothing says what to " .. options.action ..
      ": give an ID, --all, or an option that says which, such as --app or --since"
  end
  return confirmation.problem(options)
end

-- How many the options select, and whether there are more.
local function count(box, options)
  local sum, has_more = 0, false
  for _, state in ipairs(STATES[options.action]) do
    local filter = filters.of(options)
    filter.state, filter.limit, filter.examine = state, nil, EXAMINED
    local found, more = box:count(filter, MOST_COUNTED)
    if not found then return nil, more end
    sum, has_more = sum + found, has_more or more
  end
  if sum >= (options.limit or math.huge) then return options.limit, false end
  return sum, has_more
end

local function lines_of(said, ids)
  local lines = { said:format(#ids) }
  for place = 1, #ids <= MOST_LINES and #ids or 0 do lines[place + 1] = "  " .. ids[place] end
  return lines
end

-- Counts, asks, and does it: the ids; an empty list if there are none.
local function act(box, options, question, work)
  local found, more = count(box, options)
  if not found then return nil, more end
  if found == 0 then return {} end
  local told = more and "more than " .. found or tostring(found)
  if not confirmation.is_given(options, question:format(told, found == 1 and "" or "s")) then
    return nil, "nothing was changed"
  end
  return work(filters.of(options))
end

function many.run(box, options, now)
  if options.id then return one.run(box, options, now) end
  local ids, message = act(box, options, "run %s notification%s now, before their waits end?", function(filter)
    return box:run(filter)
  end)
  if not ids then return nil, message end
  output.write(options.json, lines_of("run as soon as each is the first of its app: %d", ids),
    { run = #ids, ids = json.list(ids) })
  return 0
end

function many.cancel(box, options)
  if options.id then return one.cancel(box, options) end
  local ids, message = act(box, options, "give up %s notification%s?", function(filter)
    return box:cancel(filter, text.utf8(options.reason))
  end)
  if not ids then return nil, message end
  output.write(options.json, lines_of("cancelled: %d", ids), { cancelled = #ids, ids = json.list(ids) })
  return 0
end

return many
