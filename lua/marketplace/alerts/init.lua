--- Alerts: what an operator is to be told, once when it begins and once when it ends, by a command or a function.
---
--- Whoever looks at something says how it is (`observe`); this compares it with what is known
--- (marketplace.alerts.state) and tells what is new (`turn`): one at a time, again later if that failed, and of one
--- thing in order. What was begun to be told when the process ended is told again: at least once, with the same `id`.
--- Neither of the two waits.
local alert_state = require "marketplace.alerts.state"
local core = require "marketplace.core"
local text = require "marketplace.text"

local alerts = {}

local MOST_ON, MOST_UNTOLD = 1000, 1000
local MOST_TEXT = 500         -- bytes
local TURN_SECONDS = 0.1      -- between two turns that do something
local CATCH_UP_SECONDS = 10
local CLAIM_SECONDS = 60      -- by when the process that tells one must have done so: longer than a command may take
local SEEN_SECONDS = 60       -- for which what somebody saw overrules what others see
local SEEN_EVERY = 20
local FIRST_WAIT, LONGEST_WAIT, MOST_ATTEMPTS = 60, 3600, 12 -- about seven hours

---@class marketplace.Alert
---@field id string names this telling: if it comes again, it was told before
---@field name string what kind, see docs/alerts.md
---@field state "begins"|"ends"
---@field level "warning"|"error" error: look at it now
---@field message string what happened, to what, and what to do next
---@field about? string what it is about, if there may be several: a webhook, a file, a host
---@field since number when it began, in seconds since the epoch
---@field at number when this happened, in seconds since the epoch

---@class marketplace.alerts.Observation how one thing is
---@field name string
---@field about? string
---@field is_on boolean whether it is as it should not be
---@field level? "warning"|"error" if it is on
---@field message string if it is on: what to tell; otherwise: that it is over
---@field patience? number seconds that it must be on before it is told, default 0
---@field settle? number seconds that it must be off before that is told, default 0
---@field is_of_observer? boolean others may see it otherwise: what one of them saw within a minute is so
---@field scope? string what the observer looked at, see `observe`

---@class marketplace.Alerts
local Alerts = {}
Alerts.__index = Alerts

--[[ What is on ]]

local function key_of(one)
  return one.name .. "\0" .. (one.about or "")
end

local function find(list, key)
  for place, one in ipairs(list) do
    if key_of(one) == key then return one, place end
  end
end

local function was_seen_lately(entry, now)
  local age = now - (entry.seen or -math.huge)
  return age >= 0 and age < SEEN_SECONDS
end

-- For how long it has been so, as far as this process has looked.
local function lasting(since, key, now)
  since[key] = since[key] or now
  return now - since[key]
end

-- "begins", "ends", "seen", or nil: nothing is to be done.
local function judge(self, entry, one)
  local key, monotonic, now = key_of(one), self.monotonic(), self.clock()
  local before = one.is_on and self.off_since or self.on_since
  before[key] = nil
  if one.is_on and not entry then
    return lasting(self.on_since, key, monotonic) >= (one.patience or 0) and "begins" or nil
  elseif one.is_on then
    local age = now - (entry.seen or now)
    return one.is_of_observer and (age >= SEEN_EVERY or age < 0) and "seen" or nil
  elseif not entry then
    self.off_since[key] = nil
    return nil
  end
  local is_over = lasting(self.off_since, key, monotonic) >= (one.settle or 0) and not was_seen_lately(entry, now)
  return is_over and "ends" or nil
end

local function cut(value)
  return value and text.cut(text.safe(value), MOST_TEXT)
end

local function add_untold(self, document, entry, state, message)
  local now = self.clock()
  if #document.untold >= MOST_UNTOLD then
    self.log.write {
      level = "error", message = "alert given up", at = now, code = entry.name, reason = "too many wait to be told",
    }
    return
  end
  document.untold[#document.untold + 1] = {
    alert = {
      id = core.random_hex(8), name = entry.name, about = entry.about, state = state, message = cut(message),
      level = entry.level, since = entry.since, at = now,
    }, attempts = 0, due = now, set = now,
  }
end

