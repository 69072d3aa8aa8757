--- The store of packages: what is wanted, what is there, what is current, what Apple and the operator allow. Rows only:
--- it touches no files but its own, and knows no network. Several processes use it at once.
---
--- Every function returns nil, a message and "store_unavailable" if the store fails.
local assets = require "marketplace.packages.store.assets"
local availability = require "marketplace.packages.store.availability"
local catalogue = require "marketplace.packages.store.catalogue"
local database = require "marketplace.packages.database"
local holds = require "marketplace.packages.store.holds"
local ids = require "marketplace.packages.ids"
local jobs = require "marketplace.packages.store.jobs"
local overview = require "marketplace.packages.store.overview"
local schema = require "marketplace.packages.store.schema"
local served = require "marketplace.packages.store.served"
local versions = require "marketplace.packages.store.versions"

local store = {}

---@class marketplace.packages.Store
---@field folder marketplace.packages.Folder
local Store = {}
Store.__index = Store

for _, part in ipairs { jobs, versions, assets, served, catalogue, overview } do
  for name, method in pairs(part.methods) do Store[name] = method end
end

--- Runs work(link) on one state. See marketplace.sqlite.transactions.
function Store:read(work) return self.database:read(work) end

--- Runs work(link, now) in a transaction. See marketplace.sqlite.transactions.
function Store:transact(work) return self.database:transact(work) end

--- Whether a backup took the place of the store since the last call: then rows and folders may disagree, and the writer
--- has to sweep (marketplace.packages.sweep).
---@return boolean
function Store:take_replaced() return self.database:take_replaced() end

--- May be called again.
function Store:close() self.database:close() end

--[[ Apple's word, and the operator's ]]

local AFFECTED = {
  app = "SELECT id FROM versions WHERE app = :id OR item_id = :id ORDER BY id",
  package = "SELECT id FROM versions WHERE package = :id ORDER BY id",
  version = "SELECT id FROM versions WHERE id = :id",
}

local function affected(link, scope, id)
  local list = {}
  for i, row in ipairs(link:run(AFFECTED[scope], { id = id })) do list[i] = row.id end
  return list
end

local function check(about)
  if not AFFECTED[about.scope] then error("scope must be app, package or version", 3) end
  if ids.is_name(about.id) then return true end
  return nil, ("'%s' is no id of %s: letters, digits, full stops, _ and - are expected"):format(tostring(about.id),
    about.scope == "app" and "an app" or "a " .. about.scope), "id_invalid"
end

--- Records whether Apple lets something be distributed. What must no longer be served is withdrawn in the rows; the
--- files follow, see marketplace.packages.settle.
---@param event {scope: "app"|"package"|"version", id: string, territories?: string[]|"*", available: boolean,
--- at?: number, event?: string} territories: default "*", everywhere; an empty list changes nothing; at: the event's
--- own time, default now; event: the notification's id
---@return {changed: string[], older: string[], versions: string[], withdrawn: string[]}|nil outcome changed:
--- territories of which this is the newest word; older: those of which it is not; versions: all that it is about;
--- withdrawn: those of them that were to be served before
---@return string? message
---@return string? code id_invalid, store_unavailable
function Store:availability(event)
  local ok, message, code = check(event)
  if not ok then return nil, message, code end
  return self:transact(function(link, now)
    local outcome = availability.record(link, event, now)
    if event.available and #outcome.changed > 0 then jobs.rearm(link, event.scope, event.id, now) end
    outcome.versions = affected(link, event.scope, event.id)
    outcome.withdrawn = versions.withdraw_refused(link, outcome.versions, now)
    return outcome
  end)
end

--- Keeps something from being served, whatever Apple says, until it is released.
---@param hold {scope: "app"|"package"|"version", id: string, reason?: string}
---@return {versions: string[], withdrawn: string[]}|nil outcome as of store:availability
---@return string? message
---@return string? code id_invalid, store_unavailable
function Store:hold(hold)
  local ok, message, code = check(hold)
  if not ok then return nil, message, code end
  return self:transact(function(link, now)
    holds.add(link, hold, now)
    local list = affected(link, hold.scope, hold.id)
    return { versions = list, withdrawn = versions.withdraw_refused(link, list, now) }
  end)
end

