--- A stand-in for App Store Connect, to develop and test without an Apple account.
---
--- It answers the 42 operations that marketplaces use (Apple's OpenAPI description, 4.4.1), checks tokens as Apple
--- does, keeps webhooks in memory, makes events happen and delivers them, signed, to the webhooks. It generates
--- alternative distribution packages and serves their files, limits the rate of requests, and fails on request.
---
--- It does no I/O: it is a function from a request to a response. The caller passes the clock, the source of randomness
--- and the function that sends.
---
---   local sim = simulator.new { send = send }
---   local credentials = sim:credentials()          -- key_id, issuer_id and key, for a client
---   local response = sim:handle { method = "GET", path = "/v1/apps/6740012345/webhooks", headers = { … } }
---   sim:event("version_available", { app = "6740067890" })
---   sim:tick()                                     -- sends what is due
local auth = require "marketplace.simulator.auth"
local bodies = require "marketplace.simulator.bodies"
local bytes = require "marketplace.simulator.packages.bytes"
local control = require "marketplace.simulator.control"
local core = require "marketplace.core"
local dates = require "marketplace.simulator.dates"
local deliveries = require "marketplace.simulator.deliveries"
local faults = require "marketplace.simulator.faults"
local files = require "marketplace.simulator.packages.files"
local json = require "marketplace.json"
local limits = require "marketplace.simulator.limits"
local log = require "marketplace.log"
local operations = require "marketplace.simulator.operations"
local options = require "marketplace.options"
local packages = require "marketplace.simulator.packages"
local problems = require "marketplace.simulator.problems"
local shape = require "marketplace.simulator.packages.shape"
local store = require "marketplace.simulator.store"
local transport = require "marketplace.simulator.transport"
local uuid = require "marketplace.uuid"

local simulator = {}

---@class marketplace.Simulator
local Simulator = {}
Simulator.__index = Simulator

--- The id of a simulator's app, unless others are given.
simulator.APP = "6740012345"

--- The id of a simulator's key, unless others are given.
simulator.KEY_ID = "SIMULATED1"

--- A simulator's issuer id, unless another is given: the example in Apple's documentation.
simulator.ISSUER_ID = "57246542-96fe-1a63-e053-0824d011072a"

local UNAUTHORIZED = "Provide a properly configured and signed bearer token, and make sure that it has not expired. " ..
  "Learn more about Generating Tokens for API Requests https://developer.apple.com/go/?id=api-generating-tokens"

--[[ Requests ]]

local function lower_case(headers)
  local copy = {}
  for name, value in pairs(headers or {}) do copy[name:lower()] = value end
  return copy
end

local function is_control(path)
  return path == "/simulator" or path:find "^/simulator/" ~= nil and not path:find "^/simulator/files/"
end

local function count(self, request, what, number)
  if is_control(request.path) then return end
  local key = request.method .. " " .. request.path
  local row = self.counts[key]
  if not row then
    row = { method = request.method, path = request.path, arrived = 0, executed = 0, bytes = 0 }
    self.counts[key] = row
  end
  row[what] = row[what] + (number or 1)
end

local function refuse_token(self, request, reason)
  self.log {
    level = "warning", message = "token refused", at = self.clock(), status = 401, remote = request.remote,
    reason = reason,
  }
  return problems.one(401, "NOT_AUTHORIZED", UNAUTHORIZED)
end

local function api_answer(self, request)
  local key_id, reason = self.auth:check(request)
  if not key_id then return refuse_token(self, request, reason) end
  request.key_id = key_id
  local allowed, retry_after = self.limits:take(key_id)
  if not allowed then return faults.too_many(tostring(retry_after)) end
  return operations.execute(self, request)
end

local function dispatch(self, request)
  if is_control(request.path) then return control.answer(self, request) end
  if request.path:find "^/simulator/" then return files.serve(self, request) end
  return api_answer(self, request)
end

local function execute(self, request)
  local answer = dispatch(self, request)
  if answer.status < 300 then count(self, request, "executed") end
  return answer
end

local function answer_request(self, request)
  count(self, request, "arrived")
  local now = self.clock()
  local fault = self.faults:of_request(request.method, request.path, now)
  if not fault then return execute(self, request) end
  faults.before(fault, self, request)
  local answer = faults.instead(fault, now) or faults.afterwards(fault, now, execute(self, request), request)
  self.log {
    level = "info", message = "fault", at = now, status = answer.status,
    reason = ("%s: %s %s"):format(fault.kind, request.method, request.path),
  }
  return answer
end

local function with_error_ids(self, document)
  for _, problem in ipairs(document.errors or {}) do problem.id = uuid.new(self.random) end
  return document
end

local function finish(self, request, answer)
  local headers, body = answer.headers, answer.body
  if answer.document then
    body = json.encode(with_error_ids(self, answer.document))
    headers["content-type"] = "application/json"
  end
  headers["x-request-id"] = uuid.new(self.random)
  headers["x-rate-limit"] = self.limits:header(request.key_id)
  if self.date_header then headers.date = dates.http(self.clock()) end
  return { status = answer.status, headers = headers, body = body or "", delay = answer.delay }
end

--- Answers a request.
---@param given {method: string, path: string, query?: string, headers?: table, body?: string, remote?: string} remote:
--- the client's address, nil if the client is this process
---@return {status: integer, headers: table, body: string|string[], delay?: number} delay: seconds to wait before it is
--- sent; status: 444 if the connection is to be closed without an answer; body: of what is large or spoilt a list, as
--- marketplace.http_server takes it
function Simulator:handle(given)
  local request = {
    method = given.method, path = given.path, query = given.query, headers = lower_case(given.headers),
    body = given.body or "", remote = given.remote,
  }
  local response = finish(self, request, answer_request(self, request))
  if request.method ~= "HEAD" then count(self, request, "bytes", bodies.size(response.body)) end
  self.log {
    level = "info", message = "request", at = self.clock(), status = response.status, remote = request.remote,
    reason = ("%s %s"):format(request.method, request.path),
  }
  return response
end

--- What a client of this simulator needs to sign its requests, if the simulator made its key itself.
---@return {key_id: string, issuer_id: string, key: string}|nil credentials key: the private key, PEM; nil if the
--- simulator was given keys
function Simulator:credentials()
  return self.own_credentials
end

--- A transport for a client in the same process: a function like marketplace.http.exchange. A connection that is closed
--- without an answer is a failure, and so is an answer that comes after the request's timeout.
---@param sleep? fun(seconds: number) called for an answer that is late: a test can move its clock here
---@return fun(request: table): table|nil, string?, string?, table?
function Simulator:transport(sleep)
  return transport.new(self, sleep)
end

--[[ What happens at App Store Connect ]]

--- Whether there is such a resource.
---@param type_name string such as "webhooks"
---@param id string
---@return boolean
function Simulator:exists(type_name, id)
  if type_name == "appStoreVersions" then return true end
  local record = self.store:get(type_name, id)
  return record ~= nil and record.generation ~= 1
end

---@class marketplace.SimulatorEventOptions: marketplace.SimulatorPackageVersionOptions
---@field package? string id of the package, default a new one for version_available, else the app's latest
---@field package_version? string id of the version that is available: one that there is, or of a new one; default new
---@field marketplace_app? string the app whose webhooks get it, default `app` if the account has it, else the first
---@field generation? integer send only the notification of this generation, default both
---@field id? string of the notification, default a new one
---@field time? number seconds since the epoch, default now
---@field territories? string[] such as "FRA"
local EVENT_OPTIONS = options.extend(shape.OPTIONS, {
  package = "string", package_version = "string", marketplace_app = "string", generation = "number", id = "string",
  time = "number", territories = "table",
})

--- Makes something happen at App Store Connect. sim:tick sends the notifications.
---@param name string an event's name (version_available, app_unavailable, …), or one of Apple's type names
---@param given? marketplace.SimulatorEventOptions for version_available also what the new version is like
---@return table event event, app_id, marketplace_app_id, package_id, package_version_id; notifications: list of
--- {generation, id, type, body}; deliveries: their ids; why_none: if there are none
function Simulator:event(name, given)
  given = given or {}
  options.check("marketplace.simulator: event", given, EVENT_OPTIONS)
  if type(name) ~= "string" then error("marketplace.simulator: the event's name must be a string", 2) end
  local problem = packages.problem(self, given)
  if problem then error("marketplace.simulator: event: " .. problem, 2) end
  return deliveries.event(self, name, given)
end

--- Adds a version to a package, or a package with a version, of which no notification tells.
---@param given? marketplace.SimulatorPackageVersionOptions
---@return table version id, package, app, item_id, apple_version_id, short_version, revision, state; how many variants
--- and deltas, and how many bytes in all
function Simulator:add_package_version(given)
  given = given or {}
  shape.check(given)
  local is_known = given.package_version and packages.version(self, given.package_version)
  local problem = is_known and "there is one with this id already" or packages.problem(self, given)
  if problem then error("marketplace.simulator: package version: " .. problem, 2) end
  local version = packages.add(self, given, given.app or self.first_app)
  return packages.describe(self, version)
end

local function check_version(self, id)
  local version = packages.version(self, id)
  if not version then error(("marketplace.simulator: there is no package version '%s'"):format(tostring(id)), 3) end
  return version
end

--- Says which of a package's versions is the one to serve. Raises if there is no such version.
---@param id string of a package version
---@param state "COMPLETED"|"REPLACED" COMPLETED makes the package's other versions REPLACED
---@return table version as of add_package_version
function Simulator:set_package_version_state(id, state)
  if state ~= "COMPLETED" and state ~= "REPLACED" then
    error("marketplace.simulator: a package version's state is COMPLETED or REPLACED", 2)
  end
  local version = check_version(self, id)
  packages.set_state(self, version, state)
  return packages.describe(self, version)
end

--- Removes a package version, with the assets that no other one lists: asking for it finds nothing. Raises if there is
--- no such version.
---@param id string
---@return table version what it was, as of add_package_version
function Simulator:remove_package_version(id)
  local version = check_version(self, id)
  local removed = packages.describe(self, version)
  packages.remove_version(self, version)
  return removed
end

--- The package versions, oldest first: {id=, package=, app=, revision=, state=, variants=, deltas=, bytes=, …}.
---@return table[]
function Simulator:package_versions()
  return packages.list(self)
end

--- The bytes of a variant or delta, as its URL gives them. Raises if there is no such asset.
---@param public_id string
---@param first? integer offset, default 0
---@param last? integer offset, default the last
---@return string
function Simulator:asset_bytes(public_id, first, last)
  local asset = packages.asset(self, public_id)
  if not asset then error(("marketplace.simulator: there is no asset '%s'"):format(tostring(public_id)), 2) end
  return table.concat(bytes.pieces(asset, first, last))
end

--- Repeats a delivery of either generation.
---@param id string
---@return string|nil id of the new delivery; nil if there is no such delivery, or its webhook is gone or disabled
function Simulator:redeliver(id)
  local template = self.store:get("webhookDeliveries", id)
  local delivery = template and deliveries.repeat_delivery(self, template)
  return delivery and delivery.id
end

--- Adds a fault. Raises if it is not a valid one.
---@param given marketplace.SimulatorFaultOptions
function Simulator:fault(given)
  self.faults:add(given, self.clock())
end

--- Starts the deliveries that are due.
function Simulator:tick()
  deliveries.tick(self)
end

--- When the next delivery is due, in seconds since the epoch; nil if none waits for its time.
---@return number|nil
function Simulator:next_at()
  return deliveries.next_at(self)
end

--[[ Queries for tests ]]

local function sorted_rows(counts)
  local rows = {}
  for _, row in pairs(counts) do rows[#rows + 1] = row end
  table.sort(rows, function(a, b)
    if a.path ~= b.path then return a.path < b.path end
    return a.method < b.method
  end)
  return rows
end

--- How many requests arrived, how many were executed (answered 2xx, even if the answer was lost), and how many bytes
--- the bodies of the answers had.
---@param method? string with `path`: only of this one
---@param path? string
---@return table rows list of {method=, path=, arrived=, executed=, bytes=}; one of them if a method is given
function Simulator:requests(method, path)
  if not method then return sorted_rows(self.counts) end
  return self.counts[method .. " " .. path]
    or { method = method, path = path, arrived = 0, executed = 0, bytes = 0 }
end

--- The deliveries so far, oldest first: {id=, generation=, body=, attributes=, …}.
---@return table[]
function Simulator:deliveries()
  return self.store:list "webhookDeliveries"
end

--- Sets the URL at which clients reach it, without a slash at the end.
---@param url string
function Simulator:set_base_url(url)
  self.base_url = url
end

--[[ Construction ]]

local function add_apps(self, apps)
  for _, id in ipairs(apps) do
    self.store:add {
      type = "apps", id = id, attributes = {
        name = "App " .. id, bundleId = "com.example.app" .. id, sku = "SKU" .. id, primaryLocale = "en-US",
      },
    }
  end
  self.first_app = apps[1]
end

local function check_apps(apps)
  if #apps == 0 then error("marketplace.simulator.new: option 'apps' must not be empty", 3) end
  for _, id in ipairs(apps) do
    if type(id) ~= "string" or not id:find "^[%w._-]+$" then
      error("marketplace.simulator.new: option 'apps' must be a list of ids: strings of letters, digits, . _ and -", 3)
    end
  end
end

local function new_credentials(issuer_id)
  local key = assert(core.generate_key())
  local private, public = assert(key:private_pem()), assert(key:public_pem())
  key:close()
  return { key_id = simulator.KEY_ID, issuer_id = issuer_id, key = private }, { [simulator.KEY_ID] = public }
end

local function send_nothing(_, done)
  done(nil, "this simulator sends nothing")
end

---@class marketplace.SimulatorOptions
---@field keys? table<string, string> key id to public key, PEM; default: it makes one, see sim:credentials
---@field issuer_id? string the team's
---@field apps? string[] ids, the marketplace's first; default { "6740012345" }
---@field send? fun(request: table, done: function) sends {method=, url=, headers={lines}, body=, timeout=}, then calls
--- done(response) with {status=, body=}, or done(nil, message); default: nothing is sent
---@field clock? fun(): number seconds since the epoch, default the machine's
---@field random? fun(bytes: integer): string this many random bytes in hex, default OpenSSL's
---@field skew? number seconds by which clocks may differ, default 2
---@field rate_limit? integer requests that a key may make in an hour, default 3500
---@field retry_after? number[] seconds after which a failed delivery is repeated, one for each repetition; default {}
---@field url_lifetime? number seconds for which the URLs of files are valid, default 3600
---@field strict_deliveries? boolean refuse a list of deliveries without exactly one filter, as operators report
---@field base_url? string default "https://api.appstoreconnect.apple.com"
---@field date_header? boolean send a Date header, by `clock`, default false
---@field log? fun(entry: table) default none
local OPTIONS = {
  keys = "table", issuer_id = "string", apps = "table", send = "function", clock = "function", random = "function",
  skew = "number", rate_limit = "number", retry_after = "table", url_lifetime = "number",
  strict_deliveries = "boolean", base_url = "string", date_header = "boolean", log = "function",
}

--- Makes a simulator.
---@param given marketplace.SimulatorOptions
---@return marketplace.Simulator sim
function simulator.new(given)
  options.check("marketplace.simulator.new", given, OPTIONS)
  local apps = given.apps or { simulator.APP }
  check_apps(apps)
  local clock, issuer_id = given.clock or core.now, given.issuer_id or simulator.ISSUER_ID
  local credentials, keys = nil, given.keys
  if not keys then credentials, keys = new_credentials(issuer_id) end
  local ok, checker = pcall(auth.new, keys, issuer_id, clock, given.skew or 2)
  if not ok then error(checker, 2) end
  local random = given.random or core.random_hex
  local self = setmetatable({
    auth = checker, clock = clock, random = random, send = given.send or send_nothing,
    limits = limits.new(given.rate_limit or 3500, clock), retry_after = given.retry_after or {},
    url_lifetime = given.url_lifetime or 3600, strict_deliveries = given.strict_deliveries,
    base_url = given.base_url or "https://api.appstoreconnect.apple.com", date_header = given.date_header,
    log = given.log and log.target(given.log).write or function() end,
    file_secret = random(16), store = store.new(), faults = faults.new(), queue = {}, in_flight = {}, counts = {},
    latest_package = {}, own_credentials = credentials,
  }, Simulator)
  add_apps(self, apps)
  return self
end

return simulator
