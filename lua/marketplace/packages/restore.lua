--- What may be served again comes back: from withdrawn if it is there, or else it is fetched anew.
---
--- Quick, in whatever process; the writer's lock is not needed. It can be repeated.
local settle = require "marketplace.packages.settle"
local withdraw = require "marketplace.packages.withdraw"

local restore = {}

--- Makes an app, a package or a version available again.
---@param p table of marketplace.packages
---@param given table as of withdraw.run
---@return {changed: string[], older: string[], versions: string[], restored: string[], requested: string[]}|nil outcome
--- as of withdraw.run; restored: those that are served again; requested: those that are to be fetched
---@return string? message
---@return string? code id_invalid, store_unavailable, file_failed, disk_full
function restore.run(p, given)
  return withdraw.record(p, given, true, withdraw.subject("restore", given))
end

--- Ends a hold.
---@param p table of marketplace.packages
---@param given {app?: string, package?: string, version?: string} one of them, as it was held
---@return {was_held: boolean, versions: string[], restored: string[], requested: string[]}|nil outcome
---@return string? message
---@return string? code id_invalid, store_unavailable, file_failed, disk_full
function restore.release(p, given)
  local scope, id = withdraw.subject("release", given)
  local outcome, message, code = p.store:release { scope = scope, id = id }
  if not outcome then return nil, message, code end
  return withdraw.follow(p, outcome)
end

--- Brings one version back whose files may still be there.
---@param p table of marketplace.packages
---@param id string
---@return "published"|"held"|"unavailable"|"missing"|nil outcome missing: it has to be downloaded
---@return string? message
---@return string? code store_unavailable, file_failed, disk_full
function restore.version(p, id)
  local result, message, code = settle.one(p, id)
  if not result then return nil, message, code end
  local version, refusal
  version, message, code = p.store:version(id)
  if version == nil then return nil, message, code end
  if not version then return "missing" end
  if version.state == "published" then return "published" end
  refusal, message, code = p.store:refusal(version)
  if refusal == nil then return nil, message, code end
  return refusal and refusal.why or "missing"
end

return restore
