--- The receiver's secret file in a rotation: it takes the new secret beside the old ones (step 2, "accept"), in the end
--- holds the new one only (step 7, "retire"), or goes back to the old ones.
local context = require "marketplace.rotation.context"
local secret_file = require "marketplace.secret_file"

local secrets = {}

--- The secrets in the file.
---@param run table
---@return string[]|nil
---@return string? message
---@return string? code
function secrets.read(run)
  local bytes, message, code = run.files.read(run.path)
  if not bytes then return nil, "the secret file cannot be read: " .. message, code end
  local list, problem = secret_file.parse(bytes, run.path)
  if not list then return nil, problem, "file_failed" end
  return list
end

--- Why no secret can be added, or nil.
---@param run table
---@param list string[]
---@return string|nil
function secrets.room_problem(run, list)
  if #list < secret_file.MOST then return nil end
  return ("the secret file holds %d secrets already, and there is no room for another: %s"):format(#list, run.path)
end

local function write(run, list)
  local ok, message, code = run.files.replace(run.path, secret_file.text(list))
  if not ok then return nil, "the secret file cannot be written: " .. message, code end
  return true
end

local function reload(run)
  if not run.receiver.reload then
    run.say("reload", "nothing was given that makes the receiver reread the secret file: it must do so on its own")
    return true
  end
  local ok, message = run.receiver.reload()
  if not ok then
    message = "the receiver could not be told to reread the secret file: " .. message
    return nil, context.with_stake(run, message), "reload_failed"
  end
  run.say("reload", "the receiver was told to reread the secret file")
  return true
end

---@param run table
---@return true|nil
---@return string? message
---@return string? code
function secrets.accept(run)
  local new = run.state.secret
  local list, message, code = secrets.read(run)
  if not list then
    return nil, ("%s. Put the old secret back; the new one is in %s"):format(message, run.file.path), code
  end
  if not context.holds(list, new) then
    local problem = secrets.room_problem(run, list)
    if problem then return nil, problem, "file_failed" end
    table.insert(list, 1, new)
    local ok
    ok, message, code = write(run, list)
    if not ok then return nil, message, code end
  end
  run.say("accept", ("the secret file holds %s; the new one is %s"):format(context.fingerprints(list),
    context.fingerprint(new)))
  return reload(run)
end

---@param run table
---@return true|nil
---@return string? message
---@return string? code
function secrets.retire(run)
  local ok, message, code = write(run, { run.state.secret })
  if not ok then return nil, context.with_stake(run, message), code end
  run.say("retire", ("the secret file holds %s only"):format(context.fingerprint(run.state.secret)))
  return reload(run)
end

--- Goes back to the old secrets.
---@param run table
---@return true|nil
---@return string? message
---@return string? code
function secrets.restore(run)
  local list, message, code = secrets.read(run)
  if not list then return nil, message, code end
  local old = context.without(list, run.state.secret)
  if #old == 0 then
    return nil, "the secret file holds no other secret to go back to: " .. run.path, "rotation_invalid"
  end
  if #old < #list then
    local ok
    ok, message, code = write(run, old)
    if not ok then return nil, message, code end
  end
  run.say("restore", ("the secret file holds %s"):format(context.fingerprints(old)))
  return reload(run)
end

return secrets
