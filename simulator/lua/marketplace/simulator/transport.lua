--- Brings a client's requests to a simulator in the same process, as marketplace.http brings them to a server.
local faults = require "marketplace.simulator.faults"

local transport = {}

local function header_table(lines)
  local headers = {}
  for _, line in ipairs(lines or {}) do
    local name, value = line:match "^([^:]+):%s*(.-)%s*$"
    if name then headers[name:lower()] = value end
  end
  return headers
end

local function is_late(response, request)
  return response.delay and request.timeout and response.delay > request.timeout
end

local function wait(response, request, sleep)
  if not response.delay or not sleep then return end
  sleep(is_late(response, request) and request.timeout or response.delay)
end

--- Makes a transport.
---@param sim table
---@param sleep? fun(seconds: number)
function transport.new(sim, sleep)
  return function(request)
    local path, text = request.url:match "^%a+://[^/?#]+([^?#]*)%??([^#]*)"
    local response = sim:handle {
      method = request.method, path = path ~= "" and path or "/", query = text ~= "" and text or nil,
      headers = header_table(request.headers), body = request.body,
    }
    wait(response, request, sleep)
    if is_late(response, request) then return nil, "the time limit passed", "timeout", { sent = true } end
    if response.status == faults.NO_ANSWER then
      return nil, "the connection ended before the answer did", "http_failed", { sent = true }
    end
    if request.sink and response.status < 300 then
      request.sink(response.body)
      response.body = ""
    end
    return { status = response.status, headers = response.headers, body = response.body }
  end
end

return transport
