--- The assets of each package version: what is to be fetched, what is there, and how it was proved.
local json = require "marketplace.json"
local versions = require "marketplace.packages.store.versions"

local methods = {}
local assets = { methods = methods }

-- What the manifest says of a version, in these columns.
local COLUMNS = {
  "item_id", "apple_version_id", "revision", "bundle_id", "version", "build", "platforms", "minimum_systems",
  "capabilities", "bytes",
}

local function stage_statement()
  local parameters, updates = {}, {}
  for i, name in ipairs(COLUMNS) do
    parameters[i], updates[i] = ":" .. name, ("%s = excluded.%s"):format(name, name)
  end
  return ("INSERT INTO versions (id, package, app, state, staged_at, %s) VALUES (:id, :package, :app, 'staged', " ..
    ":now, %s) ON CONFLICT (id) DO UPDATE SET package = coalesce(excluded.package, package), " ..
    "app = coalesce(nullif(excluded.app, excluded.item_id), app, excluded.app), state = 'staged', " ..
    "staged_at = excluded.staged_at, why = NULL, ordinal = NULL, manifest_sha256 = NULL, signature_sha256 = NULL, " ..
    "published_at = NULL, " ..
    "replaced_at = NULL, withdrawn_at = NULL, %s"):format(table.concat(COLUMNS, ", "), table.concat(parameters, ", "),
    table.concat(updates, ", "))
end

local STAGE = stage_statement()
local FORMER = "SELECT public_id, size, proof, etag, checksum, sha256 FROM assets WHERE version = :id AND " ..
  "EXISTS (SELECT 1 FROM versions WHERE id = :id AND state = 'staged')"
local REMOVE = "DELETE FROM assets WHERE version = :id"
local ADD = "INSERT INTO assets (version, public_id, number, kind, path, size, chunk_size, proof, etag, checksum, " ..
  "sha256) VALUES (:id, :public_id, :number, :kind, :path, :size, :chunk_size, :proof, :etag, :checksum, :sha256)"

-- What is there of a version whose manifest is read once more stays known: of other files than staging's, nothing is.
local function add_assets(link, id, manifest)
  local former = {}
  for _, row in ipairs(link:run(FORMER, { id = id })) do former[row.public_id] = row end
  link:run(REMOVE, { id = id })
  local items = {}
  for i, asset in ipairs(manifest.assets) do
    local known = former[asset.public_id]
    if not known or known.size ~= asset.size then known = {} end
    items[i] = {
      public_id = asset.public_id, number = i, kind = asset.kind, path = asset.path, size = asset.size,
      chunk_size = asset.chunk_size, proof = known.proof, etag = known.etag, checksum = known.checksum,
      sha256 = known.sha256,
    }
  end
  link:each(ADD, items, { id = id })
end

--- Writes what a manifest says of a version, in a transaction of the caller's.
---@param link table see marketplace.sqlite.link
---@param given {id: string, package?: string, app?: string}
---@param manifest marketplace.packages.Manifest
---@param now number
function assets.stage(link, given, manifest, now)
  local values = { id = given.id, package = given.package, app = given.app, now = now }
  for _, name in ipairs(COLUMNS) do
    local value = manifest[name]
    values[name] = type(value) == "table" and json.encode(value) or value
  end
  add_assets(link, given.id, manifest)
  link:run(STAGE, values)
  versions.share_ids(link, given.id)
end

--- Notes what is to be fetched, before it is.
---@param given {id: string, package?: string, app?: string} id: of the package version
---@param manifest marketplace.packages.Manifest
---@return true|nil
---@return string? message
---@return string? code version_published: what is published never changes; store_unavailable
function methods:stage(given, manifest)
  local staged, message, code = self:transact(function(link, now)
    local version = versions.get(link, given.id)
    if version and version.state == "published" then return false end
    assets.stage(link, given, manifest, now)
    return true
  end)
  if staged == false then
    return nil, ("the package version %s is published already"):format(given.id), "version_published"
  end
  return staged, message, code
end

