--- The second half of a licence. Apple's SDK, which alone can make one, is in a program of the operator's on this
--- machine, the sidecar. It is asked over a Unix socket, in JSON (docs/licensing.md), and what it says is checked
--- before a device gets it. Nothing of a request, a key blob or a licence is logged.
local base64 = require "marketplace.base64"
local core = require "marketplace.core"
local http = require "marketplace.http"
local json = require "marketplace.json"
local outage = require "marketplace.outage"
local refusals = require "marketplace.refusals"
local responses = require "marketplace.responses"
local runtime = require "marketplace.runtime"
local scheduler = require "marketplace.client.scheduler"

local sidecar = {}

local MOST_BYTES = 4194304  -- of its answer: a thousand licences of 4 KiB
local MOST_INELIGIBLE = 10000
local MOST_ID = 20          -- digits of 64 bits
local MOST_AT_ONCE, MOST_IN_LINE = 128, 128 -- requests of a worker of nginx's
local LINE_SECONDS, TURN_SECONDS = 5, 60    -- to wait in line; after which a turn is taken to have ended
-- Everything that is wrong with a request: no more is said.
local REFUSED = "the licence request cannot be read"

---@class marketplace.device.Sidecar
local Sidecar = {}
Sidecar.__index = Sidecar

--[[ What it answers ]]

local function is_id(value)
  return type(value) == "string" and #value <= MOST_ID and value:find "^%d+$" ~= nil
end

-- The list, empty if it is missing; nil if it is none.
local function ids_of(document, member, most, is_one)
  local list, ids = document[member], json.list {}
  if list == nil or list == json.null then return ids end
  if not json.is_list(list) or #list > most then return nil end
  for i, id in ipairs(list) do
    if not is_one(id) then return nil end
    ids[i] = id
  end
  return ids
end

local function license_of(document)
  local license = document.license
  if license == nil or license == json.null then return nil end
  if type(license) ~= "string" or license == "" or not base64.decode(license) then
    error("its license is not base64", 0)
  end
  return license
end

local function with(list, others)
  local has = {}
  for _, id in ipairs(list) do has[id] = true end
  for _, id in ipairs(others) do
    if not has[id] then list[#list + 1] = id end
  end
  return list
end

local READ = {}

-- What was not available here has no licence, whatever the sidecar says.
function READ.dynamic(job, document)
  local asked = {}
  for _, id in ipairs(job.item_ids) do asked[id] = true end
  local unlicensed = ids_of(document, "unlicensedApps", #job.item_ids, function(id) return asked[id] end)
  if not unlicensed then error("its unlicensedApps is no list of apps that were asked for", 0) end
  local license = license_of(document)
  unlicensed = with(unlicensed, job.unlicensed)
  if not license and #unlicensed < #job.item_ids then error("it gave neither a license nor a reason", 0) end
  return { license = license, unlicensedApps = unlicensed }
end

function READ.renewal(_, document)
  local ineligible = ids_of(document, "ineligibleLicenses", MOST_INELIGIBLE, is_id)
  if not ineligible then error("its ineligibleLicenses is no list of licences' ids", 0) end
  local license = license_of(document)
  if not license and #ineligible == 0 then error("it gave neither a license nor a reason", 0) end
  return { license = license, ineligibleLicenses = ineligible }
end

-- What the device gets; false if the sidecar cannot read the request. Raises what is wrong.
local function read(job, response)
  if response.status == 400 then return false end
  if response.status ~= 200 then error(("it answered %d"):format(response.status), 0) end
  local document, problem = json.decode(response.body)
  if problem or not json.is_object(document) then error("its answer is not a JSON object", 0) end
  return READ[job.kind](job, document)
end

--[[ Asking it ]]

local function ask(self, job, seconds)
  local wait = scheduler.pause()
  return http.exchange({
    method = "POST", url = "http://localhost/license", unix_socket = self.socket, body = job.document,
    headers = { "content-type: application/json", "accept: application/json" }, timeout = seconds,
    connect_timeout = seconds, max_response = MOST_BYTES,
  }, wait and function(exchange) wait(nil, exchange) end)
end

local PROBLEMS = {
  connect_failed = "it takes no connections: start it, or have it accept them sooner",
  timeout = "it did not answer in time",
  too_large = ("its answer is larger than %d bytes"):format(MOST_BYTES),
}

-- The document, or false; nil and what is wrong.
local function result_of(self, job, began)
  local left = self.timeout - (core.monotonic() - began)
  if left <= 0 then return nil, "no time was left to ask it" end
  local response, message, code = ask(self, job, left)
  if not response then return nil, PROBLEMS[code] or message end
  local ok, document = pcall(read, job, response)
  if not ok then return nil, document end
  return document
end

local function refuse(self, reason)
  if self.refusals:shows("licence_request", 400) then
    self.log.write {
      level = "warning", message = "licence request refused", at = core.now(), status = 400, reason = reason,
    }
  end
  return responses.plain(400, REFUSED)
end

local function unavailable(self, reason)
  self.outage:failed {
    level = "error", message = "licences not given", at = core.now(), status = 503,
    reason = ("the sidecar at %s: %s"):format(self.socket, tostring(reason)),
  }
  return responses.refusal "unavailable"
end

-- In nginx, whatever waits for a sidecar that hangs must leave connections for what Apple sends. `serve` bounds what
-- waits by itself.
local function line_of()
  if not runtime.yielding_sleep then return nil end
  return require("marketplace.nginx.line").new {
    most = MOST_AT_ONCE, most_waiting = MOST_IN_LINE, seconds = LINE_SECONDS, turn_seconds = TURN_SECONDS,
  }
end

--- Finishes a job: waits as marketplace.client does.
---@param job marketplace.device.LicenceJob
---@param began number of core.monotonic, when the device's request came
---@return {status: integer, headers: table<string, string>, body: string} answer
function Sidecar:finish(job, began)
  local turn = self.line and self.line:enter()
  if self.line and not turn then return unavailable(self, "too many requests wait for it already") end
  local document, problem = result_of(self, job, began)
  if turn then self.line:leave(turn) end
  if document == nil then return unavailable(self, problem) end
  self.outage:worked(core.now())
  if job.problem or not document then return refuse(self, job.problem or "the sidecar cannot read it") end
  return responses.json(200, document)
end

--- Tells the sums of refused requests that are due.
function Sidecar:turn()
  self.refusals:turn()
end

--- Tells all sums of refused requests.
function Sidecar:close()
  self.refusals:close()
end

--- One that is asked.
---@param given {socket: string, timeout: number} timeout: seconds from a device's request to its answer
---@param log {write: fun(entry: table)}
---@return marketplace.device.Sidecar
function sidecar.new(given, log)
  local function tell(_, status, count, within)
    log.write {
      level = "warning", message = "more licence requests refused", at = core.now(), status = status, count = count,
      within = within,
    }
  end
  return setmetatable({
    socket = given.socket, timeout = given.timeout, log = log, outage = outage.new(log, "licences given again"),
    refusals = refusals.new(tell), line = line_of(),
  }, Sidecar)
end

return sidecar
