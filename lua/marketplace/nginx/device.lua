--- What devices are answered, in nginx. One call in a thread of nginx's makes each answer: it reads the store and signs
--- the tokens (marketplace.nginx.device_thread), so the worker waits neither for the disk nor for arithmetic.
local core = require "marketplace.core"
local json = require "marketplace.json"

local device = {}

local MODULE = "marketplace.nginx.device_thread"
local MOST_KEY = 65536 -- bytes

local Answerer = {}
Answerer.__index = Answerer

-- A thread that has never answered for this device, as its Lua state is new, is told what it needs: not each time, as
-- that has the key in it.
local function call(self, ...)
  local now = self.clock()
  local result, message, code = self.packages:in_thread(MODULE, self.id, nil, now, ...)
  if code == "unknown_device" then return self.packages:in_thread(MODULE, self.id, self.settings, now, ...) end
  return result, message, code
end

--- See marketplace.device.answerer.
function Answerer:answer(name, body, account, territory)
  return call(self, "answer", name, body, account, territory)
end

--- See marketplace.device.answerer.
function Answerer:install(given)
  return call(self, "install", given)
end

-- nginx's master can read files that its workers cannot, and passes on what it has read.
local function with_key(given)
  local copy = {}
  for name, value in pairs(given) do copy[name] = value end
  if copy.key then return copy end
  local message, code
  copy.key, message, code = core.read_file(copy.key_file, MOST_KEY)
  if not copy.key then return nil, message, code end
  copy.key_file = nil
  return copy
end

--- One that answers.
---@param given table as of marketplace.device.answerer, with the options of the `token` for `issue`, and those of
--- `licensing`, if there are any, for `envelope_key`
---@return table|nil
---@return string? message
---@return string? code not_installed, key_invalid
function device.new(given)
  if type(given.packages.in_thread) ~= "function" then
    return nil, "marketplace.device: option 'packages' must be what marketplace.packages returned inside this nginx",
      "not_installed"
  end
  local token, message = with_key(given.token)
  if not token then return nil, message, "key_invalid" end
  local licensing
  if given.licensing then
    licensing, message = with_key(given.licensing)
    if not licensing then return nil, message, "key_invalid" end
  end
  local settings = {
    token = token, licensing_key = licensing and licensing.key, packages_url = given.packages_url,
    update_dtype = given.update_dtype, share_url = given.share_url,
  }
  return setmetatable({
    packages = given.packages, clock = given.clock, settings = settings, id = core.sha256(json.encode(settings)),
  }, Answerer)
end

return device
