--- Requests as the endpoints and the operator's `authenticate` have them, whatever carries them.
local text = require "marketplace.text"

local request = {}

local function check(given, where)
  if type(given) ~= "table" then error(where .. ": a request must be a table, not a " .. type(given), 4) end
  for _, name in ipairs { "method", "path" } do
    if type(given[name]) ~= "string" then error(("%s: the request's %s must be a string"):format(where, name), 4) end
  end
  if given.headers ~= nil and type(given.headers) ~= "table" then
    error(where .. ": the request's headers must be a table", 4)
  end
  if given.body ~= nil and type(given.body) ~= "string" then
    error(where .. ": the request's body must be a string", 4)
  end
end

local function add(headers, name, value)
  name = name:lower()
  local known = headers[name]
  if known == nil then
    headers[name] = value
  elseif type(known) == "table" then
    known[#known + 1] = value
  else
    headers[name] = { known, value }
  end
end

local function headers_of(given)
  local headers = {}
  for name, value in pairs(given.headers or {}) do
    for _, one in ipairs(type(value) == "table" and value or { value }) do add(headers, tostring(name), one) end
  end
  return headers
end

--- A request whose header names are in lower case. Raises, and blames the caller of the function that calls this, if
--- that is none.
---@param given {method: string, path: string, headers?: table, body?: string, remote?: any}
---@param where string the public function's name, for the message
---@return {method: string, path: string, query: string|nil, headers: table<string, string|string[]>, body: string,
--- remote: any} path: without the query
function request.of(given, where)
  check(given, where)
  local path, query = given.path:match "^([^?]*)%??(.*)$"
  return {
    method = given.method, path = path, query = query ~= "" and query or nil, headers = headers_of(given),
    body = given.body or "", remote = given.remote,
  }
end

local function is_plain(encoding)
  if encoding == nil then return true end
  if type(encoding) ~= "string" then return false end
  encoding = text.trim(encoding):lower()
  return encoding == "" or encoding == "identity"
end

--- What keeps a request from being looked at: a kind of marketplace.responses; nil if nothing does.
---@param asked table of request.of
---@param max_body integer bytes
---@return "not_post"|"encoded"|"too_large"|nil
function request.fault(asked, max_body)
  if asked.method ~= "POST" then return "not_post" end
  if not is_plain(asked.headers["content-encoding"]) then return "encoded" end
  local length = tonumber(asked.headers["content-length"])
  if #asked.body > max_body or length and length > max_body then return "too_large" end
  return nil
end

return request
