--- Takedowns and holds: what must not be served leaves public. The row comes first, then the files: once a takedown is
--- recorded, nothing older undoes it, and whoever comes next moves what is left.
---
--- Quick, in whatever process; the writer's lock is not needed. It can be repeated.
local settle = require "marketplace.packages.settle"

local withdraw = {}

local SCOPES = { "app", "package", "version" }

--- What is meant, of an app, a package and a version.
---@param where string the public function's name, for the message
---@param given {app?: string, package?: string, version?: string} one of them
---@return "app"|"package"|"version" scope
---@return string id
function withdraw.subject(where, given)
  local scope
  for _, name in ipairs(SCOPES) do
    if given[name] ~= nil then
      if scope then error(where .. ": name one of app, package and version", 3) end
      scope = name
    end
  end
  if not scope then error(where .. ": name an app, a package or a version", 3) end
  return scope, given[scope]
end

-- Says that an event changes nothing, if it names no territories.
local function tell_if_empty(p, given, id)
  if type(given.territories) ~= "table" or #given.territories > 0 then return end
  p.log.write {
    level = "warning", message = "no territories", id = given.event, reason = ("the event about %s names none: " ..
      "nothing changes"):format(id),
  }
end

local function joined(outcome, settled, message, code)
  if not settled then return nil, message, code end
  local seen = {}
  for _, id in ipairs(outcome.withdrawn or {}) do seen[id] = true end
  outcome.withdrawn = outcome.withdrawn or {}
  for _, id in ipairs(settled.withdrawn) do
    if not seen[id] then outcome.withdrawn[#outcome.withdrawn + 1] = id end
  end
  outcome.restored, outcome.requested = settled.restored, settled.requested
  return outcome
end

--- Brings the files to where rows that have changed say that they belong.
---@param p table of marketplace.packages
---@param outcome {versions: string[], withdrawn?: string[]} of the store
---@return table|nil outcome with restored and requested
---@return string? message
---@return string? code
function withdraw.follow(p, outcome)
  return joined(outcome, settle.all(p, outcome.versions))
end

--- Records whether Apple lets something be distributed; the files follow.
---@param p table of marketplace.packages
---@param given {territories?: string[]|"*", at?: number, event?: string} as of withdraw.run
---@param available boolean
---@param scope "app"|"package"|"version"
---@param id string
---@return table|nil outcome of the store, with restored and requested
---@return string? message
---@return string? code
function withdraw.record(p, given, available, scope, id)
  tell_if_empty(p, given, id)
  local outcome, message, code = p.store:availability {
    scope = scope, id = id, territories = given.territories, available = available, at = given.at, event = given.event,
  }
  if not outcome then return nil, message, code end
  return withdraw.follow(p, outcome)
end

--- Takes an app, a package or a version down.
---@param p table of marketplace.packages
---@param given {app?: string, package?: string, version?: string, territories?: string[]|"*", at?: number,
--- event?: string} one of the first three; territories: default everywhere; at: the event's own time, default now;
--- event: the notification's id
---@return {changed: string[], older: string[], versions: string[], withdrawn: string[]}|nil outcome changed:
--- territories of which this is the newest word; older: those of which it is not; versions: all that it is about;
--- withdrawn: those that left public
---@return string? message
---@return string? code id_invalid, store_unavailable, file_failed, disk_full
function withdraw.run(p, given)
  return withdraw.record(p, given, false, withdraw.subject("withdraw", given))
end

--- Keeps an app, a package or a version from being served, whatever Apple says, until it is released.
---@param p table of marketplace.packages
---@param given {app?: string, package?: string, version?: string, reason?: string} one of the first three
---@return {versions: string[], withdrawn: string[]}|nil outcome
---@return string? message
---@return string? code id_invalid, store_unavailable, file_failed, disk_full
function withdraw.hold(p, given)
  local scope, id = withdraw.subject("hold", given)
  local outcome, message, code = p.store:hold { scope = scope, id = id, reason = given.reason }
  if not outcome then return nil, message, code end
  return withdraw.follow(p, outcome)
end

return withdraw
