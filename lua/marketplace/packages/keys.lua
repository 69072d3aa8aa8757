--- The key blobs of assets, without which no device gets a licence. They are kept for ever, in a file of their own: a
--- renewal or a restore may ask for those of a version that is long gone. They are secret: never in public, in a log or
--- in a message.
local database = require "marketplace.packages.database"
local ids = require "marketplace.packages.ids"

local keys = {}

local schema = { APPLICATION_ID = 0x4d4b546b, VERSION = 1 } -- "MKTk"

local TABLE = "CREATE TABLE blobs (public_id TEXT NOT NULL, version TEXT NOT NULL, blob TEXT NOT NULL, " ..
  "item_id TEXT, apple_version_id TEXT, kind TEXT, stored_at REAL NOT NULL, " ..
  "PRIMARY KEY (public_id, version)) WITHOUT ROWID"

function schema.make(run)
  run(TABLE)
  run("PRAGMA application_id = " .. schema.APPLICATION_ID)
  run("PRAGMA user_version = " .. schema.VERSION)
end

---@class marketplace.packages.Keys
local Keys = {}
Keys.__index = Keys

-- A blob that is there is never given up for none.
local PUT = "INSERT INTO blobs (public_id, version, blob, item_id, apple_version_id, kind, stored_at) VALUES " ..
  "(:public_id, :version, :blob, :item_id, :apple_version_id, :kind, :now) ON CONFLICT (public_id, version) " ..
  "DO UPDATE SET blob = excluded.blob, stored_at = excluded.stored_at WHERE blob <> excluded.blob"

local function is_blob(blob)
  return type(blob) == "string" and blob ~= ""
end

--- Stores key blobs, all or none of them.
---@param blobs {public_id: string, version: string, blob: string, item_id?: string, apple_version_id?: string,
--- kind?: string}[] version: of the package; blob: as it came, in base64
---@return true|nil
---@return string? message
---@return string? code key_blob_invalid, store_unavailable
function Keys:put(blobs)
  for _, one in ipairs(blobs) do
    if not (is_blob(one.blob) and ids.is_name(one.public_id) and ids.is_name(one.version)) then
      return nil, ("the key blob of %s is missing or not a text"):format(tostring(one.public_id)), "key_blob_invalid"
    end
  end
  return self.database:transact(function(link, now)
    link:each(PUT, blobs, { now = now })
    return true
  end)
end

local GET = "SELECT blob FROM blobs WHERE public_id = :public_id AND (:version IS NULL OR version = :version) " ..
  "ORDER BY stored_at DESC LIMIT 1"

--- The key blob of an asset, in base64.
---@param public_id string
---@param version? string of the package, default the one whose blob was stored last
---@return string|false|nil false: there is none
---@return string? message
---@return string? code store_unavailable
function Keys:get(public_id, version)
  return self.database:read(function(link)
    local row = link:run(GET, { public_id = public_id, version = version })[1]
    return row and row.blob or false
  end)
end

local OF_ASSET = "SELECT blob FROM blobs WHERE public_id = :public_id AND item_id = :item_id AND " ..
  "ltrim(apple_version_id, '0') = ltrim(:apple_version_id, '0') ORDER BY stored_at DESC LIMIT 1"

--- The key blobs of assets, each of them only if the asset is one of that very version of that app.
---@param assets {public_id: string, item_id: string, apple_version_id: string}[]
---@return (string|false)[]|nil list by asset
---@return string? message
---@return string? code store_unavailable
function Keys:of_assets(assets)
  return self.database:read(function(link)
    local list = {}
    for i, asset in ipairs(assets) do
      local row = link:run(OF_ASSET, asset)[1]
      list[i] = row and row.blob or false
    end
    return list
  end)
end

local HAS = "SELECT 1 AS found FROM blobs WHERE public_id = :public_id AND version = :version"

--- Those of these assets that have no key blob.
---@param version string of the package
---@param public_ids string[]
---@return string[]|nil missing
---@return string? message
---@return string? code store_unavailable
function Keys:missing(version, public_ids)
  local items = {}
  for i, id in ipairs(public_ids) do items[i] = { public_id = id } end
  return self.database:read(function(link)
    local missing = {}
    for i, found in ipairs(link:each(HAS, items, { version = version })) do
      if not found then missing[#missing + 1] = public_ids[i] end
    end
    return missing
  end)
end

--- May be called again.
function Keys:close() self.database:close() end

--- Opens the key blobs of a folder, whose `state` must be there.
---@param given {folder: marketplace.packages.Folder, clock?: (fun(): number), warn?: fun(message: string)}
---@return marketplace.packages.Keys|nil
---@return string? message
---@return string? code store_unavailable
function keys.open(given)
  local opened, message, code = database.open {
    path = given.folder:state "keys.db", schema = schema, clock = given.clock, warn = given.warn,
  }
  if not opened then return nil, message, code end
  return setmetatable({ database = opened }, Keys)
end

return keys
