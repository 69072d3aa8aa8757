--- Asks App Store Connect what there is, and requests what is missing: for the packages that are known here, and for
--- one's own apps. There is no list of all packages that a marketplace may sell; notifications name them.
local calls = require "marketplace.packages.calls"
local core = require "marketplace.core"
local remote = require "marketplace.packages.remote"
local url = require "marketplace.client.url"

local sync = {}

local PAGE = 200

local function add(packages, id, app)
  if not packages.apps[id] then table.insert(packages.ids, id) end
  packages.apps[id] = packages.apps[id] or app or false
end

local UNKNOWN = { [403] = true, [404] = true } -- an app of another developer

local UNREADABLE = "App Store Connect lists a version of an app that has no id"

-- The packages of the versions of an app, if it is one's own.
local function add_own(asker, packages, app)
  local address, seen = ("/v1/apps/%s/appStoreVersions?limit=%d"):format(url.encode(app), PAGE), {}
  while type(address) == "string" and not seen[address] do
    seen[address] = true
    asker.calls:wait(asker.pause)
    local document, message, code, about = asker.client:request("GET", address)
    if not document and about and UNKNOWN[about.status] then return true end
    if not document then return nil, message, code end
    for _, version in ipairs(type(document.data) == "table" and document.data or {}) do
      if type(version) ~= "table" or type(version.id) ~= "string" then return nil, UNREADABLE, "answer_invalid" end
      asker.calls:wait(asker.pause)
      local package, problem, problem_code, detail =
        asker.client.alternativeDistributionPackages:get { appStoreVersion = version.id }
      if not package and not remote.is_gone(problem_code, detail) then return nil, problem, problem_code end
      if package then add(packages, package.id, app) end
    end
    address = type(document.links) == "table" and document.links.next or nil
  end
  return true
end

local function set_of(list)
  local set = {}
  for _, one in ipairs(list) do set[one] = true end
  return set
end

local function known_packages(p, apps)
  local rows, message, code = p.store:versions {}
  if not rows then return nil, message, code end
  local packages, wanted = { ids = {}, apps = {} }, apps and set_of(apps)
  for _, row in ipairs(rows) do
    local is_wanted = not wanted or wanted[row.app] or wanted[row.item_id]
    if row.package and is_wanted then add(packages, row.package, row.app) end
  end
  return packages
end

local function request_newest(p, asker, package, app, result)
  local newest, message, code = remote.newest(asker, package)
  if newest == nil then return nil, message, code end
  if not newest then return true end
  result.seen = result.seen + 1
  local version = p.store:version(newest.id)
  if version and version.is_current then
    result.known = result.known + 1
    return true
  end
  local outcome
  outcome, message, code = p:request { version = newest.id, package = package, app = app or nil }
  if not outcome then return nil, message, code end
  if outcome == "new" then table.insert(result.requested, newest.id) else result.known = result.known + 1 end
  return true
end

-- What App Store Connect refuses of one package says nothing about the others.
local CONCERNS_ONE = { forbidden = true, gone = true }

local function request_all(p, asker, packages)
  local result, failure = { seen = 0, known = 0, requested = {} }, nil
  for _, package in ipairs(packages.ids) do
    local ok, message, code = request_newest(p, asker, package, packages.apps[package], result)
    if not ok and not CONCERNS_ONE[code] then return nil, message, code end
    if not ok then failure = failure or { message, code } end
  end
  if failure then return nil, failure[1], failure[2] end
  return result
end

--- Requests what is COMPLETED and is not served as current. Withdraws nothing. A package that App Store Connect refuses
--- keeps no other from being requested, and is told at the end.
---@param p table
---@param apps string[]|nil only these, and also the packages of those that are one's own
---@return {seen: integer, known: integer, requested: string[]}|nil
---@return string? message
---@return string? code
function sync.run(p, apps)
  local packages, message, code = known_packages(p, apps)
  if not packages then return nil, message, code end
  local asker = {
    client = p.client, pause = core.sleep,
    calls = calls.new(p.client, p.settings.max_calls_per_hour, core.monotonic),
  }
  for _, app in ipairs(apps or {}) do
    local ok
    ok, message, code = add_own(asker, packages, app)
    if not ok then return nil, message, code end
  end
  return request_all(p, asker, packages)
end

return sync
