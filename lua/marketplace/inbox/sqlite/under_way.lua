--- What is under way in an inbox while a backup takes its place. Its callbacks go on, and their leases are lost: until
--- these would have ended, neither the same notifications nor others of their apps must be claimed from the backup.
local file = require "marketplace.sqlite.file"
local lanes = require "marketplace.inbox.sqlite.lanes"
local schema = require "marketplace.inbox.sqlite.schema"

local under_way = {}

local PLACED_AT_ONCE = 2000

--- Places all entries of a backup in their lanes, so that the next of each is known.
---@param link table
function under_way.prepare(link)
  local placed
  repeat
    link:begin()
    placed = lanes.place(link, PLACED_AT_ONCE)
    link:commit()
  until placed < PLACED_AT_ONCE
end

local LEASED = "SELECT id, app_id, holder, at, set_at FROM inbox WHERE state = 'leased'"

--- The leases in an inbox; none if its tables are those of another version, which nobody uses.
---@param link table
---@return table[]
function under_way.leases(link)
  if file.version(link) ~= schema.VERSION then return {} end
  return link:run(LEASED)
end

local HOLD_BACK = "UPDATE inbox SET at = max(at, :at), set_at = :set_at, " ..
  "holder = CASE WHEN state = 'leased' THEN :holder END WHERE "
local SAME = HOLD_BACK .. "hash = hash(:id) AND id = :id AND state IN ('ready', 'leased')"
local NEXT_OF_APP = HOLD_BACK .. "app_id = :app_id AND leads = 1 AND " .. schema.IN_LANE

--- Holds back in a prepared backup what waits for them.
---@param link table
---@param leases table[]
function under_way.hold_back(link, leases)
  link:begin()
  link:each(SAME, leases)
  link:each(NEXT_OF_APP, leases)
  link:commit()
end

return under_way
