--- JSON:API documents (jsonapi.org, version 1.0), the bodies of App Store Connect's requests and answers.
---
--- A resource is given as a flat table: `id`, `type`, its attributes under their names, `links` and `relationships`;
--- JSON:API forbids that these names clash. An included resource is found under the name of the relationship too:
--- `delivery.event.payload`. Null is nil, except in a list.
local api_error = require "marketplace.client.error"
local json = require "marketplace.json"

local jsonapi = {}

--[[ Requests ]]

local function linkages_of(relationships)
  local made = {}
  for name, to in pairs(relationships) do made[name] = { data = to } end
  return made
end

--- The body of a request.
---@param type_name string
---@param id? string of the resource that changes
---@param attributes table<string, any>
---@param relationships table<string, {type: string, id: string}>
---@return table
function jsonapi.request(type_name, id, attributes, relationships)
  return {
    data = {
      type = type_name, id = id, attributes = next(attributes) ~= nil and attributes or nil,
      relationships = next(relationships) ~= nil and linkages_of(relationships) or nil,
    },
  }
end

--- What of a request's body is not to be shown, even where an answer repeats it.
---@param body? table
---@return string[]
function jsonapi.secrets(body)
  local data = type(body) == "table" and body.data
  local attributes = type(data) == "table" and data.attributes
  local secret = type(attributes) == "table" and attributes.secret
  return type(secret) == "string" and { secret } or {}
end

--[[ Answers ]]

local function is_object(value)
  return type(value) == "table" and #value == 0
end

local function is_list(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil)
end

--- The document of an answer; {} where the answer has none by its nature (204).
---@param request {method: string, path: string}
---@param response {status: integer, headers?: table, body?: string} header names in lower case
---@param redact? string[] secrets that are not to be shown
---@return table|nil document
---@return string? message
---@return string? code unauthorized, rate_limited, api_error, answer_invalid
---@return table? detail as of api_error.from
function jsonapi.decode(request, response, redact)
  local status = response.status
  if status < 200 or status > 299 then return nil, api_error.from(request, response, redact) end
  if status == 204 then return {} end
  local decoded, problem = json.decode(response.body or "")
  if problem then return nil, api_error.invalid(request, response, "what is no JSON", redact) end
  if not is_object(decoded) then return nil, api_error.invalid(request, response, "no JSON object", redact) end
  return decoded
end

-- What is wrong with the types in an answer stops its reading; nothing in here calls what could yield.
local function wrong(what)
  error({ wrong = what }, 0)
end

local function optional(value, check, what)
  if value == nil or value == json.null then return nil end
  return check(value) and value or wrong(what)
end

local function is_string(value)
  return type(value) == "string"
end

-- Members that are null go; elements of a list that are null stay, or those behind them would move.
local function without_null(value)
  if type(value) ~= "table" then return value end
  local listed = is_list(value)
  for name, member in pairs(value) do
    if member == json.null and not listed then value[name] = nil else without_null(member) end
  end
  return value
end

local function flat(object)
  if not is_object(object) or not is_string(object.type) or not is_string(object.id) then
    wrong "a resource without type and id"
  end
  local made = {}
  for name, value in pairs(optional(object.attributes, is_object, "attributes that are no object") or {}) do
    made[name] = value
  end
  made.type, made.id = object.type, object.id
  made.links = optional(object.links, is_object, "links that are no object")
  made.relationships = optional(object.relationships, is_object, "relationships that are no object")
  return without_null(made)
end

local function key_of(resource)
  return resource.type .. "\0" .. resource.id
end

local function find(included, linkage)
  if type(linkage) ~= "table" or not is_string(linkage.type) or not is_string(linkage.id) then
    wrong "a relationship without type and id"
  end
  return included[key_of(linkage)]
end

local function related(included, data)
  if not is_list(data) then return find(included, data) end
  local all = {}
  for _, linkage in ipairs(data) do all[#all + 1] = find(included, linkage) end
  if #all > 0 or #data == 0 then return all end
end

-- One level, so that resources which name each other make no circle.
local function link(resource, included)
  for name, relationship in pairs(resource.relationships or {}) do
    if not is_object(relationship) then wrong "a relationship that is no object" end
    if relationship.data ~= nil and resource[name] == nil then resource[name] = related(included, relationship.data) end
  end
end

local function flat_list(objects)
  if not is_list(objects) then wrong "no list of resources" end
  local all = {}
  for i, object in ipairs(objects) do all[i] = flat(object) end
  return all
end

local function page_of(given)
  local links = without_null(optional(given.links, is_object, "links that are no object") or {})
  local meta = optional(given.meta, is_object, "meta that is no object") or {}
  local paging = optional(meta.paging, is_object, "paging that is no object") or {}
  local function is_number(value) return type(value) == "number" end
  local included = optional(given.included, is_list, "included resources that are no list")
  return {
    links = links, next = optional(links.next, is_string, "links.next that is no string"),
    total = optional(paging.total, is_number, "a total that is no number"),
    limit = optional(paging.limit, is_number, "a limit that is no number"),
    included = flat_list(included or {}),
  }
end

local function index_of(included)
  local index = {}
  for _, resource in ipairs(included) do index[key_of(resource)] = resource end
  return index
end

local function read_list(given)
  local page = page_of(given)
  local list, index = flat_list(given.data), index_of(page.included)
  for _, resource in ipairs(list) do link(resource, index) end
  return list, page
end

local function read_resource(given)
  if given.data == nil then wrong "no data" end
  local page = page_of(given)
  if given.data == json.null then return false, page end
  local resource = flat(given.data)
  link(resource, index_of(page.included))
  return resource, page
end

local function read(reader, given)
  local ok, result, page = pcall(reader, given)
  if ok then return result, page end
  if type(result) == "table" and result.wrong then return nil, result.wrong end
  error(result, 0)
end

--- The resource that an answer is about. The tables of the document are used, and changed.
---@param given table the decoded document
---@return table|false|nil resource false where the answer says that there is none
---@return table|string page {links=, next=, total=, limit=, included=}, or what is wrong with the document
function jsonapi.resource(given)
  return read(read_resource, given)
end

--- The resources of an answer that lists them. The tables of the document are used, and changed.
---@param given table the decoded document
---@return table[]|nil list
---@return table|string page {links=, next=, total=, limit=, included=}: links of the document, the URL of the next page
--- or nil, how many there are in all and at most on a page where the answer tells; or what is wrong with the document
function jsonapi.list(given)
  return read(read_list, given)
end

return jsonapi
