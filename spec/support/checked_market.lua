--- A whole marketplace in this process, for marketplace.check: a domain with a device and packages, a receiver, and a
--- simulator as App Store Connect, all with one clock. `before(request)` may answer in their place, `after(request,
--- response)` may change an answer, and `after_apple` one of App Store Connect's. A request has `host` and `path`
--- besides what marketplace.http takes.
local core = require "marketplace.core"
local json = require "marketplace.json"
local marketplace = require "marketplace"
local package_folder = require "support.package_folder"
local publish = require "marketplace.packages.publish"
local shell = require "support.shell"
local simulation = require "support.simulation"
local withdraw = require "marketplace.packages.withdraw"

local checked_market = {
  DOMAIN = "market.example", PACKAGES = "packages.market.example", HOOK = "https://hooks.example/notifications",
  SECRET = "the secret of the webhook", AUTHORIZATION = "Bearer somebodys-session", ITEM = "6499000001",
}

local NOW = simulation.NOW

local function new_key()
  local key = assert(core.generate_key())
  local private, public = key:private_pem(), key:public_pem()
  key:close()
  return private, public
end

checked_market.KEY, checked_market.PUBLIC = new_key()

local Market = {}
Market.__index = Market

--[[ Who answers ]]

local function headers_of(lines)
  local headers = {}
  for _, line in ipairs(lines or {}) do
    local name, value = line:match "^([^:]+):%s*(.*)$"
    headers[name:lower()] = value
  end
  return headers
end

