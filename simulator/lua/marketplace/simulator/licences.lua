--- What stands in for the program with Apple's licence delivery SDK: answers what marketplace.device asks of a sidecar
--- (docs/licensing.md). What it gives is no licence of Apple's, and says so; no iPhone takes it. And what a simulated
--- device puts into the requests that it seals, as the SDK reads only what a device has made.
local base64 = require "marketplace.base64"
local core = require "marketplace.core"
local json = require "marketplace.json"

local licences = {}

licences.USUAL_DURATION = 86400 -- seconds

local NOTE = "no licence of Apple's: marketplace simulate licences made it"
local MARK = "a simulated device's licence request"

--[[ What a simulated device seals, and what it gets ]]

--- The text of a request, to be sealed.
---@param given {device_id: string, apps?: string[], licence_ids?: string[]} apps: Apple's ids of those that need a
--- licence; licence_ids: of licences that are to be renewed
---@return string
function licences.request(given)
  return json.encode {
    mark = MARK, device = given.device_id, apps = json.list(given.apps or {}),
    licences = json.list(given.licence_ids or {}),
  }
end

local function object_of(text)
  local document, problem = json.decode(text)
  return not problem and type(document) == "table" and document or nil
end

--- What a licence holds.
---@param license string as the device gets it, base64
---@return {licences: {id: string, app: string, issued: number, duration: number}[]}|nil
function licences.read(license)
  local bytes = base64.decode(license)
  local document = bytes and object_of(bytes)
  return document and document.note == NOTE and document or nil
end

--[[ The sidecar ]]

---@class marketplace.simulator.Licences
local Licences = {}
Licences.__index = Licences

local function response(status, document)
  return { status = status, headers = { ["content-type"] = "application/json" }, body = json.encode(document) }
end

local function refused(reason)
  return response(400, { reason = reason })
end

local function request_of(question)
  local bytes = type(question.licenseRequest) == "string" and base64.decode(question.licenseRequest)
  local request = bytes and object_of(bytes)
  return request and request.mark == MARK and request or nil
end

local function set_of(list)
  local set = {}
  for _, id in ipairs(list or {}) do set[id] = true end
  return set
end

local function licence_for(self, app, id)
  if not id then
    self.count = self.count + 1
    id = ("%d"):format(self.count)
    self.issued[id] = app
  end
  return { id = id, app = app, issued = math.floor(self.clock()), duration = self.duration }
end

local function license_of(list)
  return base64.encode(json.encode { note = NOTE, licences = json.list(list) })
end

local ANSWER = {}

function ANSWER.dynamic(self, request, question)
  local wanted, given, unlicensed = set_of(request.apps), {}, json.list {}
  for _, app in ipairs(question.apps or {}) do
    local may = app.available and app.keyBlob ~= json.null and not self.unlicensed[app.appleItemId]
    if may and wanted[app.appleItemId] then
      given[#given + 1] = licence_for(self, app.appleItemId)
    else
      unlicensed[#unlicensed + 1] = app.appleItemId
    end
  end
  return { license = license_of(given), unlicensedApps = unlicensed }
end

function ANSWER.renewal(self, request)
  local given, ineligible = {}, json.list {}
  for _, id in ipairs(request.licences) do
    local app = self.issued[id]
    if app and not self.unlicensed[app] then
      given[#given + 1] = licence_for(self, app, id)
    else
      ineligible[#ineligible + 1] = id
    end
  end
  return { license = license_of(given), ineligibleLicenses = ineligible }
end

--- Answers a question of marketplace.device's.
---@param request {method: string, path: string, body: string}
---@return {status: integer, headers: table<string, string>, body: string}
function Licences:handle(request)
  if request.method ~= "POST" then return response(405, { reason = "only POST is answered here" }) end
  local question = object_of(request.body)
  local answer = question and ANSWER[question.kind]
  if not answer then return refused "the body is none of marketplace.device's" end
  local asked = request_of(question)
  if not asked then return refused "the request is none of a simulated device's" end
  return response(200, answer(self, asked, question))
end

--- A sidecar. It remembers which licences it has given, to renew those.
---@param given? {duration?: number, unlicensed?: string[], clock?: fun(): number} duration: seconds for which a licence
--- is good, default a day; unlicensed: Apple's ids of apps that get none
---@return marketplace.simulator.Licences
function licences.new(given)
  given = given or {}
  return setmetatable({
    duration = given.duration or licences.USUAL_DURATION, unlicensed = set_of(given.unlicensed),
    clock = given.clock or core.now, issued = {}, count = 0,
  }, Licences)
end

return licences
