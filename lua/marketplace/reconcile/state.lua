--- What a reconciliation remembers until the next one, in a file: one JSON object,
---
---   { "version": 1, "webhooks": { ID: {
---       "app": ID, "inbox": ID, "seen": TIME, "checked": TIME, "witness": { "key": KEY, "at": TIME },
---       "unseen": { "from": TIME, "to": TIME }, "gone": TIME,
---       "asked": { ID OF EVENT: TIME }, "left": { ID OF EVENT: TIME } } } }
---
--- `inbox`: the inbox's id; `seen`: up to which of App Store Connect's times everything was compared; `checked`: when,
--- by this machine's clock; `witness`: the newest notification that was in the inbox then; `unseen`: the time that App
--- Store Connect no longer listed; `gone`: since when there is no such webhook; `asked`: the events for which a
--- redelivery was asked; `left`: those for which it is still to be asked. Times are ISO 8601 in the file, and seconds
--- since the epoch here.
local core = require "marketplace.core"
local log = require "marketplace.log"
local state_file = require "marketplace.state_file"

local reconcile_state = {}

local VERSION = 1
local ADVICE = "Move it away, and the next reconciliation looks ten days back"

local State = {}
State.__index = State

--[[ Reading ]]

local function time_of(value)
  return type(value) == "string" and core.parse_time(value) or nil
end

local function times_of(object)
  local times = {}
  for name, value in pairs(type(object) == "table" and object or {}) do times[name] = time_of(value) end
  return times
end

-- A table of one text and one time, or of two times; nil unless it is whole.
local function pair_of(object, first, second, read_first)
  if type(object) ~= "table" then return nil end
  local one, other = read_first(object[first]), time_of(object[second])
  return one and other and { [first] = one, [second] = other } or nil
end

local function text_of(value)
  return type(value) == "string" and value or nil
end

local function known_of(object)
  return {
    app = text_of(object.app), inbox = text_of(object.inbox), seen = time_of(object.seen),
    checked = time_of(object.checked), witness = pair_of(object.witness, "key", "at", text_of),
    unseen = pair_of(object.unseen, "from", "to", time_of), gone = time_of(object.gone),
    asked = times_of(object.asked), left = times_of(object.left),
  }
end

local function parse(document)
  if type(document.webhooks) ~= "table" then return nil end
  local webhooks = {}
  for id, known in pairs(document.webhooks) do
    if type(known) ~= "table" then return nil end
    webhooks[id] = known_of(known)
  end
  return webhooks
end

--[[ Writing ]]

local function as_text(time)
  return time and log.timestamp(time)
end

local function as_texts(times)
  local texts = {}
  for name, time in pairs(times) do texts[name] = as_text(time) end
  return texts
end

local function as_object(known)
  return {
    app = known.app, inbox = known.inbox, seen = as_text(known.seen), checked = as_text(known.checked),
    witness = known.witness and { key = known.witness.key, at = as_text(known.witness.at) },
    unseen = known.unseen and as_texts(known.unseen), gone = as_text(known.gone), asked = as_texts(known.asked),
    left = as_texts(known.left),
  }
end

local function as_document(webhooks)
  local document = { webhooks = {} }
  for id, known in pairs(webhooks) do document.webhooks[id] = as_object(known) end
  return document
end

--- What is known of a webhook, to be changed: fields as in the file, of which only asked and left are always there.
---@param id string
---@return table known
function State:of(id)
  self.webhooks[id] = self.webhooks[id] or { asked = {}, left = {} }
  return self.webhooks[id]
end

--- Notes which webhooks of an app no longer exist.
---@param app string
---@param ids table<string, boolean> of those that exist
---@param now number
function State:note_gone(app, ids, now)
  for id, known in pairs(self.webhooks) do
    if known.app == app and not ids[id] then known.gone = known.gone or now end
  end
end

--- Forgets the webhooks that have been gone since before a time.
---@param time number
function State:forget_gone(time)
  for id, known in pairs(self.webhooks) do
    if known.gone and known.gone < time then self.webhooks[id] = nil end
  end
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
