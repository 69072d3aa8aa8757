--- A transport for a client that sends only requests that read, and shows those that would change something.
local json = require "marketplace.json"
local output = require "marketplace.cli.support.output"

local dry_run = {}

local function without_secret(document)
  local attributes = type(document.data) == "table" and document.data.attributes
  if type(attributes) == "table" and attributes.secret then attributes.secret = "(hidden)" end
  return document
end

local function show(as_json, request, document)
  local lines = { request.method .. " " .. request.url, document and json.encode(document) }
  output.write(as_json, lines, { method = request.method, url = request.url, body = document })
end

-- What App Store Connect would answer if it granted the request.
local function answer(request, document)
  if request.method == "DELETE" then return { status = 204, headers = {}, body = "" } end
  local data = document and document.data or {}
  data.id = data.id or "(new)"
  local status = request.method == "POST" and 201 or 200
  return { status = status, headers = {}, body = json.encode { data = data } }
end

--- The transport.
---@param as_json boolean|nil how a request is shown: as one JSON object, or as method, URL and body
---@param send fun(request: table, ...): any another transport, for requests that read
---@return fun(request: table, ...): table|nil, string?, string?, table?
function dry_run.transport(as_json, send)
  return function(request, ...)
    if request.method == "GET" then return send(request, ...) end
    local document = request.body and without_secret(assert(json.decode(request.body)))
    show(as_json, request, document)
    return answer(request, document)
  end
end

return dry_run
