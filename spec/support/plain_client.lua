--- The least that marketplace.resources asks of a client: one exchange a request, with a token that is none.
local document = require "marketplace.document"
local http = require "marketplace.http"
local json = require "marketplace.json"
local resources = require "marketplace.resources"

local Client = {}
Client.__index = Client

local function encoded(value)
  return (tostring(value):gsub("[^%w._~-]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local function query_string(query)
  local parts = {}
  for name, value in pairs(query or {}) do
    local words = {}
    for i, word in ipairs(type(value) == "table" and value or { value }) do words[i] = encoded(word) end
    parts[#parts + 1] = encoded(name) .. "=" .. table.concat(words, ",")
  end
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

function Client:request(method, path, given)
  local response = assert(http.exchange {
    method = method, url = self.base_url .. path .. query_string(given.query),
    headers = { "Authorization: Bearer none", "Content-Type: application/json" },
    body = given.body and json.encode(given.body),
  })
  self.last = response
  local decoded, message, code, detail = document.decode({ method = method, path = path }, response)
  if not decoded then return nil, message, code, detail end
  return decoded, response
end

--- A client of a server at base_url; `last` is the last response.
return function(base_url)
  return resources.attach(setmetatable({ base_url = base_url }, Client))
end
