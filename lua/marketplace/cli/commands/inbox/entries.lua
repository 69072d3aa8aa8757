--- What is written of an entry of an inbox: as JSON, as a row of a list, as lines.
local fields = require "marketplace.inbox.fields"
local log = require "marketplace.log"
local record = require "marketplace.inbox.record"
local times = require "marketplace.cli.support.times"
local waiting = require "marketplace.cli.commands.inbox.waiting"

local entries = {}

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
  return object
end

--- The columns of a list of entries.
---@param now number
---@return table[] see output.list
function entries.columns(now)
  return {
    { "STATE", "state" },
    { "NEXT", function(entry) return waiting.next(entry, now) end },
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
local NO_BODY = "(no body: that of a done notification is kept for as long as `serve --keep` says)"

-- `next` is not a field: it says what `at` and `behind` mean now.
local SHOWN = { "id" }
for _, name in ipairs(fields.summary) do
  if name ~= "id" and name ~= "key" then SHOWN[#SHOWN + 1] = name end
  if name == "state" then SHOWN[#SHOWN + 1] = "next" end
end

--- For people: a line for each field, and the body.
---@param entry table
---@param now number
---@return string[]
function entries.lines(entry, now)
  local lines, object = {}, entries.object(entry)
  object.next = waiting.next(entry, now)
  if record.is_unsigned(entry.digest) then object.verified_by = UNSIGNED end
  for _, name in ipairs(SHOWN) do
    if object[name] ~= nil then lines[#lines + 1] = ("%-12s %s"):format(name, tostring(object[name])) end
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = entry.body or NO_BODY
  return lines
end

return entries
