--- Serves the files, as a content delivery network does: without a token, whole or in ranges.
local addresses = require "marketplace.simulator.packages.addresses"
local archive = require "marketplace.simulator.packages.archive"
local bytes = require "marketplace.simulator.packages.bytes"
local core = require "marketplace.core"
local problems = require "marketplace.simulator.problems"

local files = {}

local PACKAGES = "alternativeDistributionPackages"
local VERSIONS = "alternativeDistributionPackageVersions"
local ASSETS = {
  variants = "alternativeDistributionPackageVariants", deltas = "alternativeDistributionPackageDeltas",
}
local SMALL = 1024 * 1024 -- bytes: what is not more is one string

local function refuse(status, why)
  return { status = status, body = why .. "\n", headers = { ["content-type"] = "text/plain; charset=utf-8" } }
end

--[[ What is served ]]

local function etag(...)
  return ('"%s"'):format(core.sha256(table.concat({ ... }, ":")):sub(1, 32))
end

local function archive_file(sim, id)
  local version = sim.store:get(VERSIONS, id)
  if not version then return nil end
  local text = archive.bytes(sim.store:get(PACKAGES, version.refs.alternativeDistributionPackage), version)
  return {
    size = #text, type = "application/zip", etag = etag(text),
    pieces = function(first, last) return { text:sub(first + 1, last + 1) } end,
  }
end

local function asset_of(sim, name, id)
  return ASSETS[name] and sim.store:get(ASSETS[name], id)
end

local function asset_file(sim, name, id)
  local asset = asset_of(sim, name, id)
  if not asset then return nil end
  return {
    size = asset.size, type = "application/octet-stream", etag = etag(asset.seed, asset.etag_number or 0),
    pieces = function(first, last) return bytes.pieces(asset, first, last) end,
  }
end

--- The asset whose file a path names.
---@param sim table
---@param path string
---@return table|nil
function files.asset(sim, path)
  return asset_of(sim, addresses.read(path))
end

--[[ Ranges (RFC 9110, section 14) ]]

local function body_of(file, first, last)
  local pieces = file.pieces(first, last)
  return last - first < SMALL and table.concat(pieces) or pieces
end

-- A header that came more than once is a list, and is ignored like an invalid one. So is a range of a file that is no
-- longer the one that If-Range names.
local function wanted_range(request, file)
  local range, condition = request.headers.range, request.headers["if-range"]
  if type(range) ~= "string" or condition and condition ~= file.etag then return nil end
  local first, last = range:match "^bytes=(%d+)%-(%d*)$"
  if first then return tonumber(first), math.min(tonumber(last) or file.size, file.size - 1) end
end

local function unsatisfiable(file)
  local answer = refuse(416, "the file is shorter than that")
  answer.headers["content-range"] = ("bytes */%.0f"):format(file.size)
  return answer
end

local function answer_with(request, file)
  local headers = { ["content-type"] = file.type, ["accept-ranges"] = "bytes", etag = file.etag }
  local first, last = wanted_range(request, file)
  if not first then return { status = 200, body = body_of(file, 0, file.size - 1), headers = headers, first = 0 } end
  if first >= file.size or last < first then return unsatisfiable(file) end
  headers["content-range"] = ("bytes %.0f-%.0f/%.0f"):format(first, last, file.size)
  return { status = 206, body = body_of(file, first, last), headers = headers, first = first }
end

--- Answers a request for a file. As storage services do, it refuses a bearer token beside the URL's own seal.
---@param sim table
---@param request table
---@return table answer with `first`, the offset of its body in the file
function files.serve(sim, request)
  if request.method ~= "GET" and request.method ~= "HEAD" then
    return problems.one(405, "METHOD_NOT_ALLOWED", "Files can only be read")
  end
  local name, id = addresses.read(request.path)
  if not name then return refuse(404, "no such file") end
  if request.headers.authorization then return refuse(400, "the URL is the authorization: send no other") end
  if not addresses.is_valid(sim, name, id, request.query) then return refuse(403, "the URL has expired") end
  local file = name == "versions" and archive_file(sim, id) or asset_file(sim, name, id)
  return file and answer_with(request, file) or refuse(404, "no such file")
end

return files
