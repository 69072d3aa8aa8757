--- Whether webhooks that are not named may use the old secret. App Store Connect never shows a secret, so every webhook
--- that is found but not named may use it.
local generations = require "marketplace.cli.commands.webhooks.generations"
local text = require "marketplace.text"

local sharing = {}

local WAY_OUT = "; if no other webhook uses the secret, say so with --not-shared"

local function is_named(ids, id)
  for _, named in ipairs(ids) do
    if named == id then return true end
  end
  return false
end

local function of_generation_1(client)
  local rows, message = generations[1].list(client)
  if not rows then
    return "cannot find out whether a generation 1 webhook uses the old secret: " .. message .. WAY_OUT
  end
  if not rows[1] then return nil end
  local id = text.safe(rows[1].id)
  return ("the generation 1 webhook %s may use the old secret; delete it first: marketplace webhooks delete " ..
    "--generation 1 %s"):format(id, id) .. WAY_OUT
end

local function of_app(client, app, ids)
  local rows, message = generations[2].list(client, { app })
  if not rows then return ("cannot list the webhooks of app %s: %s"):format(app, message) .. WAY_OUT end
  for _, row in ipairs(rows) do
    if not is_named(ids, row.id) then
      return ("webhook %s of app %s is not named, and may use the old secret; name it too"):format(
        text.safe(row.id), app) .. WAY_OUT
    end
  end
end

-- If a webhook was deleted meanwhile, its siblings cannot be found; that it is missing is reported elsewhere.
local function of_siblings(client, ids)
  local seen = {}
  for _, id in ipairs(ids) do
    local app, message, code = generations[2].app_of(client, id)
    if not app and code ~= generations.MISSING then
      return ("webhook %s: %s"):format(id, message) .. WAY_OUT
    end
    local problem = app and not seen[app] and of_app(client, text.safe(app), ids)
    if problem then return problem end
    if app then seen[app] = true end
  end
end

--- Why another webhook may use the old secret, if one may.
---@param client table
---@param generation integer of the webhooks that are named
---@param ids string[]
---@return string|nil problem
function sharing.problem(client, generation, ids)
  if generation == 1 then
    return "cannot find out whether a webhook of an app uses the old secret" .. WAY_OUT
  end
  return of_generation_1(client) or of_siblings(client, ids)
end

return sharing
