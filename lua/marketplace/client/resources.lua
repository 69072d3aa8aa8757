--- App Store Connect's resources for marketplaces: functions made from the table in marketplace.operations.
---
--- A client has an object for each type of resource, whose methods are named after what they do:
---
---   client.webhooks:list { app = ID, limit = 50, include = "app" }      --> list, page
---   client.webhooks:linkages { app = ID }                               --> list of {type=, id=}, page
---   client.webhooks:get(ID, { fields = { "name", "url" } })             --> resource, page
---   client.alternativeDistributionKeys:get { app = ID }                 --> resource, page
---   client.alternativeDistributionKeys:linkage { app = ID }             --> {type=, id=}, page
---   client.webhooks:create { name = …, url = …, app = ID }              --> resource, page
---   client.webhooks:update(ID, { enabled = false })                     --> resource, page
---   client.webhooks:delete(ID)                                          --> true
---   client.webhooks:each { app = ID }                                   --> iterator, state
---
--- Every function returns nil, message, code, detail if it fails: request_invalid for what would be refused anyway,
--- without asking App Store Connect (an unknown, missing or wrongly typed attribute, an empty id, a limit that is too
--- large), and the codes of `client:request`. An argument of the wrong type, such as a number for the table of options,
--- raises.
---
--- If the answer says that there is no such resource, `get` and `linkage` fail with api_error and a detail whose
--- status is 200. `update` takes what changes; marketplace.null removes a value.
---
--- `each` takes what `list` takes, and its iterator returns one resource and its page after another, through all pages.
--- Pages are followed only on the client's own host, and none twice. If a page cannot be fetched, the iterator ends
--- early, and `state.problem` is {message=, code=, detail=}; check it after the loop:
---
---   local iterator, state = client.webhooks:each { app = ID }
---   for webhook, page in iterator, state do … end
---   if state.problem then … end
---
--- In Lua 5.1 what `for` calls must not yield: there, a client that yields needs `local webhook = iterator(state)`,
--- again and again until it is nil.
---
--- Parents are named after what they are: `app`, `appStoreVersion`, `webhook`, `alternativeDistributionPackage`,
--- `alternativeDistributionPackageVersion`. Options of queries:
---   fields   list of the attributes wanted, or such lists by type: { webhooks = { "name" }, apps = { "name" } }
---   include  name of a relationship, or list of them
---   limit    resources a page, or table of the limits of included ones, { variants = 10 }, with the page's as its [1]
---   filter   values or lists of values by name: { deliveryState = "FAILED" }
---   exists   booleans by name: { app = true }
local api_error = require "marketplace.client.error"
local jsonapi = require "marketplace.client.jsonapi"
local operations = require "marketplace.operations"
local request = require "marketplace.client.request"
local retry = require "marketplace.client.retry"
local url = require "marketplace.client.url"

local resources = {}

local MANY = { list = true, linkages = true }

local function call_of(operation, path)
  return { method = operation.method, path = path }
end

-- What the answer holds: a list, or a resource, and the page.
local function read(operation, path, decoded, response)
  if operation.method == "DELETE" then return true end
  local read_document = MANY[operation.action] and jsonapi.list or jsonapi.resource
  local result, page = read_document(decoded)
  if result == false then return nil, api_error.none(call_of(operation, path), response) end
  if result then return result, page end
  local message, code, detail = api_error.mistyped(call_of(operation, path), response, page)
  message, detail = retry.add_doubt(operation.method, true, message, detail)
  return nil, message, code, detail
end

-- The client may yield: no protected call, metamethod or iterator may stand between it and the caller.
local function send(client, operation, path, given)
  local decoded, response, code, detail = client:request(operation.method, path, given)
  if not decoded then return nil, response, code, detail end
  return read(operation, path, decoded, response)
end

local function invalid(operation, problem)
  return nil, ("%s: %s"):format(operation.name, problem), "request_invalid"
end

local function call(client, operation, id, given)
  local path, prepared = request.prepare(operation, id, given)
  if not path then return invalid(operation, prepared) end
  return send(client, operation, path, prepared)
end

local function check_table(name, given)
  if type(given) ~= "table" then error(("%s: a table is expected, not a %s"):format(name, type(given)), 3) end
end

local function check_id(name, id)
  if type(id) ~= "string" then error(("%s: an id is expected, not a %s"):format(name, type(id)), 3) end
end

--[[ Pages ]]

local LISTED = { status = 200 } -- the answer that named the next page
local MOST_EMPTY = 100         -- pages in a row: with more, they form a cycle

-- Why a page's `links.next` is not followed, or nil.
local function next_problem(client, next_url, seen, empty)
  if not url.resolve(next_url, client.base_url) then return "links.next is not on the configured host" end
  if seen[next_url] then return "links.next is a page that was read before" end
  if empty > MOST_EMPTY then return ("links.next is set on %d empty pages in a row"):format(empty) end
end

local function fail_walk(state, message, code, detail)
  state.problem = { message = message, code = code, detail = detail }
  state.finished = true
end

