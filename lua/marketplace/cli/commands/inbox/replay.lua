--- marketplace inbox replay: makes dead or done notifications ready again, and says what each of them waits for.
local chosen = require "marketplace.cli.support.inbox"
local codes = require "marketplace.inbox.codes"
local entries = require "marketplace.cli.commands.inbox.entries"
local filters = require "marketplace.cli.commands.inbox.filters"
local json = require "marketplace.json"
local output = require "marketplace.cli.support.output"

local replay = {}

local MOST_LINES = 20      -- more notifications are summed up
local MOST_LEADERS = 5     -- that a summary names
local MOST_EXAMINED = 10000

--[[ The command line ]]

function replay.describe(command)
  command:argument("id", "the notification's id"):args("?"):argname("ID")
  command:mutex(
    command:flag("--dead", "replay dead notifications; alone, all of them"),
    command:flag("--done", "replay done ones whose body is still kept; needs an ID or an option that says which")
  )
  filters.describe(command, "replay", codes.REPLAYED)
  command:flag("--newest", "with --limit, replay the newest of them, not the oldest")
  command:option("--limit", "replay at most this many"):argname("N")
end

function replay.problem(options, now)
  local problem = filters.problem(options, now)
  if problem then return problem end
  local says_which = options.id or filters.is_given(options)
  if options.done and not says_which then
    return "--done needs an ID or an option that says which, such as --app or --since"
  end
  if options.done and options.code then return "--code is of dead notifications, and --done of done ones" end
  if not (options.dead or says_which) then
    return "nothing says what to replay: give an ID, --dead, or an option that says which, such as --app or --since"
  end
end

--[[ What they wait for ]]

-- The replayed ones, by id.
local function each_of(box, ids)
  local found = {}
  for _, id in ipairs(ids) do
    local entry, message = box:get(id)
    if message then return nil, message end
    found[id] = entry
  end
  return found
end

-- Those of many that are still ready, by id; as far as they are among the first that the options select.
local function ready_of(box, ids, options)
  local filter = filters.of(options)
  filter.state, filter.code, filter.newest, filter.limit = "ready", nil, options.newest, MOST_EXAMINED
  local ready, message = box:list(filter)
  if not ready then return nil, message end
  local was_replayed, found = {}, {}
  for _, id in ipairs(ids) do was_replayed[id] = true end
  for _, entry in ipairs(ready) do
    if was_replayed[entry.id] then found[entry.id] = entry end
  end
  return found
end

-- Those that were not replayed and that replayed ones wait behind: {id=, count=}, the one with the most first.
local function leaders_of(found)
  local leaders, by_id = {}, {}
  for _, entry in pairs(found) do
    local id = entry.behind
    if id and not found[id] then
      if not by_id[id] then
        by_id[id] = { id = id, count = 0 }
        leaders[#leaders + 1] = by_id[id]
      end
      by_id[id].count = by_id[id].count + 1
    end
  end
  table.sort(leaders, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a.id < b.id
  end)
  return leaders
end

-- Adds what they are to the leaders that are named.
local function look_up(box, leaders, most)
  for place = 1, math.min(#leaders, most) do leaders[place].entry = box:get(leaders[place].id) end
end

--[[ What is written ]]

local function line_of(entry, found, leaders, now)
  if entry.state == "leased" then return entry.id .. " runs now" end
  if entry.state ~= "ready" then return entry.id .. " has just run" end
  if not entry.behind then return entry.id .. " runs next" end
  local doing = "is ready again, too"
  for _, leader in ipairs(not found[entry.behind] and leaders or {}) do
    if leader.id == entry.behind then doing = entries.doing(leader.entry, now) end
  end
  return ("%s waits behind %s, which %s"):format(entry.id, entry.behind, doing)
end

local function add_summary(lines, leaders, now, options)
  for place = 1, math.min(#leaders, MOST_LEADERS) do
    local leader = leaders[place]
    lines[#lines + 1] = ("waiting behind %s, which %s: %d"):format(leader.id, entries.doing(leader.entry, now),
      leader.count)
  end
  if #leaders > MOST_LEADERS then
    lines[#lines + 1] = ("others that hold some up: %d; to see which: %s"):format(#leaders - MOST_LEADERS,
      chosen.command(options, "list", "--state", "ready", "--oldest"))
  end
end

local function lines_of(box, options, ids, found, now)
  local lines, leaders = { ("made ready again: %d"):format(#ids) }, leaders_of(found)
  local is_short = #ids <= MOST_LINES
  look_up(box, leaders, is_short and MOST_LINES or MOST_LEADERS)
  if is_short then
    for _, id in ipairs(ids) do lines[#lines + 1] = found[id] and line_of(found[id], found, leaders, now) end
  else
    add_summary(lines, leaders, now, options)
  end
  for _, leader in ipairs(leaders) do
    local hints = entries.hints(leader.entry, now, options)
    if #hints > 0 then lines[#lines + 1] = leader.id .. " holds up what waits behind it:" end
    for _, hint in ipairs(hints) do lines[#lines + 1] = hint end
  end
  return lines
end

local function object_of(ids, found)
  local behind = {}
  for place, leader in ipairs(leaders_of(found)) do behind[place] = { id = leader.id, notifications = leader.count } end
  return { replayed = #ids, ids = json.list(ids), behind = json.list(behind) }
end

--[[ The action ]]

local function why_not(entry, options)
  if entry.state == "ready" then
    return "it is ready already; to have it run now: " .. chosen.command(options, "run", entry.id)
  end
  if entry.state == "leased" then return "it runs now" end
  if entry.state == "done" then
    if options.done then return "its body is no longer kept" end
    return "it is done; to run it once more: " .. chosen.command(options, "replay", entry.id, "--done")
  end
  if entry.code == "invalid" then return "it cannot be read, so no callback can take it: " .. entry.reason end
  if options.done then return "it is dead, and --done is of done ones" end
  return "the other options do not select it"
end

-- Of an id that was named, and that selected nothing.
local function nothing_replayed(box, options)
  local found, message = box:list { id = options.id }
  if not found then return message end
  if #found == 0 then return chosen.not_there(options, options.id) end
  return ("%s is not replayed: %s"):format(found[1].id, why_not(found[1], options))
end

function replay.run(box, options, now)
  local filter = filters.of(options)
  filter.state, filter.newest = options.done and "done" or "dead", options.newest
  local ids, message = box:replay(filter)
  if not ids then return nil, message end
  if options.id and #ids == 0 then return nil, nothing_replayed(box, options) end
  local found
  if #ids <= MOST_LINES then
    found, message = each_of(box, ids)
  else
    found, message = ready_of(box, ids, options)
  end
  if not found then return nil, ("made ready again: %d; what they wait for is not known: %s"):format(#ids, message) end
  local lines = not options.json and lines_of(box, options, ids, found, now) or nil
  output.write(options.json, lines, object_of(ids, found))
  return 0
end

return replay
