--- What a rotation of secrets knows of itself, in a file: see marketplace.rotation.
---
---   generation, webhooks    whose secret it is; of each webhook its id, its step and when that was taken
---   secret                  the new one
---   probe, started_at       what the ids of probes begin with; when it began
---   changing_at             since when App Store Connect may sign with the new secret; nil: it cannot yet
---   seen                    ids of notifications that have proved that a webhook has the new secret
---
--- Times are seconds since the epoch.
local json = require "marketplace.json"
local unpack = require("marketplace.runtime").unpack

local rotation_state = {}

local SECRET_BYTES, PROBE_BYTES = 32, 16

-- Which times a webhook has at a step; "gone" is one that App Store Connect does not have any more.
local STEPS = { waiting = {}, changed = { "changed_at" }, verified = { "changed_at", "verified_at" }, gone = {} }

--[[ Reading ]]

local function is_webhook(hook, changing_at)
  if type(hook) ~= "table" or type(hook.id) ~= "string" or not STEPS[hook.step] then return false end
  for _, name in ipairs(STEPS[hook.step]) do
    if type(hook[name]) ~= "number" or not changing_at then return false end
  end
  return true
end

local function are_webhooks(list, changing_at)
  if type(list) ~= "table" or #list == 0 then return false end
  for _, hook in ipairs(list) do
    if not is_webhook(hook, changing_at) then return false end
  end
  return true
end

local function are_strings(list)
  if type(list) ~= "table" then return false end
  for _, one in ipairs(list) do
    if type(one) ~= "string" then return false end
  end
  return true
end

local function is_state(state)
  return type(state) == "table" and type(state.generation) == "number" and type(state.secret) == "string"
    and state.secret:find("^%x+$") and #state.secret == 2 * SECRET_BYTES and type(state.probe) == "string"
    and state.probe:find("^%x+$") and type(state.started_at) == "number"
    and (state.changing_at == nil or type(state.changing_at) == "number")
    and are_strings(state.seen) and are_webhooks(state.webhooks, state.changing_at)
end

local function name_of(generation, ids)
  local sorted = { unpack(ids) }
  table.sort(sorted)
  return ("%s (generation %d)"):format(table.concat(sorted, ", "), generation)
end

local function ids_of(state)
  local ids = {}
  for i, hook in ipairs(state.webhooks) do ids[i] = hook.id end
  return ids
end

--- The state of a rotation under way; false where there is none.
---@param files table see marketplace.rotation
---@param path string
---@param generation integer
---@param webhooks string[] ids, in any order; a rotation of others is an error
---@return table|false|nil
---@return string? message
---@return string? code rotation_invalid, or that of the files
function rotation_state.read(files, path, generation, webhooks)
  local bytes, message, code = files.read(path)
  if not bytes and code == "missing" then return false end
  if not bytes then return nil, message, code end
  local state = json.decode(bytes)
  if not is_state(state) then
    return nil, ("the state of a rotation is damaged: %s. Move it away, leave every secret in the secret file, as " ..
      "App Store Connect may sign with any of them, and run the command again: it makes another secret"):format(path),
      "rotation_invalid"
  end
  local theirs, ours = name_of(state.generation, ids_of(state)), name_of(generation, webhooks)
  if theirs ~= ours then
    return nil, ("a rotation of webhook %s is under way: finish that one first, or end it with --abort (its state: " ..
      "%s)"):format(theirs, path), "rotation_invalid"
  end
  state.seen = json.list(state.seen)
  return state
end

--[[ Making and writing ]]

--- One that begins.
---@param generation integer
---@param webhooks string[]
---@param random_hex fun(bytes: integer): string
---@param now number
---@return table
function rotation_state.new(generation, webhooks, random_hex, now)
  local state = {
    generation = generation, secret = random_hex(SECRET_BYTES), probe = random_hex(PROBE_BYTES), started_at = now,
    seen = json.list {}, webhooks = {},
  }
  for i, id in ipairs(webhooks) do state.webhooks[i] = { id = id, step = "waiting" } end
  return state
end

--- Writes it; "new" where none may be there.
---@param files table
---@param path string
---@param state table
---@param how? "new"
---@return boolean|nil
---@return string? message
---@return string? code
function rotation_state.write(files, path, state, how)
  return files.replace(path, json.encode(state) .. "\n", how)
end

--[[ What it says ]]

--- Whether each webhook that there still is has proved that it has the new secret.
---@param state table
---@return boolean
function rotation_state.is_verified(state)
  local verified = 0
  for _, hook in ipairs(state.webhooks) do
    if hook.step == "verified" then verified = verified + 1
    elseif hook.step ~= "gone" then return false end
  end
  return verified > 0
end

--- The latest time of this name that a webhook has.
---@param state table
---@param name "changed_at"|"verified_at"
---@return number
function rotation_state.latest(state, name)
  local latest = state.started_at
  for _, hook in ipairs(state.webhooks) do latest = math.max(latest, hook[name] or latest) end
  return latest
end

return rotation_state
