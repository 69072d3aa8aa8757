--- Fetches large files from the CDN that App Store Connect names, which gets no token and may redirect.
local core = require "marketplace.core"
local options = require "marketplace.options"

local download = {}

local MOST_REDIRECTS = 5
local DEFAULT_TIMEOUT = 3600                    -- seconds
local DEFAULT_MOST = 16 * 1024 * 1024 * 1024    -- bytes
local SLOWEST = { limit = 1024, seconds = 30 }  -- bytes a second, for so long: slower is stuck

local REDIRECTS = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

local function absolute(location, from)
  if location:find "^%a[%w+.-]*://" then return location end
  if location:sub(1, 1) ~= "/" or location:sub(1, 2) == "//" then return nil end
  return from:match "^(%a[%w+.-]*://[^/?#]*)" .. location
end

-- The URL that an answer redirects to, or nil and why it is not followed.
local function next_address(response, from)
  local location = response.headers.location
  local target = type(location) == "string" and absolute(location, from)
  if not target then return nil, "the answer redirects to something that is not a URL" end
  if from:lower():match "^https:" and not target:lower():match "^https:" then
    return nil, "the answer redirects away from https://"
  end
  return target
end

local function follow(transport, address, request_for, pause)
  for _ = 0, MOST_REDIRECTS do
    local response, message, code, detail = transport(request_for(address), pause)
    if not response then return nil, message, code, detail end
    if not REDIRECTS[response.status] then return response end
    address, message = next_address(response, address)
    if not address then return nil, message, "http_failed", { status = response.status } end
  end
  return nil, "more than 5 redirects", "http_failed", {}
end

local function request_for(address, given, ca_file)
  return {
    method = "GET", url = address, timeout = given.timeout or DEFAULT_TIMEOUT, ca_file = ca_file,
    low_speed_limit = SLOWEST.limit, low_speed_time = SLOWEST.seconds, max_response = given.max_bytes or DEFAULT_MOST,
    max_bytes_per_second = given.max_bytes_per_second, started = given.started,
  }
end

local function refused(response)
  return nil, ("the file cannot be fetched: %d"):format(response.status), "http_failed", { status = response.status }
end

local function fetch_into(sink, transport, address, given, ca_file, pause)
  local bytes = 0
  local function counted(piece)
    bytes = bytes + #piece
    return sink(piece)
  end
  local response, message, code, detail = follow(transport, address, function(place)
    local request = request_for(place, given, ca_file)
    request.sink = counted
    return request
  end, pause)
  if not response then return nil, message, code, detail end
  if response.status ~= 200 then return refused(response) end
  return { status = 200, bytes = bytes, headers = response.headers }
end

-- What asks for the rest of the file. A weak ETag cannot tell whether it is still the same (RFC 9110, section 13.1.5):
-- without a Range all of it comes again.
local function range(offset, etag)
  if offset == 0 or etag and etag:find "^W/" then return nil end
  local lines = { ("Range: bytes=%.0f-"):format(offset) }
  if etag then lines[2] = "If-Range: " .. etag end
  return lines
end

-- A server that does not know If-Range may have sent the end of another file.
local function is_of_another(response, etag)
  return response.status == 206 and etag and response.headers.etag and response.headers.etag ~= etag
end

local function fetch_into_asset(sink, transport, address, given, ca_file, pause)
  local offset, failed, why = sink:offset()
  if not offset then return nil, failed, why, { sent = false } end
  local lines = range(offset, given.etag)
  local response, message, code, detail = follow(transport, address, function(place)
    local request = request_for(place, given, ca_file)
    request.sink, request.headers = sink, lines
    return request
  end, pause)
  if not response then return nil, message, code, detail end
  if response.status ~= 200 and response.status ~= 206 then return refused(response) end
  if is_of_another(response, given.etag) then
    sink:restart()
    return nil, "the file changed on the server, and has to be fetched from its beginning", "http_failed",
      { status = response.status }
  end
  local before = response.status == 206 and offset or 0
  return { status = response.status, bytes = sink:written() - before, headers = response.headers }
end

-- The sink keeps what went wrong, and then takes no more.
local function file_sink(file)
  local state = {}
  function state.write(piece)
    local ok, problem = file:write(piece)
    state.problem = not ok and problem or nil
    return ok ~= nil
  end
  return state
end

local function cannot_write(problem)
  return nil, "cannot write " .. tostring(problem), "file_failed", {}
end

local function fetch_to_file(path, ...)
  local there = core.stat(path)
  if there and there.type ~= "file" then return cannot_write(path .. ": it is not a regular file") end
  local partial = ("%s.%s.part"):format(path, core.random_hex(8))
  local file, problem = io.open(partial, "wb")
  if not file then return cannot_write(problem) end
  local state = file_sink(file)
  local result, message, code, detail = fetch_into(state.write, ...)
  local closed, close_problem = file:close()
  if state.problem or result and not closed then
    result, message, code, detail = cannot_write(state.problem or close_problem)
  end
  if result then
    local placed, place_problem = core.put_in_place(partial, path)
    if placed then return result end
    result, message, code, detail = cannot_write(place_problem)
  end
  os.remove(partial)
  return result, message, code, detail
end

---@class marketplace.DownloadOptions
---@field sink? userdata|fun(bytes: string): boolean? is given the bytes as they come, and may return false to end it;
--- or a sink of marketplace.package_io, which goes on where it is, and is put back if the server sends all of the file
---@field file? string path, in place of `sink`, of a file that appears once it is complete and synced (blocks in nginx)
---@field etag? string of the file whose beginning that sink has: if it has changed, all of it comes
---@field timeout? number seconds, default 3600
---@field max_bytes? integer the most bytes, default 16 GiB; a sink of marketplace.package_io knows better
---@field max_bytes_per_second? number default no limit
---@field started? fun(exchange: marketplace.Exchange) is given each exchange when it begins: its `head()` tells the
--- answer's headers while the file arrives, and its `limit(bytes_per_second)` changes the rate
local OPTIONS = {
  sink = "function|userdata", file = "string", etag = "string", timeout = "number", max_bytes = "number",
  max_bytes_per_second = "number", started = "function",
}

--- Raises if the arguments of Client:download are wrong, blaming its caller.
---@param address string
---@param given marketplace.DownloadOptions
function download.check(address, given)
  options.check("client:download", given, OPTIONS, 4)
  if (given.sink == nil) == (given.file == nil) then error("client:download: either 'sink' or 'file' is needed", 3) end
  if given.etag and type(given.sink) ~= "userdata" then
    error("client:download: option 'etag' is for a sink of marketplace.package_io", 3)
  end
  if type(address) ~= "string" then error("client:download: the URL must be a string", 3) end
end

--- Fetches a file, see Client:download.
---@param transport function
---@param address string
---@param given marketplace.DownloadOptions checked
---@param ca_file string|nil
---@param pause function|nil
---@return table|nil result {status=200|206, bytes= that have come, headers=}
---@return string? message
---@return string? code
---@return table? detail
function download.fetch(transport, address, given, ca_file, pause)
  local fetch = type(given.sink) == "userdata" and fetch_into_asset or given.sink and fetch_into or fetch_to_file
  return fetch(given.sink or given.file, transport, address, given, ca_file, pause)
end

return download