local function first_page(state)
  local operation = state.operation
  local path, prepared = request.prepare(operation, nil, state.given)
  if not path then return invalid(operation, prepared) end
  state.path = path
  return send(state.client, operation, path, prepared)
end

local function following_page(state)
  local next_url = state.page.next
  local problem = next_problem(state.client, next_url, state.seen, state.empty)
  if problem then return nil, api_error.mistyped(call_of(state.operation, state.path), LISTED, problem) end
  state.seen[next_url] = true
  return send(state.client, state.operation, next_url, {})
end

local function turn(state)
  if state.page and not state.page.next then
    state.finished = true
    return
  end
  local get_page = state.page and following_page or first_page
  local list, page, code, detail = get_page(state)
  if not list then return fail_walk(state, page, code, detail) end
  if not state.page and page.links.self then state.seen[page.links.self] = true end
  state.list, state.page, state.index = list, page, 0
  state.empty = #list == 0 and state.empty + 1 or 0
end

local function step(state)
  while not state.finished do
    if state.list and state.index < #state.list then
      state.index = state.index + 1
      return state.list[state.index], state.page
    end
    turn(state)
  end
end

--[[ The methods ]]

local ACTIONS = {}

function ACTIONS.get(resource)
  local by_id, by_parent = operations.find(resource, "get", true), operations.find(resource, "get", false)
  return function(self, id, given)
    if by_parent and (type(id) == "table" or not by_id) then
      check_table(by_parent.name, id)
      return call(self.client, by_parent, nil, id)
    end
    given = given == nil and {} or given
    check_id(by_id.name, id)
    check_table(by_id.name, given)
    return call(self.client, by_id, id, given)
  end
end

function ACTIONS.update(resource)
  local operation = operations.find(resource, "update")
  return function(self, id, given)
    check_id(operation.name, id)
    check_table(operation.name, given)
    return call(self.client, operation, id, given)
  end
end

function ACTIONS.delete(resource)
  local operation = operations.find(resource, "delete")
  return function(self, id)
    check_id(operation.name, id)
    return call(self.client, operation, id, {})
  end
end

local function with_table(action)
  return function(resource)
    local operation = operations.find(resource, action)
    return function(self, given)
      given = given == nil and {} or given
      check_table(operation.name, given)
      return call(self.client, operation, nil, given)
    end
  end
end

for _, action in ipairs { "list", "linkages", "linkage", "create" } do ACTIONS[action] = with_table(action) end

-- In Lua 5.1 what `for` calls must not yield, so the iterator can be called by hand too.
local function each_of(resource)
  local operation = operations.find(resource, "list")
  return function(self, given)
    given = given == nil and {} or given
    check_table(resource .. ":each", given)
    return step, { client = self.client, operation = operation, given = given, seen = {}, empty = 0 }
  end
end

local function class_of(resource, list)
  local class = {}
  for _, operation in ipairs(list) do
    local action = operation.action
    class[action] = class[action] or ACTIONS[action](resource)
    if action == "list" then class.each = each_of(resource) end
  end
  class.__index = class
  return class
end

local CLASSES = {}
for resource, list in pairs(operations.by_resource) do CLASSES[resource] = class_of(resource, list) end

---@class marketplace.resource: table a flat resource: `id`, `type`, `links`, `relationships`, its attributes under
--- Apple's names, and included resources under their relationships' names; what is null is nil
---@field id string
---@field type string

---@class marketplace.page
---@field links table the document's links
---@field next? string URL of the next page
---@field total? integer how many there are in all, if the answer says so
---@field limit? integer how many there are on a page at most
---@field included marketplace.resource[]

---@alias marketplace.linkage {type: string, id: string}

---@alias marketplace.get
---| fun(self, id: string|table, given?: table): marketplace.resource|nil, marketplace.page|string, string?, table?
---@alias marketplace.update
---| fun(self, id: string, given: table): marketplace.resource|nil, marketplace.page|string, string?, table?

--- The methods of one type of resource. Which of them a type has, and what they take, is in marketplace.operations.
---@class marketplace.client.resources
---@field list fun(self, given?: table): marketplace.resource[]|nil, marketplace.page|string, string?, table?
---@field linkages fun(self, given: table): marketplace.linkage[]|nil, marketplace.page|string, string?, table?
---@field linkage fun(self, given: table): marketplace.linkage|nil, marketplace.page|string, string?, table?
---@field get marketplace.get
---@field create fun(self, given: table): marketplace.resource|nil, marketplace.page|string, string?, table?
---@field update marketplace.update
---@field delete fun(self, id: string): true|nil, string?, string?, table?
---@field each fun(self, given?: table): function, table

--- Adds an object for each type of resource to a client, under its name.
---@param client table with request(self, method, path, {query=, body=}) and base_url
---@return table client
function resources.attach(client)
  for resource, class in pairs(CLASSES) do client[resource] = setmetatable({ client = client }, class) end
  return client
end

--- All operations that the methods offer: marketplace.operations.list.
resources.operations = operations.list

return resources