--- Ends a hold.
---@param hold {scope: "app"|"package"|"version", id: string}
---@return {was_held: boolean, versions: string[]}|nil outcome
---@return string? message
---@return string? code id_invalid, store_unavailable
function Store:release(hold)
  local ok, message, code = check(hold)
  if not ok then return nil, message, code end
  return self:transact(function(link)
    return { was_held = holds.remove(link, hold), versions = affected(link, hold.scope, hold.id) }
  end)
end

--- All holds, the oldest first.
---@return {scope: string, id: string, reason?: string, since: number}[]|nil
---@return string? message
---@return string? code store_unavailable
function Store:holds()
  return self:read(holds.list)
end

--- Why a version must not be served, or false if it may.
---@param about {id?: string, package?: string, app?: string, item_id?: string} what is known of it
---@return {why: "held"|"unavailable", by: table}|false|nil by: the hold or the event
---@return string? message
---@return string? code store_unavailable
function Store:refusal(about)
  return self:read(function(link) return versions.refusal(link, about) or false end)
end

--- Whether Apple lets a version be distributed anywhere.
---@param about table as of store:refusal
---@return boolean|nil
---@return table|string|nil event the one that keeps it from everywhere; or the message of a failure
---@return string? code store_unavailable
function Store:is_available(about)
  local found, message, code = self:read(function(link)
    local is_available, event = availability.anywhere(link, about)
    return { is_available = is_available, event = event }
  end)
  if not found then return nil, message, code end
  return found.is_available, found.event
end

--- Where Apple lets a version be distributed.
---@param about table as of store:refusal
---@return table<string, boolean>|nil territories "*": all that are not named
---@return string? message
---@return string? code store_unavailable
function Store:territories(about)
  return self:read(function(link) return (availability.of(link, about)) end)
end

--[[ Totals ]]

local JOBS, VERSIONS = { "wanted", "ended" }, { "staged", "published", "withdrawn", "collected" }

-- One pass over a table, and no sorting.
local function sums(states)
  local parts = {}
  for i, state in ipairs(states) do parts[i] = ("coalesce(sum(state = '%s'), 0) AS %s"):format(state, state) end
  return table.concat(parts, ", ")
end

local OF_JOBS = "SELECT " .. sums(JOBS) .. ", min(CASE WHEN state = 'wanted' THEN since END) AS since FROM jobs"
local OF_VERSIONS = "SELECT " .. sums(VERSIONS) .. ", coalesce(sum(CASE WHEN state = 'published' THEN bytes END), " ..
  "0) AS bytes FROM versions"
-- few assets are like that
local UNVERIFIED = "SELECT count(*) AS count FROM assets CROSS JOIN versions ON versions.id = assets.version AND " ..
  "state = 'published' WHERE proof = 'size'"

local function by_state(row, states)
  local counts = {}
  for _, state in ipairs(states) do counts[state] = row[state] end
  return counts
end

---@class marketplace.packages.Totals
---@field jobs table<string, integer> by state
---@field versions table<string, integer> by state
---@field oldest_wanted? number seconds since the oldest job that is wanted was
---@field bytes integer of what is published
---@field unverified integer assets of what is published of which only the size is proved

--- How much there is.
---@return marketplace.packages.Totals|nil
---@return string? message
---@return string? code store_unavailable
function Store:totals()
  return self:read(function(link)
    local jobs_row, versions_row = link:run(OF_JOBS)[1], link:run(OF_VERSIONS)[1]
    local since = jobs_row.since
    return {
      jobs = by_state(jobs_row, JOBS), versions = by_state(versions_row, VERSIONS), bytes = versions_row.bytes,
      oldest_wanted = since and math.max(0, self.database.clock() - since) or nil,
      unverified = link:run(UNVERIFIED)[1].count,
    }
  end)
end

--- Opens the store of a folder, whose `state` must be there.
---@param given {folder: marketplace.packages.Folder, clock?: (fun(): number), timeout?: number,
--- warn?: fun(message: string)} timeout: seconds of a call, default 5
---@return marketplace.packages.Store|nil
---@return string? message
---@return string? code store_unavailable
function store.open(given)
  local opened, message, code = database.open {
    path = given.folder:state "store.db", schema = schema, clock = given.clock, timeout = given.timeout,
    warn = given.warn,
  }
  if not opened then return nil, message, code end
  return setmetatable({ folder = given.folder, database = opened, timeout = opened.timeout }, Store)
end

return store