local PROVED = "UPDATE assets SET proof = :proof WHERE version = :id AND public_id = :public_id"

--- Makes the rows of a version that was found whole, as if it had just been fetched, but for its package, which nobody
--- knows. All in one transaction.
---@param id string
---@param manifest marketplace.packages.Manifest
---@param proofs {public_id: string, proof: string}[]
---@param work? fun(version: marketplace.packages.Version, change: marketplace.packages.Change): any as of store:change
---@return any|nil
---@return string? message
---@return string? code store_unavailable
function methods:adopt(id, manifest, proofs, work)
  return self:transact(function(link, now)
    assets.stage(link, { id = id }, manifest, now)
    link:each(PROVED, proofs, { id = id })
    return not work or versions.change(link, id, now, work)
  end)
end

local DONE = "UPDATE assets SET proof = :proof, etag = coalesce(:etag, etag), " ..
  "checksum = coalesce(:checksum, checksum), sha256 = coalesce(:sha256, sha256) " ..
  "WHERE version = :version AND public_id = :public_id"

--- Notes that an asset is there, whole, under its own name.
---@param version string
---@param public_id string
---@param how {proof: "chunks"|"checksum"|"size", etag?: string, checksum?: string, sha256?: string} checksum: Apple's
--- fileChecksum; sha256: of the file, if it was taken
---@return true|nil
---@return string? message
---@return string? code store_unavailable
function methods:asset_done(version, public_id, how)
  return self:transact(function(link)
    link:run(DONE, {
      version = version, public_id = public_id, proof = how.proof, etag = how.etag, checksum = how.checksum,
      sha256 = how.sha256,
    })
    return true
  end)
end

local BEGUN = "UPDATE assets SET proof = NULL, sha256 = NULL, etag = :etag WHERE version = :version AND " ..
  "public_id = :public_id"

--- Notes from what an unfinished file comes, so that its download can go on later.
---@param version string
---@param public_id string
---@param etag string|nil
---@return true|nil
---@return string? message
---@return string? code store_unavailable
function methods:asset_begun(version, public_id, etag)
  return self:transact(function(link)
    link:run(BEGUN, { version = version, public_id = public_id, etag = etag })
    return true
  end)
end

local OF_VERSION = "SELECT public_id, kind, path, size, chunk_size, proof, etag, checksum, sha256 FROM assets " ..
  "WHERE version = :id ORDER BY number LIMIT :most"

--- The assets of a version in the manifest's order, in a transaction of the caller's.
---@param link table
---@param version string
---@param most? integer how many of them, default all
---@return table[]
function assets.of(link, version, most)
  return link:run(OF_VERSION, { id = version, most = most or -1 })
end

--- The assets of a version, in the manifest's order.
---@param version string
---@return {public_id: string, kind: string, path: string, size: integer, chunk_size?: integer, proof?: string,
--- etag?: string, checksum?: string, sha256?: string}[]|nil
---@return string? message
---@return string? code store_unavailable
function methods:assets(version)
  return self:read(function(link) return assets.of(link, version) end)
end

local REUSABLE = "SELECT id, id AS version, item_id, apple_version_id, state, path, size, proof, checksum, sha256 " ..
  "FROM assets JOIN versions ON versions.id = assets.version WHERE public_id = :public_id AND " ..
  "proof IS NOT NULL AND versions.id <> coalesce(:except, '') AND state <> 'collected' " ..
  "ORDER BY state = 'published' DESC, state = 'withdrawn' DESC, versions.ordinal DESC LIMIT 1"

--- Where the same asset lies for another version; whether it is still there, and what it is now, is for the caller to
--- find out.
---@param public_id string
---@param except? string a version
---@return {version: string, path: string, size: integer, proof: string, checksum?: string, sha256?: string}|false|nil
---@return string? message
---@return string? code store_unavailable
function methods:reusable(public_id, except)
  return self:read(function(link)
    local found = link:run(REUSABLE, { public_id = public_id, except = except })[1]
    if not found then return false end
    found.path = ("%s/%s"):format(self.folder:place(found), found.path)
    return found
  end)
end

return assets
