--- The control interface of a running simulator, below /simulator, in JSON. Only its own machine may use it.
---
---   GET    /simulator             what it has: apps, webhooks (without secrets), deliveries, faults
---   GET    /simulator/requests    how many requests arrived and were executed, and the bytes of the answers, by method
---                                 and path
---   POST   /simulator/events      {"event": NAME, …}: makes something happen; members are the options of sim:event
---   GET    /simulator/versions    the package versions
---   POST   /simulator/versions    adds one; members are the options of sim:add_package_version
---   POST   /simulator/versions/state   {"version": ID, "state": STATE}: makes it COMPLETED or REPLACED
---   POST   /simulator/versions/remove  {"version": ID}: removes it
---   POST   /simulator/redeliver   {"delivery": ID}: repeats a delivery of either generation
---   POST   /simulator/faults      {"kind": KIND, …}: adds a fault; members are the options of sim:fault
---   DELETE /simulator/faults      forgets all faults
local json = require "marketplace.json"
local problems = require "marketplace.simulator.problems"
local schema = require "marketplace.simulator.schema"

local control = {}

local MOST_DELIVERIES_SHOWN = 100

local function answer(status, document)
  return { status = status, document = document, headers = {} }
end

local function shown(record)
  local object = { id = record.id, type = record.type }
  for name, value in pairs(record.attributes) do
    if not schema.HIDDEN[name] then object[name] = value end
  end
  for name, id in pairs(record.refs) do object[name] = id end
  object.generation = record.generation
  return object
end

local function shown_list(list, most)
  local objects = json.list {}
  for i = math.max(1, #list - (most or #list) + 1), #list do objects[#objects + 1] = shown(list[i]) end
  return objects
end

local function state(sim)
  return answer(200, {
    apps = shown_list(sim.store:list "apps"), marketplaceWebhooks = shown_list(sim.store:list "marketplaceWebhooks"),
    webhooks = shown_list(sim.store:list "webhooks"),
    deliveries = shown_list(sim.store:list "webhookDeliveries", MOST_DELIVERIES_SHOWN),
    faults = json.list(sim.faults.list), waiting = #sim.queue,
  })
end

local function requests(sim)
  return answer(200, { requests = json.list(sim:requests()) })
end

local function without(object, name)
  local copy = {}
  for key, value in pairs(object) do
    if key ~= name then copy[key] = value end
  end
  return copy
end

local function event(sim, given)
  local made = sim:event(given.event, without(given, "event"))
  made.notifications, made.deliveries = json.list(made.notifications), json.list(made.deliveries)
  return answer(201, made)
end

local function versions(sim)
  return answer(200, { versions = json.list(sim:package_versions()) })
end

local function add_version(sim, given)
  return answer(201, sim:add_package_version(given))
end

local function set_state(sim, given)
  return answer(200, sim:set_package_version_state(given.version, given.state))
end

local function remove_version(sim, given)
  return answer(200, sim:remove_package_version(given.version))
end

local function redeliver(sim, given)
  local delivery = sim:redeliver(given.delivery)
  if delivery then return answer(201, { delivery = delivery }) end
  return problems.one(404, "NOT_FOUND", "There is no such delivery, or its webhook is deleted or disabled")
end

local function add_fault(sim, given)
  sim:fault(given)
  return answer(201, { faults = json.list(sim.faults.list) })
end

local function clear_faults(sim)
  sim.faults:clear()
  return { status = 204, headers = {} }
end

local WITH_BODY = {
  ["POST /simulator/events"] = event, ["POST /simulator/redeliver"] = redeliver,
  ["POST /simulator/faults"] = add_fault, ["POST /simulator/versions"] = add_version,
  ["POST /simulator/versions/state"] = set_state, ["POST /simulator/versions/remove"] = remove_version,
}
local WITHOUT_BODY = {
  ["GET /simulator"] = state, ["GET /simulator/requests"] = requests, ["GET /simulator/versions"] = versions,
  ["DELETE /simulator/faults"] = clear_faults,
}

local function is_local(remote)
  return remote == nil or remote == "::1" or remote:find "^127%." ~= nil or remote:find "^::ffff:127%." ~= nil
end

-- A web page cannot have a browser send this without a preflight request, which is never answered.
local function is_json(request)
  local kind = request.headers["content-type"]
  return type(kind) == "string" and kind:find "^application/json" ~= nil
end

local function with_body(sim, request, run)
  local given = is_json(request) and json.decode(request.body)
  if type(given) ~= "table" then
    return problems.one(422, "ENTITY_UNPROCESSABLE",
      "The body must be a JSON object, with the content type application/json")
  end
  local ran, result = pcall(run, sim, given)
  if ran then return result end
  return problems.one(422, "ENTITY_UNPROCESSABLE", (tostring(result):gsub("^.-marketplace%.simulator: ", "")))
end

--- Answers a request to /simulator.
---@param sim table
---@param request table
function control.answer(sim, request)
  if not is_local(request.remote) then
    return problems.one(403, "FORBIDDEN_ERROR", "The simulator can only be controlled from its own machine")
  end
  local name = request.method .. " " .. request.path
  if WITH_BODY[name] then return with_body(sim, request, WITH_BODY[name]) end
  if WITHOUT_BODY[name] then return WITHOUT_BODY[name](sim) end
  return problems.one(404, "NOT_FOUND", "The simulator has nothing at this path")
end

return control
