--- Requests as the endpoints and the operator's `authenticate` have them, whatever carries them.
local request_head = require "marketplace.request_head"

local request = {}

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
  request_head.check(given, where, 3)
  local path, query = given.path:match "^([^?]*)%??(.*)$"
  return {
    method = given.method, path = path, query = query ~= "" and query or nil, headers = headers_of(given),
    body = given.body or "", remote = given.remote,
  }
end

--- What keeps a request from being looked at: a kind of marketplace.responses; nil if nothing does.
---@param asked table of request.of
---@param max_body integer bytes
---@return "not_post"|"encoded"|"too_large"|nil
function request.fault(asked, max_body)
  if asked.method ~= "POST" then return "not_post" end
  local encoding, length = asked.headers["content-encoding"], asked.headers["content-length"]
  if encoding ~= nil and not request_head.is_identity(encoding) then return "encoded" end
  if #asked.body > max_body or request_head.declares_more(length, max_body) then return "too_large" end
  return nil
end

return request
