--- Brings a client's requests to a simulator in the same process, as marketplace.http brings them to a server.
local bodies = require "marketplace.simulator.bodies"
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

local MOST_RESPONSE = 8 * 1024 * 1024 -- bytes, as marketplace.http has it
local CUT = "the connection ended before the answer did"

-- Seconds until the answer is there.
local function delay_of(response)
  local rate = type(response.body) == "table" and response.body.rate
  local sending = rate and bodies.size(response.body) / rate
  return (response.delay or sending) and (response.delay or 0) + (sending or 0)
end

local function is_late(delay, request)
  return delay and request.timeout and delay > request.timeout
end

local function wait(delay, request, sleep)
  if not delay or not sleep then return end
  sleep(is_late(delay, request) and request.timeout or delay)
end

local function failed(message, code)
  return nil, message, code or "http_failed", { sent = true }
end

-- Hands the body over. Fails as the exchange does.
local function receive(body, most, take)
  local size = 0
  for _, piece in ipairs(bodies.list(body)) do
    size = size + #piece
    if size > most then return failed("the answer is larger than the limit", "too_large") end
    if take(piece) == false then return failed "the sink ended the exchange" end
  end
  local is_cut = type(body) == "table" and body.length and body.length > size
  if is_cut then return failed(CUT) end
  return true
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
    local delay = delay_of(response)
    wait(delay, request, sleep)
    if is_late(delay, request) then return failed("the time limit passed", "timeout") end
    if response.status == faults.NO_ANSWER then return failed(CUT) end
    local pieces, is_sunk = {}, request.sink and response.status < 300
    local received, message, code, detail = receive(response.body, request.max_response or MOST_RESPONSE,
      is_sunk and request.sink or function(piece) pieces[#pieces + 1] = piece end)
    if not received then return nil, message, code, detail end
    return { status = response.status, headers = response.headers, body = table.concat(pieces) }
  end
end

return transport
