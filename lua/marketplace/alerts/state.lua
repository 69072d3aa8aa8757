--- What is known of alerts, in a file that several processes share, or in memory:
---
---   { "version": 1,
---     "on": [ { "name": NAME, "about": WHAT, "level": LEVEL, "message": TEXT, "since": TIME, "scope": SCOPE,
---               "seen": TIME } ],
---     "untold": [ { "alert": { "id": ID, "name": NAME, … }, "attempts": N, "due": TIME, "set": TIME, "by": WHO,
---                   "until": TIME } ] }
---
--- `on`: what has begun and not ended; `scope`, `seen`: see marketplace.alerts. `untold`: what is still to be told, in
--- order; `due`: not before; `set`: when that was set; `by`, `until`: who tells it, and by when it is done.
---
--- An alert is most needed when a disk is full. So if the file cannot be used, this process goes on in memory: what is
--- told may then be told twice, by another process or after a restart.
local core = require "marketplace.core"
local json = require "marketplace.json"
local outage = require "marketplace.outage"
local state_file = require "marketplace.state_file"

local alert_state = {}

local VERSION = 1
local PATIENCE_SECONDS = 5 -- with another process that has the file
local ADVICE = "Remove it, and what is wrong now is told again"

local State = {}
State.__index = State

--[[ The file's form ]]

local TEXT, NUMBER = "string", "number"
local KNOWN = { name = TEXT, message = TEXT, level = TEXT, since = NUMBER }
local TOLD = { id = TEXT, state = TEXT, at = NUMBER }
local UNTOLD = { attempts = NUMBER, due = NUMBER, set = NUMBER }
local CAN_BE_ABSENT = { about = TEXT, scope = TEXT, seen = NUMBER, by = TEXT, ["until"] = NUMBER }

local function has(one, fields)
  if type(one) ~= "table" then return false end
  for name, expected in pairs(fields) do
    if type(one[name]) ~= expected then return false end
  end
  for name, expected in pairs(CAN_BE_ABSENT) do
    if one[name] ~= nil and type(one[name]) ~= expected then return false end
  end
  return true
end

local function is_on(one) return has(one, KNOWN) end

local function is_untold(one) return has(one, UNTOLD) and has(one.alert, KNOWN) and has(one.alert, TOLD) end

local function all(list, is_right)
  if not json.is_list(list) then return false end
  for _, one in ipairs(list) do
    if not is_right(one) then return false end
  end
  return true
end

local function parse(document)
  if not (all(document.on, is_on) and all(document.untold, is_untold)) then return nil end
  return { on = document.on, untold = document.untold }
end

local function empty()
  return { on = json.list {}, untold = json.list {} }
end

--[[ The file, and memory in its place ]]

local function open(self, read_only)
  return state_file.open {
    path = self.path, task = "alerts", version = VERSION, parse = parse, advice = ADVICE, read_only = read_only,
    files = self.files,
  }
end

-- Who has it for a moment is waited for by trying again.
local function is_busy(self, code)
  local now = self.monotonic()
  if code ~= "locked" then return false end
  self.busy_since = self.busy_since or now
  return now - self.busy_since < PATIENCE_SECONDS
end

local function report(self, message)
  self.outage:failed {
    level = "warning", message = "alerts not remembered", at = self.clock(),
    reason = ("%s; they may be told twice"):format(message),
  }
end

-- What is on is known best here; what others have still to tell is theirs.
local function merged(self, found)
  if not self.is_ahead then return found or empty() end
  local own, is_known = self.document, {}
  for _, one in ipairs(own.untold) do is_known[one.alert.id] = true end
  for _, one in ipairs(found and found.untold or {}) do
    local id = one.alert.id
    if not is_known[id] and not self.settled[id] then own.untold[#own.untold + 1] = one end
  end
  return own
end

local function change_memory(self, apply, message, code)
  self.is_ahead = true
  apply(self.document)
  report(self, code == "locked" and ("another process keeps %s.lock"):format(self.path) or message)
  return true
end

local function change_file(self, file, apply)
  self.busy_since, self.document = nil, merged(self, file.state)
  local is_changed = apply(self.document) or self.is_ahead
  local ok, message = true, nil
  if is_changed then ok, message = file:save { on = self.document.on, untold = self.document.untold } end
  file:close()
  self.is_ahead = not ok
  if not ok then return report(self, message) end
  self.settled = {}
  self.outage:worked(self.clock())
end

--- Changes it, so that all processes see it.
---@param apply fun(document: table): boolean|nil whether it has changed it; must not raise
---@return boolean done false: another process has the file just now; nothing was changed
function State:change(apply)
  if not self.path then
    apply(self.document)
    return true
  end
  local file, message, code = open(self)
  if not file and is_busy(self, code) then return false end
  if not file then return change_memory(self, apply, message, code) end
  change_file(self, file, apply)
  return true
end

--- What it is now, not to be changed.
---@return table document
function State:read()
  if not self.path or self.is_ahead then return self.document end
  local file, message = open(self, true)
  if not file then
    report(self, message)
    return self.document
  end
  self.document = file.state or empty()
  self.outage:worked(self.clock())
  return self.document
end

--- Writes what could not be written before, if it can be now.
function State:catch_up()
  if self.is_ahead then self:change(function() end) end
end

--- Notes that something was told: while the file cannot be written it still says otherwise.
---@param id string
function State:settle(id)
  if self.path then self.settled[id] = true end
end

--- What is known of alerts.
---@param given {path?: string, log: table, clock: (fun(): number), monotonic?: (fun(): number), files?: table}
function alert_state.new(given)
  return setmetatable({
    path = given.path, clock = given.clock, monotonic = given.monotonic or core.monotonic, files = given.files,
    outage = outage.new(given.log, "alerts remembered again"), document = empty(), is_ahead = false, settled = {},
    busy_since = nil,
  }, State)
end

return alert_state
