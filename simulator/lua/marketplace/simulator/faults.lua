--- Faults on request: what App Store Connect, its gateways and the network do from time to time.
local bodies = require "marketplace.simulator.bodies"
local dates = require "marketplace.simulator.dates"
local file_faults = require "marketplace.simulator.file_faults"
local json = require "marketplace.json"
local options = require "marketplace.options"
local problems = require "marketplace.simulator.problems"

local faults = {
  --- The status that stands for no answer: the connection is closed. marketplace.http_server does that, as nginx does.
  NO_ANSWER = 444,
}

local HTML = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center>" ..
  "</body></html>\n"
local FOREIGN = "https://api-appstoreconnect.itunes.apple.com" -- the host in the links of Apple's notifications
local NORMAL_DELAY, NORMAL_RETRY = 5, 1
local ALWAYS = 1e9 -- times

local function too_many(retry_after)
  local answer = problems.one(429, "RATE_LIMIT_EXCEEDED", "We've received too many requests for this API. Please " ..
    "wait and try again or slow down your request rate.")
  answer.headers["retry-after"] = retry_after
  return answer
end

local function unexpected()
  return problems.one(500, "UNEXPECTED_ERROR",
    "An unexpected error occurred on the server side. If this issue continues, contact us.")
end

local function html(status)
  return function() return { status = status, body = HTML, headers = { ["content-type"] = "text/html" } } end
end

local function no_answer()
  return { status = faults.NO_ANSWER, headers = {} }
end

-- Instead of executing the request.
local INSTEAD = {
  ["429"] = function(fault) return too_many(tostring(fault.seconds or NORMAL_RETRY)) end,
  ["429_date"] = function(fault, now) return too_many(dates.http(now + (fault.seconds or NORMAL_RETRY))) end,
  ["401"] = function() return problems.one(401, "NOT_AUTHORIZED", "Provide a properly configured and signed bearer " ..
    "token, and make sure that it has not expired.") end,
  ["403"] = function() return problems.one(403, "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED",
    "This request requires an in-effect agreement that has not been signed or has expired.") end,
  ["500"] = unexpected,
  ["502_html"] = html(502),
  ["503_html"] = html(503),
  cut_before = no_answer,
}

local function body_of(answer)
  return answer.document and json.encode(answer.document) or bodies.text(answer.body or "")
end

local function with_body(answer, body)
  answer.document, answer.body = nil, body
  return answer
end

