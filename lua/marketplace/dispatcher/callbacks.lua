--- Callbacks by event, by Apple's type name and by "*", and which of them a notification runs.
local callbacks = {}

local Callbacks = {}
Callbacks.__index = Callbacks

local EVENTS = {
  "version_available", "versions_unavailable", "app_unavailable", "versions_restored", "app_restored", "ping",
  "other", "*",
}
local MUST_BE_TAKEN = {
  version_available = true, versions_unavailable = true, app_unavailable = true, versions_restored = true,
  app_restored = true,
}

local is_event = {}
for _, event in ipairs(EVENTS) do is_event[event] = true end

--- Whether a marketplace must do something about the event: if no callback takes it, an app may stay that has to go.
---@param event string
---@return boolean
function callbacks.must_be_taken(event)
  return MUST_BE_TAKEN[event] == true
end

-- Apple's documentation uses both spellings: a callback for either gets both.
local SAME_TYPE = { AppVersionUnavailable = "AppVersionsUnavailable" }

local function is_type_name(name)
  return name:find("^%a[%w]*$") ~= nil and name:find("%u") ~= nil
end

--- Adds a callback; raises for an unknown name, and lists the known ones.
---@param name string an event's name, one of Apple's type names, or "*" for everything
---@param callback function
---@param where string the public function's name, for the message; its caller is blamed
function Callbacks:add(name, callback, where)
  if type(name) ~= "string" or not (is_event[name] or is_type_name(name)) then
    error(("%s: unknown event '%s'; known: %s, and Apple's type names, such as AppUnavailable"):format(
      where, tostring(name), table.concat(EVENTS, ", ")), 3)
  end
  if type(callback) ~= "function" then
    error(where .. ": the callback must be a function, not a " .. type(callback), 3)
  end
  name = SAME_TYPE[name] or name
  local list = self.by_name[name] or {}
  self.by_name[name] = list
  list[#list + 1] = callback
  self.found = {}
end

local function append(list, more)
  for i = 1, more and #more or 0 do list[#list + 1] = more[i] end
end

--- The callbacks that match a notification: those of its event, those of its type, those of "*"; among themselves in
--- the order in which they were added. Only types that have callbacks of their own are remembered one by one: Apple
--- may send any number of others.
---@param n table a notification
---@return function[]
function Callbacks:of(n)
  local type_name = SAME_TYPE[n.type] or n.type
  local of_type = self.by_name[type_name]
  local remembered = of_type and type_name or n.event
  local by_event = self.found[remembered]
  if not by_event then
    by_event = {}
    self.found[remembered] = by_event
  end
  local list = by_event[n.event]
  if not list then
    list = {}
    append(list, self.by_name[n.event])
    append(list, of_type)
    append(list, self.by_name["*"])
    by_event[n.event] = list
  end
  return list
end

function callbacks.new()
  return setmetatable({ by_name = {}, found = {} }, Callbacks)
end

return callbacks
