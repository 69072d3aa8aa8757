--- JSON:API documents (jsonapi.org, version 1.0), the bodies of App Store Connect's requests and answers.
---
--- A resource becomes a flat table: `id`, `type`, its attributes under their names, `links` and `relationships`;
--- JSON:API forbids that these names clash. An included resource is also found under the name of its relationship:
--- `delivery.event.payload`. Null becomes nil, except in a list.
local api_error = require "marketplace.client.error"
local core = require "marketplace.core"
local json = require "marketplace.json"

local jsonapi = {}

local NOTHING = {}
local null = json.null
local without_null = core.without_null

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
  if value == null then return "null" end
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

local function optional(value, expected, ...)
  if value == nil or value == null then return nil end
  return expect(value, expected, ...)
end

-- A resource's own type and id, or those of one that is named.
local function expect_identity(object, ...)
  if type(object) == "table" and type(object.type) == "string" and type(object.id) == "string" then return object end
  expect(object, "an object", "", ...)
  expect(object.type, "a string", ".type", ...)
  return expect(object.id, "a string", ".id", ...)
end

-- The resource's attributes themselves, with its other members. No attributes may be an empty list, which is marked.
local function flat(object, ...)
  expect_identity(object, ...)
  local made = setmetatable(optional(object.attributes, "an object", ".attributes", ...) or {}, nil)
  made.type, made.id = object.type, object.id
  made.links = optional(object.links, "an object", ".links", ...)
  made.relationships = optional(object.relationships, "an object", ".relationships", ...)
  return without_null(made)
end

-- By type and by id.
local function index_of(included)
  local index = {}
  for _, resource in ipairs(included) do
    local of_type = index[resource.type] or {}
    index[resource.type], of_type[resource.id] = of_type, resource
  end
  return index
end

local function find(index, linkage, ...)
  expect_identity(linkage, ...)
  local of_type = index[linkage.type]
  return of_type and of_type[linkage.id]
end

local function related(index, data, owner, place, name)
  if not is_list(data) then return find(index, data, owner, place, ".relationships.", name, ".data") end
  local all = {}
  for i, linkage in ipairs(data) do
    all[#all + 1] = find(index, linkage, owner, place, ".relationships.", name, ".data", i)
  end
  if #all > 0 or #data == 0 then return all end
end

-- One level only, so that resources that name each other do not form a cycle.
local function link(resource, index, owner, place)
  for name, relationship in next, resource.relationships or NOTHING do
    expect(relationship, "an object", name, owner, place, ".relationships.")
    if relationship.data ~= nil and resource[name] == nil then
      resource[name] = related(index, relationship.data, owner, place, name)
    end
  end
end

local function flat_list(objects, member)
  local all = {}
  for i, object in ipairs(expect(objects, "a list", member)) do all[i] = flat(object, member, i) end
  return all
end

local function page_of(given)
  local links = without_null(optional(given.links, "an object", "links") or {})
  local meta = optional(given.meta, "an object", "meta") or NOTHING
  local paging = optional(meta.paging, "an object", "meta.paging") or NOTHING
  return {
    links = links, next = optional(links.next, "a string", "links.next"),
    total = optional(paging.total, "a number", "meta.paging.total"),
    limit = optional(paging.limit, "a number", "meta.paging.limit"),
    included = flat_list(optional(given.included, "a list", "included") or {}, "included"),
  }
end

local function read_list(given)
  local page = page_of(given)
  local list, index = flat_list(given.data, "data"), index_of(page.included)
  for i, resource in ipairs(list) do link(resource, index, "data", i) end
  return list, page
end

local function read_resource(given)
  local page = page_of(given)
  if given.data == null then return false, page end
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
