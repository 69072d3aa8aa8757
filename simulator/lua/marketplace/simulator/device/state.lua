--- What a simulated device is and has: in a file of JSON, or in memory.
local core = require "marketplace.core"
local ids = require "marketplace.packages.ids"
local problem = require "marketplace.simulator.device.problem"
local state_file = require "marketplace.state_file"
local url = require "marketplace.simulator.device.url"

local state = {}

--- A device of which nothing else is said.
state.MODEL, state.SYSTEM = "iPhone16,1", "18.6"

local VERSION = 1
local TEXTS = { "short_version", "build", "bundle_id", "package", "variant", "nonce" }

--- Whether a text can be a model, such as "iPad14,6-A".
---@param model any
---@return boolean
function state.is_model(model)
  return type(model) == "string" and #model <= 64 and model:find "^[%w,_-]+$" ~= nil
end

--- Whether a text can be the version of a system.
---@param system any
---@return boolean
function state.is_system(system)
  return type(system) == "string" and #system <= 64 and (system .. "."):find "^%d[%d.]*$" ~= nil and
    not (system .. "."):find("..", 1, true)
end

local function is_app(id, app)
  if type(app) ~= "table" or app.app ~= id or not ids.is_number(id) then return false end
  for _, name in ipairs(TEXTS) do
    if type(app[name]) ~= "string" then return false end
  end
  if app.licence ~= nil and type(app.licence) ~= "string" then return false end
  return ids.is_number(app.apple_version_id) and type(app.revision) == "number"
end

local function parse(document)
  local is_device = state.is_model(document.model) and state.is_system(document.system) and
    type(document.domain) == "string" and url.of_domain(document.domain) and type(document.apps) == "table" and
    type(document.id) == "string"
  if not is_device then return nil end
  for id, app in pairs(document.apps) do
    if not is_app(id, app) then return nil end
  end
  return document
end

---@class marketplace.simulator.State
---@field held {id: string, domain: string|nil, model: string|nil, system: string|nil, apps: table<string, table>}
local State = {}
State.__index = State

local function save(self)
  if not self.file then return end
  local held = self.held
  local ok, message, code = self.file:save {
    id = held.id, domain = held.domain, model = held.model, system = held.system, apps = held.apps,
  }
  if not ok then problem.raise(code, "%s", message) end
end

--- An app that is on the device, or nil.
---@param id string Apple's
---@return table|nil
function State:get(id)
  return self.held.apps[id]
end

local function by_number(one, other)
  if #one ~= #other then return #one < #other end
  return one < other
end

--- The ids of the apps that are meant. Raises appNotInstalled if one of them, or every one, is not there.
---@param given string[]|nil otherwise all that are on the device
---@return string[]
function State:ids(given)
  local found = {}
  for i, id in ipairs(given or {}) do
    if not self.held.apps[id] then problem.raise("appNotInstalled", "app %s is not on the device", tostring(id)) end
    found[i] = id
  end
  if not given then
    for id in pairs(self.held.apps) do found[#found + 1] = id end
    table.sort(found, by_number)
  end
  if #found == 0 then problem.raise("appNotInstalled", "no app is on the device: install one first") end
  return found
end

--- The apps that are on the device, by their ids.
---@return table[]
function State:list()
  local list = {}
  for _, app in pairs(self.held.apps) do
    local copy = {}
    for name, value in pairs(app) do copy[name] = value end
    list[#list + 1] = copy
  end
  table.sort(list, function(one, other) return by_number(one.app, other.app) end)
  return list
end

local KEPT = {
  "app", "apple_version_id", "short_version", "build", "revision", "bundle_id", "package", "variant", "nonce",
  "licence",
}

--- Keeps an app. Raises file_failed.
---@param app table
function State:put(app)
  local kept = {}
  for _, name in ipairs(KEPT) do kept[name] = app[name] end
  self.held.apps[app.app] = kept
  save(self)
end

--- Forgets an app. Raises appNotInstalled, file_failed.
---@param id string
function State:remove(id)
  self:ids { id }
  self.held.apps[id] = nil
  save(self)
end

--- Has another process use the file.
function State:close()
  if self.file then self.file:close() end
end

--- Opens one; without a path, it is in memory.
---@param path string|nil of a file, which need not exist
---@param read_only? boolean
---@return marketplace.simulator.State|nil
---@return string? message
---@return string? code locked, state_invalid, file_failed
function state.open(path, read_only)
  local new = { id = core.random_hex(16), apps = {} }
  if not path then return setmetatable({ held = new }, State) end
  local file, message, code = state_file.open {
    path = path, task = "device", version = VERSION, parse = parse, read_only = read_only,
    advice = "Remove it to begin with a new device",
  }
  if not file then return nil, message, code end
  return setmetatable({ file = file, held = file.state or new }, State)
end

return state