local function part_of(bytes, range)
  local first, last = range:match "^bytes=(%d+)-(%d+)$"
  local part = bytes:sub(first + 1, last + 1)
  return { status = 206, body = part, headers = {
    ["content-range"] = ("bytes %d-%d/%d"):format(first, last, #bytes),
  } }
end

local function file_of(self, request, headers)
  local file = not request.path:find("..", 1, true) and io.open(self.root .. "/public" .. request.path, "rb")
  local bytes = file and file:read "*a"
  if file then file:close() end
  if not bytes then return { status = 404, headers = {}, body = "" } end
  if headers.range then return part_of(bytes, headers.range) end
  return { status = 200, headers = {}, body = bytes }
end

local function response_of(handler, request, headers)
  local status, given, body = handler:handle {
    method = request.method, path = request.path, headers = headers, body = request.body,
  }
  return { status = status, headers = given, body = body }
end

local function answer(self, request)
  local headers = headers_of(request.headers)
  if request.host == checked_market.DOMAIN and self.device:answers(request.path) then
    return response_of(self.device, request, headers)
  end
  if request.path:find "^/licences/" then
    return { status = request.method == "POST" and 401 or 200, headers = {}, body = "a certificate" }
  end
  if request.host == checked_market.PACKAGES then return file_of(self, request, headers) end
  if request.url == self.hook then return response_of(self.receiver, request, headers) end
  return { status = 404, headers = {}, body = "" }
end

local function certificate_of(self, request)
  return { names = { request.host }, starts_at = self.now - 86400, expires_at = self.now + 60 * 86400 }
end

-- For marketplace.check, in place of the network.
local function transport(self)
  return function(request)
    request.host, request.path = request.url:match "^https?://([^/:]+)[^/]*(.*)$"
    self.requests[#self.requests + 1] = request
    local response, message, code, detail
    if self.before then response, message, code, detail = self.before(request) end
    if message then return nil, message, code, detail or { sent = true } end
    response = response or answer(self, request)
    response.headers.date = response.headers.date or os.date("!%a, %d %b %Y %H:%M:%S GMT", self.now)
    if request.certificate then response.certificate = certificate_of(self, request) end
    if self.after then self.after(request, response) end
    if #response.body > request.max_response then return nil, "too large", "too_large", { sent = true } end
    return response
  end
end

--[[ Setting it up ]]

local function publish_one(fixture, id, given)
  fixture:stage(package_folder.version(id, given), NOW)
  assert(publish.run(fixture.p, id, { state = "COMPLETED" }) == "published")
end

-- Two that are current, and one that was taken down: for all markets, as it takes a while to make them.
local shared

local function make_packages()
  local root = shell.run "mktemp -d"
  local fixture = package_folder.new(root)
  fixture.now = NOW
  fixture:open()
  publish_one(fixture, "v1", { package = "P1", deltas = { 3 } })
  publish_one(fixture, "v3", { package = "P1", apple_version = "870000002", variants = { 9 } })
  publish_one(fixture, "v2", { package = "P2", app = "B", item = "6499000002", variants = { 5 } })
  publish_one(fixture, "gone", { package = "P3", app = "C", item = "6499000003", variants = { 7 } })
  assert(withdraw.run(fixture.p, { package = "P3", at = NOW }))
  fixture:close()
  return { root = root, packages = assert(marketplace.packages { folder = root, log = function() end }) }
end

--- The folder of the packages that all markets share.
---@return string
function checked_market.folder()
  shared = shared or make_packages()
  return shared.root
end

--- The manifest of the version that was taken down.
---@return string
function checked_market.withdrawn_manifest()
  local file = assert(io.open(shared.root .. "/withdrawn/gone/manifest.json", "rb"))
  local bytes = file:read "*a"
  file:close()
  return bytes
end

--- A copy of the packages, for somebody who breaks them; the caller closes it, and removes its folder.
---@return marketplace.Packages
---@return string folder
function checked_market.copy_packages()
  local root = shell.run "mktemp -d"
  shell.run(("cp -r %s/. %s"):format(shared.root, root))
  return assert(marketplace.packages { folder = root, log = function() end }), root
end

--- Removes what all markets share.
function checked_market.remove()
  shared.packages:close()
  shell.run("rm -rf " .. shared.root)
  shared = nil
end

local function device_options(self, key_id)
  local url = "https://" .. checked_market.DOMAIN
  return {
    packages = self.packages, token = { key_id = key_id, marketplace_id = simulation.APP, key = checked_market.KEY },
    base_url = url .. "/device", packages_url = "https://" .. checked_market.PACKAGES,
    license = {
      dynamicLicenseURL = url .. "/licences/new", licenseRenewalURL = url .. "/licences/renewal",
      signingCertificateURL = url .. "/licences/signing", encryptionCertificateURL = url .. "/licences/encryption",
      licenseResolutionURL = url .. "/licences/why",
    },
    authenticate = function(request)
      if request.headers.authorization == checked_market.AUTHORIZATION then return "somebody" end
    end,
    clock = function() return self.now end, log = function() end,
  }
end

local function add_account(self)
  self.simulation = simulation.new { date_header = true, clock = function() return self.now + self.apple_ahead end,
    send = function(request, done)
      local headers = headers_of(request.headers)
      done(response_of(self.receiver, { method = "POST", path = "/notifications", body = request.body }, headers))
    end }
  self.simulation.now = self.now
  self.simulation:expect(201, "POST /v1/alternativeDistributionDomains", simulation.entity(
    "alternativeDistributionDomains", { domain = checked_market.DOMAIN, referenceName = "ours" }))
  local key = self.simulation:expect(201, "POST /v1/alternativeDistributionKeys", simulation.entity(
    "alternativeDistributionKeys", { publicKey = checked_market.PUBLIC }))
  self.webhook = self.simulation:webhook { url = checked_market.HOOK, secret = checked_market.SECRET }
  return key.data.id
end

local function client_of(self)
  local carry = self.simulation.sim:transport()
  return assert(marketplace.client {
    key = simulation.PRIVATE, key_id = simulation.KEY_ID, issuer_id = simulation.ISSUER, retries = 0,
    clock = function() return self.now end, sleep = function(seconds) self.now = self.now + seconds end,
    transport = function(request)
      local response, message, code, detail = carry(request)
      if response and self.after_apple then self.after_apple(request, response) end
      return response, message, code, detail
    end,
  })
end

--- Changes a resource of App Store Connect's.
function Market:update(type_name, id, attributes)
  self.simulation:expect(200, ("PATCH /v1/%s/%s"):format(type_name, id),
    simulation.entity(type_name, attributes, nil, id))
end

--- Options of marketplace.check that tell of all of it.
function Market:options(more)
  local given = {
    domain = checked_market.DOMAIN, device = self.device_options, client = self.client, apps = { simulation.APP },
    webhook_url = self.hook, headers = { "Authorization: " .. checked_market.AUTHORIZATION },
    transport = transport(self), clock = function() return self.now end, sleep = function(seconds)
      self.now = self.now + seconds
      if not self.is_stuck then self.simulation.sim:tick() end
    end,
  }
  for name, value in pairs(more or {}) do
    if value == json.null then given[name] = nil else given[name] = value end
  end
  return given
end

--- Takes a device with other options: those that are given, in place of the usual ones.
function Market:serve(more)
  local given = {}
  for name, value in pairs(self.device_options) do given[name] = value end
  for name, value in pairs(more) do given[name] = value end
  self.device = assert(marketplace.device(given))
  return given
end

function Market:close()
  self.receiver:close()
  if self.copy then
    self.device_options.packages:close()
    shell.run("rm -rf " .. self.copy)
  end
end

--- A sound one.
function checked_market.new()
  local self = setmetatable({
    now = NOW, apple_ahead = 0, requests = {}, hook = checked_market.HOOK,
  }, Market)
  self.root = checked_market.folder()
  self.packages = shared.packages
  self.key_id = add_account(self)
  self.client = client_of(self)
  self.device_options = device_options(self, self.key_id)
  self.device = assert(marketplace.device(self.device_options))
  self.receiver = assert(marketplace.receiver {
    secrets = { checked_market.SECRET }, inbox = assert(marketplace.inbox "memory"), log = function() end,
  })
  return self
end

return checked_market
