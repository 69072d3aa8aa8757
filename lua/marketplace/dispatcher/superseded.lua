--- Whether a later event already says the opposite: notifications of one app can arrive out of order, and an older one
--- must not undo a newer one.
---
--- A scope is what an event is about, in one string that an inbox keeps when it drops the body: package ids and, after
--- an empty line, territories, one per line (ids contain no line feeds).
local notification = require "marketplace.notification"

local superseded = {}

-- What each event is undone by. A version that became available means that its app is sold again, too.
local UNDONE_BY = {
  version_available = { versions_unavailable = true, app_unavailable = true },
  versions_restored = { versions_unavailable = true, app_unavailable = true },
  app_restored = { app_unavailable = true },
  versions_unavailable = { versions_restored = true, version_available = true },
  app_unavailable = { app_restored = true, version_available = true },
}

local function joined(list)
  if not list then return "" end
  return #list == 1 and list[1] or table.concat(list, "\n")
end

--- What a notification is about; nil if it can undo nothing.
---@param n table a notification
---@return string|nil
function superseded.scope(n)
  if not UNDONE_BY[n.event] then return nil end
  local packages = n.package_ids and joined(n.package_ids) or n.package_id or ""
  if not n.territories then return packages end
  return packages .. "\n\n" .. joined(n.territories)
end

local function set_of(text)
  local set
  for word in text:gmatch("[^\n]+") do
    set = set or {}
    set[word] = true
  end
  return set
end

-- The sets of package ids and of territories, nil if it names none.
local function parts(scope)
  local packages, territories = scope:match("^(.-)\n\n(.*)$")
  if not packages then return set_of(scope), nil end
  return set_of(packages), set_of(territories) or {}
end

local function within(part, whole)
  if not whole then return true end
  if not part then return false end
  for word in pairs(part) do
    if not whole[word] then return false end
  end
  return true
end

-- Some of these name no package, as when generation 2 announces a version: that means one unknown package, not all.
local ABOUT_PACKAGES = { version_available = true, versions_restored = true, versions_unavailable = true }

local function covers_packages(event, packages, later_event, later_packages)
  if not ABOUT_PACKAGES[event] or not ABOUT_PACKAGES[later_event] then return true end
  return packages ~= nil and later_packages ~= nil and within(packages, later_packages)
end

local function covers(event, scope, later_event, later_scope)
  local packages, territories = parts(scope)
  local later_packages, later_territories = parts(later_scope)
  -- a new version does not bring territories back
  if later_event == "version_available" and territories then return false end
  if not within(territories, later_territories) then return false end
  return covers_packages(event, packages, later_event, later_packages)
end

--- Whether an event with this scope, later, undoes the notification.
---@param n table a notification
---@param event string the later one's event
---@param scope string the later one's scope
---@return boolean
function superseded.by(n, event, scope)
  local undone_by = UNDONE_BY[n.event]
  return undone_by ~= nil and undone_by[event] == true and covers(n.event, superseded.scope(n), event, scope)
end

local function scope_of(entry)
  if entry.scope then return entry.scope end
  local n = entry.body and notification.parse(entry.body)
  return n and superseded.scope(n)
end

--- The latest event in an inbox that undoes the notification. Raises if the inbox cannot be reached.
---@param inbox marketplace.Inbox
---@param n table a notification
---@return {id: string, event: string, time: number}|nil
function superseded.find(inbox, n)
  if not (n.app_id and n.time and UNDONE_BY[n.event]) then return nil end
  local found
  for _, entry in ipairs(assert(inbox:later(n.app_id, n.time))) do
    local scope = UNDONE_BY[entry.event] and scope_of(entry)
    if scope and superseded.by(n, entry.event, scope) and (not found or entry.time > found.time) then
      found = { id = entry.id, event = entry.event, time = entry.time }
    end
  end
  return found
end

return superseded
