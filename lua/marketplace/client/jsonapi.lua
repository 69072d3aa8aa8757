--- JSON:API documents (jsonapi.org, version 1.0), the bodies of App Store Connect's requests and answers.
---
--- A resource becomes a flat table: `id`, `type`, its attributes under their names, `links` and `relationships`;
--- JSON:API forbids that these names clash. An included resource is also found under the name of its relationship:
--- `delivery.event.payload`. Null becomes nil, except in a list.
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
---@param id? string the resource to change
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

--- What of a request's body is not to be shown, even if an answer repeats it.
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

--- The document of an answer; {} if it has none by its nature (204).
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
  if problem then return nil, api_error.invalid(request, response, "is not JSON", redact) end
  if not is_object(decoded) then return nil, api_error.invalid(request, response, "is not a JSON object", redact) end
  return decoded
end

local CHECKS = {
  ["an object"] = is_object, ["a list"] = is_list,
  ["a string"] = function(value) return type(value) == "string" end,
  ["a number"] = function(value) return type(value) == "number" end,
}

local function kind_of(value)
  if value == json.null then return "null" end
  if type(value) == "table" then return is_list(value) and "a list" or "an object" end
  return "a " .. type(value)
end

-- The name of a member: its own, and in front of that the names of what it is in, in which numbers are places in lists.
local function path_of(name, ...)
  local words = { ... }
  for i, word in ipairs(words) do
    if type(word) == "number" then words[i] = ("[%d]"):format(word - 1) end
  end
  return table.concat(words) .. name
end

-- What is wrong with the types in an answer stops its reading; nothing in here calls what could yield. What follows is
-- as of path_of, and made into a name only if something is wrong.
local function expect(value, expected, ...)
  if CHECKS[expected](value) then return value end
  local member = path_of(...)
  if value == nil then error({ wrong = member .. " is missing" }, 0) end
  error({ wrong = ("%s is %s, not %s"):format(member, kind_of(value), expected) }, 0)
end

local function expect_any(value, expected, ...)
  if value ~= nil and value ~= json.null then return expect(value, expected, ...) end
end

-- Members that are null are removed; elements of a list that are null stay, or those after them would move.
local function without_null(value)
  for name, member in pairs(value) do
    if type(member) == "table" then
      without_null(member)
    elseif member == json.null and type(name) == "string" then
      value[name] = nil
    end
  end
  return value
end

-- A resource's own type and id, or those of one that is named.
local function expect_identity(object, ...)
  expect(object, "an object", "", ...)
  expect(object.type, "a string", ".type", ...)
  expect(object.id, "a string", ".id", ...)
  return object
end

local function flat(object, ...)
  expect_identity(object, ...)
  local made = {}
  for name, value in pairs(expect_any(object.attributes, "an object", ".attributes", ...) or {}) do
    made[name] = value
  end
  made.type, made.id = object.type, object.id
  made.links = expect_any(object.links, "an object", ".links", ...)
  made.relationships = expect_any(object.relationships, "an object", ".relationships", ...)
  return without_null(made)
end

local function key_of(resource)
  return resource.type .. "\0" .. resource.id
end

local function find(included, linkage, ...)
  return included[key_of(expect_identity(linkage, ...))]
end

local function related(included, data, owner, place, name)
  if not is_list(data) then return find(included, data, owner, place, ".relationships.", name, ".data") end
  local all = {}
  for i, linkage in ipairs(data) do
    all[#all + 1] = find(included, linkage, owner, place, ".relationships.", name, ".data", i)
  end
  if #all > 0 or #data == 0 then return all end
end

-- One level only, so that resources that name each other do not form a cycle.
local function link(resource, included, owner, place)
  for name, relationship in pairs(resource.relationships or {}) do
    expect(relationship, "an object", name, owner, place, ".relationships.")
    if relationship.data ~= nil and resource[name] == nil then
      resource[name] = related(included, relationship.data, owner, place, name)
    end
  end
end

local function flat_list(objects, member)
  local all = {}
  for i, object in ipairs(expect(objects, "a list", member)) do all[i] = flat(object, member, i) end
  return all
end

local function page_of(given)
  local links = without_null(expect_any(given.links, "an object", "links") or {})
  local meta = expect_any(given.meta, "an object", "meta") or {}
  local paging = expect_any(meta.paging, "an object", "meta.paging") or {}
  return {
    links = links, next = expect_any(links.next, "a string", "links.next"),
    total = expect_any(paging.total, "a number", "meta.paging.total"),
    limit = expect_any(paging.limit, "a number", "meta.paging.limit"),
    included = flat_list(expect_any(given.included, "a list", "included") or {}, "included"),
  }
end

local function index_of(included)
  local index = {}
  for _, resource in ipairs(included) do index[key_of(resource)] = resource end
  return index
end

local function read_list(given)
  local page = page_of(given)
  local list, index = flat_list(given.data, "data"), index_of(page.included)
  for i, resource in ipairs(list) do link(resource, index, "data", i) end
  return list, page
end

local function read_resource(given)
  local page = page_of(given)
  if given.data == json.null then return false, page end
  local resource = flat(given.data, "data")
  link(resource, index_of(page.included), "data", "")
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
---@return table|false|nil resource false if the answer says that it does not exist
---@return table|string page {links=, next=, total=, limit=, included=}, or which member is wrong
function jsonapi.resource(given)
  return read(read_resource, given)
end

--- The resources of an answer that lists them. The tables of the document are used, and changed.
---@param given table the decoded document
---@return table[]|nil list
---@return table|string page {links=, next=, total=, limit=, included=}: the document's links, the URL of the next page
--- or nil, how many there are in all and at most on a page, if the answer says so; or which member is wrong
function jsonapi.list(given)
  return read(read_list, given)
end

return jsonapi