local function begin(self, document, one)
  if #document.on >= MOST_ON then return false end
  local now = self.clock()
  local entry = {
    name = one.name, about = cut(one.about), message = cut(one.message), level = one.level or "error", since = now,
    scope = cut(one.scope), seen = one.is_of_observer and now or nil,
  }
  document.on[#document.on + 1] = entry
  add_untold(self, document, entry, "begins", entry.message)
  return true
end

local function finish(self, document, key, message)
  local entry, place = find(document.on, key)
  table.remove(document.on, place)
  add_untold(self, document, entry, "ends", message or "over: " .. entry.message)
end

local function act(self, document, one)
  local key = key_of(one)
  local entry = find(document.on, key)
  local verdict = judge(self, entry, one)
  if verdict == "begins" then return begin(self, document, one) end
  if verdict == "ends" then finish(self, document, key, one.message) end
  if verdict == "seen" then entry.seen = self.clock() end
  return verdict ~= nil
end

-- What was on in a scope of which all was looked at, and is not there any more.
local function gone(document, list, complete)
  local is_there, keys = {}, {}
  for _, one in ipairs(list) do is_there[key_of(one)] = true end
  for _, entry in ipairs(complete and document.on or {}) do
    local is_of_scope = entry.name == complete.name and entry.scope == cut(complete.scope)
    if is_of_scope and not is_there[key_of(entry)] then keys[#keys + 1] = key_of(entry) end
  end
  return keys
end

local function needs_change(self, document, list, complete)
  for _, one in ipairs(list) do
    if judge(self, find(document.on, key_of(one)), one) then return true end
  end
  return #gone(document, list, complete) > 0
end

--- Says how things are.
---@param list marketplace.alerts.Observation[]
---@param complete? {name: string, scope: string} the list has all of this name in this scope: others are over
---@return boolean done false: another process has the state just now; try again
function Alerts:observe(list, complete)
  for _, one in ipairs(list) do one.about = cut(one.about) end
  if not needs_change(self, self.state:read(), list, complete) then return true end
  return self.state:change(function(document)
    local changed = false
    for _, one in ipairs(list) do changed = act(self, document, one) or changed end
    for _, key in ipairs(gone(document, list, complete)) do
      finish(self, document, key)
      changed = true
    end
    return changed
  end)
end

--[[ Telling ]]

-- A time that was set by a clock that was wrong does not count.
local function is_due(one, now)
  return now >= one.due or one.set > now
end

local function is_others(self, one, now)
  local left = (one["until"] or now) - now
  return one.by ~= nil and one.by ~= self.who and left > 0 and left <= CLAIM_SECONDS
end

-- The first that may be told now: of one thing, the end does not come before the beginning.
local function next_untold(self, document)
  local now, is_behind = self.clock(), {}
  for _, one in ipairs(document.untold) do
    local key = key_of(one.alert)
    if not is_behind[key] and is_due(one, now) and not is_others(self, one, now) then return one end
    is_behind[key] = true
  end
end

local function place_of(document, id)
  for place, one in ipairs(document.untold) do
    if one.alert.id == id then return place, one end
  end
end

local function wait_after(attempts)
  return math.min(LONGEST_WAIT, FIRST_WAIT * 2 ^ (attempts - 1))
end

-- What becomes of one: the entry for the log.
local function settle(self, document, told)
  local place, one = place_of(document, told.alert.id)
  local now = self.clock()
  local entry = { at = now, code = told.alert.name, id = told.alert.id, attempt = one and one.attempts }
  if not one then return entry end
  one.by, one["until"] = nil, nil
  if not told.problem or one.attempts >= MOST_ATTEMPTS then
    table.remove(document.untold, place)
    self.state:settle(told.alert.id)
  else
    entry.again_in = wait_after(one.attempts)
    one.due, one.set = now + entry.again_in, now
  end
  return entry
end

local ENDED_ITS_PROCESS = "each attempt ended its process, or the timer in nginx that it ran in"

-- The next one to tell; what was begun as often as that and has no end is given up. The attempt is counted here.
local function claim(self, document)
  local one = next_untold(self, document)
  while one and one.attempts >= MOST_ATTEMPTS do
    table.remove(document.untold, (place_of(document, one.alert.id)))
    self.state:settle(one.alert.id)
    self.log.write {
      level = "error", message = "alert given up", at = self.clock(), code = one.alert.name, id = one.alert.id,
      reason = ENDED_ITS_PROCESS,
    }
    one = next_untold(self, document)
  end
  if not one then return nil end
  one.attempts, one.by, one["until"] = one.attempts + 1, self.who, self.clock() + CLAIM_SECONDS
  return one
end

local function verdict(told, entry)
  if not told.problem then return { level = "info", message = "alert told" } end
  if entry.again_in then return { level = "warning", message = "alert not told" } end
  return { level = "error", message = "alert given up" }
end

local function log_told(self, told, entry)
  for name, value in pairs(verdict(told, entry)) do entry[name] = value end
  entry.reason = told.problem or told.alert.state .. ": " .. told.alert.message
  self.log.write(entry)
end

local function copy(alert)
  local own = {}
  for name, value in pairs(alert) do own[name] = value end
  return own
end

-- The end of what was told, and the beginning of the next, with one change.
local function advance(self, told)
  local entry, chosen
  local is_done = self.state:change(function(document)
    entry = told and settle(self, document, told)
    chosen = claim(self, document)
    return true
  end)
  if not is_done then return end
  if told then log_told(self, told, entry) end
  if self.running and self.running.run then self.running.run:close() end
  self.running = nil
  if not chosen then return end
  local alert = copy(chosen.alert)
  self.telling_until = self.monotonic() + CLAIM_SECONDS
  local ok, run = pcall(self.tell, copy(alert))
  self.telling_until = -math.huge
  self.running = { alert = alert, run = ok and run or nil, problem = not ok and tostring(run) or nil }
end

-- nil: it is still being told.
local function ended(running)
  if not running.run then return { alert = running.alert, problem = running.problem } end
  local is_told, problem = running.run:result()
  if is_told == nil and problem == nil then return nil end
  return { alert = running.alert, problem = not is_told and problem or nil }
end

local function turn(self)
  if self.running then
    local told = ended(self.running)
    if told then advance(self, told) end
  elseif next_untold(self, self.state.document) then
    advance(self)
  elseif self.monotonic() >= self.catch_up_at then
    self.catch_up_at = self.monotonic() + CATCH_UP_SECONDS
    self.state:catch_up()
  end
end

--- Goes on with telling. Call it often: it does something at most ten times a second.
---@return number pause seconds until it goes on, math.huge if nothing is being told
function Alerts:turn()
  local now = self.monotonic()
  if now < self.telling_until then return math.huge end
  if now >= self.turn_at then
    self.turn_at = now + TURN_SECONDS
    turn(self)
  end
  return self:is_telling() and TURN_SECONDS or math.huge
end

--- Whether something is being told, or can be told now.
---@return boolean
function Alerts:is_telling()
  return self.running ~= nil or next_untold(self, self.state.document) ~= nil
end

--- Waits until all that can be told now is told, for so long at most: at the end of a short run.
---@param seconds number
function Alerts:finish(seconds)
  local stop = self.monotonic() + seconds
  while self:is_telling() and self.monotonic() < stop do
    self:turn()
    self.sleep(TURN_SECONDS)
  end
end

local function wait_for_running(self, seconds)
  local stop = self.monotonic() + seconds
  local told = ended(self.running)
  while not told and self.monotonic() < stop do
    self.sleep(TURN_SECONDS)
    told = self.running and ended(self.running)
  end
  return told
end

local function give_back(self, running)
  if running.run then running.run:close() end
  self.state:change(function(document)
    local _, one = place_of(document, running.alert.id)
    if one then one.by, one["until"], one.attempts = nil, nil, one.attempts - 1 end
    return one ~= nil
  end)
end

--- Ends. What is being told is waited for, for so long at most; what is not told then is told by the next process.
---@param seconds number
function Alerts:close(seconds)
  local running = self.running
  if not running then return end
  local told = wait_for_running(self, seconds)
  self.running = nil
  if not told then return give_back(self, running) end
  local entry
  local is_done = self.state:change(function(document)
    entry = settle(self, document, told)
    return true
  end)
  if is_done then log_told(self, told, entry) end
  if running.run then running.run:close() end
end

---@class marketplace.alerts.Options
---@field tell fun(alert: marketplace.Alert): table starts to tell one; the table's `result` returns nil, nil while that
--- lasts, true once it is told, or false and why it is not; its `close` ends it
---@field path? string of the state, default none: it is in memory
---@field log table see marketplace.log
---@field clock? fun(): number
---@field monotonic? fun(): number
---@field sleep? fun(seconds: number)
---@field files? table of marketplace.state_file

---@param given marketplace.alerts.Options
---@return marketplace.Alerts
function alerts.new(given)
  local clock, monotonic = given.clock or core.now, given.monotonic or core.monotonic
  local self = setmetatable({
    tell = given.tell, log = given.log, clock = clock, monotonic = monotonic, sleep = given.sleep or core.sleep,
    state = alert_state.new {
      path = given.path, log = given.log, clock = clock, monotonic = monotonic, files = given.files,
    },
    who = core.random_hex(8), on_since = {}, off_since = {}, running = nil, turn_at = -math.huge,
    telling_until = -math.huge, catch_up_at = -math.huge,
  }, Alerts)
  return self
end

return alerts
