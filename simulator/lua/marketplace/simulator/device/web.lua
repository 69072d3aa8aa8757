--- The requests of a device: certificates are verified, and no redirect is followed.
local http = require "marketplace.http"
local json = require "marketplace.json"
local problem = require "marketplace.simulator.device.problem"
local text = require "marketplace.text"

local web = {}

local TIMEOUT, CONNECT_TIMEOUT = 60, 10          -- seconds
local ASSET_TIMEOUT = 24 * 3600                  -- seconds: what is too slow is noticed by its rate
local SLOWEST = { limit = 1024, seconds = 30 }   -- bytes a second, for so long
local MOST_DOCUMENT = 8 * 2 ^ 20                 -- bytes
local MOST_ERROR_PAGE = 2 ^ 20                   -- bytes beside those of an asset

---@class marketplace.simulator.Web
local Web = {}
Web.__index = Web

local function exchange(self, request)
  request.ca_file, request.connect_to, request.connect_timeout = self.ca_file, self.connect_to, CONNECT_TIMEOUT
  request.timeout = request.timeout or TIMEOUT
  return self.transport(request)
end

--- Why an answer is not what was asked for; nil if its status is 200.
---@param response table
---@return string|nil
function web.refusal(response)
  local location = response.headers.location
  if response.status >= 300 and response.status <= 399 and location then
    if type(location) == "table" then location = location[1] end
    return ("answers %d and redirects to %s, which a device does not follow"):format(response.status,
      problem.shown(location))
  end
  if response.status ~= 200 then return ("answers %d"):format(response.status) end
end

--- Gets a file. Raises networkError if no answer comes.
---@param address string
---@param name string of the problem that is raised if the answer has another status than 200, or more than `most` bytes
---@param most? integer default 8 MiB
---@return table response of status 200
function Web:get(address, name, most)
  local response, message, code = exchange(self, {
    method = "GET", url = address, max_response = most or MOST_DOCUMENT,
  })
  if code == "too_large" then
    problem.raise(name, "%s is larger than %s", address, most and ("%.0f bytes"):format(most) or "8 MiB")
  end
  if not response then problem.raise("networkError", "%s: %s", address, message) end
  local refusal = web.refusal(response)
  if refusal then problem.raise(name, "%s %s", address, refusal) end
  return response
end

--- Streams a file. Raises networkError if it does not arrive.
---@param address string
---@param size integer bytes that it should have
---@param sink fun(bytes: string): boolean is given its bytes; false ends it
---@return table|nil response nil if the sink ended it
function Web:stream(address, size, sink)
  local has_ended = false
  local response, message = exchange(self, {
    method = "GET", url = address, max_response = size + MOST_ERROR_PAGE, timeout = ASSET_TIMEOUT,
    low_speed_limit = SLOWEST.limit, low_speed_time = SLOWEST.seconds,
    sink = function(bytes)
      has_ended = sink(bytes) == false
      return not has_ended
    end,
  })
  if has_ended then return nil end
  if not response then problem.raise("networkError", "%s: %s", address, message) end
  return response
end

local function lines_of(self)
  local lines = { "Content-Type: application/json", "Accept: application/json" }
  for _, line in ipairs(self.headers) do lines[#lines + 1] = line end
  return lines
end

-- What a server says of itself, on one line.
local function words_of(response)
  local words = text.safe(text.cut(text.one_line(response.body), 200))
  return words ~= "" and ": " .. words or ""
end

local function check_status(address, response)
  if response.status == 401 or response.status == 403 then
    problem.raise("sign_in", "%s answers %d: the person has to sign in%s", address, response.status,
      response.status == 403 and " again" or "")
  end
  local refusal = web.refusal(response)
  if refusal then problem.raise("request_failed", "%s %s%s", address, refusal, words_of(response)) end
end

--- The object in an answer's body. Raises a problem if there is none.
---@param address string for the reason
---@param response table
---@return table
function web.document(address, response)
  local document = json.decode(response.body)
  if not json.is_object(document) then
    problem.raise("unknown", "%s answers what is not a JSON object%s", address, words_of(response))
  end
  return document
end

--- The document that answers a question, which is posted with the headers that the marketplace's extension adds. Raises
--- sign_in for 401 and 403, request_failed for other failures: the system hands these to the extension.
---@param address string
---@param question table
---@param other_status? integer that comes with a document too
---@return table document
---@return integer status
function Web:ask(address, question, other_status)
  local response, message = exchange(self, {
    method = "POST", url = address, headers = lines_of(self), body = json.encode(question),
  })
  if not response then problem.raise("networkError", "%s: %s", address, message) end
  local is_other = response.status == other_status and json.decode(response.body) ~= nil
  if not is_other then check_status(address, response) end
  return web.document(address, response), response.status
end

--- How a device reaches servers.
---@param given {headers?: string[], ca_file?: string, connect_to?: string, transport?: function}
---@return marketplace.simulator.Web
function web.new(given)
  return setmetatable({
    headers = given.headers or {}, ca_file = given.ca_file, connect_to = given.connect_to,
    transport = given.transport or http.exchange,
  }, Web)
end

return web
