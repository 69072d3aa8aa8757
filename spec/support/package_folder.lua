--- A folder of packages with real files, for specs: what a fetch does is done at once, from bytes that are made up.
---
--- `steps` counts what changes the disk, the moment before each commit, and that after it. At the step `dies_at`, and
--- at all that follow, nothing is done any more, as after a SIGKILL. The step `fails_at` fails, as on a full disk.
--- `at_step` is a function that is called at each.
local core = require "marketplace.core"
local folder = require "marketplace.packages.folder"
local json = require "marketplace.json"
local keys = require "marketplace.packages.keys"
local manifest = require "marketplace.packages.manifest"
local package_io = require "marketplace.package_io"
local packages = require "support.packages"
local reconnecting = require "marketplace.reconnecting"
local store = require "marketplace.packages.store"

local package_folder = {}

local Fixture = {}
Fixture.__index = Fixture

--[[ Death ]]

local KILLED = "killed"

-- Whether it fails.
local function step(self)
  self.steps = self.steps + 1
  if self.dies_at and self.steps >= self.dies_at then error(KILLED, 0) end
  if self.at_step then self.at_step(self.steps) end
  return self.steps == self.fails_at
end

local CHANGES = { rename = true, make_folders = true, remove_tree = true, link = true, sync = true }

local function counted_io(self)
  local io = {}
  for name, call in pairs(package_io) do
    io[name] = CHANGES[name] and function(...)
      if step(self) then return nil, "no space left on device", "disk_full" end
      return call(...)
    end or call
  end
  return io
end

-- Before a commit, and after it.
local function count_commits(self, database)
  local transact = database.transact
  function database.transact(object, work)
    local result, message, code = transact(object, function(link, now)
      local outcome = work(link, now)
      if step(self) then reconnecting.fail "no space left on device" end
      return outcome
    end)
    if result ~= nil and step(self) then return nil, "it is not known whether it is committed", "store_unavailable" end
    return result, message, code
  end
end

--[[ The object that marketplace.packages would be ]]

--- Opens what is in the folder, as a process does that has just begun.
function Fixture:open()
  self:close()
  self.steps, self.dies_at = 0, nil
  local place = folder.new(self.root, counted_io(self))
  local function clock() return self.now end
  self.p = {
    folder = place, io = place.io, clock = clock,
    log = {
      write = function(entry)
        if entry.level ~= "info" then self.logged[#self.logged + 1] = ("%s: %s"):format(entry.message, entry.reason) end
      end,
    },
    on_event = function(event) self.events[#self.events + 1] = ("%s %s"):format(event.event, event.version) end,
  }
  assert(place:make())
  self.p.store = assert(store.open { folder = place, clock = clock })
  self.p.keys = assert(keys.open { folder = place, clock = clock })
  self.steps = 0
  count_commits(self, self.p.store.database)
  count_commits(self, self.p.keys.database)
  return self.p
end

function Fixture:close()
  if not self.p then return end
  self.p.store:close()
  self.p.keys:close()
  self.p = nil
end

--- Runs work(p), which is killed at a step.
---@param work fun(p: table)
---@param at integer
---@return boolean killed false: it has fewer steps
function Fixture:kill(work, at)
  self.steps, self.dies_at = 0, at
  local ok, problem = pcall(work, self.p)
  if not ok and problem ~= KILLED then error(problem, 0) end
  self.dies_at = nil
  return not ok
end

--- Runs work(p), of which a step fails.
---@param work fun(p: table) raises if it fails
---@param at integer
---@return boolean was_reached false: it has fewer steps
function Fixture:fail(work, at)
  self.steps, self.fails_at = 0, at
  pcall(work, self.p)
  self.fails_at = nil
  return self.steps >= at
end

--[[ Packages ]]

-- What an asset holds: the same for the same id and revision of its content.
local function bytes_of(number, size)
  return (("asset %d "):format(number)):rep(math.ceil(size / 8) + 1):sub(1, size)
end

local CHUNK = 100

local function digests_of(bytes)
  local list = {}
  for first = 1, #bytes, CHUNK do list[#list + 1] = core.sha256(bytes:sub(first, first + CHUNK - 1)) end
  return list
end

--- A version's files and what is told of it.
---@param id string
---@param given? {variants?: integer[], deltas?: integer[], revision?: integer, package?: string, app?: string,
--- item?: string, apple_version?: string, without_digests?: boolean}
---@return table
function package_folder.version(id, given)
  given = given or {}
  local files, variants, deltas, numbers = {}, {}, {}, given.variants or { 1, 2 }
  local function add(kind, number)
    local bytes = bytes_of(number, 250 + number)
    files[("%s/%s.ipa"):format(kind, packages.uuid(number))] = bytes
    return given.without_digests and {} or digests_of(bytes), #bytes
  end
  for i, number in ipairs(numbers) do
    local digests, size = add("variant", number)
    variants[i] = packages.variant(number, size, digests, CHUNK)
  end
  for i, number in ipairs(given.deltas or {}) do
    local digests, size = add("delta", number)
    deltas[i] = packages.delta(number, numbers[1], size, digests, CHUNK)
  end
  local document = json.encode(packages.document(variants, deltas, {
    distributionPackageRevision = given.revision or 1, appleItemId = given.item, appleVersionId = given.apple_version,
  }))
  files["manifest.json"], files.signature = document, "signature of " .. id
  return {
    id = id, package = given.package or "P", app = given.app or "A", files = files, manifest = manifest.parse(document),
  }
end

local function write(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

--- Writes a version's files into a folder.
---@param version table
---@param path string
function package_folder.write(version, path)
  assert(package_io.make_folders(path .. "/variant", 493))
  for name, bytes in pairs(version.files) do
    if name:find "^delta" then assert(package_io.make_folders(path .. "/delta", 493)) end
    write(("%s/%s"):format(path, name), bytes)
  end
end

--- Has a version whole in staging, with its key blobs and its job, as a fetch leaves it.
---@param version table
---@param at? number when Apple said that it is available
function Fixture:stage(version, at)
  local p = self.p
  assert(p.store:request { version = version.id, package = version.package, app = version.app, at = at })
  assert(p.store:stage(version, version.manifest))
  local blobs = {}
  for i, asset in ipairs(version.manifest.assets) do
    blobs[i] = { public_id = asset.public_id, version = version.id, blob = "QQ==" }
  end
  assert(p.keys:put(blobs))
  package_folder.write(version, p.folder:staging(version.id))
  for _, asset in ipairs(version.manifest.assets) do
    assert(p.store:asset_done(version.id, asset.public_id, { proof = asset.digests and "chunks" or "size" }))
  end
end

--- The version's row, or nil.
---@param id string
---@return table|nil
function Fixture:row(id)
  return assert(self.p.store:versions { id = id })[1]
end

--- Where a version's folder is: words of public, staging and withdrawn.
---@param version table
---@return string
function Fixture:where(version)
  local place, words = self.p.folder, {}
  local row = {
    id = version.id, item_id = version.manifest.item_id, apple_version_id = version.manifest.apple_version_id,
  }
  for _, at in ipairs { { "public", place:public(row) }, { "staging", place:staging(row.id) },
    { "withdrawn", place:withdrawn(row.id) } } do
    if folder.exists(at[2]) then words[#words + 1] = at[1] end
  end
  return table.concat(words, " ")
end

--- A fixture in an empty folder.
---@param root string
---@return table
function package_folder.new(root)
  return setmetatable({ root = root, now = 1000, steps = 0, logged = {}, events = {} }, Fixture)
end

return package_folder
