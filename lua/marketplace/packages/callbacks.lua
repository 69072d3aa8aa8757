--- The callbacks of the five events that are about packages.
---
--- Each is quick, and right however often it runs: it records what is wanted, or what is no longer available, with the
--- time of the event, and the newest event counts. Downloads are left to the writer.
local callbacks = {}

local NO_TIME = "it does not say when it happened, so that it cannot be told whether it still holds"

-- What a callback returns.
local function outcome(result, message)
  if result == nil then return nil, message end
end

local function request(p)
  return function(n, ctx)
    if not (n.package_version_id or n.package_id) then return ctx:cancel "no package version is named" end
    return outcome(p:request {
      version = n.package_version_id, package = n.package_id, app = n.app_id, at = n.time, event = ctx.id,
    })
  end
end

local function packages_of(n)
  return n.package_ids or n.package_id and { n.package_id } or {}
end

-- Calls `change` for each package: one that fails keeps no other from being taken down.
local function each_package(p, n, ctx, change)
  local all = packages_of(n)
  if #all == 0 then return ctx:cancel "no package is named" end
  local failure
  for _, package in ipairs(all) do
    local result, message = p[change](p, {
      package = package, territories = n.territories, at = n.time, event = ctx.id,
    })
    if result == nil then failure = failure or message end
  end
  return outcome(not failure or nil, failure)
end

local function change_app(p, n, ctx, change)
  if not n.app_id then return ctx:cancel "no app is named" end
  return outcome(p[change](p, { app = n.app_id, territories = n.territories, at = n.time, event = ctx.id }))
end

-- What is taken down without a time is taken down now; to put it up again, somebody must look.
local function restored(p, each)
  return function(n, ctx)
    if not n.time then return ctx:cancel(NO_TIME) end
    return each(p, n, ctx, "restore")
  end
end

local function withdrawn(p, each)
  return function(n, ctx) return each(p, n, ctx, "withdraw") end
end

--- Adds them to a receiver or a dispatcher.
---@param p table
---@param receiver table with `on`
function callbacks.add(p, receiver)
  receiver:on("version_available", request(p))
  receiver:on("versions_unavailable", withdrawn(p, each_package))
  receiver:on("app_unavailable", withdrawn(p, change_app))
  receiver:on("versions_restored", restored(p, each_package))
  receiver:on("app_restored", restored(p, change_app))
end

return callbacks
