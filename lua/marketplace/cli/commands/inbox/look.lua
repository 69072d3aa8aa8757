--- marketplace inbox list, show and stats.
local chosen = require "marketplace.cli.support.inbox"
local codes = require "marketplace.inbox.codes"
local entries = require "marketplace.cli.commands.inbox.entries"
local filters = require "marketplace.cli.commands.inbox.filters"
local output = require "marketplace.cli.support.output"
local states = require "marketplace.cli.commands.inbox.states"
local times = require "marketplace.cli.support.times"

local look = {}

--[[ list ]]

function look.describe_list(command)
  command:option("--state", "list only those in this state"):choices(states.ALL):argname("STATE")
  filters.describe(command, "list", codes.ALL)
  command:flag("--oldest", "list the oldest first")
  command:option("--limit", "list at most this many"):default("100"):argname("N")
end

function look.list(box, options, now)
  local filter = filters.of(options)
  filter.newest = not options.oldest
  local found, message = box:list(filter)
  if not found then return nil, message end
  output.list(options, entries.columns(now), found, entries.object)
  return 0
end

--[[ show ]]

function look.show(box, options, now)
  local found, message = box:list { id = options.id }
  if not found then return nil, message end
  if #found == 0 then return nil, chosen.not_there(options, options.id) end
  for _, one in ipairs(found) do
    local entry = box:get(one.id) or one
    output.write(options.json, entries.lines(entry, now), entries.object(entry))
  end
  return 0
end

--[[ stats ]]

local function stats_of(box)
  local stats, message = box:counts()
  if not stats then return nil, message end
  local backlog
  backlog, message = box:backlog()
  if not backlog then return nil, message end
  stats.codes, stats.oldest_age = backlog.codes, backlog.oldest_age
  stats.next_in, message = box:next_in()
  if message then return nil, message end
  return stats
end

local function length(seconds)
  return seconds and times.length(seconds) or "-"
end

function look.stats(box, options)
  local stats, message = stats_of(box)
  if not stats then return nil, message end
  local lines = {}
  for _, state in ipairs(states.ALL) do lines[#lines + 1] = ("%-13s %d"):format(state, stats[state]) end
  for _, code in ipairs(codes.ALL) do
    if stats.codes[code] > 0 then lines[#lines + 1] = ("  %-11s %d"):format(code, stats.codes[code]) end
  end
  lines[#lines + 1] = ("%-13s %s"):format("oldest waits", length(stats.oldest_age))
  lines[#lines + 1] = ("%-13s %s"):format("next runs in", length(stats.next_in))
  output.write(options.json, lines, stats)
  return 0
end

return look
