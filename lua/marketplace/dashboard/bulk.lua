--- What an operator does with notifications, with one or with all that a filter selects: which of them it is about, how
--- many these are, and how it is done so that nothing waits for it for long.
local core = require "marketplace.core"

local bulk = {}

local MOST_COUNTED, MOST_EXAMINED = 10000, 20000 -- entries
local SLICE, MOST_AT_ONCE = 1000, 10000 -- entries of one call: of many, or of the only one

--- Why something is cancelled, if nobody says why.
bulk.BY_OPERATOR = "cancelled by an operator"

---@class marketplace.dashboard.Action
---@field states string[] which ones it is about
---@field link string what leads to it
---@field call string of its button, for how many
---@field done string what has become of them, after how many they are
---@field explains {one: string, many: string}

---@type table<string, marketplace.dashboard.Action>
bulk.ACTIONS = {
  replay = {
    states = { "dead", "done" }, link = "Replay…", call = "Replay %s", done = "ready again",
    explains = {
      one = "It runs again, in its old place before what came after it, with no attempt counted.",
      many = "They run again, each in its old place before what came after it, with no attempt counted. What cannot " ..
        "be read (invalid) stays dead.",
    },
  },
  run = {
    states = { "ready" }, link = "Run now…", call = "Run %s now", done = "due now",
    explains = {
      one = "Its wait ends. If another one of its app is before it, it goes on waiting for that.",
      many = "Their waits end. Those that are behind another one of their app go on waiting for that.",
    },
  },
  cancel = {
    states = { "ready", "leased" }, link = "Cancel…", call = "Cancel %s", done = "cancelled",
    explains = {
      one = "It is given up, so that those behind it can run. It stays here as dead (cancelled), and can be " ..
        "replayed. If its callback runs now, that is not stopped, but what becomes of it no longer counts.",
      many = "They are given up, so that those behind them can run. They stay here as dead (cancelled), and can " ..
        "be replayed. A callback that runs now is not stopped, but what becomes of it no longer counts.",
    },
  },
}

local ORDER = { "replay", "run", "cancel" }

local function with(filter, more)
  local copy = {}
  for field, value in pairs(filter) do copy[field] = value end
  for field, value in pairs(more) do copy[field] = value end
  return copy
end

local function has(list, value)
  for _, one in ipairs(list) do
    if one == value then return true end
  end
  return false
end

--- The names of the actions that can be about what a filter selects.
---@param filter marketplace.InboxFilter
---@return string[]
function bulk.possible(filter)
  local names = {}
  for _, name in ipairs(ORDER) do
    local fits = not filter.state or has(bulk.ACTIONS[name].states, filter.state)
    if fits and filter.code ~= "invalid" then names[#names + 1] = name end
  end
  return names
end

--[[ Which ones ]]

-- What an action is about, of what a filter selects; nil if it can be about none of it.
local function filter_of(name, filter)
  if filter.state then return has(bulk.ACTIONS[name].states, filter.state) and filter or nil end
  return name == "replay" and with(filter, { state = "dead" }) or filter
end

-- The same for the calls that read, one for each state.
local function filters_of(name, filter)
  filter = filter_of(name, filter)
  if not filter or filter.state then return { filter } end
  local list = {}
  for i, state in ipairs(bulk.ACTIONS[name].states) do list[i] = with(filter, { state = state }) end
  return list
end

---@class marketplace.dashboard.About
---@field count integer
---@field more boolean whether there may be more than were counted
---@field list table[] the first of them

--- How many an action is about.
---@param inbox marketplace.Inbox
---@param name string of the action
---@param filter marketplace.InboxFilter
---@param most integer how many are to be shown
---@return marketplace.dashboard.About|nil
---@return string? message
function bulk.about(inbox, name, filter, most)
  local about = { count = 0, more = false, list = {} }
  for _, one in ipairs(filters_of(name, filter)) do
    local count, more = inbox:count(with(one, { examine = MOST_EXAMINED }), MOST_COUNTED)
    if not count then return nil, more end
    about.count, about.more = about.count + count, about.more or more
    local list, message = inbox:list(with(one, { limit = most, examine = MOST_EXAMINED }))
    if not list then return nil, message end
    for _, entry in ipairs(list) do
      if #about.list < most then about.list[#about.list + 1] = entry end
    end
  end
  return about
end

--[[ Doing it ]]

local function call(inbox, name, filter, reason)
  if name == "cancel" then return inbox:cancel(filter, reason or bulk.BY_OPERATOR) end
  return inbox[name](inbox, filter)
end

---@class marketplace.dashboard.BulkOutcome
---@field count integer how many were changed
---@field whole boolean whether none is left

--- Does it, to the oldest first. The newest are cancelled first, so that none runs because what it waited for was
--- cancelled before it: until none is left or the time is over. What was run stays what could be run, and what was
--- replayed can die or be done at once, so these are one call: another one would be about the same again.
---@param inbox marketplace.Inbox
---@param name string of the action
---@param filter marketplace.InboxFilter
---@param given {reason?: string, seconds: number}
---@return marketplace.dashboard.BulkOutcome outcome what was done, also before a failure
---@return string? message of the failure
function bulk.apply(inbox, name, filter, given)
  local outcome, ends = { count = 0, whole = true }, core.monotonic() + given.seconds
  local limit = name == "cancel" and SLICE or MOST_AT_ONCE
  filter = filter_of(name, filter)
  while filter do
    local slice = with(filter, { limit = limit, newest = name == "cancel" })
    local ids, message = call(inbox, name, slice, given.reason)
    if not ids then return outcome, message end
    outcome.count = outcome.count + #ids
    if #ids < limit then break end
    if name ~= "cancel" or core.monotonic() >= ends then
      outcome.whole = false
      break
    end
  end
  return outcome
end

return bulk
