--- What is said of an entry of an inbox: as JSON, as a row of a list, as lines; what it waits for, and what an operator
--- can do about that.
local chosen = require "marketplace.cli.support.inbox"
local fields = require "marketplace.inbox.fields"
local log = require "marketplace.log"
local record = require "marketplace.inbox.record"
local times = require "marketplace.cli.support.times"

local entries = {}

--[[ What it waits for ]]

--- When something happens to it: "now", "in 12 min", "lease ends in 45 s", "lease has ended", "behind ID"; nil if
--- nothing will.
---@param entry table
---@param now number
---@return string?
function entries.next(entry, now)
  local length = times.length(entry.at - now)
  if entry.behind then return "behind " .. entry.behind end
  if entry.state == "leased" then return entry.at > now and "lease ends in " .. length or "lease has ended" end
  if entry.state == "ready" then return entry.at > now and "in " .. length or "now" end
end

local function is_held_up(entry, now)
  return entry and entry.state == "ready" and entry.at > now
end

--- What the first of its app does, as the end of a sentence: "runs now".
---@param leader table|nil nil: it is no longer there
---@param now number
---@return string
function entries.doing(leader, now)
  if leader and leader.state == "leased" then
    return leader.at > now and "runs now" or "has lost its lease, and runs again once a worker looks"
  end
  if is_held_up(leader, now) then return "is tried again in " .. times.length(leader.at - now) end
  return leader and leader.state == "ready" and "runs next" or "has just ended"
end

--- What an operator can do about one that holds up those behind it; nothing if it does not.
---@param leader table|nil
---@param now number
---@param options table parsed arguments: the inbox
---@return string[]
function entries.hints(leader, now, options)
  if not is_held_up(leader, now) then return {} end
  return {
    "  to have that one run now:  " .. chosen.command(options, "run", leader.id),
    "  to give that one up:       " .. chosen.command(options, "cancel", leader.id),
  }
end

--[[ All of it ]]

local IS_TIME = { time = true, clock = true } -- kinds of fields

--- For programs. The id is the one that finds the entry again: for another body under the same id, it includes the
--- digest.
---@param entry table
---@return table
function entries.object(entry)
  local object = {}
  for name, value in pairs(entry) do
    object[name] = IS_TIME[fields.kind[name]] and log.timestamp(value) or value
  end
  object.key = nil
  for i, item in ipairs(entry.history or {}) do
    if i == 1 then object.history = {} end
    object.history[i] = {
      at = log.timestamp(item.at), what = item.what, attempt = item.attempt, reason = item.reason,
    }
  end
  return object
end

--- The columns of a list of entries.
---@param now number
---@return table[] see output.list
function entries.columns(now)
  return {
    { "STATE", "state" },
    { "NEXT", function(entry) return entries.next(entry, now) end },
    { "AGE", function(entry) return times.length(now - entry.received_at) end },
    { "TRIES", "attempt" },
    { "CODE", "code" },
    { "EVENT", "event" },
    { "APP", "app_id" },
    { "ID", "id" },
    { "REASON", function(entry) return entry.reason and entry.reason:match("^[^\n]*") end },
  }
end

local UNSIGNED = "- (it came without a signature: reconcile put it here)"
local FORWARDED = "- (it is to be sent on, and signed anew: a forward put it here)"
local NO_BODY = "(no body: that of a done notification is kept for as long as `serve --keep` says)"

-- `next` is not a field: it says what `at` and `behind` mean now.
local SHOWN = { "id" }
for _, name in ipairs(fields.summary) do
  if name ~= "id" and name ~= "key" then SHOWN[#SHOWN + 1] = name end
  if name == "state" then SHOWN[#SHOWN + 1] = "next" end
end

SHOWN[#SHOWN + 1] = "traceparent"

local HAPPENED = {
  lost = "attempt %d ended without a result", rearmed = "was delivered again, and made ready",
  replayed = "was replayed", run = "was to run at once", done = "was done",
}

-- An item of its history, but for when that was.
local function happening(item)
  local attempt = ("%d"):format(item.attempt)
  local told = HAPPENED[item.what] or item.attempt == 0 and item.what or item.what .. " at attempt %s"
  return told:gsub("%%[sd]", attempt) .. (item.reason and ": " .. item.reason:match "^[^\n]*" or "")
end

local function add_history(lines, entry)
  for i, item in ipairs(entry.history or {}) do
    lines[#lines + 1] = ("%-12s %s %s"):format(i == 1 and "history" or "", log.timestamp(item.at), happening(item))
  end
end

--- For people: a line for each field, what happened to it, and the body.
---@param entry table
---@param now number
---@return string[]
function entries.lines(entry, now)
  local lines, object = {}, entries.object(entry)
  object.next = entries.next(entry, now)
  if record.is_unsigned(entry.digest) then
    object.verified_by = entry.event == record.FORWARD and FORWARDED or UNSIGNED
  end
  for _, name in ipairs(SHOWN) do
    if object[name] ~= nil then lines[#lines + 1] = ("%-12s %s"):format(name, tostring(object[name])) end
  end
  add_history(lines, entry)
  lines[#lines + 1] = ""
  lines[#lines + 1] = entry.body or NO_BODY
  return lines
end

return entries
