--- What devices are answered, in a thread of nginx's: what marketplace.nginx.device calls there. Each thread's Lua
--- state has a key and a store of its own, which it keeps until nginx closes the state.
---
--- nginx copies arguments and results: plain values and tables only. What is raised here must be a string.
local answerer = require "marketplace.device.answerer"
local core = require "marketplace.core"
local packages_thread = require "marketplace.nginx.packages_thread"
local token = require "marketplace.token"

local device_thread = {}

local known = {}

-- The time that the current call is to have.
local now

local function clock() return now end

local function open(packages, settings)
  local issue, message, code = token.install_issuer(settings.token, "marketplace.device: token")
  if not issue then return nil, message, code end
  local envelope_key
  if settings.licensing_key then
    envelope_key, message, code = core.envelope_key(settings.licensing_key)
    if not envelope_key then return nil, message, code end
  end
  return answerer.new {
    packages = packages, issue = issue, clock = clock, packages_url = settings.packages_url,
    update_dtype = settings.update_dtype, share_url = settings.share_url,
    envelope_key = envelope_key,
  }
end

local function call(packages, id, settings, told_now, method, ...)
  local name = packages.folder.root .. "\n" .. id
  if not known[name] then
    if not settings then return nil, "the thread is new", "unknown_device" end
    local message, code
    known[name], message, code = open(packages, settings)
    if not known[name] then return nil, message, code end
  end
  now = told_now
  return known[name][method](known[name], ...)
end

--- Calls a method of a device's answerer.
---@param folder string of the packages
---@param store string|nil see marketplace.nginx.packages_thread
---@param id string the same for the same settings
---@param settings table|nil which are needed once: {token=, licensing_key=, packages_url=, update_dtype=, share_url=}
---@param told_now number seconds since the epoch
---@param method "answer"|"install"
---@return table see marketplace.nginx.packages_thread
function device_thread.call(folder, store, id, settings, told_now, method, ...)
  return packages_thread.with(folder, store, call, id, settings, told_now, method, ...)
end

return device_thread
