--- What the operator keeps from being served, whatever Apple says: an app, a package or a version.
local holds = {}

local OF = "SELECT scope, id, reason, since FROM holds WHERE (scope = 'app' AND id IN (:app, :item_id)) OR " ..
  "(scope = 'package' AND id = :package) OR (scope = 'version' AND id = :id) ORDER BY since LIMIT 1"

--- The oldest hold that a version is under, or nil.
---@param link table see marketplace.sqlite.link
---@param about {id?: string, package?: string, app?: string, item_id?: string}
---@return {scope: string, id: string, reason?: string, since: number}|nil
function holds.of(link, about)
  return link:run(OF, about)[1]
end

local ADD = "INSERT INTO holds (scope, id, reason, since) VALUES (:scope, :id, :reason, :now) " ..
  "ON CONFLICT (scope, id) DO UPDATE SET reason = coalesce(excluded.reason, reason)"
local REMOVE = "DELETE FROM holds WHERE scope = :scope AND id = :id"

--- Adds one. One that is there stays as old as it is.
---@param link table
---@param hold {scope: string, id: string, reason?: string}
---@param now number
function holds.add(link, hold, now)
  link:run(ADD, { scope = hold.scope, id = hold.id, reason = hold.reason, now = now })
end

--- Removes one.
---@param link table
---@param hold {scope: string, id: string}
---@return boolean whether there was one
function holds.remove(link, hold)
  return link:each(REMOVE, { { scope = hold.scope, id = hold.id } })[1]
end

--- All of them.
---@param link table
---@return {scope: string, id: string, reason?: string, since: number}[]
function holds.list(link)
  return link:run "SELECT scope, id, reason, since FROM holds ORDER BY since, scope, id"
end

return holds
