--- The URLs of files: a new one at each asking, sealed, good for a while, without a token.
local core = require "marketplace.core"
local log = require "marketplace.log"
local query = require "marketplace.simulator.query"

local addresses = {}

local FOLDER = "/simulator/files/"

local function seal(sim, name, id, expires, nonce)
  return core.sha256(("%s:%s:%s:%s:%s"):format(sim.file_secret, name, id, expires, nonce)):sub(1, 32)
end

--- A new URL. As in Apple's examples, its access key begins with the time at which it expires.
---@param sim table
---@param name "versions"|"variants"|"deltas"
---@param id string
---@return string url
---@return string expires Apple's form of the time
function addresses.new(sim, name, id)
  local at = math.floor(sim.clock() + sim.url_lifetime)
  local expires, nonce = ("%.0f"):format(at), sim.random(8)
  return ("%s%s%s/%s?accessKey=%s_%s_%s"):format(sim.base_url, FOLDER, name, id, expires, nonce,
    seal(sim, name, id, expires, nonce)), log.timestamp(at)
end

--- What a path names.
---@param path string
---@return string|nil name
---@return string? id
function addresses.read(path)
  return path:match("^" .. FOLDER .. "(%a+)/([^/]+)$")
end

--- Whether the URL is one that was given out, and has not expired.
---@param sim table
---@param name string
---@param id string
---@param text string|nil the query
---@return boolean
function addresses.is_valid(sim, name, id, text)
  local key = query.read(text or "").accessKey or ""
  -- a double holds every number with this many digits exactly
  local expires, nonce, sealed = key:match "^(%d+)_(%x+)_(%x+)$"
  return expires ~= nil and #expires <= 15 and sealed == seal(sim, name, id, expires, nonce)
    and tonumber(expires) > sim.clock()
end

return addresses
