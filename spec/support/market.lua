--- A marketplace's server as devices see it: well-known file, updates, restores, installs, and packages with real
--- bytes. Each of its answers can be replaced, to see what a device makes of it.
local core = require "marketplace.core"
local device = require "support.device"
local json = require "marketplace.json"
local packages = require "support.packages"
local token = require "marketplace.token"

local market = {}

local CHUNK = 1000

local Market = {}
Market.__index = Market

--- Bytes of a file: others for each name.
local function bytes_of(name, size)
  local block = core.sha256(name)
  return block:rep(math.ceil(size / #block)):sub(1, size)
end

local function digests_of(bytes)
  local list = {}
  for at = 1, #bytes, CHUNK do list[#list + 1] = core.sha256(bytes:sub(at, at + CHUNK - 1)) end
  return list
end

local function targets(...)
  local list = json.list {}
  for i, target in ipairs { ... } do
    local model, system = target:match "^(%S+) (%S+)$"
    list[i] = { device = model, os = system }
  end
  return list
end

--[[ Packages ]]

local function asset(self, folder, entry, size)
  local bytes = bytes_of(entry.publicId, size)
  self.files[folder .. entry.assetPath] = bytes
  return entry
end

local function variant(self, folder, number, size, ...)
  local bytes = bytes_of(packages.uuid(number), size)
  local entry = packages.variant(number, size, digests_of(bytes), CHUNK)
  entry.installTargets = targets(...)
  return asset(self, folder, entry, size)
end

local function delta(self, folder, number, target, from)
  local size = 1500
  local bytes = bytes_of(packages.uuid(number), size)
  local entry = packages.delta(number, target, size, digests_of(bytes), CHUNK)
  entry.sourceVariant.appleVersionId = from
  return asset(self, folder, entry, size)
end

--- Adds a package: variants for iPhone16,1 with 17.4 and with 18, for iPhone15,2 and for an iPad, and a delta to the
--- second of them.
---@param id string the app's version
---@param from string the version that the delta starts from
---@return table document of the manifest, which save() writes again
function Market:add_package(id, from)
  local folder = ("/packages/%s/"):format(id)
  local document = packages.document({
    variant(self, folder, tonumber(id) * 10 + 1, 3500, "iPhone16,1 17.4"),
    variant(self, folder, tonumber(id) * 10 + 2, 4000, "iPhone16,1 18", "iPhone17,3 18"),
    variant(self, folder, tonumber(id) * 10 + 3, 2500, "iPhone15,2 17.4"),
    variant(self, folder, tonumber(id) * 10 + 4, 100, "iPad14,6-A 17.4"),
  }, { delta(self, folder, tonumber(id) * 10 + 5, tonumber(id) * 10 + 2, from) }, {
    appleVersionId = id, shortVersionString = "1." .. id,
  })
  self.files[folder .. "signature"] = "a signature"
  self:save(document)
  return document
end

--- Serves a manifest.
---@param document table|string
---@param id? string of the version, default the document's
function Market:save(document, id)
  local bytes = type(document) == "table" and json.encode(document) or document
  self.files[("/packages/%s/manifest.json"):format(id or document.appleVersionId)] = bytes
end

--[[ Offers ]]

--- An install verification token.
---@param more? table options of marketplace.token
---@return string
function Market.token(more)
  local given = {
    kind = "install", key = device.KEY, key_id = "K", marketplace_id = "67", bundle_id = "com.example.game",
    dtype = "download",
  }
  for name, value in pairs(more or {}) do given[name] = value end
  return (assert(token.new(given)))
end

--- What offers a version, as in `updates` and `restores`.
---@param id string
---@param more? table members in place of the usual ones; false: none
---@return table
function Market:offer(id, more)
  local offer = {
    appleItemId = packages.ITEM, appleVersionId = id, installVerificationToken = self.token(),
    alternativeDistributionPackage = ("%s/packages/%s/"):format(self.url, id), shortVersionString = "1." .. id,
    bundleVersion = "42",
  }
  for name, value in pairs(more or {}) do offer[name] = value end
  for name, value in pairs(offer) do
    if value == false then offer[name] = nil end
  end
  return offer
end

--- What refuses an app.
---@param code integer
---@return table
function Market.failure(code)
  return {
    appleItemId = packages.ITEM, appleVersionId = "1", failure = { code = code, description = "the app is gone" },
  }
end

--[[ Answering ]]

local function of(answer)
  if type(answer) == "string" then return { status = 200, body = answer } end
  if answer.status then return answer end
  return { status = 200, body = json.encode(answer) }
end

--- Answers a request: { method=, path=, headers=, body= }.
---@param request table
---@return table response {status=, headers=, body=}
function Market:handle(request)
  self.requests[#self.requests + 1] = request
  local answer = self.files[request.path] or self.answers[request.path]
  if type(answer) == "function" then answer = answer(request) end
  local response = of(answer or { status = 404, body = "nothing is here" })
  return { status = response.status, headers = response.headers or {}, body = response.body or "" }
end

local function give(request, response)
  if request.sink and response.status >= 200 and response.status <= 299 then
    for at = 1, #response.body, 700 do
      if request.sink(response.body:sub(at, at + 699)) == false then
        return nil, "the sink ended the exchange", "http_failed", { sent = true }
      end
    end
    response.body = ""
  end
  if #response.body > (request.max_response or 2 ^ 23) then return nil, "too large", "too_large", { sent = true } end
  return response
end

--- Carries a device's requests to it, in this process.
---@return function transport
function Market:transport()
  return function(request)
    local origin, path = request.url:match "^(https?://[^/]+)([^?]*)"
    if origin ~= self.url then return nil, "cannot connect", "connect_failed", { sent = false } end
    return give(request, self:handle {
      method = request.method, path = path, headers = request.headers, body = request.body,
    })
  end
end

--- A marketplace at an address, with an app of which there are the versions 1 and 2.
---@param url string
---@return table
function market.new(url)
  local self = setmetatable({ url = url, files = {}, answers = {}, requests = {} }, Market)
  self.one, self.two = self:add_package("1", "0"), self:add_package("2", "1")
  self.known = {
    restore = url .. "/device/restore", updates = { url = url .. "/device/updates", pollingInterval = 24 },
    license = nil,
  }
  self.answers["/.well-known/marketplace-kit"] = function() return self.known end
  self.answers["/device/install"] = function() return self:offer "1" end
  self.answers["/device/updates"] = function() return { updates = json.list { self:offer "2" } } end
  self.answers["/device/restore"] = function() return { restores = json.list { self:offer "1" } } end
  return self
end

return market
