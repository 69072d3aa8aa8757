--- Documents as App Store Connect writes them (JSON:API): resources, their relationships, pages.
local json = require "marketplace.json"
local query = require "marketplace.simulator.query"
local schema = require "marketplace.simulator.schema"

local document = {}

local function identifier(record)
  return { type = record.type, id = record.id }
end

local function path_of(record)
  return ("/v1/%s/%s"):format(record.type, record.id)
end

-- A URI's query must not have brackets.
local function link(sim, path, text)
  text = text:gsub("%[", "%%5B"):gsub("%]", "%%5D")
  return sim.base_url .. path .. (text ~= "" and "?" .. text or "")
end

local function attributes_of(record, fields)
  local shown = {}
  for name, value in pairs(record.present and record.present() or record.attributes) do
    if not schema.HIDDEN[name] and (not fields or fields[name]) then shown[name] = value end
  end
  return next(shown) and shown or nil
end

--[[ Relationships ]]

local function children(sim, record, name)
  local relation = schema.RELATED[record.type][name]
  return sim.store:list(relation.type, relation.back, record.id)
end

local function first_of(list, most)
  local first = json.list {}
  for i = 1, math.min(#list, most) do first[i] = list[i] end
  return first
end

local function identifiers(list)
  local data = json.list {}
  for i, record in ipairs(list) do data[i] = identifier(record) end
  return data
end

local function to_many(sim, record, name, chosen)
  local path = path_of(record)
  local relationship = {
    links = {
      self = sim.base_url .. path .. "/relationships/" .. name, related = sim.base_url .. path .. "/" .. name,
    },
  }
  if not chosen.include[name] then return relationship, {} end
  local all, most = children(sim, record, name), chosen.limits[name]
  local included = first_of(all, most)
  relationship.data = identifiers(included)
  relationship.meta = { paging = { total = #all, limit = most } }
  return relationship, included
end

local function to_one(sim, record, name, type_name, chosen)
  local target = chosen.include[name] and sim.store:get(type_name, record.refs[name])
  if not target then return nil, {} end
  return { data = identifier(target) }, { target }
end

local function relationships_of(sim, record, chosen, fields, include)
  local shown = {}
  local function add(name, relationship, targets)
    if fields and not fields[name] then return end
    shown[name] = relationship
    for _, target in ipairs(targets) do include(target) end
  end
  for name, type_name in pairs(schema.TO_ONE[record.type] or {}) do
    add(name, to_one(sim, record, name, type_name, chosen))
  end
  for name, relation in pairs(schema.RELATED[record.type] or {}) do
    if relation.many then add(name, to_many(sim, record, name, chosen)) end
  end
  return next(shown) and shown or nil
end

local NOTHING_CHOSEN = { include = {}, limits = {}, fields = {} }

local function resource(sim, record, chosen, fields, include)
  local object = identifier(record)
  object.attributes = attributes_of(record, fields)
  object.relationships = relationships_of(sim, record, chosen, fields, include)
  object.links = { self = sim.base_url .. path_of(record) }
  return object
end

--[[ Documents ]]

local function collector(sim, chosen)
  local included, seen = json.list {}, {}
  return included, function(record)
    local key = record.type .. "/" .. record.id
    if seen[key] then return end
    seen[key] = true
    included[#included + 1] = resource(sim, record, NOTHING_CHOSEN, chosen.fields[record.type], function() end)
  end
end

local function with_included(whole, chosen, included)
  if #chosen.include > 0 then whole.included = included end
  return whole
end

--- The document for one resource.
---@param sim table
---@param record table
---@param chosen? table what the query asks for
---@param request? {path: string, query?: string} the one that is answered; without it the document's link is the
--- resource's own
function document.one(sim, record, chosen, request)
  chosen = chosen or NOTHING_CHOSEN
  local included, include = collector(sim, chosen)
  return with_included({
    data = resource(sim, record, chosen, chosen.fields[record.type], include),
    links = { self = request and link(sim, request.path, request.query or "") or sim.base_url .. path_of(record) },
  }, chosen, included)
end

local function behind(list, cursor, newest_first)
  local left = {}
  for i = 1, #list do
    local record = list[newest_first and #list + 1 - i or i]
    local is_behind = not cursor or newest_first and record.sequence < cursor
      or not newest_first and record.sequence > cursor
    if is_behind then left[#left + 1] = record end
  end
  return left
end

local function page_of(sim, list, chosen, request, newest_first)
  local left, text = behind(list, chosen.cursor, newest_first), request.query or ""
  local page = first_of(left, chosen.limit)
  local links = {
    self = link(sim, request.path, text), first = link(sim, request.path, query.without_cursor(text)),
  }
  local paging = { total = #list, limit = chosen.limit }
  if #left > #page then
    paging.nextCursor = query.cursor(page[#page])
    links.next = link(sim, request.path, query.with_cursor(text, paging.nextCursor))
  end
  return page, links, { paging = paging }
end

--- The document for a page of resources.
---@param list table[] all of them, oldest first
---@param newest_first? boolean
function document.many(sim, list, chosen, request, newest_first)
  local page, links, meta = page_of(sim, list, chosen, request, newest_first)
  local included, include = collector(sim, chosen)
  local data = json.list {}
  for i, record in ipairs(page) do
    data[i] = resource(sim, record, chosen, chosen.fields[record.type], include)
  end
  return with_included({ data = data, links = links, meta = meta }, chosen, included)
end

--- The same page with only types and ids.
function document.linkages(sim, list, chosen, request, newest_first)
  local page, links, meta = page_of(sim, list, chosen, request, newest_first)
  return { data = identifiers(page), links = links, meta = meta }
end

--- The type and id of one resource.
function document.linkage(sim, record, request)
  return { data = identifier(record), links = { self = link(sim, request.path, request.query or "") } }
end

return document
