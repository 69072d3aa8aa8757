--- A store of packages without any files, and a device that answers from it.
local json = require "marketplace.json"
local manifest = require "marketplace.packages.manifest"
local marketplace = require "marketplace"
local packages = require "support.packages"
local shell = require "support.shell"

local device = {}

--- The key of its tokens, PEM.
device.KEY = shell.run "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt" .. "\n"

local Setup = {}
Setup.__index = Setup

local next_public_id = 0

--- Has a package version fetched: rows only.
---@param id string
---@param more table members of the manifest
---@param about? {package?: string, app?: string}
function Setup:stage(id, more, about)
  next_public_id = next_public_id + 1
  local document = packages.document({ packages.variant(next_public_id, 10, {}) }, nil, more)
  about = about or {}
  assert(self.store:stage({ id = id, package = about.package or "P-" .. id, app = about.app },
    assert(manifest.parse(json.encode(document)))))
end

--- Publishes one: rows only.
function Setup:publish(id, more, about)
  self:stage(id, more, about)
  assert(self.store:change(id, function(_, change)
    change:published { manifest_sha256 = "m", signature_sha256 = "s" }
    return true
  end))
end

--- A device that answers from this store.
---@param more? table options
---@return marketplace.Device
function Setup:device(more)
  local given = {
    packages = self.packages, token = { key_id = "K", marketplace_id = "67", key = device.KEY },
    base_url = "https://market.example/device", packages_url = "https://packages.example",
    authenticate = function(request) return request.headers["x-account"], request.headers["x-territory"] end,
    log = function(entry) self.entries[#self.entries + 1] = entry end,
  }
  for name, value in pairs(more or {}) do given[name] = value end
  return assert(marketplace.device(given))
end

function Setup:close()
  self.packages:close()
  shell.run("rm -rf " .. self.root)
end

--- An empty one.
function device.open()
  local self = setmetatable({ root = shell.run "mktemp -d", entries = {} }, Setup)
  self.packages = assert(marketplace.packages { folder = self.root, log = function() end })
  self.store = self.packages.store
  return self
end

--- Asks an endpoint.
---@param answers marketplace.Device
---@param name "updates"|"restore"|"install"
---@param question table|string
---@param headers? table default: an account without a territory
---@return integer status
---@return any document, or the text
---@return table headers
function device.ask(answers, name, question, headers)
  local status, given, body = answers:handle {
    method = "POST", path = "/device/" .. name, headers = headers or { ["X-Account"] = "somebody" },
    body = type(question) == "table" and json.encode(question) or question,
  }
  if given["content-type"] == "application/json" then return status, json.decode(body), given end
  return status, body, given
end

return device
