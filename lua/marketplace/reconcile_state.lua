--- What a reconciliation remembers until the next one, in a file: one JSON object,
---
---   { "version": 1, "webhooks": { ID: { "seen": TIME, "checked": TIME, "asked": { ID OF EVENT: TIME } } } }
---
--- `seen`: up to which of App Store Connect's times everything was looked at; `checked`: when, by this machine's clock;
--- `asked`: for which events a redelivery was asked. Times are ISO 8601 there, and seconds since the epoch here.
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
  return type(value) == "string" and core.timestamp(value) or nil
end

local function times_of(object)
  local times = {}
  for name, value in pairs(type(object) == "table" and object or {}) do times[name] = time_of(value) end
  return times
end

local function parse(bytes, path)
  local document = json.decode(bytes)
  if type(document) ~= "table" or document.version ~= VERSION or type(document.webhooks) ~= "table" then
    return invalid(path)
  end
  local webhooks = {}
  for id, known in pairs(document.webhooks) do
    if type(known) ~= "table" then return invalid(path) end
    webhooks[id] = { seen = time_of(known.seen), checked = time_of(known.checked), asked = times_of(known.asked) }
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

local function as_document(webhooks)
  local document = { version = VERSION, webhooks = {} }
  for id, known in pairs(webhooks) do
    local asked = {}
    for event, time in pairs(known.asked) do asked[event] = as_text(time) end
    document.webhooks[id] = { seen = as_text(known.seen), checked = as_text(known.checked), asked = asked }
  end
  return document
end

--- What is known of a webhook, to be changed.
---@param id string
---@return {seen: number|nil, checked: number|nil, asked: table<string, number>}
function State:of(id)
  self.webhooks[id] = self.webhooks[id] or { asked = {} }
  return self.webhooks[id]
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