-- After executing the request.
local AFTERWARDS = {
  ["500_after"] = unexpected,
  ["502_html_after"] = html(502),
  empty = function(_, _, answer) return with_body(answer, "") end,
  incomplete = function(_, _, answer)
    local body = body_of(answer)
    return with_body(answer, body:sub(1, math.floor(#body / 2)))
  end,
  wrong_type = function(_, _, answer)
    answer.document, answer.body = { data = "a string" }, nil
    return answer
  end,
  corrupt = function(_, _, answer)
    local body = body_of(answer)
    local middle = math.floor(#body / 2) + 1
    local byte = body:byte(middle) or 0
    return with_body(answer, body:sub(1, middle - 1) .. string.char((byte + 1) % 256) .. body:sub(middle + 1))
  end,
  -- a page's link to the next one leads to another host, or to the same page
  foreign_next = function(_, _, answer)
    local links = answer.document and answer.document.links
    if links then links.next = (links.self:gsub("^%a+://[^/]+", FOREIGN)) end
    return answer
  end,
  endless_next = function(_, _, answer)
    local links = answer.document and answer.document.links
    if links then links.next = links.self end
    return answer
  end,
  slow = function(fault, _, answer)
    answer.delay = fault.seconds or NORMAL_DELAY
    return answer
  end,
  cut_after = no_answer,
}

for kind, answer in pairs(file_faults.INSTEAD) do INSTEAD[kind] = answer end
for kind, change in pairs(file_faults.AFTERWARDS) do AFTERWARDS[kind] = change end

-- These affect deliveries, not requests.
local DELIVERIES = { duplicate = true, out_of_order = true }

local ALL = {}
for _, set in ipairs { INSTEAD, file_faults.BEFORE, AFTERWARDS, DELIVERIES } do
  for kind in pairs(set) do ALL[kind] = true end
end

--- The names of all kinds, sorted.
function faults.kinds()
  local kinds = {}
  for kind in pairs(ALL) do kinds[#kinds + 1] = kind end
  table.sort(kinds)
  return kinds
end

local Faults = {}
Faults.__index = Faults

function faults.new()
  return setmetatable({ list = {} }, Faults)
end

---@class marketplace.SimulatorFaultOptions
---@field kind string one of faults.kinds()
---@field method? string of the requests that it affects, default all
---@field path? string what their path begins with, default "/v1/", or "/simulator/files/" for kinds that begin with
--- file_; "/simulator/files/deltas/ID" is one delta's file
---@field times? integer how many of them it affects, default 1, or all if `lasts` is given
---@field lasts? number seconds after which it ends by itself
---@field seconds? number how late `slow` answers, default 5, or when `429` says to try again, default 1
---@field skip? integer how many of them pass first, default 0
---@field at? integer where `file_cut` and `file_short` end the answer's body, default in the middle and a byte early;
--- which byte of the file `file_corrupt` changes, default the middle one of what is sent
---@field rate? number the most bytes a second that `file_slow` sends, default 10000
---@field location? string where `file_redirect` leads, default to the same file
local OPTIONS = {
  kind = "!string", method = "string", path = "string", times = "number", lasts = "number", seconds = "number",
  skip = "number", at = "number", rate = "number", location = "string",
}

local function check(given)
  options.check("marketplace.simulator: fault", given, OPTIONS, 4)
  if not ALL[given.kind] then
    error(("marketplace.simulator: fault: 'kind' must be one of %s"):format(table.concat(faults.kinds(), ", ")), 3)
  end
  for _, name in ipairs { "times", "lasts", "seconds", "skip", "at" } do
    if given[name] and given[name] < 0 then
      error(("marketplace.simulator: fault: '%s' must not be negative"):format(name), 3)
    end
  end
  if given.rate and given.rate < 1 then
    error("marketplace.simulator: fault: 'rate' must be at least 1 byte a second", 3)
  end
end

--- Adds a fault. Raises if it is not a valid one.
---@param given table
---@param now number seconds since the epoch
function Faults:add(given, now)
  check(given)
  local path = given.kind:find "^file_" and file_faults.PATH or "/v1/"
  self.list[#self.list + 1] = {
    kind = given.kind, method = given.method and given.method:upper(), path = given.path or path,
    times = given.times or given.lasts and ALWAYS or 1, ends = given.lasts and now + given.lasts,
    seconds = given.seconds, skip = given.skip or 0, at = given.at, rate = given.rate, location = given.location,
  }
end

function Faults:clear()
  self.list = {}
end

local function meets(fault, method, path)
  return not DELIVERIES[fault.kind] and (not fault.method or fault.method == method)
    and path:sub(1, #fault.path) == fault.path
end

local function use(self, index)
  local fault = self.list[index]
  if fault.skip > 0 then
    fault.skip = fault.skip - 1
    return nil
  end
  fault.times = fault.times - 1
  if fault.times <= 0 then table.remove(self.list, index) end
  return fault
end

local function forget_ended(self, now)
  for i = #self.list, 1, -1 do
    local ends = self.list[i].ends
    if ends and ends <= now then table.remove(self.list, i) end
  end
end

--- The fault that affects this request, which counts as one of its times.
---@param method string
---@param path string
---@param now number seconds since the epoch
---@return table|nil fault
function Faults:of_request(method, path, now)
  forget_ended(self, now)
  for i, fault in ipairs(self.list) do
    if fault.times > 0 and meets(fault, method, path) then return use(self, i) end
  end
end

--- Whether a fault of this kind affects the next delivery, which counts as one of its times.
---@param kind "duplicate"|"out_of_order"
---@return boolean
function Faults:of_delivery(kind)
  for i, fault in ipairs(self.list) do
    if fault.times > 0 and fault.kind == kind then return use(self, i) ~= nil end
  end
  return false
end

--- The answer instead of executing the request; nil if it is to be executed.
function faults.instead(fault, now)
  local answer = INSTEAD[fault.kind]
  return answer and answer(fault, now)
end

--- Changes a request before it is executed, or what it is about.
---@param fault table
---@param sim table
---@param request table
function faults.before(fault, sim, request)
  local change = file_faults.BEFORE[fault.kind]
  if change then change(fault, sim, request) end
end

--- Changes the answer to a request that was executed.
---@param fault table
---@param now number seconds since the epoch
---@param answer table
---@param request table
---@return table answer
function faults.afterwards(fault, now, answer, request)
  local change = AFTERWARDS[fault.kind]
  return change and change(fault, now, answer, request) or answer
end

--- The answer when the rate limit is reached.
faults.too_many = too_many

return faults
