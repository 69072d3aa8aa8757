--- marketplace inbox run and cancel: what an operator does with one notification that waits.
local chosen = require "marketplace.cli.support.inbox"
local entries = require "marketplace.cli.commands.inbox.entries"
local output = require "marketplace.cli.support.output"
local text = require "marketplace.text"

local one = {}

local BY_OPERATOR = "cancelled by an operator"
local DOES = { ready = "runs next", leased = "runs now" }

function one.describe_reason(command)
  command:option("--reason", "why, to be kept with it"):default(BY_OPERATOR):argname("TEXT")
end

-- Why nothing can be done with one that neither waits nor runs.
local function why_not(entry, options)
  local id = entry.id
  if entry.state == "done" then
    return ("%s is done; to run it once more: %s"):format(id, chosen.command(options, "replay", id, "--done"))
  end
  if entry.code == "invalid" then return ("%s is dead, because it cannot be read: %s"):format(id, entry.reason) end
  return ("%s is dead (%s); to make it ready again: %s"):format(id, entry.code, chosen.command(options, "replay", id))
end

local function find(box, options)
  local entry, message = box:get(options.id)
  if entry then return entry end
  return nil, message or chosen.not_there(options, options.id)
end

local function write(options, lines, entry)
  local object = entries.object(entry)
  object.body = nil
  output.write(options.json, lines, object)
end

-- What it waits for although its own wait is over.
local function held_up(box, entry, options, now)
  local leader = box:get(entry.behind)
  local lines = { ("%s waits behind %s, which %s"):format(entry.id, entry.behind, entries.doing(leader, now)) }
  for _, hint in ipairs(entries.hints(leader, now, options)) do lines[#lines + 1] = hint end
  return table.concat(lines, "\n")
end

function one.run(box, options, now)
  local ran, message = box:run { id = options.id }
  if not ran then return nil, message end
  local entry
  entry, message = find(box, options)
  if not entry then return nil, message end
  if entry.behind then return nil, held_up(box, entry, options, now) end
  if #ran == 0 and entry.state ~= "leased" then return nil, why_not(entry, options) end
  write(options, ("%s %s"):format(entry.id, DOES[entry.state] or "has just run"), entry)
  return 0
end

function one.cancel(box, options)
  local entry, message = find(box, options)
  if not entry then return nil, message end
  local cancelled
  cancelled, message = box:cancel({ id = options.id }, text.utf8(options.reason))
  if not cancelled then return nil, message end
  local after = box:get(options.id) or entry
  if #cancelled == 0 then return nil, why_not(after, options) end
  local lines = { ("%s is cancelled; to make it ready again: %s"):format(entry.id,
    chosen.command(options, "replay", entry.id)) }
  if entry.state == "leased" then
    lines[2] = "it was running: its callback is not stopped, but what becomes of it no longer counts, and the next " ..
      "notification of its app can run meanwhile"
  end
  write(options, lines, after)
  return 0
end

return one
