--- A simulator in this process, with a clock that specs move on, and requests to it.
local core = require "marketplace.core"
local json = require "marketplace.json"
local simulator = require "marketplace.simulator"
local token = require "marketplace.token"

local simulation = {
  KEY_ID = "SIMULATED1", ISSUER = "57246542-96fe-1a63-e053-0824d011072a", NOW = 1780000000,
  APP = "6740012345", OTHER_APP = "6740099999",
}

local Simulation = {}
Simulation.__index = Simulation

local key = assert(core.generate_key())
simulation.PRIVATE, simulation.PUBLIC = assert(key:private_pem()), assert(key:public_pem())
key:close()

--- A new one. `sent` gets what the simulator sends; `respond(request)` gives a webhook's answer, 200 at first, or nil
--- and a message, or "later": then it is answered by `answer`.
---@param given? table more options of the simulator
function simulation.new(given)
  local self = setmetatable({ now = simulation.NOW, sent = {}, later = {}, logged = {} }, Simulation)
  self.respond = function() return { status = 200, body = "" } end
  local settings = {
    keys = { [simulation.KEY_ID] = simulation.PUBLIC }, issuer_id = simulation.ISSUER,
    apps = { simulation.APP, simulation.OTHER_APP }, clock = function() return self.now end,
    log = function(entry) self.logged[#self.logged + 1] = entry end,
    send = function(request, done)
      self.sent[#self.sent + 1] = request
      local response, message = self.respond(request)
      if response == "later" then self.later[#self.later + 1] = done else done(response, message) end
    end,
  }
  for name, value in pairs(given or {}) do settings[name] = value end
  self.sim = simulator.new(settings)
  return self
end

--- A token that is right but for what is given.
---@param given? table options of marketplace.token
function Simulation:token(given)
  local settings = {
    key = simulation.PRIVATE, key_id = simulation.KEY_ID, issuer_id = simulation.ISSUER, now = self.now,
  }
  for name, value in pairs(given or {}) do settings[name] = value end
  if settings.individual then settings.issuer_id = nil end
  return (assert(token.new(settings)))
end

--- Sends a request; "METHOD /path?query". The response's document and the response.
---@param target string
---@param body? table|string
---@param headers? table
function Simulation:call(target, body, headers)
  local method, path, text = target:match "^(%u+) ([^?]*)%??(.*)$"
  local all = { authorization = "Bearer " .. self:token(), ["content-type"] = "application/json" }
  for name, value in pairs(headers or {}) do all[name] = value or nil end
  if type(body) == "table" then body = json.encode(body) end
  local response = self.sim:handle {
    method = method, path = path, query = text ~= "" and text or nil, headers = all, body = body,
  }
  local is_json = response.headers["content-type"] == "application/json"
  return is_json and json.decode(response.body) or nil, response
end

--- The same for a request that must be answered with this status.
function Simulation:expect(status, target, body, headers)
  local document, response = self:call(target, body, headers)
  if response.status ~= status then
    error(("%s: %d in place of %d: %s"):format(target, response.status, status, response.body), 2)
  end
  return document, response
end

--- The document for a new resource.
---@param type_name string
---@param attributes? table
---@param relationships? table<string, {[1]: string, [2]: string}> name to type and id
---@param id? string
function simulation.entity(type_name, attributes, relationships, id)
  local linkages
  for name, target in pairs(relationships or {}) do
    linkages = linkages or {}
    linkages[name] = { data = { type = target[1], id = target[2] } }
  end
  return { data = { type = type_name, id = id, attributes = attributes, relationships = linkages } }
end

local ALL_EVENTS = json.list {
  "ALTERNATIVE_DISTRIBUTION_PACKAGE_VERSION_CREATED", "ALTERNATIVE_DISTRIBUTION_PACKAGE_AVAILABLE_UPDATED",
  "ALTERNATIVE_DISTRIBUTION_TERRITORY_AVAILABILITY_UPDATED",
}

--- Makes a webhook of generation 2; its id.
---@param more? table attributes that differ; app
function Simulation:webhook(more)
  local attributes = {
    name = "a webhook", url = "https://a.example/notifications", secret = "a secret", enabled = true,
    eventTypes = ALL_EVENTS,
  }
  for name, value in pairs(more or {}) do attributes[name] = value end
  local app = attributes.app or simulation.APP
  attributes.app = nil
  local document = self:expect(201, "POST /v1/webhooks",
    simulation.entity("webhooks", attributes, { app = { "apps", app } }))
  return document.data.id
end

--- Makes the webhook of generation 1; its id.
function Simulation:marketplace_webhook()
  local document = self:expect(201, "POST /v1/marketplaceWebhooks",
    simulation.entity("marketplaceWebhooks", { endpointUrl = "https://one.example/", secret = "first secret" }))
  return document.data.id
end

--- Answers the oldest delivery that awaits its answer.
function Simulation:answer(response, message)
  table.remove(self.later, 1)(response, message)
end

return simulation
