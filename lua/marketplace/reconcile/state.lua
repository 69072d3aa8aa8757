--- What a reconciliation remembers until the next one, in a file: one JSON object,
---
---   { "version": 1, "webhooks": { ID: {
---       "app": ID, "url": URL, "inbox": ID, "seen": TIME, "checked": TIME, "deaf": TIME,
---       "witness": { "key": KEY, "at": TIME }, "unseen": { "from": TIME, "to": TIME },
---       "uncompared": { ID OF EVENT: TIME }, "accepted": { ID OF EVENT: TIME },
---       "asked": { ID OF EVENT: TIME }, "left": { ID OF EVENT: TIME } } } }
---
--- `app`, `url`: the webhook's when it was compared last; `inbox`: the inbox's id; `seen`: up to which of App Store
--- Connect's times everything was compared; `checked`: when, by this machine's clock; `deaf`: since when App Store
--- Connect may not have sent everything, as the webhook is disabled or lacks types of events; `witness`: the newest
--- notification that was in the inbox then; `unseen`: a time that App Store Connect cannot list any more, without
--- `from` if nobody knows since when; `uncompared`: the events that could not be compared, and when they were
--- delivered; `accepted`: those that the operator accepted, and when; `asked`: the events for which a redelivery was
--- asked; `left`: those for which it is still to be asked. Times are ISO 8601 in the file, and seconds since the epoch
--- here.
local core = require "marketplace.core"
local log = require "marketplace.log"
local state_file = require "marketplace.state_file"

local reconcile_state = {}

--- Where the command keeps it, if nothing else is said.
reconcile_state.DEFAULT = "marketplace.reconcile.json"

local VERSION = 1
local ADVICE = "Move it away, and the next reconciliation looks ten days back"

local State = {}
State.__index = State

--[[ Kinds of fields: each is {read, write}. What is not as it should be is not read as if it were not there: what
would be lost with it might be the memory of a gap. ]]

local function identity(value)
  return value
end

local TEXT = { read = function(value) return type(value) == "string" and value or nil end, write = identity }

local TIME = {
  read = function(value) return type(value) == "string" and core.parse_time(value) or nil end,
  write = function(time) return log.timestamp(time) end,
}

local TIMES = {}

function TIMES.read(object)
  if type(object) ~= "table" then return nil end
  local times = {}
  for name, value in pairs(object) do
    times[name] = TIME.read(value)
    if not times[name] then return nil end
  end
  return times
end

function TIMES.write(times)
  local texts = {}
  for name, time in pairs(times) do texts[name] = TIME.write(time) end
  return texts
end

-- Nil if a field is malformed. Those that are not there stay nil.
local function read_fields(fields, object)
  if type(object) ~= "table" then return nil end
  local made = {}
  for name, kind in pairs(fields) do
    if object[name] ~= nil then
      made[name] = kind.read(object[name])
      if made[name] == nil then return nil end
    end
  end
  return made
end

local function write_fields(fields, made)
  local object = {}
  for name, kind in pairs(fields) do
    if made[name] ~= nil then object[name] = kind.write(made[name]) end
  end
  return object
end

local function object_of(fields, required)
  return {
    read = function(value)
      local made = read_fields(fields, value)
      for _, name in ipairs(required) do
        if not made or made[name] == nil then return nil end
      end
      return made
    end,
    write = function(made) return write_fields(fields, made) end,
  }
end

local FIELDS = {
  app = TEXT, url = TEXT, inbox = TEXT, seen = TIME, checked = TIME, deaf = TIME,
  witness = object_of({ key = TEXT, at = TIME }, { "key", "at" }),
  unseen = object_of({ from = TIME, to = TIME }, { "to" }),
  uncompared = TIMES, accepted = TIMES, asked = TIMES, left = TIMES,
}

local function with_times(known)
  for name, kind in pairs(FIELDS) do
    if kind == TIMES then known[name] = known[name] or {} end
  end
  return known
end

local function parse(document)
  if type(document.webhooks) ~= "table" then return nil end
  local webhooks = {}
  for id, object in pairs(document.webhooks) do
    local known = read_fields(FIELDS, object)
    if not known then return nil end
    webhooks[id] = with_times(known)
  end
  return webhooks
end

local function as_document(webhooks)
  local document = { webhooks = {} }
  for id, known in pairs(webhooks) do document.webhooks[id] = write_fields(FIELDS, known) end
  return document
end

--[[ For callers ]]

--- What is known of a webhook, to be changed: fields as in the file, of which only those with the times of events are
--- always there.
---@param id string
---@return table known
function State:of(id)
  self.webhooks[id] = self.webhooks[id] or with_times {}
  return self.webhooks[id]
end

--- The ids of the webhooks of which something is known.
---@return string[] ids sorted
function State:ids()
  local ids = {}
  for id in pairs(self.webhooks) do ids[#ids + 1] = id end
  table.sort(ids)
  return ids
end

--- Forgets a webhook.
---@param id string
function State:forget(id)
  self.webhooks[id] = nil
end

--- Writes what has changed. Without a path there is nothing to do.
---@return true|nil
---@return string? message
---@return string? code file_failed
function State:save()
  if not self.file then return true end
  return self.file:save(as_document(self.webhooks))
end

--- Releases the lock, so that the next reconciliation can begin.
function State:close()
  if self.file then self.file:close() end
end

--- Opens the state in a file, which need not exist.
---@param path string|nil nil: nothing is remembered
---@param read_only? boolean do not keep other reconciliations out
---@return table|nil state
---@return string? message
---@return string? code those of marketplace.state_file
function reconcile_state.open(path, read_only)
  local self = setmetatable({ file = nil, webhooks = {} }, State)
  if not path then return self end
  local message, code
  -- the file itself: whichever link names it, there is one lock
  path = core.real_path(path) or path
  self.file, message, code = state_file.open {
    path = path, task = "reconciliation", version = VERSION, parse = parse, advice = ADVICE, read_only = read_only,
  }
  if not self.file then return nil, message, code end
  self.webhooks = self.file.state or self.webhooks
  return self
end

return reconcile_state
