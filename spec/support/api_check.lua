--- Requests and answers against Apple's OpenAPI description, as they go over the wire.
local json = require "marketplace.json"
local json_schema = require "support.json_schema"
local openapi = require "support.openapi"

local api_check = {}

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function fits(path, template)
  local pattern = "^" .. template:gsub("[%-.]", "%%%0"):gsub("{%w+}", "[^/]+") .. "$"
  return path:find(pattern) ~= nil
end

--- The operation that a request is.
---@param description table
---@param method string
---@param path string as in a URL
---@return table|nil
function api_check.operation(description, method, path)
  local found
  openapi.each(description, function(known, template, operation)
    if known == method and fits(path, template) then found = operation end
  end)
  return found
end

local function value_of(text, schema)
  if schema.type == "integer" then return tonumber(text) or text end
  if schema.type == "boolean" and (text == "true" or text == "false") then return text == "true" end
  if schema.type ~= "array" then return text end
  local list = {}
  for word in (text .. ","):gmatch "([^,]*)," do list[#list + 1] = word end
  return list
end

local function append(list, more)
  for _, one in ipairs(more) do list[#list + 1] = one end
end

local function query_problems(description, operation, query)
  local found, parameters = {}, {}
  for _, parameter in ipairs(operation.parameters or {}) do parameters[parameter.name] = parameter end
  for name, text in query:gmatch "([^&=]+)=?([^&]*)" do
    name = unescape(name)
    local parameter = parameters[name]
    if parameter then
      local schema = openapi.resolve(description, parameter.schema)
      append(found, json_schema.problems(description, value_of(unescape(text), schema), schema, "query." .. name))
    else
      found[#found + 1] = ("query: must not have '%s'"):format(name)
    end
  end
  return found
end

local function body_problems(description, body, content, kind)
  local schema = content and (content[kind] or {}).schema
  if not content then return body ~= "" and { "body: must be empty" } or {} end
  if not schema then return { ("body: must not be %s"):format(tostring(kind)) } end
  local value = json_schema.decode(body)
  if value == nil then return { "body: must be JSON" } end
  return json_schema.problems(description, value, schema, "body")
end

local function header_of(lines, name)
  for _, line in ipairs(lines) do
    if line:lower():find(name .. ":", 1, true) == 1 then return line:match "^[^:]*:%s*(.-)$" end
  end
end

--- What is wrong with a request.
---@param description table
---@param request {method: string, url: string, headers: string[], body?: string}
---@return string[] problems
function api_check.request(description, request)
  local path, query = request.url:match "^%a+://[^/]+([^?]*)%??(.*)$"
  local operation = api_check.operation(description, request.method, path)
  if not operation then return { ("there is no operation %s %s"):format(request.method, path) } end
  local found = query_problems(description, operation, query)
  if not (header_of(request.headers, "authorization") or ""):find "^Bearer %S+$" then
    found[#found + 1] = "headers: must have a bearer token"
  end
  append(found, body_problems(description, request.body or "", operation.requestBody and operation.requestBody.content,
    header_of(request.headers, "content-type")))
  return found
end

--- What is wrong with the answer to a request.
---@param description table
---@param request {method: string, url: string}
---@param response {status: integer, headers: table, body: string}
---@return string[] problems
function api_check.response(description, request, response)
  local operation = api_check.operation(description, request.method, (request.url:match "^%a+://[^/]+([^?]*)"))
  local described = operation and operation.responses[tostring(response.status)]
  if not described then return { ("there is no answer %d"):format(response.status) } end
  return body_problems(description, response.body, described.content, response.headers["content-type"])
end

--- An answer to a request that is none of an error.
---@param description table
---@param request {method: string, url: string}
---@param is_whole boolean whether it has what need not be there, too
---@return {status: integer, headers: table, body: string}
function api_check.example(description, request, is_whole)
  local operation = api_check.operation(description, request.method, (request.url:match "^%a+://[^/]+([^?]*)"))
  for _, status in ipairs { 200, 201 } do
    local described = operation.responses[tostring(status)]
    if described then
      local value = json_schema.example(description, described.content["application/json"].schema, is_whole)
      return { status = status, headers = { ["content-type"] = "application/json" }, body = json.encode(value) }
    end
  end
  return { status = 204, headers = {}, body = "" }
end

return api_check
