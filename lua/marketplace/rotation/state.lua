--- The state of a rotation of secrets, in a state file (marketplace.state_file):
---
---   generation, webhooks    whose secret it is; of each webhook its id, its step and when that was taken
---   secret                  the new one
---   probe, started_at       what the ids of probes begin with; when it began
---   changing_at             since when App Store Connect may sign with the new secret; nil if it cannot yet
---   seen                    ids of notifications that have proved that a webhook has the new secret
---
--- Times are seconds since the epoch.
local json = require "marketplace.json"
local state_file = require "marketplace.state_file"
local unpack = require("marketplace.runtime").unpack

local rotation_state = {}

local VERSION = 1
local SECRET_BYTES, PROBE_BYTES = 32, 16
local ADVICE = "Move it away, leave every secret in the secret file, as App Store Connect may sign with any of " ..
  "them, and run the command again: it makes another secret"

-- The times that a webhook has at each step; "gone" means that App Store Connect no longer has it.
local STEPS = { waiting = {}, changed = { "changed_at" }, verified = { "changed_at", "verified_at" }, gone = {} }

--[[ Reading ]]

local function is_webhook(webhook, changing_at)
  if type(webhook) ~= "table" or type(webhook.id) ~= "string" or not STEPS[webhook.step] then return false end
  for _, name in ipairs(STEPS[webhook.step]) do
    if type(webhook[name]) ~= "number" or not changing_at then return false end
  end
  return true
end

local function are_webhooks(list, changing_at)
  if type(list) ~= "table" or #list == 0 then return false end
  for _, webhook in ipairs(list) do
    if not is_webhook(webhook, changing_at) then return false end
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
  for i, webhook in ipairs(state.webhooks) do ids[i] = webhook.id end
  return ids
end

local function parse(document)
  if not is_state(document) then return nil end
  document.seen = json.list(document.seen)
  return document
end

--- Opens the state file of a rotation, whose `state` is nil if none is under way.
---@param given {path: string, generation: integer, webhooks: string[], files: table, read_only?: boolean}
--- webhooks: ids, in any order; a rotation of others is an error
---@return marketplace.StateFile|nil
---@return string? message
---@return string? code rotation_invalid, and those of marketplace.state_file
function rotation_state.open(given)
  local file, message, code = state_file.open {
    path = given.path, task = "rotation", version = VERSION, parse = parse, advice = ADVICE, files = given.files,
    read_only = given.read_only,
  }
  if not file or not file.state then return file, message, code end
  local theirs = name_of(file.state.generation, ids_of(file.state))
  if theirs == name_of(given.generation, given.webhooks) then return file end
  file:close()
  return nil, ("a rotation of webhook %s is under way: finish that one first, or undo it with --abort (its state: %s)")
    :format(theirs, given.path), "rotation_invalid"
end

--[[ Making ]]

--- The state of a new rotation.
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

--[[ Queries ]]

--- Whether each webhook that still exists has proved that it has the new secret.
---@param state table
---@return boolean
function rotation_state.is_verified(state)
  local verified = 0
  for _, webhook in ipairs(state.webhooks) do
    if webhook.step == "verified" then verified = verified + 1
    elseif webhook.step ~= "gone" then return false end
  end
  return verified > 0
end

--- The latest of the webhooks' times of this name.
---@param state table
---@param name "changed_at"|"verified_at"
---@return number
function rotation_state.latest(state, name)
  local latest = state.started_at
  for _, webhook in ipairs(state.webhooks) do latest = math.max(latest, webhook[name] or latest) end
  return latest
end

return rotation_state
