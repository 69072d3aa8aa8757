--- What a reconciliation remembers until the next one, in a file: one JSON object,
---
---   { "version": 1, "webhooks": { ID: {
---       "app": ID, "inbox": ID, "seen": TIME, "checked": TIME, "witness": { "key": KEY, "at": TIME },
---       "unseen": { "from": TIME, "to": TIME }, "gone": TIME,
---       "asked": { ID OF EVENT: TIME }, "left": { ID OF EVENT: TIME } } } }
---
--- `inbox`: the inbox's id; `seen`: up to which of App Store Connect's times everything was looked at; `checked`: when,
--- by this machine's clock; `witness`: the newest notification that was in the inbox then; `unseen`: what App Store
--- Connect no longer told of; `gone`: since when there is no such webhook; `asked`: for which events a redelivery was
--- asked; `left`: for which it is yet to be asked. Times are ISO 8601 there, and seconds since the epoch here.
local core = require "marketplace.core"
local json = require "marketplace.json"
local log = require "marketplace.log"

local reconcile_state = {}

local VERSION = 1

local State = {}
State.__index = State

--[[ Reading ]]

local function invalid(path)
  return nil, ("%s is not what a reconciliation wrote; without it the next one looks ten days back"):format(path),
    "json_invalid"
end

-- Nothing where there is no such file.
local function read(path)
  local file, problem, number = io.open(path, "rb")
  if not file then
    if number == 2 then return nil end -- ENOENT
    return nil, "the state cannot be read: " .. problem, "file_failed"
  end
  local bytes, read_problem = file:read("*a")
  file:close()
  if not bytes then return nil, ("the state cannot be read: %s: %s"):format(path, read_problem), "file_failed" end
  return bytes
end

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

local function parse(bytes, path)
  local document = json.decode(bytes)
  if type(document) ~= "table" or document.version ~= VERSION or type(document.webhooks) ~= "table" then
    return invalid(path)
  end
  local webhooks = {}
  for id, known in pairs(document.webhooks) do
    if type(known) ~= "table" then return invalid(path) end
    webhooks[id] = known_of(known)
  end
  return webhooks
end

local function load(path)
  local bytes, message, code = read(path)
  if not bytes then
    if message then return nil, message, code end
    return {}
  end
  return parse(bytes, path)
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
  local document = { version = VERSION, webhooks = {} }
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

--- Notes which webhooks of an app there are no more.
---@param app string
---@param ids table<string, boolean> of those that there are
---@param now number
function State:note_gone(app, ids, now)
  for id, known in pairs(self.webhooks) do
    if known.app == app and not ids[id] then known.gone = known.gone or now end
  end
end

--- Forgets the webhooks that were gone before a time.
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
  if not self.path then return true end
  local ok, message, code = core.replace_file(self.path, json.encode(as_document(self.webhooks)) .. "\n")
  if not ok then return nil, "the state cannot be written: " .. message, code end
  return true
end

--- Lets the next reconciliation begin.
function State:close()
  if not self.lock then return end
  os.remove(self.path .. ".lock")
  self.lock:close()
  self.lock = nil
end

--- Opens the state in a file, which need not exist. Whoever has it open for writing keeps others out.
---@param path string|nil nil: nothing is remembered
---@param for_reading? boolean
---@return table|nil state
---@return string? message
---@return string? code locked, file_failed, json_invalid
function reconcile_state.open(path, for_reading)
  local self = setmetatable({ path = path, webhooks = {}, lock = nil }, State)
  if not path then return self end
  local message, code
  if not for_reading then
    -- not the file itself, which is another one after each writing
    self.lock, message, code = core.lock_file(path .. ".lock")
    if not self.lock then
      if code == "locked" then message = "another reconciliation runs with this state: " .. path end
      return nil, message, code
    end
  end
  self.webhooks, message, code = load(path)
  if not self.webhooks then
    self:close()
    return nil, message, code
  end
  return self
end

return reconcile_state
