-- store FOLDER APPS: a folder of packages without files, whose rows have so many apps, each with three versions, and
-- what Apple's events said of them.
local json = require "marketplace.json"
local manifest = require "marketplace.packages.manifest"
local open = require("marketplace.packages").new
local support = require "support.packages"

local folder, apps = arg[1], tonumber(arg[2])
local packages = assert(open { folder = folder })
local store = packages.store

local function published(_, change)
  change:published { manifest_sha256 = "m", signature_sha256 = "s" }
  return true
end

local function publish(app, apple_version)
  local id = support.uuid(app * 100 + apple_version)
  local document = support.document({ support.variant(app * 100 + apple_version, 10, {}) }, nil, {
    appleItemId = tostring(6740000000 + app), appleVersionId = tostring(870000000 + apple_version),
    bundleId = ("com.example.app%d"):format(app),
  })
  local version = { id = id, package = support.uuid(app), app = tostring(6740000000 + app) }
  assert(store:stage(version, assert(manifest.parse(json.encode(document)))))
  assert(store:change(id, published))
  assert(store:availability { scope = "version", id = id, available = true, at = apple_version, event = id })
end

for app = 1, apps do
  for apple_version = 10, 30, 10 do publish(app, apple_version) end
end
packages:close()
